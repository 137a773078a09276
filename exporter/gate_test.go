package exporter_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// standings has contacts in every standing: 1 none, 2 subscribed, 3 subscribed
// without an address, 4 withdrawn, 5 subscribed and suppressed by hand, 6
// consent to research only, 7 subscribed until an hour from now.
func standings(t *testing.T) *store.Audience {
	t.Helper()
	aud := open(t)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Declare(t.Context(), audience.Schema{Purposes: []audience.Purpose{{Name: "research"}}}); err != nil {
			return err
		}
		var writes []audience.ContactWrite
		for _, email := range []string{"none@x.example", "sub@x.example", "", "gone@x.example", "blocked@x.example", "research@x.example", "soon@x.example"} {
			w := audience.ContactWrite{Match: audience.Key("u" + email)}
			if email != "" {
				w.Email = audience.MustAddress(email)
			}
			writes = append(writes, w)
		}
		if _, err := tx.Put(t.Context(), writes...); err != nil {
			return err
		}
		grant := func(id audience.ContactID, purpose string) audience.ConsentWrite {
			return audience.ConsentWrite{
				Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: "email", Purpose: purpose},
				Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
			}
		}
		soon := grant(7, "marketing")
		soon.Expires = now.Add(time.Hour)
		withdrawn := audience.ConsentWrite{Contact: audience.ID(4), Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope()}
		if _, err := tx.Record(t.Context(), grant(2, "marketing"), grant(3, "marketing"), grant(4, "marketing"), withdrawn,
			grant(5, "marketing"), grant(6, "research"), soon); err != nil {
			return err
		}
		return tx.Suppress(t.Context(), store.SuppressionWrite{
			Address: audience.MustAddress("blocked@x.example"), Reason: audience.SuppressedManually,
		})
	})
	require.NoError(t, err)
	return aud
}

func TestGates(t *testing.T) {
	aud := standings(t)
	tests := []struct {
		name string
		gate exporter.Gate
		at   time.Time
		want []audience.ContactID
	}{
		{"everything", all(), now, []audience.ContactID{1, 2, 3, 4, 5, 6, 7}},
		{"only mailable", exporter.OnlyMailable(), now, []audience.ContactID{2, 7}},
		{"only mailable, later", exporter.OnlyMailable(), now.Add(2 * time.Hour), []audience.ContactID{2}},
		{"marketing", exporter.Purpose("marketing"), now, []audience.ContactID{2, 3, 7}},
		{"research", exporter.Purpose("research"), now, []audience.ContactID{6}},
		{"redacted", exporter.Redact(exporter.OnlyMailable(), map[string]exporter.Redaction{"email": exporter.Mask}), now, []audience.ContactID{2, 7}},
		{"of somebody else, within another", strict{exporter.OnlyMailable()}, now, []audience.ContactID{2, 7}},
		{"that does nothing", gateFunc(func(*store.Reader, []audience.Profile, func(int, ...string)) error { return nil }), now, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r recorder
			result, err := exportThrough(t, aud, &r, tt.gate, exporter.Options{At: tt.at})
			require.NoError(t, err)
			require.Equal(t, tt.want, r.ids)
			require.Equal(t, exporter.Progress{Written: len(tt.want), Withheld: 7 - len(tt.want)}, result.Progress)
		})
	}
}

// gateFunc is a gate of one function.
type gateFunc func(r *store.Reader, people []audience.Profile, release func(int, ...string)) error

func (f gateFunc) Judge(_ context.Context, r *store.Reader, _ time.Time, people []audience.Profile, release func(int, ...string)) error {
	return f(r, people, release)
}

// strict is somebody else's gate around one of ours.
type strict struct{ exporter.Gate }

// TestNothingLeavesWithoutGate: every way to have none ends before anything is
// written.
func TestNothingLeavesWithoutGate(t *testing.T) {
	aud := standings(t)
	refused := errors.New("refused")
	for name, gate := range map[string]exporter.Gate{
		"nil":                 nil,
		"no reason":           exporter.Everything(" "),
		"undeclared purpose":  exporter.Purpose("reserch"),
		"redact nothing":      exporter.Redact(nil, nil),
		"redact nothing deep": strict{exporter.Redact(nil, nil)},
		"hidden no reason":    strict{exporter.Everything("")},
		"its own refusal":     gateFunc(func(*store.Reader, []audience.Profile, func(int, ...string)) error { return refused }),
		"releases nobody's index": gateFunc(func(_ *store.Reader, _ []audience.Profile, release func(int, ...string)) error {
			release(0)
			return nil
		}),
		"unknown redaction": exporter.Redact(all(), map[string]exporter.Redaction{"email": 9}),
		"unknown column":    exporter.Redact(all(), map[string]exporter.Redaction{"emial": exporter.Mask}),
		"masked number":     exporter.Redact(all(), map[string]exporter.Redaction{"id": exporter.Mask}),
		"hashed instant":    exporter.Redact(all(), map[string]exporter.Redaction{"created_at": exporter.Hash}),
	} {
		t.Run(name, func(t *testing.T) {
			var r recorder
			var err error
			require.NoError(t, aud.View(t.Context(), func(reader *store.Reader) error {
				_, err = exporter.Contacts(t.Context(), reader, &r, gate, exporter.Options{Columns: []string{"id", "email", "created_at"}})
				return nil
			}))
			require.Error(t, err)
			require.Empty(t, r.calls, "not even a header")
		})
	}
	_, err := export(t, aud, &recorder{}, exporter.Options{Members: ids(1)})
	require.NoError(t, err)
	_, err = exportThrough(t, aud, &recorder{}, nil, exporter.Options{})
	require.ErrorIs(t, err, audience.ErrDenied)
}

// TestGateBlanksColumns: by person, also where a column is not exported; a name
// that is no column stops the export.
func TestGateBlanksColumns(t *testing.T) {
	aud := janeAndBob(t)
	gate := gateFunc(func(_ *store.Reader, people []audience.Profile, release func(int, ...string)) error {
		for i := range people {
			if people[i].Contact.ID == 1 {
				release(i, "email", "zip", "phone")
				release(i, "last_name")
			} else {
				release(i)
			}
		}
		return nil
	})
	var out strings.Builder
	result, err := exportThrough(t, aud, exporter.NDJSON(&out), gate, exporter.Options{Columns: []string{"email", "first_name", "last_name", "zip"}})
	require.NoError(t, err)
	requireText(t, `{"first_name":"Jane <&>"}`+"\n"+`{"email":"bob@example.com"}`+"\n", out.String())
	require.Equal(t, map[string]int{"email": 1, "last_name": 1, "zip": 1}, result.Redacted)

	var r recorder
	_, err = exportThrough(t, aud, &r, gateFunc(func(_ *store.Reader, people []audience.Profile, release func(int, ...string)) error {
		for i := range people {
			release(i, "emial")
		}
		return nil
	}), exporter.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.ErrorContains(t, err, `did you mean "email"?`)
	require.Empty(t, r.ids)
}

func TestRedact(t *testing.T) {
	aud := janeAndBob(t)
	columns := []string{"external_id", "email", "first_name", "tags", "zip", "age", "status"}
	line := func(redact map[string]exporter.Redaction) (string, exporter.Result) {
		var out strings.Builder
		result, err := exportThrough(t, aud, exporter.NDJSON(&out), exporter.Redact(all(), redact), exporter.Options{Columns: columns})
		require.NoError(t, err)
		return out.String(), result
	}
	got, result := line(map[string]exporter.Redaction{
		"external_id": exporter.Blank, "email": exporter.Mask, "first_name": exporter.Mask, "tags": exporter.Mask, "zip": exporter.Blank, "age": exporter.Blank, "phone": exporter.Mask,
	})
	requireText(t, `{"email":"j***@***.com","first_name":"***","tags":["***"],"status":"subscribed"}`+"\n"+
		`{"email":"b***@***.com","status":"none"}`+"\n", got)
	require.Equal(t, map[string]int{"external_id": 1, "email": 2, "first_name": 1, "tags": 1, "zip": 1, "age": 1}, result.Redacted)

	got, _ = line(map[string]exporter.Redaction{"email": exporter.Hash, "first_name": exporter.Hash, "tags": exporter.Hash, "zip": exporter.Hash})
	again, _ := line(map[string]exporter.Redaction{"email": exporter.Hash, "first_name": exporter.Hash, "tags": exporter.Hash, "zip": exporter.Hash})
	require.Equal(t, got, again)
	require.Regexp(t, `^\{"external_id":"u1","email":"[0-9a-f]{64}","first_name":"[0-9a-f]{64}","tags":\["[0-9a-f]{64}","[0-9a-f]{64}"\],"fields":\{"zip":"[0-9a-f]{64}","age":30\},"status":"subscribed"\}`, got)
	for _, clear := range []string{"Jane", "example.com", "007", "a, c"} {
		require.NotContains(t, strings.ToLower(got), strings.ToLower(clear))
	}

	// Of two redactions of one column the stricter counts, in either order.
	for _, gate := range []exporter.Gate{
		exporter.Redact(exporter.Redact(all(), map[string]exporter.Redaction{"email": exporter.Mask}), map[string]exporter.Redaction{"email": exporter.Hash}),
		exporter.Redact(exporter.Redact(all(), map[string]exporter.Redaction{"email": exporter.Hash}), map[string]exporter.Redaction{"email": exporter.Mask}),
	} {
		var out strings.Builder
		_, err := exportThrough(t, aud, exporter.NDJSON(&out), gate, exporter.Options{Columns: []string{"email"}})
		require.NoError(t, err)
		requireText(t, `{"email":"j***@***.com"}`+"\n"+`{"email":"b***@***.com"}`+"\n", out.String())
	}

	// A gate around it that knows nothing of redactions leaves the column empty.
	var out strings.Builder
	_, err := exportThrough(t, aud, exporter.NDJSON(&out), strict{exporter.Redact(all(), map[string]exporter.Redaction{"email": exporter.Hash})}, exporter.Options{Columns: []string{"email"}})
	require.NoError(t, err)
	require.Equal(t, "{}\n{}\n", out.String())
}

// TestHashNeedsKeysAndIsTheAudiences: no key, no pseudonyms; another audience
// or key, other ones; spellings of one address are one.
func TestHashNeedsKeysAndIsTheAudiences(t *testing.T) {
	gate := exporter.Redact(all(), map[string]exporter.Redaction{"email": exporter.Hash})
	hashes := func(name string, key byte, email string) (string, error) {
		opts := store.Options{}
		if key > 0 {
			keys, err := audience.NewKeys("k", map[string][]byte{"k": []byte(strings.Repeat(string(rune(key)), 32))})
			require.NoError(t, err)
			opts.Keys = keys
		}
		aud, err := store.Open(t.Context(), memstore.New(), name, opts)
		require.NoError(t, err)
		_, err = aud.Put(t.Context(), audience.ContactWrite{Email: audience.MustAddress(email)})
		require.NoError(t, err)
		var out strings.Builder
		_, err = exportThrough(t, aud, exporter.NDJSON(&out), gate, exporter.Options{Columns: []string{"email"}})
		return out.String(), err
	}
	_, err := hashes("main", 0, "a@x.example")
	require.ErrorIs(t, err, audience.ErrDenied)
	one, err := hashes("main", 'a', "a@x.example")
	require.NoError(t, err)
	for want, other := range map[bool][3]any{true: {"main", byte('a'), "A@X.example"}, false: {"other", byte('a'), "a@x.example"}} {
		got, err := hashes(other[0].(string), other[1].(byte), other[2].(string))
		require.NoError(t, err)
		require.Equal(t, want, got == one)
	}
	got, err := hashes("main", 'b', "a@x.example")
	require.NoError(t, err)
	require.NotEqual(t, one, got)
}

// TestExportIsLogged: how many, by which gate, and nothing of anybody.
func TestExportIsLogged(t *testing.T) {
	var log strings.Builder
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	_, err = aud.Put(t.Context(), audience.ContactWrite{Email: audience.MustAddress("secret@x.example")})
	require.NoError(t, err)
	_, err = exportThrough(t, aud, exporter.NDJSON(&strings.Builder{}), exporter.Redact(exporter.Everything("moving house"), nil), exporter.Options{})
	require.NoError(t, err)
	require.Contains(t, log.String(), `contacts=1 withheld=0 columns=8 gate="everything: moving house, redacted"`)
	log.Reset()
	_, err = exportThrough(t, aud, &recorder{fail: "encode 1"}, all(), exporter.Options{})
	require.Error(t, err)
	require.Contains(t, log.String(), `level=WARN msg="exporter: an export has broken off" contacts=0 withheld=0 columns=1 gate="everything: a test"`)
	require.NotContains(t, log.String(), "secret")
}

// TestOneColumnByTwoNames: what a gate keeps back does not leave under another
// name of the column, nor in a column that tells the same.
func TestOneColumnByTwoNames(t *testing.T) {
	aud := open(t)
	_, err := aud.Put(t.Context(), audience.ContactWrite{
		Match: audience.Key("secret"), Set: map[string]audience.Value{"lists": audience.StringValue("mine"), "zip": audience.StringValue("00730")},
	})
	require.NoError(t, err)
	without := func(names ...string) exporter.Gate {
		return gateFunc(func(_ *store.Reader, people []audience.Profile, release func(int, ...string)) error {
			for i := range people {
				release(i, names...)
			}
			return nil
		})
	}
	redact := func(redact map[string]exporter.Redaction) exporter.Gate { return exporter.Redact(all(), redact) }
	tests := []struct {
		name     string
		gate     exporter.Gate
		columns  []string
		want     string
		redacted map[string]int
	}{
		{"the host's ids", without("external_id"), []string{"external:host"}, "{}", map[string]int{"external_id": 1}},
		{"the host's ids, the other way round", without("external:host"), []string{"external_id"}, "{}", map[string]int{"external_id": 1}},
		{"the host's ids, masked", redact(map[string]exporter.Redaction{"external_id": exporter.Mask}), []string{"external:host"}, `{"external_id":"***"}`, map[string]int{"external_id": 1}},
		{"status", without("status"), []string{"consent:marketing", "status"}, "{}", map[string]int{"consent:marketing": 1, "status": 1}},
		{"marketing", redact(map[string]exporter.Redaction{"consent:marketing": exporter.Mask}), []string{"status"}, `{"status":"***"}`, map[string]int{"status": 1}},
		{"the stricter of two names", redact(map[string]exporter.Redaction{"field:zip": exporter.Blank, "zip": exporter.Hash}), []string{"zip"}, "{}", map[string]int{"zip": 1}},
		{"in two gates", exporter.Redact(redact(map[string]exporter.Redaction{"field:zip": exporter.Mask}), map[string]exporter.Redaction{"zip": exporter.Hash}), []string{"zip"}, `{"fields":{"zip":"***"}}`, map[string]int{"zip": 1}},
		{"a field named like a column", redact(map[string]exporter.Redaction{"field:lists": exporter.Hash, "external_id": exporter.Blank}), []string{"lists", "external_id"}, "{}", map[string]int{"external_id": 1}},
		{"the column, not the field", redact(map[string]exporter.Redaction{"lists": exporter.Blank}), []string{"lists", "field:lists"}, `{"fields":{"lists":"mine"}}`, nil},
		{"the field", redact(map[string]exporter.Redaction{"field:lists": exporter.Mask}), []string{"lists", "field:lists"}, `{"fields":{"lists":"***"}}`, map[string]int{"field:lists": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			result, err := exportThrough(t, aud, exporter.NDJSON(&out), tt.gate, exporter.Options{Columns: tt.columns})
			require.NoError(t, err)
			requireText(t, tt.want+"\n", out.String())
			require.Equal(t, tt.redacted, result.Redacted)
		})
	}
}

// TestRefusalCountsWhateverTheInstant: an export about the time before a
// refusal does not let anybody out who has refused since.
func TestRefusalCountsWhateverTheInstant(t *testing.T) {
	clock := now
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{Keys: keys, Clock: func() time.Time { return clock }})
	require.NoError(t, err)
	jane := audience.Key("u1")
	_, err = aud.Put(t.Context(), audience.ContactWrite{Match: jane, Email: audience.MustAddress("jane@x.example")})
	require.NoError(t, err)
	record := func(kind audience.ConsentKind) {
		_, err := aud.Record(t.Context(), audience.ConsentWrite{
			Contact: jane, Kind: kind, Scope: audience.MarketingScope(), Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		})
		require.NoError(t, err)
	}
	record(audience.ConsentGranted)
	clock = now.Add(time.Hour)
	record(audience.ConsentWithdrawn)
	clock = now.Add(2 * time.Hour)
	for _, gate := range []exporter.Gate{exporter.OnlyMailable(), exporter.Purpose("marketing"), exporter.Redact(exporter.OnlyMailable(), nil)} {
		var r recorder
		result, err := exportThrough(t, aud, &r, gate, exporter.Options{At: now.Add(time.Minute)})
		require.NoError(t, err)
		require.Empty(t, r.ids)
		require.Equal(t, 1, result.Withheld)
	}
	var out strings.Builder
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{At: now.Add(time.Minute), Columns: []string{"status"}})
	require.NoError(t, err)
	requireText(t, `{"status":"subscribed"}`+"\n", out.String()) // what is told is about the instant
}

// knowingLess asks for less than the gate within it needs.
type knowingLess struct{ exporter.Gate }

func (knowingLess) Parts() audience.ProfileParts { return audience.ProfileParts{Ledger: true} }

// TestGateThatKnowsTooLittleKeepsPeopleIn: nobody is let out for want of the
// part that speaks against it.
func TestGateThatKnowsTooLittleKeepsPeopleIn(t *testing.T) {
	for _, gate := range []exporter.Gate{exporter.OnlyMailable(), exporter.Purpose("marketing")} {
		var r recorder
		_, err := exportThrough(t, standings(t), &r, knowingLess{gate}, exporter.Options{})
		require.NoError(t, err)
		require.Empty(t, r.ids)
	}
}

// TestReleaseAfterJudging lets nobody out.
func TestReleaseAfterJudging(t *testing.T) {
	var late func(int, ...string)
	var r recorder
	_, err := exportThrough(t, standings(t), &r, gateFunc(func(_ *store.Reader, _ []audience.Profile, release func(int, ...string)) error {
		if late != nil {
			late(0)
		}
		late = release
		return nil
	}), exporter.Options{})
	require.NoError(t, err)
	require.Empty(t, r.ids)
}

func TestNoEncoder(t *testing.T) {
	_, err := export(t, standings(t), nil, exporter.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid)
}
