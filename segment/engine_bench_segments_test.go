package segment_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
)

// workload makes n segments over a shop, always the same.
type workload struct {
	name string
	make func(n int) []segment.Definition
}

// workloads are sets that hosts have, and some that hurt.
func workloads() []workload {
	return []workload{
		{"reference", referenceKind},
		{"thresholds", thresholdSegments},
		{"country-tag", countryTagSegments},
		{"random", randomSegments},
	}
}

// numbered gives n definitions, each from its number.
func numbered(n int, source func(i int) string) []segment.Definition {
	defs := make([]segment.Definition, n)
	for i := range defs {
		name := "s" + strconv.Itoa(i)
		defs[i] = segment.Definition{Name: name, Source: source(i), File: name + ".cel"}
	}
	return defs
}

// referenceKind makes segments of the two kinds that most hosts start with,
// no two the same up to some hundred thousand.
func referenceKind(n int) []segment.Definition {
	random := rand.New(rand.NewPCG(1, 1))
	return numbered(n, func(i int) string {
		if i%2 == 0 {
			return fmt.Sprintf(`contact.status == "subscribed" && events("email.opened").within("%dd").any() && events("email.clicked").within("%dd").any()`,
				7+random.IntN(359), 7+random.IntN(359))
		}
		return fmt.Sprintf(`events("purchase").sum("value") > %d && events("purchase").within("%dd").count() > %d && rate(events("email.opened"), events("email.sent")) > %.2f && contact.created_at < ago("%dmo")`,
			10*(1+random.IntN(100)), 7+random.IntN(359), random.IntN(10), float64(5+random.IntN(90))/100, 1+random.IntN(24))
	})
}

// thresholdSegments cut one count at n places.
func thresholdSegments(n int) []segment.Definition {
	return numbered(n, func(i int) string { return fmt.Sprintf(`events("purchase").count() > %d`, i) })
}

// countryTagSegments share one atom that flips often and are told apart by
// two that do not.
func countryTagSegments(n int) []segment.Definition {
	countries, tags := audiencetest.Countries(), audiencetest.Tags()
	return numbered(n, func(i int) string {
		tag := tags[i/len(countries)%len(tags)]
		return fmt.Sprintf(`events("email.opened").within("30d").any() && contact.country == %q && %q in contact.tags`, countries[i%len(countries)], tag)
	})
}

// randomSegments combine two to five of 30 features.
func randomSegments(n int) []segment.Definition {
	random := rand.New(rand.NewPCG(2, 2))
	features := shopFeatures()
	var formula func(atoms int) string
	formula = func(atoms int) string {
		if atoms == 1 {
			atom := features[random.IntN(len(features))](random)
			if random.IntN(5) == 0 {
				return "!(" + atom + ")"
			}
			return atom
		}
		left := 1 + random.IntN(atoms-1)
		operator := []string{" && ", " && ", " || "}[random.IntN(3)]
		return "(" + formula(left) + operator + formula(atoms-left) + ")"
	}
	return numbered(n, func(int) string { return formula(2 + random.IntN(4)) })
}

// shopFeatures are the things that randomSegments ask for, each with constants
// of its own.
func shopFeatures() []func(r *rand.Rand) string {
	one := func(format string, constants ...func(r *rand.Rand) any) func(r *rand.Rand) string {
		return func(r *rand.Rand) string {
			args := make([]any, len(constants))
			for i, constant := range constants {
				args[i] = constant(r)
			}
			return fmt.Sprintf(format, args...)
		}
	}
	number := func(lo, hi int) func(r *rand.Rand) any { return func(r *rand.Rand) any { return lo + r.IntN(hi-lo) } }
	word := func(words []string) func(r *rand.Rand) any {
		return func(r *rand.Rand) any { return strconv.Quote(words[r.IntN(len(words))]) }
	}
	countries, days := word(audiencetest.Countries()), number(7, 366)
	return []func(r *rand.Rand) string{
		one(`contact.country == %s`, countries),
		one(`contact.country in [%s, %s, %s]`, countries, countries, countries),
		one(`contact.city == %s`, word([]string{"Berlin", "Paris", "London", "Wien"})),
		one(`contact.plan != %s`, word(audiencetest.Plans())),
		one(`contact.age >= %d`, number(15, 80)),
		one(`contact.age < %d`, number(15, 80)),
		one(`contact.vip`),
		one(`contact.score > %d.5`, number(0, 100)),
		one(`has(contact.score)`),
		one(`contact.birthday < date("%d-06-30")`, number(1945, 2010)),
		one(`anniversary(contact.birthday) < ahead("%dd")`, number(1, 40)),
		one(`contact.renews_at < ahead("%dd")`, number(1, 90)),
		one(`%s in contact.interests`, word(audiencetest.Interests())),
		one(`%s in contact.tags`, word(audiencetest.Tags())),
		one(`contact.status == %s`, word([]string{"subscribed", "unsubscribed", "none"})),
		one(`contact.created_at < ago("%dd")`, number(1, 900)),
		one(`contact.created_at >= ago("%dmo")`, number(1, 30)),
		one(`contact.email.endsWith(%s)`, word([]string{"7@example.com", "@example.com"})),
		one(`events("email.opened").within("%dd").any()`, days),
		one(`events("email.clicked").within("%dd").any()`, days),
		one(`events("email.opened", "purchase").within("%dd").none()`, days),
		one(`events("email.sent").within("%dd").count() >= %d`, days, number(1, 12)),
		one(`events("purchase").count() > %d`, number(0, 12)),
		one(`events("purchase").within("%dd").count() == %d`, days, number(0, 4)),
		one(`events("purchase").sum("value") > %d`, number(10, 900)),
		one(`events("purchase").within("%dd").avg("value") > %d`, days, number(10, 90)),
		one(`events("purchase").max("value") >= %d`, number(20, 300)),
		one(`events("purchase").last() < ago("%dd")`, days),
		one(`rate(events("email.opened"), events("email.sent")) > 0.%d`, number(1, 9)),
		one(`events("purchase").where(e, e.items >= %d && e.value > %d).within("%dd").any()`, number(1, 4), number(10, 90), days),
	}
}

// benchWorkloads measures n segments at once: row by row over 1,000 profiles,
// and with the engine over the whole shop.
func benchWorkloads(b *testing.B, w *shopWorld) {
	for _, load := range workloads() {
		for _, n := range []int{10, 100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", load.name, n), func(b *testing.B) {
				b.Run("preloaded", func(b *testing.B) {
					if n > 1_000 || w.shop.Len() > 1_000 {
						b.Skip("row by row the cost is that of 1,000 segments and 1,000 contacts, times more")
					}
					benchManyPreloaded(b, w, load.make(n))
				})
				b.Run("engine", func(b *testing.B) { defineWithEngine(b, w, load.make(n)) })
			})
		}
	}
}

func benchManyPreloaded(b *testing.B, w *shopWorld, defs []segment.Definition) {
	set, err := setLanguage(b, w.aud).CompileSet(defs...)
	require.NoError(b, err)
	profiles := w.profiles(b, set.Parts(), 1_000)
	moment := set.At(w.clock.now())
	var matches []bool
	i, members := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		if matches, err = moment.Match(&profiles[i%len(profiles)], matches); err != nil {
			b.Fatal(err)
		}
		for _, in := range matches {
			if in {
				members++
			}
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i)/float64(len(defs)), "ns/segment")
	b.ReportMetric(float64(members)/float64(i), "memberships/contact")
}

// TestWorkloads compiles some of each and wants them to be different ones
// that somebody is in.
func TestWorkloads(t *testing.T) {
	require.Len(t, shopFeatures(), 30)
	w := loadShop(t, 1_000)
	for _, load := range workloads() {
		t.Run(load.name, func(t *testing.T) {
			const n = 300
			defs := load.make(n)
			sources := make(map[string]bool)
			for _, d := range defs {
				sources[d.Source] = true
			}
			require.Greater(t, len(sources), n*9/10)
			require.Equal(t, defs, load.make(n), "always the same")
			set, err := setLanguage(t, w.aud).CompileSet(defs...)
			require.NoError(t, err)
			result := w.evaluate(t, set)
			inhabited := 0
			for _, name := range result.Names() {
				members, _ := result.Members(name)
				if members.Len() > 0 {
					inhabited++
				}
			}
			require.Greater(t, inhabited, n/20, strings.Join(result.Names(), " "))
		})
	}
}
