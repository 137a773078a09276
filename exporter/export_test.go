package exporter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
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

// many has contacts 1 to n, every third of them deleted.
func many(t *testing.T, n int) *store.Audience {
	t.Helper()
	aud := open(t)
	writes := make([]audience.ContactWrite, n)
	for i := range writes {
		writes[i] = audience.ContactWrite{Match: audience.Key(fmt.Sprint("u", i+1)), Set: map[string]audience.Value{"even": audience.BoolValue(i%2 == 1)}}
	}
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Put(t.Context(), writes...); err != nil {
			return err
		}
		var gone []audience.Ref
		for i := 3; i <= n; i += 3 {
			gone = append(gone, audience.ID(audience.ContactID(i)))
		}
		return tx.Delete(t.Context(), audience.Source{}, gone...)
	})
	require.NoError(t, err)
	return aud
}

// recorder keeps what an encoder is told.
type recorder struct {
	ids   []audience.ContactID
	calls []string
	fail  string
}

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if r.fail == name {
		return errors.New("disk full")
	}
	return nil
}

func (r *recorder) Begin(audience.Schema) error { return r.call("begin") }

func (r *recorder) Encode(batch []exporter.Contact) error {
	for _, c := range batch {
		r.ids = append(r.ids, c.ID)
	}
	return r.call(fmt.Sprint("encode ", len(batch)))
}

func (r *recorder) End() error { return r.call("end") }

func export(t *testing.T, aud *store.Audience, enc exporter.Encoder, opts exporter.Options) (n int, err error) {
	t.Helper()
	viewErr := aud.View(t.Context(), func(r *store.Reader) error {
		n, err = exporter.Contacts(t.Context(), r, enc, opts)
		return nil
	})
	require.NoError(t, viewErr)
	return n, err
}

func ids(n ...audience.ContactID) iter.Seq[audience.ContactID] { return slices.Values(n) }

func TestContactsChosen(t *testing.T) {
	aud := many(t, 10) // 3, 6 and 9 are gone
	schema := aud.Schema()
	even, ok := schema.FieldNamed("even")
	require.True(t, ok)
	isEven := store.Compare{Feature: store.Feature{Kind: store.FeatureField, Field: even.ID}, Op: store.Equal, Value: audience.BoolValue(true)}
	tests := []struct {
		name string
		opts exporter.Options
		want []audience.ContactID
	}{
		{"everybody", exporter.Options{}, []audience.ContactID{1, 2, 4, 5, 7, 8, 10}},
		{"where", exporter.Options{Where: isEven}, []audience.ContactID{2, 4, 8, 10}},
		{"members", exporter.Options{Members: ids(2, 5, 10)}, []audience.ContactID{2, 5, 10}},
		{"members who are nobody", exporter.Options{Members: ids(3, 4, 6, 7, 11, 12)}, []audience.ContactID{4, 7}},
		{"no members", exporter.Options{Members: ids()}, nil},
		{"several passed over at once", exporter.Options{Members: ids(1, 2, 5, 7, 8), Where: isEven}, []audience.ContactID{2, 8}},
		{"both", exporter.Options{Members: ids(1, 2, 4, 5), Where: isEven}, []audience.ContactID{2, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r recorder
			n, err := export(t, aud, &r, tt.opts)
			require.NoError(t, err)
			require.Equal(t, tt.want, r.ids)
			require.Equal(t, len(tt.want), n)
			require.Equal(t, "begin", r.calls[0])
			require.Equal(t, "end", r.calls[len(r.calls)-1])
		})
	}
}

func TestContactsBatches(t *testing.T) {
	aud := many(t, 3000)
	var r recorder
	n, err := export(t, aud, &r, exporter.Options{})
	require.NoError(t, err)
	require.Equal(t, 2000, n)
	require.Equal(t, []string{"begin", "encode 1000", "encode 1000", "end"}, r.calls)
}

func TestContactsErrors(t *testing.T) {
	aud := many(t, 10)
	for _, fail := range []string{"begin", "encode 7", "end"} {
		r := recorder{fail: fail}
		_, err := export(t, aud, &r, exporter.Options{})
		require.EqualError(t, err, "disk full")
		require.Equal(t, fail, r.calls[len(r.calls)-1], "nothing comes after an error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, aud.View(ctx, func(r *store.Reader) error {
		cancel()
		_, err := exporter.Contacts(ctx, r, &recorder{}, exporter.Options{})
		require.ErrorIs(t, err, context.Canceled)
		return nil
	}))
}

// TestMembersOutOfOrder: nobody is lost in silence.
func TestMembersOutOfOrder(t *testing.T) {
	aud := many(t, 10) // 3, 6 and 9 are gone
	for name, members := range map[string]iter.Seq[audience.ContactID]{
		"descending":              ids(5, 4, 3, 2, 1),
		"behind the last contact": ids(10, 4),
		"nobody's":                ids(12, 11),
		"twice":                   ids(2, 2, 4),
		"at the end":              ids(1, 2, 4, 10, 10),
	} {
		r := recorder{}
		_, err := export(t, aud, &r, exporter.Options{Members: members})
		require.ErrorIs(t, err, audience.ErrInvalid, name)
		require.EqualError(t, err, "members: order: ids in ascending order, each once", name)
		require.NotContains(t, r.calls, "end", name)
	}
}

func TestNDJSON(t *testing.T) {
	aud := open(t)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		day, err := audience.ParseDate("2026-01-31")
		require.NoError(t, err)
		_, err = tx.Put(t.Context(), audience.ContactWrite{
			Match: audience.Key("u1"), Email: audience.MustAddress("Jane@Example.com"),
			FirstName: audience.NewPrivate("Jane <&>"), LastName: audience.NewPrivate("Dö\"e"), Phone: audience.NewPrivate("+15005550006"),
			SetTags: []string{"b", "a, c"}, CreatedAt: time.Date(2025, 1, 2, 3, 4, 5, 600_000, time.UTC),
			Set: map[string]audience.Value{
				"zip": audience.StringValue("007"), "age": audience.IntValue(30), "score": audience.DoubleValue(1.5), "vip": audience.BoolValue(true),
				"seen": audience.TimestampValue(now), "birthday": audience.DateValue(day), "likes": audience.StringListValue("x", "y,z"),
			},
		}, audience.ContactWrite{Match: audience.Email("bob@example.com")})
		if err != nil {
			return err
		}
		_, err = tx.Record(t.Context(), audience.ConsentWrite{
			Contact: audience.Key("u1"), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
			Mechanism: audience.MechanismAttested, Evidence: []byte("attested"),
		})
		return err
	})
	require.NoError(t, err)
	var out strings.Builder
	n, err := export(t, aud, exporter.NDJSON(&out), exporter.Options{})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	want := []string{
		`{"external_id":"u1","email":"Jane@Example.com","first_name":"Jane <&>","last_name":"Dö\"e","phone":"+15005550006",` +
			`"tags":["a, c","b"],"status":"subscribed","created_at":"2025-01-02T03:04:05.0006Z",` +
			`"fields":{"age":30,"birthday":"2026-01-31","likes":["x","y,z"],"score":1.5,"seen":"2026-03-01T12:00:00Z","vip":true,"zip":"007"}}`,
		`{"email":"bob@example.com","status":"none","created_at":"2026-03-01T12:00:00Z"}`,
		"",
	}
	require.Equal(t, want, strings.Split(out.String(), "\n"))

	out.Reset()
	_, err = export(t, aud, exporter.NDJSON(&out), exporter.Options{At: now.Add(-time.Hour), Members: ids(1)})
	require.NoError(t, err)
	require.Contains(t, out.String(), `"status":"none"`, "an hour earlier she had not consented")
}

// TestContactDoesNotPrint: only encoders show what is in it.
func TestContactDoesNotPrint(t *testing.T) {
	c := exporter.Contact{Contact: audience.Contact{ID: 7, FirstName: audience.NewPrivate("secret"), Tags: []audience.Tag{{Name: "secret"}}}}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		require.NotContains(t, fmt.Sprintf(format, c), "secret")
	}
}
