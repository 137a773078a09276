package store_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

const benchBatch = 1_000

// benchAudience opens an audience with n contacts as a shop has them, each
// with an address, a key, a name, a tag, two fields and consent.
func benchAudience(b *testing.B, n int) *store.Audience {
	b.Helper()
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	aud, err := store.Open(b.Context(), memstore.New(), "shop", store.Options{Keys: keys, Clock: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	for first := 0; first < n; first += benchBatch {
		benchUpdate(b, aud, func(tx *store.Tx) error {
			if _, err := tx.Put(b.Context(), benchWrites(first, 0)...); err != nil {
				return err
			}
			_, err := tx.Record(b.Context(), benchGrants(first)...)
			return err
		})
	}
	return aud
}

func benchUpdate(b *testing.B, aud *store.Audience, fn func(*store.Tx) error) {
	b.Helper()
	if _, err := aud.Update(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

// benchWrites gives one batch of writes, from a contact on; round makes them
// differ from those of other rounds.
func benchWrites(first, round int) []audience.ContactWrite {
	out := make([]audience.ContactWrite, benchBatch)
	for i := range out {
		n := first + i
		out[i] = audience.ContactWrite{
			Match: audience.Key(strconv.Itoa(n)), Email: audience.MustAddress(fmt.Sprintf("first.last%d@example.com", n)),
			FirstName: audience.NewPrivate("First"), LastName: audience.NewPrivate("Last"), AddTags: []string{"b2c"},
			Set: map[string]audience.Value{"tier": audience.StringValue("gold"), "score": audience.IntValue(int64(n + round))},
		}
	}
	return out
}

func benchGrants(first int) []audience.ConsentWrite {
	out := make([]audience.ConsentWrite, benchBatch)
	for i := range out {
		out[i] = audience.ConsentWrite{
			Contact: audience.Key(strconv.Itoa(first + i)), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
			Mechanism: audience.MechanismAttested, Evidence: []byte("the list of last year, attested by the host"),
		}
	}
	return out
}

func benchEvents(first, round int) []audience.EventWrite {
	out := make([]audience.EventWrite, benchBatch)
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i := range out {
		out[i] = audience.EventWrite{
			Contact: audience.Key(strconv.Itoa(first + i)), ID: fmt.Sprintf("o%d", round), Type: "purchase", Time: at.Add(time.Duration(round) * time.Second),
			Props: map[string]audience.Value{"value": audience.DoubleValue(19.9), "currency": audience.StringValue("EUR")},
		}
	}
	return out
}

// Each operation is a batch of 1,000 in a transaction of its own; per_item is
// what one of them costs, with making the writes.
func BenchmarkHandle(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		if n > benchBatch && testing.Short() {
			continue
		}
		run := func(name string, op func(b *testing.B, aud *store.Audience, round int)) {
			b.Run(fmt.Sprintf("%s/contacts=%d", name, n), func(b *testing.B) {
				aud := benchAudience(b, n)
				round := 0
				b.ReportAllocs()
				for b.Loop() {
					round++
					op(b, aud, round)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchBatch, "ns/item")
			})
		}
		first := func(round int) int { return round * benchBatch % n }
		run("create", func(b *testing.B, aud *store.Audience, round int) {
			benchUpdate(b, aud, func(tx *store.Tx) error {
				_, err := tx.Put(b.Context(), benchWrites(n+round*benchBatch, 0)...)
				return err
			})
		})
		run("change", func(b *testing.B, aud *store.Audience, round int) {
			benchUpdate(b, aud, func(tx *store.Tx) error {
				_, err := tx.Put(b.Context(), benchWrites(first(round), round)...)
				return err
			})
		})
		run("append", func(b *testing.B, aud *store.Audience, round int) {
			benchUpdate(b, aud, func(tx *store.Tx) error {
				_, err := tx.Append(b.Context(), benchEvents(first(round), round)...)
				return err
			})
		})
		run("record", func(b *testing.B, aud *store.Audience, round int) {
			benchUpdate(b, aud, func(tx *store.Tx) error {
				_, err := tx.Record(b.Context(), benchGrants(first(round))...)
				return err
			})
		})
		run("profiles", func(b *testing.B, aud *store.Audience, _ int) {
			benchView(b, aud, store.ProfileQuery{Parts: audience.ProfileParts{
				Ledger: true, Lists: true, Suppressed: true, Events: []string{"purchase"},
			}})
		})
		run("contacts", func(b *testing.B, aud *store.Audience, _ int) { benchView(b, aud, store.ProfileQuery{}) })
	}
}

// benchView reads one page.
func benchView(b *testing.B, aud *store.Audience, q store.ProfileQuery) {
	b.Helper()
	if err := aud.View(b.Context(), func(r *store.Reader) error {
		page, err := r.Profiles(b.Context(), q)
		if len(page.Items) != benchBatch {
			b.Fatal(len(page.Items))
		}
		return err
	}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOne is one item in a transaction of its own, as a web request
// does it.
func BenchmarkOne(b *testing.B) {
	aud := benchAudience(b, benchBatch)
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			w := audience.ContactWrite{Match: audience.Key(strconv.Itoa(i % benchBatch)), Set: map[string]audience.Value{"score": audience.IntValue(int64(i))}}
			if _, err := aud.Put(b.Context(), w); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		at := aud.Now()
		for i := 0; b.Loop(); i++ {
			w := audience.EventWrite{Contact: audience.Key(strconv.Itoa(i % benchBatch)), Type: "email.opened", Time: at}
			if _, err := aud.Append(b.Context(), w); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("contact", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := aud.Contact(b.Context(), audience.Key(strconv.Itoa(i%benchBatch))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
