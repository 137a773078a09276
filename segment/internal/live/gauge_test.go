package live

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomTests gives tests of one feature, in every form.
func randomTests(random *rand.Rand, g *gauge) []*literal {
	values := func(n int) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = random.Int64N(12) - 6
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	var out []*literal
	for range 30 {
		t := &valueTest{gauge: g}
		switch random.IntN(6) {
		case 0:
			t.form, t.lo, t.hi = inRange, random.Int64N(12)-6, most
		case 1:
			t.form, t.lo, t.hi = inRange, least, random.Int64N(12)-6
		case 2:
			t.form, t.set = isOneOf, values(1+random.IntN(3))
		case 3:
			t.form, t.set = isNoneOf, values(1+random.IntN(3))
		case 4:
			t.form = isKnown
		default:
			t.form = isAbsent
		}
		l := &literal{test: t}
		g.add(l)
		out = append(out, l)
	}
	return out
}

// A change of a value visits every literal that it makes true or false, and
// of ranges and equalities no other.
func TestCross(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	readings := []reading{{}, {least, true}, {most, true}}
	for v := int64(-7); v <= 7; v++ {
		readings = append(readings, reading{v, true})
	}
	for range 100 {
		g := &gauge{}
		literals := randomTests(random, g)
		for _, from := range readings {
			for _, to := range readings {
				visited := map[*literal]bool{}
				g.cross(from, to, func(l *literal) { visited[l] = true })
				for _, l := range literals {
					test := l.test.(*valueTest)
					flips := test.accepts(from.value, from.known) != test.accepts(to.value, to.known)
					require.False(t, flips && !visited[l], "%+v from %+v to %+v is missed", test, from, to)
					if test.form == inRange || test.form == isKnown || test.form == isAbsent {
						require.Equal(t, flips, visited[l], "%+v from %+v to %+v", test, from, to)
					}
				}
			}
		}
	}
}

func TestFromFloat(t *testing.T) {
	values := []float64{
		-math.MaxFloat64, -1e300, -2, -1.5, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 0.1, 1,
		math.Nextafter(1, 2), 1e300, math.MaxFloat64,
	}
	for i, a := range values {
		for j, b := range values {
			require.Equal(t, i < j, fromFloat(a) < fromFloat(b), "%v %v", a, b)
		}
		if next := math.Nextafter(a, math.Inf(1)); next != 0 { // below 0 there is room for -0, which never comes
			require.Equal(t, fromFloat(next), fromFloat(a)+1, "the next number is the next double: %v", a)
		}
	}
	require.Equal(t, fromFloat(0), fromFloat(math.Copysign(0, -1)))
}

// The parents of a literal give every segment whose access literals hold, and
// where they are worth it few others.
func TestParents(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		countries := &gauge{feature: fixedValue{}}
		plans := &gauge{feature: fixedValue{by: 100}}
		equals := func(g *gauge, v int64) *literal {
			return &literal{test: &valueTest{gauge: g, form: isOneOf, set: []int64{v}}}
		}
		byCountry, byPlan := make([]*literal, 9), make([]*literal, 5)
		for i := range byCountry {
			byCountry[i] = equals(countries, int64(i))
		}
		for i := range byPlan {
			byPlan[i] = equals(plans, int64(100+i))
		}
		var entries []entry
		for i := range 200 {
			e := entry{segment: &Segment{rank: uint32(i)}}
			if random.IntN(4) > 0 {
				e.access = append(e.access, byCountry[random.IntN(len(byCountry))])
			}
			if random.IntN(4) > 0 {
				e.access = append(e.access, byPlan[random.IntN(len(byPlan))])
			}
			entries = append(entries, e)
		}
		p := newParents(entries)
		c := &Core{}
		for id := range uint32(9) {
			visited := map[*Segment]bool{}
			p.visit(c, id, func(s *Segment) { visited[s] = true })
			for _, e := range entries {
				holds := !slices.ContainsFunc(e.access, func(l *literal) bool {
					return !l.test.(*valueTest).accepts(l.test.(*valueTest).gauge.feature.value(c, id, 0))
				})
				require.False(t, holds && !visited[e.segment])
			}
			require.Less(t, len(visited), 110, "of 200")
		}
		// What a contact was before counts as well.
		c.tick.remember(&gauge{}, 1, reading{3, true})
		require.Empty(t, c.tick.old, "nothing is filed under it")
		countries.equal = map[int64][]*literal{3: nil}
		c.tick.remember(countries, 1, reading{3, true})
		visited := map[*Segment]bool{}
		p.visit(c, 1, func(s *Segment) { visited[s] = true })
		for _, e := range entries {
			if len(e.access) == 1 && e.access[0] == byCountry[3] {
				require.True(t, visited[e.segment])
			}
		}
	}
}

// fixedValue is a feature that is the contact's number, and so much more.
type fixedValue struct{ by int64 }

func (f fixedValue) value(_ *Core, id uint32, _ int64) (int64, bool) {
	if f.by > 0 {
		return f.by + int64(id%5), true
	}
	return int64(id), true
}
func (fixedValue) price() int { return 1 }
