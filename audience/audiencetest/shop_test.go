package audiencetest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
)

// TestShopIsTheSameEverywhere holds the bytes of a shop. A change of the
// numbers makes every measurement before it incomparable: do it knowingly.
func TestShopIsTheSameEverywhere(t *testing.T) {
	shop := audiencetest.Shop{Contacts: 1_000, Seed: 1}
	tests := []struct {
		name  string
		write func(h hash.Hash)
		want  string
	}{
		{"contacts", func(h hash.Hash) {
			for w := range shop.ContactWrites() {
				writeContact(h, &w)
			}
		}, "751082f786cf45b31a384fb74fe0bb242c288ed540e611c211fe79206d0740b7"},
		{"consents", func(h hash.Hash) {
			for w := range shop.ConsentWrites() {
				writeConsent(h, &w)
			}
		}, "46ff12881e4fb70dd13805c271db35d831a1b0a40ef417a89342d852e7f29fdb"},
		{"events", func(h hash.Hash) {
			for w := range shop.EventWrites() {
				writeEvent(h, &w)
			}
		}, "253a0be4cf7f7e49d3f971053137762c322f8c7fa45401717751c50490d6fead"},
		{"live", func(h hash.Hash) {
			for l := range shop.Live(1_000) {
				writeLive(h, l)
			}
		}, "6030fe12f70b0f078b65066a2544524fa3abc6a06bb3348ac910e2e03b679583"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				h := sha256.New()
				tt.write(h)
				require.Equal(t, tt.want, hex.EncodeToString(h.Sum(nil)))
			}
		})
	}
}

func writeContact(h hash.Hash, w *audience.ContactWrite) {
	for _, i := range w.Identities() {
		writef(h, "%q ", i.Index())
	}
	writef(h, "%d %q %q %q %q ", audience.Micros(w.CreatedAt), w.FirstName.Reveal(), w.LastName.Reveal(), w.AddTags, w.RemoveTags)
	writeValues(h, w.Set)
}

func writeConsent(h hash.Hash, w *audience.ConsentWrite) {
	writef(h, "%s %s %s %d %d %q %q\n", keyOf(w.Contact), w.Kind, w.Scope, audience.Micros(w.Acted), audience.Micros(w.Expires), w.Mechanism, w.Evidence)
}

func writeEvent(h hash.Hash, w *audience.EventWrite) {
	writef(h, "%s %s %s %d ", keyOf(w.Contact), w.ID, w.Type, audience.Micros(w.Time))
	writeValues(h, w.Props)
}

func writeLive(h hash.Hash, l audiencetest.Live) {
	writef(h, "%d %d ", l.Index, l.Time)
	switch {
	case l.Contact != nil:
		writeContact(h, l.Contact)
	case l.Consent != nil:
		writeConsent(h, l.Consent)
	default:
		writeEvent(h, l.Event)
	}
}

func writeValues(h hash.Hash, values map[string]audience.Value) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		writef(h, "%q=%s:%q ", name, values[name].Type(), values[name].Reveal())
	}
	writef(h, "\n")
}

func writef(h hash.Hash, format string, a ...any) { h.Write(fmt.Appendf(nil, format, a...)) }

func keyOf(r audience.Ref) string {
	i, _ := r.Identity()
	return i.Key()
}

func TestShopsDiffer(t *testing.T) {
	a, b := audiencetest.Shop{Seed: 1}, audiencetest.Shop{Seed: 2}
	require.NotEqual(t, slices.Collect(a.People()), slices.Collect(b.People()))
	require.Len(t, slices.Collect(a.People()), 1_000)
}

// TestShopIsStreamed asks for the last contacts of more than any memory
// holds, and counts what raw forms allocate.
func TestShopIsStreamed(t *testing.T) {
	shop := audiencetest.Shop{Contacts: 2_000_000_000, Seed: 3}
	events := make([]audiencetest.ShopEvent, 0, 10_000)
	index := shop.Len() - 1_000
	allocations := testing.AllocsPerRun(900, func() {
		index++
		p := shop.Person(index)
		if p.Index != index {
			panic("another contact")
		}
		events = shop.AppendEvents(events[:0], index)
	})
	require.Zero(t, allocations)

	n := 0
	for range shop.EventWrites() {
		if n++; n == 100 {
			break
		}
	}
	require.Equal(t, 100, n)
}

// TestShopFitsItsSchema checks every write as a store would.
func TestShopFitsItsSchema(t *testing.T) {
	shop := audiencetest.Shop{Contacts: 1_000, Seed: 5}
	schema := shop.Schema()
	require.NoError(t, schema.Check(audience.Limits{}))
	schema = schema.Complete()
	checkContact := func(w *audience.ContactWrite) {
		require.NoError(t, w.Check(audience.Limits{}))
		for name, v := range w.Set {
			f, ok := schema.FieldNamed(name)
			require.True(t, ok, name)
			require.Equal(t, f.Type, v.Type(), name)
		}
	}
	checkEvent := func(w *audience.EventWrite) {
		require.NoError(t, w.Check(audience.Limits{}))
		eventType, ok := schema.EventNamed(w.Type)
		require.True(t, ok, w.Type)
		_, err := w.Event(1, eventType)
		require.NoError(t, err)
	}
	for w := range shop.ContactWrites() {
		checkContact(&w)
	}
	for w := range shop.ConsentWrites() {
		require.NoError(t, w.Check(audience.Limits{}))
	}
	for w := range shop.EventWrites() {
		checkEvent(&w)
	}
	for l := range shop.Live(2_000) {
		switch {
		case l.Contact != nil:
			checkContact(l.Contact)
		case l.Consent != nil:
			require.NoError(t, l.Consent.Check(audience.Limits{}))
		default:
			checkEvent(l.Event)
		}
	}
}

// TestBatches puts the batches together again.
func TestBatches(t *testing.T) {
	tests := []struct {
		name     string
		contacts int
		size     int
	}{
		{"one batch", 10, 10_000},
		{"many", 300, 100},
		{"less than some contact has", 300, 10},
		{"nothing but single ones", 100, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shop := audiencetest.Shop{Contacts: tt.contacts, Seed: 1}
			got, want := sha256.New(), sha256.New()
			contacts, consents, events := sha256.New(), sha256.New(), sha256.New()
			for b := range shop.Batches(tt.size) {
				require.NotEmpty(t, b.Contacts)
				require.LessOrEqual(t, len(b.Contacts), tt.size)
				if len(b.Contacts) > 1 {
					require.LessOrEqual(t, len(b.Consents), tt.size)
					require.LessOrEqual(t, len(b.Events), tt.size)
				}
				for i := range b.Contacts {
					writeContact(contacts, &b.Contacts[i])
				}
				for i := range b.Consents {
					writeConsent(consents, &b.Consents[i])
				}
				for i := range b.Events {
					writeEvent(events, &b.Events[i])
				}
			}
			writef(got, "%x %x %x", contacts.Sum(nil), consents.Sum(nil), events.Sum(nil))
			contacts, consents, events = sha256.New(), sha256.New(), sha256.New()
			for w := range shop.ContactWrites() {
				writeContact(contacts, &w)
			}
			for w := range shop.ConsentWrites() {
				writeConsent(consents, &w)
			}
			for i := range shop.Len() {
				for w := range shop.EventsOf(i) {
					writeEvent(events, &w)
				}
			}
			writef(want, "%x %x %x", contacts.Sum(nil), consents.Sum(nil), events.Sum(nil))
			require.Equal(t, want.Sum(nil), got.Sum(nil))
		})
	}
}

func TestShopOfAnotherTime(t *testing.T) {
	start := time.Date(1969, time.March, 1, 0, 0, 0, 0, time.UTC)
	shop := audiencetest.Shop{Contacts: 500, Seed: 1, Start: start, End: start.AddDate(0, 6, 0)}
	n := 0
	for w := range shop.EventWrites() {
		require.False(t, w.Time.Before(start))
		require.True(t, w.Time.Before(shop.End))
		n++
	}
	require.NotZero(t, n)
}
