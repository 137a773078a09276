package segment_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

// shopQueries are the three that evaluators are compared with, as a host
// writes them.
func shopQueries() []segment.Definition {
	return define(
		"fields", `contact.country == "DE" && contact.age >= 30 && "vip" in contact.tags`,
		"engaged", `
			contact.status == "subscribed"
			  && events("email.opened").within("30d").any()
			  && events("email.clicked").within("60d").any()`,
		"high-value", `
			events("purchase").sum("value") > 100
			  && events("purchase").within("1y").count() > 3
			  && rate(events("email.opened"), events("email.sent")) > 0.5
			  && contact.created_at < ago("6mo")`,
	)
}

// shopSizes are 1,000 and 100,000 contacts, and what
// AUDIENCEKIT_BENCH_CONTACTS adds: -bench 'Shop/^1000000$' measures that one
// alone.
func shopSizes() []int {
	sizes := []int{1_000, 100_000}
	if n, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_BENCH_CONTACTS")); err == nil {
		sizes = append(sizes, n)
	}
	return sizes
}

// BenchmarkShop measures everything that answers with segments on the same
// shops. A shop is loaded once for all that is below its size:
//
//   - query/Q/rows: cel-go over every profile of the store
//   - query/Q/preloaded: cel-go over profiles that are there already
//   - query/Q/columns: a loop written by hand over columns made for it
//   - query/Q/bitmaps: the algebra over bitmaps of the atoms, for fields only
//   - query/Q/engine
//   - segments/W/n: all of n segments of a workload, see workloads
//   - apply: a stream of commits
func BenchmarkShop(b *testing.B) {
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := loadShop(b, n)
			f := newFloor(w.shop)
			b.Run("query", func(b *testing.B) {
				for _, q := range shopQueries() {
					b.Run(q.Name, func(b *testing.B) { benchQuery(b, w, f, q) })
				}
			})
			b.Run("segments", func(b *testing.B) { benchWorkloads(b, w) })
			b.Run("apply", func(b *testing.B) { benchApply(b, w) })
		})
	}
}

func benchQuery(b *testing.B, w *shopWorld, f *floor, q segment.Definition) {
	set, err := setLanguage(b, w.aud).CompileSet(q)
	require.NoError(b, err)
	want := w.members(b, set, q.Name)
	now := audience.Micros(w.clock.now())
	column := f.query(q.Name)
	require.Equal(b, want, column(now).ids(), "by hand and row by row")

	b.Run("rows", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.evaluate(b, set)
		}
		perContact(b, w.shop.Len(), len(want))
	})
	b.Run("preloaded", func(b *testing.B) { benchPreloaded(b, w, set) })
	b.Run("columns", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			column(now)
		}
		perContact(b, w.shop.Len(), len(want))
	})
	if q.Name == "fields" {
		b.Run("bitmaps", func(b *testing.B) {
			atoms := f.fieldAtoms()
			require.Equal(b, len(want), intersection(atoms).Len())
			b.ReportAllocs()
			for b.Loop() {
				intersection(atoms)
			}
			perContact(b, w.shop.Len(), len(want))
		})
	}
	b.Run("engine", func(b *testing.B) { defineWithEngine(b, w, []segment.Definition{q}) })
}

// perContact reports what b.Loop took for all contacts as that of one.
func perContact(b *testing.B, contacts, members int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(contacts), "ns/contact")
	b.ReportMetric(float64(members), "members")
}

// benchPreloaded leaves out what reading the store costs. Profiles take more
// memory than the store does, so there are no more than 100,000 of them.
func benchPreloaded(b *testing.B, w *shopWorld, set *segment.Set) {
	profiles := w.profiles(b, set.Parts(), 100_000)
	moment := set.At(w.clock.now())
	var matches []bool
	members := 0
	b.ReportAllocs()
	for b.Loop() {
		members = 0
		for i := range profiles {
			var err error
			if matches, err = moment.Match(&profiles[i], matches); err != nil {
				b.Fatal(err)
			}
			for _, in := range matches {
				if in {
					members++
				}
			}
		}
	}
	perContact(b, len(profiles), members)
}

// defineWithEngine measures how long the engine takes to make segments live
// over a loaded shop, whose columns are there.
func defineWithEngine(b *testing.B, w *shopWorld, defs []segment.Definition) {
	kept := make([]segment.Definition, len(defs)) // keeps the columns
	for i, def := range defs {
		kept[i] = segment.Definition{Name: "kept-" + def.Name, Source: def.Source}
	}
	e := w.engine(b, kept...)
	both := append(kept, defs...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Apply(b.Context(), both...); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := e.Apply(b.Context(), kept...); err != nil {
			b.Fatal(err)
		}
		e.ForgetTicks()
		b.StartTimer()
	}
	members := 0
	for _, def := range kept {
		l, err := e.Segment(def.Name)
		require.NoError(b, err)
		members += l.Len()
	}
	perContact(b, w.shop.Len(), members)
}

// engine opens an engine with live segments.
func (w *shopWorld) engine(t testing.TB, defs ...segment.Definition) *segment.Engine {
	t.Helper()
	e, err := segment.OpenEngine(t.Context(), w.aud, segment.EngineOptions{Index: segment.RefIDs})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), defs...)
	require.NoError(t, err)
	e.ForgetTicks()
	return e
}

// applyWithEngine measures what commits cost the engine while segments are
// live, in batches of 1,000.
func applyWithEngine(b *testing.B, w *shopWorld, defs []segment.Definition) {
	e := w.engine(b, defs...)
	changes, moves := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		commits := w.happen(b, 1_000)
		for i := range commits {
			changes += countOf(&commits[i])
		}
		b.StartTimer()
		n, err := e.ApplyCommits(commits)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		moves += n
		e.ForgetTicks()
		b.StartTimer()
	}
	perChange(b, changes)
	b.ReportMetric(float64(moves)/float64(changes), "moves/change")
}

func intersection(sets []bitset.Set) bitset.Set {
	out := sets[0]
	for _, s := range sets[1:] {
		out = out.And(s)
	}
	return out
}

// TestShopQueries wants the loops by hand and the evaluation row by row to
// agree, so that what is measured is the same.
func TestShopQueries(t *testing.T) {
	w := loadShop(t, 3_000)
	f := newFloor(w.shop)
	set, err := setLanguage(t, w.aud).CompileSet(shopQueries()...)
	require.NoError(t, err)
	for _, q := range shopQueries() {
		for _, days := range []int{0, 1, 20, 100, 400} {
			w.clock.set(audience.Micros(shopEnd()) + int64(days)*24*time.Hour.Microseconds())
			want := w.members(t, set, q.Name)
			if days < 20 {
				require.NotEmpty(t, want, q.Name)
			}
			require.Equal(t, want, f.query(q.Name)(audience.Micros(w.clock.now())).ids(), "%s after %d days", q.Name, days)
		}
	}
	require.Equal(t, f.query("fields")(0).ids(), idsOf(intersection(f.fieldAtoms())))
}
