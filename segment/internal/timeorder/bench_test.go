package timeorder_test

import (
	"math/rand/v2"
	"testing"

	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// twoYears gives a million contacts with instants in two years, and the end.
func twoYears() (dense, *timeorder.Order, int64) {
	r := rand.New(rand.NewPCG(3, 7))
	d := make(dense, 1_000_000)
	for id := range d {
		d[id] = start + r.Int64N(730*day)
	}
	o := timeorder.New(d.value)
	o.Build(d.all)
	return d, o, start + 730*day
}

// BenchmarkDay advances 300 windows of different lengths by a day: per contact
// that leaves one.
func BenchmarkDay(b *testing.B) {
	_, o, now := twoYears()
	cursors := make([]int64, 300)
	for i := range cursors {
		cursors[i] = now - int64(i+2)*2*day
	}
	seen := 0
	b.ReportAllocs()
	for b.Loop() {
		for hour := range 24 {
			for i := range cursors {
				until := now - int64(i+2)*2*day + int64(hour+1)*day/24
				for at, found := o.Next(cursors[i]); found && at <= until; at, found = o.Next(cursors[i]) {
					o.At(at, func(uint32) { seen++ })
					cursors[i] = at
				}
			}
		}
		for i := range cursors {
			cursors[i] -= day
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seen), "ns/visit")
	b.ReportMetric(float64(o.Bytes())/float64(o.Len()), "B/contact")
}

// BenchmarkAdd moves random contacts to the newest end.
func BenchmarkAdd(b *testing.B) {
	d, o, now := twoYears()
	r := rand.New(rand.NewPCG(4, 7))
	b.ReportAllocs()
	for b.Loop() {
		now += second
		id := r.Uint32N(uint32(len(d)))
		d[id] = now
		o.Add(id, now)
	}
	b.ReportMetric(float64(o.Bytes())/float64(o.Len()), "B/contact")
}

func BenchmarkBuild(b *testing.B) {
	d, o, _ := twoYears()
	for b.Loop() {
		o.Build(d.all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(d)), "ns/contact")
	b.ReportMetric(float64(o.Bytes())/float64(o.Len()), "B/contact")
}
