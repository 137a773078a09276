package csvimport_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Good rows go in, bad rows come back with their line and the reason.
func ExampleFormat() {
	ctx := context.Background()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{1}, 32)}) // 32 random bytes
	if err != nil {
		fmt.Println(err)
		return
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Keys: keys, Clock: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	const file = `email,first_name,tags,points:int,status
ann@example.com,Ann,"customer,vip",30,subscribed
bob@example.com,Bob,,a few,subscribed
carl@example.com,Carl,customer,,unsubscribed
`
	plan := &importer.Plan{Attestation: importer.Attestation{
		By: "Olga Host", Text: "These people ticked the box at checkout.", Source: "checkout",
	}}
	report, err := importer.Run(ctx, aud, importer.Bytes("people.csv", []byte(file)), plan, importer.Options{
		Formats: []importer.Format{csvimport.Format()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Rows, "rows:", report.Created, "new,", report.Rejected, "bad")
	for _, bad := range report.Errors {
		fmt.Println(bad)
	}
	// Output:
	// 3 rows: 2 new, 1 bad
	// line 3, column 4: fields.points: type: an integer such as 42, of at most 64 bits, without leading zeros, signs other than -, or separators
}

// A file for the host's own use: rows as values of a struct.
func ExampleRows() {
	type order struct {
		Email string `csv:"email"`
		Zip   string `csv:"zip"`
		Items int    `csv:"items"`
	}
	file := importer.Bytes("orders.csv", []byte("Email;Zip;Items\nann@example.com;01002;3\nbob@example.com;08901;three\n"))
	for o, err := range csvimport.Rows[order](context.Background(), file, csvimport.RowOptions{}) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(o.Zip, o.Items)
	}
	// Output:
	// 01002 3
	// line 3, column 3: items: type: an integer such as 42, of at most 64 bits, without leading zeros, signs other than -, or separators
}

// What a file leaves open is asked, and answered by a setting.
func ExampleFormat_settings() {
	ctx := context.Background()
	file := importer.Bytes("customers.csv", []byte("E-mail;Name\nzoe@example.com;Zo\xeb\n"))
	layout, err := csvimport.Format().Detect(ctx, file, importer.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range layout.Questions {
		fmt.Println(q.ID, q.Options)
	}
	layout, err = importer.Choose(csvimport.Format(), map[string]string{"encoding": "windows-1252"}).Detect(ctx, file, importer.Limits{})
	fmt.Println(layout.Columns, layout.Settings["delimiter"], len(layout.Questions), err)
	// Output:
	// encoding [windows-1252 utf-8]
	// [E-mail Name] ; 0 <nil>
}
