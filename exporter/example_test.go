package exporter_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// shop has two customers, of whom Ann may be written to.
func shop() (*store.Audience, error) {
	ctx := context.Background()
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": []byte("an example key, and no secret at all")})
	if err != nil {
		return nil, err
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Keys: keys, Clock: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		return nil, err
	}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Put(ctx,
			audience.ContactWrite{
				Match: audience.Key("u1"), Email: audience.MustAddress("ann@example.com"), FirstName: audience.NewPrivate("Ann"),
				AddTags: []string{"vip"}, Set: map[string]audience.Value{"points": audience.IntValue(30)},
			},
			audience.ContactWrite{Match: audience.Key("u2"), Email: audience.MustAddress("bob@example.com")},
		)
		if err != nil {
			return err
		}
		_, err = tx.Record(ctx, audience.ConsentWrite{
			Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
			Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		})
		return err
	})
	return aud, err
}

// show exports to the standard output.
func show(encoder func(io.Writer) exporter.Encoder, gate exporter.Gate, opts exporter.Options) {
	ctx := context.Background()
	aud, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		_, err := exporter.Contacts(ctx, r, encoder(os.Stdout), gate, opts)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
}

// The people whom a newsletter may go to, into a file that only its owner may
// read, with the columns that a mailing service needs.
func ExampleContacts() {
	ctx := context.Background()
	aud, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	name := filepath.Join(folder, "newsletter.csv")
	err = aud.View(ctx, func(r *store.Reader) error {
		return exporter.WriteFile(name, func(w io.Writer) error {
			csv := csvexport.New(w, csvexport.Options{Profile: csvexport.Machine})
			result, err := exporter.Contacts(ctx, r, csv, exporter.OnlyMailable(), exporter.Options{
				Columns: []string{"email", "first_name", "points"},
			})
			fmt.Println(result.Written, "written,", result.Withheld, "withheld")
			return err
		})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := os.ReadFile(name)
	fmt.Print(string(content))
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 written, 1 withheld
	// email,first_name,points:int
	// ann@example.com,Ann,30
}

// Some contacts by id, such as the members of a segment, and everything about
// them that leaves by default.
func ExampleNDJSON() {
	members := slices.Values([]audience.ContactID{1})
	show(exporter.NDJSON, exporter.Everything("moving to another system"), exporter.Options{Members: members})
	// Output:
	// {"external_id":"u1","email":"ann@example.com","first_name":"Ann","tags":["vip"],"status":"subscribed","created_at":"2026-03-01T12:00:00Z","fields":{"points":30}}
}

func ExampleJSON() {
	show(exporter.JSON, exporter.Everything("moving to another system"), exporter.Options{Columns: []string{"external_id", "points"}})
	// Output:
	// {"audiencekit":1,"fields":{"points":"int"},"contacts":[
	// {"external_id":"u1","fields":{"points":30}},
	// {"external_id":"u2"}
	// ]}
}

func ExampleXML() {
	show(exporter.XML, exporter.Purpose("marketing"), exporter.Options{Columns: []string{"email", "tags", "points"}})
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <contacts xmlns="urn:audiencekit:contacts:1">
	// <contact><email>ann@example.com</email><tags><item>vip</item></tags><field name="points" type="int">30</field></contact>
	// </contacts>
}

func ExampleVCard() {
	var cards strings.Builder
	show(func(io.Writer) exporter.Encoder { return exporter.VCard(&cards) }, exporter.OnlyMailable(), exporter.Options{
		Columns: []string{"first_name", "email", "tags", "points"},
	})
	fmt.Print(strings.ReplaceAll(cards.String(), "\r\n", "\n")) // lines of vCards end with CRLF
	// Output:
	// BEGIN:VCARD
	// VERSION:4.0
	// FN:Ann
	// N:;Ann;;;
	// EMAIL;PREF=1:ann@example.com
	// CATEGORIES:vip
	// X-AUDIENCEKIT;NAME=points;KIND=int:30
	// END:VCARD
}

// A form of one's own.
func ExampleTemplate() {
	ctx := context.Background()
	const text = `{{define "header"}}Guests:
{{end}}{{define "footer"}}{{.contacts}} in all
{{end}}- {{.first_name}}{{if .points}} ({{.points}} points){{end}} {{json .tags}}
`
	aud, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		enc, err := exporter.Template(ctx, os.Stdout, text, exporter.TemplateLimits{})
		if err != nil {
			return err
		}
		_, err = exporter.Contacts(ctx, r, enc, exporter.OnlyMailable(), exporter.Options{})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// Guests:
	// - Ann (30 points) ["vip"]
	// 1 in all
}

// For those who count and need not know who it is: no names, the same
// pseudonym for the same person in each export.
func ExampleRedact() {
	ctx := context.Background()
	aud, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	gate := exporter.Redact(exporter.Everything("monthly statistics"), map[string]exporter.Redaction{
		"external_id": exporter.Hash, "email": exporter.Mask, "first_name": exporter.Blank,
	})
	err = aud.View(ctx, func(r *store.Reader) error {
		result, err := exporter.Contacts(ctx, r, exporter.NDJSON(os.Stdout), gate, exporter.Options{
			Columns: []string{"external_id", "email", "first_name", "points"},
		})
		fmt.Println(result.Redacted)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"external_id":"71ef6b9c60e7b181c50bebcdc19df237914a1ec0371c25310e4666a5f9a5cea2","email":"a***@***.com","fields":{"points":30}}
	// {"external_id":"4c1650af20f16aafdd9518e2e219952d1d2b1721fa1fb616d2918bee57e92ac3","email":"b***@***.com"}
	// map[email:2 external_id:2 first_name:1]
}
