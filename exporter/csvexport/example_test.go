package csvexport_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A file for people whose spreadsheets are set to semicolons and decimal commas.
func ExampleNew() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Clock: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u1"), Phone: audience.NewPrivate("+48 500"), Set: map[string]audience.Value{
		"score": audience.DoubleValue(1.5),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = aud.View(ctx, func(r *store.Reader) error {
		csv := csvexport.New(os.Stdout, csvexport.Options{Profile: csvexport.Machine, Comma: ';', DecimalComma: true, Local: time.UTC})
		_, err := exporter.Contacts(ctx, r, csv, exporter.Everything("an example"), exporter.Options{
			Columns: []string{"external_id", "phone", "score", "created_at"},
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// external_id;phone;score:double;created_at
	// u1;+48 500;1,5;2026-03-01 12:00:00
}
