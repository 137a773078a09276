package segment

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// FuzzCheckpoint gives everything behind the head to the decoders as it is,
// sealed as it has to be: the seal is no excuse for a panic, nor for memory
// that lengths alone ask for. What is taken can be written again, and says the
// same.
func FuzzCheckpoint(f *testing.F) {
	w := newLogFixture(f, 20)
	w.update(func(tx *store.Tx) error {
		ctx := f.Context()
		if err := tx.Declare(ctx, audience.Schema{
			Fields: []audience.Field{{Name: "age", Type: audience.TypeDouble}, {Name: "likes", Type: audience.TypeStringList}},
			Lists:  []audience.List{{Name: "vip", Kind: audience.ListStatic}},
		}); err != nil {
			return err
		}
		for i, id := range w.ids {
			ref := audience.ID(audience.ContactID(id))
			put := audience.ContactWrite{Match: ref, AddTags: []string{"a"}, Set: map[string]audience.Value{
				"age": audience.DoubleValue(float64(i)), "likes": audience.StringListValue("tea", "rain"),
			}}
			if _, err := tx.Put(ctx, put); err != nil {
				return err
			}
			event := audience.EventWrite{Contact: ref, Type: "purchase", Time: w.at(), Props: map[string]audience.Value{
				"value": audience.DoubleValue(1), "currency": audience.StringValue("EUR"), "items": audience.IntValue(2),
			}}
			if _, err := tx.Append(ctx, event); err != nil {
				return err
			}
			if err := tx.AddToList(ctx, "vip", audience.Source{}, ref); err != nil {
				return err
			}
			grant := audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRequested, Scope: audience.MarketingScope()}
			if _, err := tx.Record(ctx, grant); err != nil {
				return err
			}
		}
		return tx.Merge(ctx, audience.ID(1), audience.ID(2), audience.Source{})
	})
	e, err := OpenEngine(f.Context(), w.aud, EngineOptions{})
	require.NoError(f, err)
	_, err = e.Apply(f.Context(),
		Definition{Name: "one", Source: `contact.age > 3.0 && "tea" in contact.likes && "a" in contact.tags && onList("vip")`},
		Definition{Name: "two", Source: `events("purchase").where(e, e.currency == "EUR" && e.items > 1).sum("value") > 0.0 || suppressed()`},
		Definition{Name: "three", Source: `contact.status == "pending" && events("purchase").within("9d").latest("currency") == "EUR"`},
	)
	require.NoError(f, err)
	out, err := e.collect(f.Context())
	require.NoError(f, err)
	key := []byte("key")
	open := func(t testing.TB, e *checkpoint.Encoder) *checkpoint.Decoder {
		var file bytes.Buffer
		require.NoError(t, e.Seal(&file, "k", key))
		d, err := checkpoint.NewDecoder(&file, func(string) ([]byte, bool) { return key, true })
		require.NoError(t, err)
		return d
	}
	d := open(f, out)
	head := decodeHead(d)
	set, err := e.storedSet(f.Context(), &head)
	require.NoError(f, err)
	var body []byte
	for b := make([]byte, 1); !d.AtEnd(); {
		_, err := io.ReadFull(d, b)
		require.NoError(f, err)
		body = append(body, b...)
	}
	f.Add(body)
	for i := 0; i < len(body); i += 97 {
		damaged := bytes.Clone(body)
		damaged[i] ^= byte(i)
		f.Add(damaged)
		f.Add(body[:i])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var e checkpoint.Encoder
		_, _ = e.Write(body)
		d := open(t, &e)
		table, refs, saved, queue := decodeBody(d)
		if d.Close() != nil {
			return
		}
		var first, second checkpoint.Encoder
		encodeBody(&first, refs, table, saved, queue)
		again := open(t, &first)
		table, refs, saved, queue = decodeBody(again)
		require.NoError(t, again.Close())
		encodeBody(&second, refs, table, saved, queue)
		third := open(t, &second)
		decodeNames(third)
		columns.Decode(third, time.UTC)
		require.NoError(t, third.Err())
		if table.Needs().Covers(set.needs()) {
			core := live.New(table, audience.Calendar{}, head.At)
			_ = core.Restore(set.liveDefinitions(), saved)
		}
	})
}

func decodeBody(d *checkpoint.Decoder) (*columns.Table, *refIndex, *live.Saved, ticks) {
	refs := newRefIndex(RefKeys)
	refs.fill(decodeNames(d))
	table := columns.Decode(d, time.UTC)
	return table, refs, live.DecodeSaved(d), decodeTicks(d)
}

func encodeBody(e *checkpoint.Encoder, refs *refIndex, table *columns.Table, saved *live.Saved, queue ticks) {
	refs.encode(e)
	table.Encode(e, func() {})
	saved.Encode(e)
	queue.encode(e)
}
