package agenda_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/audiencekit/audiencekit/segment/internal/agenda"
)

const year = 365 * 24 * 3_600 * 1_000_000

func million(instants int64) []agenda.Entry {
	r := rand.New(rand.NewPCG(3, 5))
	entries := make([]agenda.Entry, 1_000_000)
	for i := range entries {
		entries[i] = agenda.Entry{At: r.Int64N(instants), Source: agenda.Source(i % 4), Contact: uint32(r.IntN(1_000_000))}
	}
	return entries
}

// BenchmarkTurn takes what is due first and queues it again, later: with a
// million entries, per entry.
func BenchmarkTurn(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 5))
	a := agenda.New()
	a.SetMany(million(year))
	b.ReportMetric(float64(a.Bytes())/float64(a.Len()), "B/entry")
	var taken []agenda.Entry
	b.ReportAllocs()
	for b.Loop() {
		at := a.Earliest()
		taken = a.Take(at, taken[:0])
		for _, e := range taken {
			a.Set(e.Source, e.Contact, at+1+r.Int64N(year))
		}
	}
}

// BenchmarkSet asks for random contacts among a million, mostly later ones
// than those queued, as events do.
func BenchmarkSet(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 5))
	a := agenda.New()
	entries := million(year)
	a.SetMany(slices.Clone(entries))
	at := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		at++
		e := entries[r.IntN(len(entries))]
		a.Set(e.Source, e.Contact, at+year/2)
	}
}

func BenchmarkSetMany(b *testing.B) {
	entries := million(year)
	for b.Loop() {
		agenda.New().SetMany(slices.Clone(entries))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
}

// BenchmarkTakeAll takes a million that are due at one instant.
func BenchmarkTakeAll(b *testing.B) {
	entries := million(1)
	var taken []agenda.Entry
	for b.Loop() {
		b.StopTimer()
		a := agenda.New()
		a.SetMany(slices.Clone(entries))
		b.StartTimer()
		taken = a.Take(0, taken[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(taken)), "ns/entry")
}
