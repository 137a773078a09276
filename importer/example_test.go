package importer_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// An import is previewed with what it changes in live segments, run, and taken
// back.
func Example() {
	ctx := context.Background()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{1}, 32)}) // 32 random bytes
	check(err)
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Keys: keys, Clock: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	check(err)
	ann := audience.MustAddress("ann@example.com")
	_, err = aud.Put(ctx, audience.ContactWrite{Email: ann, AddTags: []string{"vip"}})
	check(err)
	engine, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = engine.Apply(ctx, segment.Definition{Name: "mailable", Source: `contact.status == "subscribed"`})
	check(err)

	file := importer.Bytes("people.csv", []byte("email,first_name,status\nann@example.com,Ann,subscribed\nbob@example,Bob,subscribed\ncid@example.com,Cid,unsubscribed\n"))
	formats := []importer.Format{csvimport.Format()}
	proposal, err := importer.Inspect(ctx, file, aud.Schema(), importer.InspectOptions{Formats: formats})
	check(err)
	plan := &importer.Plan{
		Job: "fair-2026", Layout: proposal.Layout, Mapping: proposal.Mapping, // shown to people, who may change it
		Attestation: importer.Attestation{By: "Olga Host", Text: "These people signed our list at the fair.", Source: "spring fair"},
	}

	// The preview is told what live segments would gain and lose.
	var whatIf *segment.WhatIf
	preview, err := importer.Preview(ctx, aud, file, plan, importer.Options{
		Formats: formats,
		WhatIf: func(ctx context.Context, change func(*store.Tx) error) (err error) {
			whatIf, err = engine.WhatIf(ctx, change)
			return err
		},
	})
	check(err)
	fmt.Printf("Preview: %s%s", preview, whatIf)

	report, err := importer.Run(ctx, aud, file, plan, importer.Options{Formats: formats}) // Rejects: importer.RejectsFile("rejects.csv")
	check(err)
	fmt.Println("Run:", report.Created, "created,", report.Updated, "updated,", report.Errors[0])

	undone, err := importer.Undo(ctx, aud, "fair-2026", importer.UndoOptions{})
	check(err)
	fmt.Print("Undo: ", undone)
	// Output:
	// Preview: 3 rows: 1 created, 1 updated, 0 skipped, 0 suppressed, 1 rejected
	//   rejected for domain-labels: 1
	//   consents and refusals recorded: 2
	// 2 contacts: 1 new, 0 gone
	//   mailable: 1 enter, 0 leave
	// Run: 1 created, 1 updated, line 3, column 1: email: domain-labels: a whole domain like example.com after the @
	// Undo: 1 contacts deleted, 1 restored, 0 left with something, 0 gone already
	//   grants and requests taken back: 1
}

// Rows of the host's own come in like those of a file.
func ExampleContacts() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{})
	check(err)
	rows := func(yield func(*importer.Contact, error) bool) {
		for i, name := range []string{"Ann", "Bob"} {
			c := &importer.Contact{Line: i + 1, Write: audience.ContactWrite{
				External: []audience.ExternalID{audience.External("crm", strconv.Itoa(i))}, FirstName: audience.NewPrivate(name),
			}}
			if !yield(c, nil) {
				return
			}
		}
	}
	report, err := importer.Contacts(ctx, aud, rows, &importer.Plan{Mode: importer.FillBlanks}, importer.Options{})
	check(err)
	fmt.Print(report)
	// Output: 2 rows: 2 created, 0 updated, 0 skipped, 0 suppressed, 0 rejected
}

func check(err error) {
	if err != nil {
		log.SetOutput(os.Stdout)
		log.Fatal(err)
	}
}
