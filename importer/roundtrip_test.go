package importer_test

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func blank(t testing.TB) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "blank", store.Options{Keys: keys, Clock: noon})
	require.NoError(t, err)
	return aud
}

// people is an audience with what files could get wrong.
func people(t testing.TB) *store.Audience {
	t.Helper()
	aud := blank(t)
	day, err := audience.ParseDate("1980-04-15")
	require.NoError(t, err)
	texts := []string{"plain", `say "hi"`, "a,b;c", "line\nline", " x ", "'t Hooft", "=1+1", "007", "1.50", "true", "2026-01-31", "null", "😀 مرحبا", "<&>]]>", `back\slash`, "a:b", "^n"}
	_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
		for i, s := range texts {
			w := audience.ContactWrite{
				Match: audience.Key(fmt.Sprintf("u%d", i)), FirstName: audience.NewPrivate(s), LastName: audience.NewPrivate("x" + s), Phone: audience.NewPrivate("+1500555" + strconv.Itoa(1000+i)),
				SetTags: []string{"vip", strings.TrimSpace(s)}, CreatedAt: time.Date(2025, 1, 2, 3, 4, 5, 600_000*(i%2), time.UTC),
				Set: map[string]audience.Value{
					"note": audience.StringValue(s), "visits": audience.IntValue(int64(i) << 40), "score": audience.DoubleValue(float64(i) + 0.1), "vip": audience.BoolValue(i%2 == 0),
					"day": audience.DateValue(day), "seen": audience.TimestampValue(noon().Add(time.Duration(i) * time.Millisecond)), "likes": audience.StringListValue(s, "tea"),
				},
			}
			if strings.Contains(s, "\n") {
				w.SetTags = []string{"vip"}
			}
			switch i % 3 {
			case 0:
				w.Email = audience.MustAddress(fmt.Sprintf("Name-%d@Example.com", i))
			case 1:
				w.Set = map[string]audience.Value{"score": audience.DoubleValue(2)}
				w.FirstName, w.LastName, w.Phone, w.SetTags = audience.Private{}, audience.Private{}, audience.Private{}, nil
			}
			if _, err := tx.Put(t.Context(), w); err != nil {
				return err
			}
			if kind := audience.ConsentKind(i % 6); kind > 0 {
				_, err := tx.Record(t.Context(), audience.ConsentWrite{
					Contact: audience.ID(audience.ContactID(i + 1)), Kind: kind, Scope: audience.MarketingScope(), Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	return aud
}

func exported(t testing.TB, aud *store.Audience, encoder func(io.Writer) exporter.Encoder) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		_, err := exporter.Contacts(t.Context(), r, encoder(&out), exporter.Everything("round trip"), exporter.Options{})
		return err
	}))
	return out.Bytes()
}

func imported(t testing.TB, name string, content []byte) *store.Audience {
	t.Helper()
	aud := blank(t)
	src := importer.Bytes(name, content)
	formats := []importer.Format{importer.JSON(), importer.NDJSON(), importer.XML(), importer.VCard()}
	p, err := importer.Inspect(t.Context(), src, aud.Schema(), importer.InspectOptions{Formats: formats})
	require.NoError(t, err)
	require.Empty(t, p.Questions)
	plan := &importer.Plan{Layout: p.Layout, Mapping: p.Mapping, Attestation: importer.Attestation{Text: "exported before"}}
	report, err := importer.Run(t.Context(), aud, src, plan, importer.Options{Formats: formats})
	require.NoError(t, err)
	require.Empty(t, report.Errors)
	return aud
}

// TestRoundTrip: what leaves comes back as it was and leaves again as the same
// file.
func TestRoundTrip(t *testing.T) {
	before := people(t)
	lines := exported(t, before, exporter.NDJSON)
	for _, tt := range []struct {
		name  string
		write func(io.Writer) exporter.Encoder
	}{{"json", exporter.JSON}, {"ndjson", exporter.NDJSON}, {"xml", exporter.XML}, {"vcard", exporter.VCard}} {
		t.Run(tt.name, func(t *testing.T) {
			content := exported(t, before, tt.write)
			after := imported(t, "x."+tt.name, content)
			require.Equal(t, strings.Split(string(lines), "\n"), strings.Split(string(exported(t, after, exporter.NDJSON)), "\n"))
			require.Equal(t, string(content), string(exported(t, after, tt.write)))
			require.Len(t, after.Schema().Fields, len(before.Schema().Fields))
		})
	}
}
