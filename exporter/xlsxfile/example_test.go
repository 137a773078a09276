package xlsxfile_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/xlsxfile"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A workbook with three columns, in a file that only its owner may read.
func ExampleNew() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"points": audience.IntValue(30)}})
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
	err = aud.View(ctx, func(r *store.Reader) error {
		return exporter.WriteFile(filepath.Join(folder, "contacts.xlsx"), func(w io.Writer) error {
			result, err := exporter.Contacts(ctx, r, xlsxfile.New(w, xlsxfile.Options{}), exporter.Everything("an example"), exporter.Options{
				Columns: []string{"external_id", "points", "tags"},
			})
			fmt.Println(result.Written, "contact")
			return err
		})
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: 1 contact
}
