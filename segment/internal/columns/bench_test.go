package columns

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var benchTypes = []string{"purchase", "email.sent", "email.opened", "email.clicked"}

func benchSchema() audience.Schema {
	s := audience.Schema{}
	s = s.Complete()
	for i := range s.Events {
		s.Events[i].ID = audience.EventTypeID(i + 1)
		for k := range s.Events[i].Props {
			s.Events[i].Props[k].ID = audience.PropID(k + 1)
		}
	}
	return s
}

func benchNeeds() Needs {
	n := Needs{CreatedAt: true}
	for _, typ := range benchTypes {
		e := EventNeeds{Type: typ}
		if typ == "purchase" {
			e.Props = []audience.PropID{1}
		}
		n.Events = append(n.Events, e)
	}
	return n.Union(Needs{})
}

// benchEvents makes n events of random contacts at rising times, as a feed
// brings them.
func benchEvents(contacts, n int) []store.Change {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]store.Change, n)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range out {
		at = at.Add(time.Second)
		id := audience.ContactID(1 + r.IntN(contacts))
		e := &audience.Event{Contact: id, Origin: id, ID: "x", Type: benchTypes[r.IntN(4)], Time: at}
		if e.Type == "purchase" {
			e.Props = []audience.EventProp{{ID: 1, Value: audience.DoubleValue(float64(r.IntN(10_000)) / 100)}}
		}
		out[i] = store.Change{Kind: store.ChangeEvent, Contact: id, Event: e}
	}
	return out
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkApplyEvent applies events to a table that has ten of each contact,
// and reports what an event costs in memory.
func BenchmarkApplyEvent(b *testing.B) {
	for _, contacts := range []int{10_000, 200_000} {
		b.Run(strconv.Itoa(contacts), func(b *testing.B) {
			changes := benchEvents(contacts, 10*contacts)
			more := benchEvents(contacts, contacts)
			before := heap()
			t := New(benchSchema(), nil, benchNeeds())
			for id := range contacts {
				c := &audience.Contact{ID: audience.ContactID(id + 1), CreatedAt: time.Unix(1, 0)}
				require.NoError(b, t.Apply(&store.Change{Kind: store.ChangeContact, Contact: c.ID, After: c}))
			}
			fixed := heap()
			for i := range changes {
				require.NoError(b, t.Apply(&changes[i]))
			}
			after := heap()
			index := 0
			for _, s := range t.streams {
				for _, p := range s.pages {
					index += 4 * (cap(p.starts) + cap(p.lens))
				}
			}
			b.ResetTimer()
			for i := range b.N {
				if i >= len(more) && i%len(more) == 0 {
					b.StopTimer() // not to measure other lengths: take them back
					for k := range more {
						require.NoError(b, t.Apply(&store.Change{Kind: store.ChangeEvent, Contact: more[k].Contact, Before: more[k].Event, Event: &audience.Event{Retracted: true}}))
					}
					b.StartTimer()
				}
				if err := t.Apply(&more[i%len(more)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(after-fixed-uint64(index))/float64(len(changes)), "B/event")
			b.ReportMetric(float64(index)/float64(4*contacts), "B/contact-type")
			b.ReportMetric(float64(fixed-before)/float64(contacts), "B/contact")
			runtime.KeepAlive(t)
			runtime.KeepAlive(changes)
		})
	}
}

func BenchmarkEffectsEvent(b *testing.B) {
	changes := benchEvents(10_000, 100_000)
	t := New(benchSchema(), nil, benchNeeds())
	for id := range 10_000 {
		t.presence.add(uint32(id + 1))
	}
	var into []Effect
	for i := range b.N {
		into = t.Effects(&changes[i%len(changes)], into[:0])
	}
}

// BenchmarkLoad reads a snapshot of memstore into a table.
func BenchmarkLoad(b *testing.B) {
	const contacts = 20_000
	ctx := b.Context()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	aud, err := store.Open(ctx, memstore.New(), "main", store.Options{Clock: func() time.Time { return now }})
	require.NoError(b, err)
	r := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < contacts; from += 1000 {
		var puts []audience.ContactWrite
		var events []audience.EventWrite
		for i := range 1000 {
			key := audience.Key(fmt.Sprint("u", from+i))
			puts = append(puts, audience.ContactWrite{Match: key})
			for range 10 {
				e := audience.EventWrite{Contact: key, Type: benchTypes[r.IntN(4)], Time: now.Add(-time.Duration(r.IntN(1e9)) * time.Microsecond)}
				if e.Type == "purchase" {
					e.Props = map[string]audience.Value{"value": audience.DoubleValue(float64(r.IntN(100)))}
				}
				events = append(events, e)
			}
		}
		_, err := aud.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Put(ctx, puts...); err != nil {
				return err
			}
			_, err := tx.Append(ctx, events...)
			return err
		})
		require.NoError(b, err)
	}
	schema := aud.Schema()
	needs := Needs{CreatedAt: true}
	for _, typ := range benchTypes {
		e := EventNeeds{Type: typ}
		t, _ := schema.EventNamed(typ)
		if p, ok := t.PropNamed("value"); ok {
			e.Props = []audience.PropID{p.ID}
		}
		needs.Events = append(needs.Events, e)
	}
	b.ResetTimer()
	for range b.N {
		require.NoError(b, aud.View(ctx, func(r *store.Reader) error {
			return New(r.Schema(), r.Zone(), needs.Union(Needs{})).Load(ctx, r, nil)
		}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*contacts), "ns/contact")
}

// BenchmarkScan counts the events of everybody after an instant.
func BenchmarkScan(b *testing.B) {
	changes := benchEvents(100_000, 1_000_000)
	t := New(benchSchema(), nil, benchNeeds())
	for i := range changes {
		require.NoError(b, t.Apply(&changes[i]))
	}
	s := t.Stream("purchase")
	after := audience.Micros(changes[500_000].Event.Time)
	b.ResetTimer()
	for range b.N {
		n := 0
		for i := range s.Pages() {
			starts, lens, times := s.Page(i)
			for low, k := range lens {
				for _, at := range times[starts[low] : starts[low]+k] {
					if at > after {
						n++
					}
				}
			}
		}
		if n == 0 {
			b.Fatal("none")
		}
	}
}
