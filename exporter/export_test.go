package exporter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
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

// recorder keeps what an encoder is told. Its exports have the column id.
type recorder struct {
	ids   []audience.ContactID
	calls []string
	fail  string
	loss  exporter.Loss
}

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if r.fail == name {
		return errors.New("disk full")
	}
	return nil
}

func (r *recorder) Begin([]exporter.Column) error { return r.call("begin") }

func (r *recorder) Encode(row []audience.Value) error {
	id, _ := row[0].Int()
	r.ids = append(r.ids, audience.ContactID(id))
	return r.call(fmt.Sprint("encode ", id))
}

func (r *recorder) End() (exporter.Loss, error) { return r.loss, r.call("end") }

// requireText compares files to the byte, also those of JSON.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, want, got)
}

func all() exporter.Gate { return exporter.Everything("a test") }

func export(t *testing.T, aud *store.Audience, enc exporter.Encoder, opts exporter.Options) (exporter.Result, error) {
	t.Helper()
	return exportThrough(t, aud, enc, all(), opts)
}

func exportThrough(t *testing.T, aud *store.Audience, enc exporter.Encoder, gate exporter.Gate, opts exporter.Options) (result exporter.Result, err error) {
	t.Helper()
	if _, ok := enc.(*recorder); ok {
		opts.Columns = []string{"id"}
	}
	viewErr := aud.View(t.Context(), func(r *store.Reader) error {
		result, err = exporter.Contacts(t.Context(), r, enc, gate, opts)
		return nil
	})
	require.NoError(t, viewErr)
	return result, err
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
			result, err := export(t, aud, &r, tt.opts)
			require.NoError(t, err)
			require.Equal(t, tt.want, r.ids)
			require.Equal(t, len(tt.want), result.Written)
			require.Zero(t, result.Withheld)
			require.Equal(t, "begin", r.calls[0])
			require.Equal(t, "end", r.calls[len(r.calls)-1])
		})
	}
}

func TestContactsInBatches(t *testing.T) {
	aud := many(t, 3000)
	var everybody []audience.ContactID
	for id := range audience.ContactID(3000) {
		everybody = append(everybody, id+1)
	}
	for name, members := range map[string]iter.Seq[audience.ContactID]{"scan": nil, "members": ids(everybody...)} {
		t.Run(name, func(t *testing.T) {
			var r recorder
			var seen []exporter.Progress
			result, err := export(t, aud, &r, exporter.Options{Members: members, OnProgress: func(p exporter.Progress) { seen = append(seen, p) }})
			require.NoError(t, err)
			require.Equal(t, 2000, result.Written)
			require.Len(t, r.ids, 2000)
			require.True(t, slices.IsSorted(r.ids))
			require.GreaterOrEqual(t, len(seen), 2)
			require.Equal(t, result.Progress, seen[len(seen)-1])
		})
	}
}

func TestContactsErrors(t *testing.T) {
	aud := many(t, 10)
	for _, fail := range []string{"begin", "encode 7", "end"} {
		r := recorder{fail: fail}
		_, err := export(t, aud, &r, exporter.Options{})
		require.EqualError(t, err, "disk full")
		require.Equal(t, fail, r.calls[len(r.calls)-1], "nothing comes after an error")
	}
	for name, members := range map[string]iter.Seq[audience.ContactID]{"scan": nil, "members": ids(1, 2)} {
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, aud.View(ctx, func(r *store.Reader) error {
			cancel()
			_, err := exporter.Contacts(ctx, r, &recorder{}, all(), exporter.Options{Members: members})
			require.ErrorIs(t, err, context.Canceled, name)
			return nil
		}))
	}
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
