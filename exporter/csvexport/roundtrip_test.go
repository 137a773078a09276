package csvexport_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(context.Background(), memstore.New(), "main", store.Options{Keys: keys, Clock: func() time.Time { return now }})
	require.NoError(t, err)
	return aud
}

func export(t testing.TB, aud *store.Audience, p csvexport.Profile) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		_, err := exporter.Contacts(t.Context(), r, csvexport.New(&out, csvexport.Options{Profile: p}), exporter.Options{})
		return err
	}))
	return out.String()
}

// texts are hostile: quotes, line ends of all kinds, formulas, apostrophes,
// numbers that are none, blanks at the ends, scripts and emoji.
func texts() []string {
	return []string{
		"plain", `say "hi"`, `"`, `""`, "a,b", "line\nline", "line\r\nline", "line\rline", "\n", " x ", "\t", "'", "''", "'t Hooft", "'=1", "''=1", " '=1",
		"=1+1", "+48 500", "-5", "@SUM(A1)", "\t=1", " =1", "＝1", "007", "1.50", "-0", "1e3", "true", "2026-01-31", "null", ",", ";", "\u00a0x\u00a0",
		"Łódź", "日本", "مرحبا", "😀", "\ufeff", "\u2028", "name:string", "#", "\\", "\\n",
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomValue(r *rand.Rand, t audience.Type) audience.Value {
	switch t {
	case audience.TypeString:
		return audience.StringValue(pick(r, texts()))
	case audience.TypeInt:
		return audience.IntValue(pick(r, []int64{0, 1, -5, 1 << 62, -1 << 63, int64(r.Uint64())}))
	case audience.TypeDouble:
		return audience.DoubleValue(pick(r, []float64{0, -1.5, 0.1, 1e300, 5e-324, 33.3, r.NormFloat64()}))
	case audience.TypeBool:
		return audience.BoolValue(r.IntN(2) == 0)
	case audience.TypeTimestamp:
		span := audience.Micros(audience.MaxInstant()) - audience.Micros(audience.MinInstant())
		return audience.TimestampValue(audience.FromMicros(audience.Micros(audience.MinInstant()) + r.Int64N(span+1)))
	case audience.TypeDate:
		return audience.DateValue(audience.DateOf(now.Add(time.Duration(r.Int64N(1<<61))), time.UTC))
	default:
		items := make([]string, 1+r.IntN(3))
		for i := range items {
			items[i] = pick(r, append(texts(), ""))
		}
		return audience.StringListValue(items...)
	}
}

func fieldTypes() map[string]audience.Type {
	return map[string]audience.Type{
		"a": audience.TypeString, "b": audience.TypeInt, "c": audience.TypeDouble, "d": audience.TypeBool,
		"e": audience.TypeTimestamp, "f": audience.TypeDate, "g": audience.TypeStringList, "h": audience.TypeString,
	}
}

// randomAudience has contacts with everything that leaves in an export.
func randomAudience(t *testing.T, r *rand.Rand) *store.Audience {
	t.Helper()
	aud := open(t)
	var tags []string
	for _, s := range texts() {
		if audience.CheckName("tags", s, audience.Limits{}) == nil {
			tags = append(tags, s)
		}
	}
	var writes []audience.ContactWrite
	var consents []audience.ConsentWrite
	for i := range 30 {
		w := audience.ContactWrite{Match: audience.Key(fmt.Sprintf("%d%s", i, strings.Trim(pick(r, texts()), " \t")))}
		if i%5 == 0 {
			w = audience.ContactWrite{Email: audience.MustAddress(fmt.Sprintf("o'Neil+%d@bücher.example", i))}
		} else if r.IntN(2) == 0 {
			w.Email = audience.MustAddress(fmt.Sprintf("Name-%d@Example.com", i))
		}
		if r.IntN(3) > 0 {
			w.FirstName, w.LastName = audience.NewPrivate(pick(r, texts())), audience.NewPrivate(pick(r, texts()))
			w.Phone = audience.NewPrivate(pick(r, texts()))
			w.SetTags = []string{pick(r, tags), pick(r, tags), pick(r, tags)}
		}
		w.CreatedAt = now.Add(-time.Duration(r.Int64N(1 << 60)))
		w.Set = map[string]audience.Value{}
		for name, kind := range fieldTypes() {
			if r.IntN(4) > 0 {
				w.Set[name] = randomValue(r, kind)
			}
		}
		writes = append(writes, w)
		if kind := audience.ConsentKind(r.IntN(6)); kind > 0 {
			consents = append(consents, audience.ConsentWrite{
				Contact: audience.ID(audience.ContactID(i + 1)), Kind: kind, Scope: audience.MarketingScope(),
				Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
			})
		}
	}
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Put(t.Context(), writes...); err != nil {
			return err
		}
		_, err := tx.Record(t.Context(), consents...)
		return err
	})
	require.NoError(t, err)
	return aud
}

// TestRoundTrip: what leaves comes back as it was, in both profiles.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(40) {
		for _, profile := range []csvexport.Profile{csvexport.Spreadsheet, csvexport.Machine} {
			before := randomAudience(t, rand.New(rand.NewPCG(seed, 1)))
			file := export(t, before, profile)
			after := open(t)
			plan := &importer.Plan{Attestation: importer.Attestation{Text: "exported before"}}
			report, err := importer.Run(t.Context(), after, importer.Bytes("x.csv", []byte(file)), plan, importer.Options{
				Formats: []importer.Format{csvimport.Format()},
			})
			require.NoError(t, err)
			require.Empty(t, report.Errors, "seed %d", seed)
			require.Equal(t, 30, report.Created)
			require.Equal(t, dump(t, before), dump(t, after), "seed %d, profile %d", seed, profile)
			require.Equal(t, file, export(t, after, profile), "and leaves again as the same file")
		}
	}
}

// dump gives everything that an export holds, in a form of its own.
func dump(t *testing.T, aud *store.Audience) []string {
	t.Helper()
	var out []string
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		schema := r.Schema()
		for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{Parts: audience.ProfileParts{Ledger: true}}) {
			require.NoError(t, err)
			c := p.Contact
			email := c.Email()
			s := fmt.Sprintf("%q %q %q %q %q %q %v %v", c.Key(), email.Reveal(), c.FirstName.Reveal(), c.LastName.Reveal(), c.Phone.Reveal(),
				c.TagNames(), p.Status(now).Status, c.CreatedAt)
			var fields []string
			for _, f := range c.Fields {
				field, ok := schema.FieldByID(f.ID)
				require.True(t, ok)
				items, _ := f.Value.StringList()
				fields = append(fields, fmt.Sprintf("%s %s %q %q", field.Name, f.Value.Type(), f.Value.Reveal(), items))
			}
			slices.Sort(fields)
			out = append(out, s+" "+strings.Join(fields, " "))
		}
		return nil
	}))
	return out
}
