package segment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// randomSet is a set of segments whose rules are known without compiling.
type randomSet struct {
	broken []bool
	names  [][]int // which ones each names
	negate []bool
	above  []int64 // the age that each wants, beside all that it names
}

func newRandomSet(r *rand.Rand) randomSet {
	n := 1 + r.IntN(12)
	s := randomSet{broken: make([]bool, n), names: make([][]int, n), negate: make([]bool, n), above: make([]int64, n)}
	for i := range n {
		s.broken[i] = r.IntN(15) == 0
		s.negate[i] = r.IntN(2) == 0
		s.above[i] = r.Int64N(10)
		for j := range n {
			if r.IntN(n*3) < 2 || i > 0 && j == i-1 && r.IntN(2) == 0 {
				s.names[i] = append(s.names[i], j)
			}
		}
	}
	return s
}

func (s randomSet) name(i int) string { return fmt.Sprintf("s%02d", i) }

func (s randomSet) definitions() []segment.Definition {
	var out []string
	for i := range s.broken {
		parts := []string{fmt.Sprintf("contact.age > %d", s.above[i])}
		if s.broken[i] {
			parts[0] = "contact.nothing"
		}
		for _, j := range s.names[i] {
			parts = append(parts, fmt.Sprintf("inSegment(%q)", s.name(j)))
		}
		source := strings.Join(parts, " && ")
		if s.negate[i] {
			source = "!(" + source + ")"
		}
		out = append(out, s.name(i), source)
	}
	return define(out...)
}

// reaches reports whether i names j, or one that does.
func (s randomSet) reaches(i, j int, seen map[int]bool) bool {
	for _, k := range s.names[i] {
		if k == j {
			return true
		}
		if !seen[k] {
			seen[k] = true
			if s.reaches(k, j, seen) {
				return true
			}
		}
	}
	return false
}

// rule gives the rule by which a segment is refused, empty when it is not.
// One that does not compile names nobody.
func (s randomSet) rule(i int) string {
	if s.broken[i] {
		return "unknown-field"
	}
	if s.reaches(i, i, map[int]bool{}) {
		return "cycle"
	}
	for _, j := range s.names[i] {
		if s.rule(j) != "" {
			return "broken"
		}
	}
	return ""
}

func (s randomSet) member(i int, age int64) bool {
	in := age > s.above[i]
	for _, j := range s.names[i] {
		in = in && s.member(j, age)
	}
	return in != s.negate[i]
}

// TestSetRandom compares with the definition of what is refused and of who
// is a member.
func TestSetRandom(t *testing.T) {
	aud := setAudience(t)
	l := setLanguage(t, aud)
	var profiles []*audience.Profile
	for age := range int64(11) {
		profiles = append(profiles, aged(t, aud, age))
	}
	rules := map[string]int{}
	for seed := range uint64(300) {
		s := newRandomSet(rand.New(rand.NewPCG(seed, 9)))
		for i := range s.broken {
			if s.broken[i] {
				s.names[i] = nil
			}
		}
		defs := s.definitions()
		set, err := l.CompileSet(defs...)

		want, got := map[string]string{}, map[string]string{}
		for i := range s.broken {
			want[s.name(i)] = s.rule(i)
			rules[s.rule(i)]++
		}
		for _, name := range set.Names() {
			got[name] = ""
		}
		if refused, ok := errors.AsType[*segment.SetError](err); ok {
			for _, e := range refused.Errors {
				got[e.Segment] = e.Rule
			}
		}
		require.Equal(t, want, got, "%v", defs)
		requireRandomMembers(t, s, set, profiles)
	}
	for _, rule := range []string{"", "unknown-field", "cycle", "broken"} {
		require.Greater(t, rules[rule], 50, rule)
	}
}

// requireRandomMembers asks for everybody of the ages from 0.
func requireRandomMembers(t *testing.T, s randomSet, set *segment.Set, profiles []*audience.Profile) {
	t.Helper()
	moment := set.At(setNow())
	var members []bool
	for age, p := range profiles {
		var err error
		members, err = moment.Match(p, members)
		require.NoError(t, err)
		for k, name := range set.Names() {
			var i int
			_, err := fmt.Sscanf(strings.TrimPrefix(name, "s"), "%d", &i)
			require.NoError(t, err)
			require.Equal(t, s.member(i, int64(age)), members[k], "%s at age %d: %v", name, age, s.definitions())
		}
	}
}
