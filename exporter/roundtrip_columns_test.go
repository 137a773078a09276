package exporter_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
)

// columnsOf gives all that can leave.
func columnsOf(schema audience.Schema) []string {
	return append(exporter.DefaultColumns(schema), "updated_at", "other_emails", "lists", "frequency", "id", "external:crm", "external:shop: EU", "consent:marketing", "consent:research")
}

// crowd has what only some columns show: further addresses, ids in other
// systems, static lists, purposes.
func crowd(t *testing.T) *store.Audience {
	t.Helper()
	aud := open(t)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Declare(t.Context(), audience.Schema{
			Purposes: []audience.Purpose{{Name: "research"}},
			Lists:    []audience.List{{Name: "beta", Kind: audience.ListStatic}, {Name: "a, b", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}},
		})
	})
	require.NoError(t, err)
	var writes []audience.ContactWrite
	var consents []audience.ConsentWrite
	for i := range 6 {
		w := audience.ContactWrite{
			Match: audience.Key(fmt.Sprint("u", i)), Email: audience.MustAddress(fmt.Sprintf("main%d@example.com", i)),
			External:  []audience.ExternalID{audience.External("crm", fmt.Sprintf("00%d", i)), audience.External("shop: EU", fmt.Sprint("'", i))},
			Addresses: []audience.Address{audience.MustAddress(fmt.Sprintf("b%d@example.org", i)), audience.MustAddress(fmt.Sprintf("a%d@example.org", i))},
			FirstName: audience.NewPrivate("Ann"), SetTags: []string{"vip"}, CreatedAt: now.Add(-1),
			Set: map[string]audience.Value{"visits": audience.IntValue(int64(i)), "zip": audience.StringValue("007")},
		}
		if i == 0 {
			w = audience.ContactWrite{Match: audience.Key("u0")}
		}
		writes = append(writes, w)
		if i > 0 {
			consents = append(consents, audience.ConsentWrite{
				Contact: audience.ID(audience.ContactID(i + 1)), Kind: audience.ConsentKind(i), Scope: audience.MarketingScope(), Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
			})
		}
	}
	consents = append(consents, audience.ConsentWrite{
		Contact: audience.ID(3), Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "news"}, Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
	})
	write(t, aud, writes, consents)
	_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.AddToList(t.Context(), "beta", audience.Source{}, audience.Key("u1"), audience.Key("u2"))
	})
	require.NoError(t, err)
	return aud
}

// TestEveryColumnComesBack: what is more than the default columns comes back
// too, or is passed over without a word; nothing becomes another field.
func TestEveryColumnComesBack(t *testing.T) {
	before := crowd(t)
	for _, format := range []struct {
		name  string
		write func(io.Writer) exporter.Encoder
	}{
		{"csv for spreadsheets", func(w io.Writer) exporter.Encoder { return csvexport.New(w, csvexport.Options{}) }},
		{"csv for machines", func(w io.Writer) exporter.Encoder {
			return csvexport.New(w, csvexport.Options{Profile: csvexport.Machine})
		}},
		{"json", exporter.JSON},
		{"ndjson", exporter.NDJSON},
		{"xml", exporter.XML},
		{"vcard", exporter.VCard},
	} {
		t.Run(format.name, func(t *testing.T) {
			var out strings.Builder
			_, err := export(t, before, format.write(&out), exporter.Options{Columns: columnsOf(before.Schema())})
			require.NoError(t, err)

			after := open(t)
			_, err = after.Update(t.Context(), func(tx *store.Tx) error {
				return tx.Declare(t.Context(), audience.Schema{Purposes: before.Schema().Purposes, Lists: before.Schema().Lists})
			})
			require.NoError(t, err)
			src := importer.Bytes("x", []byte(out.String()))
			formats := []importer.Format{importer.JSON(), importer.NDJSON(), importer.XML(), importer.VCard(), csvimport.Format()}
			p, err := importer.Inspect(t.Context(), src, after.Schema(), importer.InspectOptions{Formats: formats})
			require.NoError(t, err)
			require.Empty(t, p.Questions, "%s\n%s", p, out.String())
			require.Empty(t, p.Notes, "%s", p)
			plan := &importer.Plan{Layout: p.Layout, Mapping: p.Mapping, Attestation: importer.Attestation{Text: "exported before"}}
			report, err := importer.Run(t.Context(), after, src, plan, importer.Options{Formats: formats})
			require.NoError(t, err)
			require.Empty(t, report.Errors, "%s\n%s", p, out.String())

			columns := slices.DeleteFunc(columnsOf(before.Schema()), func(c string) bool {
				return c == "updated_at" || c == "id" || strings.HasPrefix(c, "consent:")
			})
			lines := func(aud *store.Audience) []string {
				var out strings.Builder
				_, err := export(t, aud, exporter.NDJSON(&out), exporter.Options{Columns: columns})
				require.NoError(t, err)
				return strings.Split(strings.ReplaceAll(out.String(), `["beta","news"]`, `["beta"]`), "\n") // topics are consent
			}
			require.Equal(t, lines(before), lines(after), "%s", p)
			require.Len(t, after.Schema().Fields, len(before.Schema().Fields), "%s", p)
		})
	}
}
