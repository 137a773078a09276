package exporter_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// The schema of the XML that exports write, for programs that check it.
func ExampleXMLSchema() {
	fmt.Println(strings.Contains(exporter.XMLSchema(), `targetNamespace="urn:audiencekit:contacts:1"`))
	// Output: true
}

// friends is a gate: who has the tag may leave, without the phone.
type friends struct{}

func (friends) Parts() audience.ProfileParts { return audience.ProfileParts{} } // tags are the contact's own

func (friends) Judge(_ context.Context, _ *store.Reader, _ time.Time, people []audience.Profile, release func(i int, without ...string)) error {
	for i := range people {
		if people[i].Contact.HasTag("friend") {
			release(i, "phone")
		}
	}
	return nil
}

// A gate of the host's that needs nothing of the ledger, which is not read then.
func ExamplePartsGate() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Put(ctx,
			audience.ContactWrite{Match: audience.Key("u1"), Phone: audience.NewPrivate("+15005550006"), AddTags: []string{"friend"}},
			audience.ContactWrite{Match: audience.Key("u2"), Phone: audience.NewPrivate("+15005550007")})
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var gate exporter.PartsGate = friends{}
	err = aud.View(ctx, func(r *store.Reader) error {
		result, err := exporter.Contacts(ctx, r, exporter.NDJSON(os.Stdout), gate, exporter.Options{Columns: []string{"external_id", "phone"}})
		fmt.Println(result.Written, "written,", result.Withheld, "withheld")
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"external_id":"u1"}
	// 1 written, 1 withheld
}
