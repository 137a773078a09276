package exporter_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Everybody as CSV for a program, then some, such as the members of a segment,
// as lines of JSON.
func ExampleContacts() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Clock: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Put(ctx,
			audience.ContactWrite{Match: audience.Key("u1"), AddTags: []string{"vip"}, Set: map[string]audience.Value{"points": audience.IntValue(30)}},
			audience.ContactWrite{Match: audience.Key("u2")},
		)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		csv := csvexport.New(os.Stdout, csvexport.Options{Profile: csvexport.Machine})
		if _, err := exporter.Contacts(ctx, r, csv, exporter.Options{}); err != nil {
			return err
		}
		members := slices.Values([]audience.ContactID{2})
		_, err := exporter.Contacts(ctx, r, exporter.NDJSON(os.Stdout), exporter.Options{Members: members})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// external_id,email,first_name,last_name,phone,tags,status,created_at,points:int
	// u1,,,,,vip,none,2026-03-01T12:00:00Z,30
	// u2,,,,,,none,2026-03-01T12:00:00Z,
	// {"external_id":"u2","status":"none","created_at":"2026-03-01T12:00:00Z"}
}
