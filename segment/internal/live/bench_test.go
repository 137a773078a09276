package live_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

func engaged(opened, clicked int) string {
	return fmt.Sprintf(`contact.status == "subscribed" && events("email.opened").within("%dd").any() && events("email.clicked").within("%dd").any()`, opened, clicked)
}

// reference makes segments of the two kinds that most hosts start with.
func reference(n int) []string {
	random := rand.New(rand.NewPCG(1, 1))
	out := make([]string, n)
	for i := range out {
		if i%2 == 0 {
			out[i] = engaged(7+random.IntN(359), 7+random.IntN(359))
			continue
		}
		out[i] = fmt.Sprintf(`events("purchase").sum("value") > %d && events("purchase").within("%dd").count() > %d && rate(events("email.opened"), events("email.sent")) > %.2f && contact.created_at < ago("%dmo")`,
			10*(1+random.IntN(100)), 7+random.IntN(359), random.IntN(10), float64(5+random.IntN(90))/100, 1+random.IntN(24))
	}
	return out
}

func thresholds(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`events("email.opened").count() > %d`, i)
	}
	return out
}

// countryTag makes segments that share a window. There are 200 countries and
// 50 tags, so that 10,000 segments are all different.
func countryTag(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`events("email.opened").within("30d").any() && contact.country == %q && %q in contact.tags`,
			fmt.Sprintf("X%d", i%200), fmt.Sprintf("t%d", i/200%50))
	}
	return out
}

// BenchmarkCommits applies commits in batches of 1,000 while segments are
// live. cpu-ns/change is the time the process has used.
func BenchmarkCommits(b *testing.B) {
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for _, load := range []struct {
				name    string
				sources func(int) []string
				counts  []int
			}{
				{"reference", reference, []int{10, 100, 1_000, 10_000}},
				{"thresholds", thresholds, []int{10, 1_000, 10_000}},
				{"country-tag", countryTag, []int{10, 1_000, 10_000}},
			} {
				s := newShop(b, n, true, load.sources(10_000)...)
				for _, count := range load.counts {
					b.Run(fmt.Sprintf("%s/%d", load.name, count), func(b *testing.B) { benchCommits(b, s, load.sources(count)) })
				}
			}
		})
	}
}

func benchCommits(b *testing.B, s *shop, sources []string) {
	s.define(b, sources...)
	const batch = 1_000
	var commits []store.Commit
	moves, settled, done := 0, 0, 0
	var used time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if len(commits) == 0 {
			commits = s.commits(b, 100*batch)
			runtime.GC()
		}
		now := commits[:batch]
		commits = commits[batch:]
		began := cpu()
		b.StartTimer()
		for i := range now {
			at := audience.Micros(now[i].At)
			if err := s.core.Settle(at, func(_ int64, m []live.Move) error { settled += len(m); return nil }); err != nil {
				b.Fatal(err)
			}
			m, err := s.core.Commit(at, now[i].Changes, nil)
			if err != nil {
				b.Fatal(err)
			}
			moves += len(m)
		}
		used += cpu() - began
		done += batch
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/change")
	b.ReportMetric(float64(used.Nanoseconds())/float64(done), "cpu-ns/change")
	b.ReportMetric(float64(moves)/float64(done), "moves/change")
	b.ReportMetric(float64(settled)/float64(done), "settled/change")
}

// BenchmarkSettle lets days pass in which memberships expire: of one literal
// each, so that a move is a flip of a literal, and of 100 segments of the
// reference kind.
func BenchmarkSettle(b *testing.B) {
	windows := make([]string, 60) // that one contact after the other leaves, each day some
	for i := range windows {
		windows[i] = fmt.Sprintf(`events("email.sent").within("%dd").any()`, i+1)
	}
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n)+"/flips", func(b *testing.B) { benchSettle(b, n, windows) })
		b.Run(strconv.Itoa(n)+"/reference", func(b *testing.B) { benchSettle(b, n, reference(100)) })
	}
}

func benchSettle(b *testing.B, n int, sources []string) {
	s := newShop(b, n, false, sources...)
	s.define(b, sources...)
	moves, ticks := 0, 0
	runtime.GC()
	b.ReportAllocs()
	began := cpu()
	b.ResetTimer()
	for b.Loop() {
		to := s.core.Now() + int64(24*time.Hour/time.Microsecond)
		require.NoError(b, s.core.Settle(to, func(_ int64, m []live.Move) error {
			moves += len(m)
			ticks++
			return nil
		}))
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(moves), "cpu-ns/move")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(moves), "ns/move")
	b.ReportMetric(float64(moves)/float64(b.N), "moves/day")
	b.ReportMetric(float64(ticks)/float64(b.N), "ticks/day")
}

// BenchmarkMemory reports the heap of a core with 100 segments.
func BenchmarkMemory(b *testing.B) {
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			sources := reference(100)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := newShop(b, n, false, sources...)
			s.define(b, sources...)
			s.seqs = nil
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&after)
			for b.Loop() {
			}
			events := 0
			for _, t := range []string{"email.sent", "email.opened", "email.clicked", "purchase"} {
				for id := range s.table.Presence().All {
					events += s.table.Stream(t).Len(id)
				}
			}
			heap := float64(after.HeapAlloc - before.HeapAlloc)
			b.ReportMetric(heap/float64(n), "B/contact")
			b.ReportMetric(float64(events), "events")
			b.ReportMetric((heap-24*float64(events))/float64(n), "B/contact-beside-24-B/event")
			for _, size := range s.table.Sizes() {
				b.Logf("%-30s %12d %8.1f B/contact", size.Name, size.Bytes, float64(size.Bytes)/float64(n))
			}
			sets := 0
			for _, seg := range s.core.Segments() {
				sets += seg.Bytes()
			}
			b.Logf("sets %d", sets)
		})
	}
}
