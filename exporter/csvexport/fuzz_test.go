package csvexport_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// FuzzCell: every text that the store takes leaves and comes back as it is, in
// both profiles, as a name, in a custom field and in a list.
func FuzzCell(f *testing.F) {
	for _, s := range texts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || audience.StringValue(text).Check("x", audience.Limits{}) != nil {
			t.Skip("nothing a store holds")
		}
		before := open(t)
		put(t, before, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate(text), Set: map[string]audience.Value{
			"text": audience.StringValue(text), "list": audience.StringListValue(text, "x"),
		}})
		for _, profile := range []csvexport.Profile{csvexport.Spreadsheet, csvexport.Machine} {
			file := export(t, before, profile)
			after := open(t)
			report, err := importer.Run(t.Context(), after, importer.Bytes("x.csv", []byte(file)), &importer.Plan{}, importer.Options{
				Formats: []importer.Format{csvimport.Format()},
			})
			require.NoError(t, err)
			require.Equal(t, 1, report.Created, "%q: %v", file, report.Errors)
			require.NoError(t, after.View(t.Context(), func(r *store.Reader) error {
				c, err := r.Contact(t.Context(), audience.Key("u1"))
				require.NoError(t, err)
				schema := r.Schema()
				require.Equal(t, text, c.FirstName.Reveal())
				require.Equal(t, text, c.Field(&schema, "text").Reveal())
				require.True(t, audience.StringListValue(text, "x").Equal(c.Field(&schema, "list")))
				return nil
			}))
		}
	})
}
