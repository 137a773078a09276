package segment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

func TestSetTellsWhatItHolds(t *testing.T) {
	l := setLanguage(t, setAudience(t))
	defs := []segment.Definition{
		{Name: "vip", Title: "Very Important", Source: `// Very Important` + "\n" + `events("purchase").any() && inSegment("adult")`, File: "vip.cel"},
		{Name: "adult", Source: `contact.age >= 18`},
		{Name: "away", Source: `events("email.opened").none() && onList("never")`},
	}
	set, err := l.CompileSet(defs...)
	require.NoError(t, err)
	require.Equal(t, 3, set.Len())
	require.Equal(t, []string{"adult", "away", "vip"}, set.Names())
	require.Equal(t, audience.ProfileParts{Events: []string{"email.opened", "purchase"}, Lists: true}, set.Parts())
	def, ok := set.Definition("vip")
	require.True(t, ok)
	require.Equal(t, defs[0], def)
	e, ok := set.Expression("vip")
	require.True(t, ok)
	require.Equal(t, defs[0].Source, e.Source())
	require.Equal(t, []string{"purchase"}, e.Parts().Events)

	_, ok = set.Definition("nobody")
	require.False(t, ok)
	_, ok = set.Expression("nobody")
	require.False(t, ok)

	// What is handed out is the caller's own.
	set.Names()[0] = "x"
	set.Parts().Events[0] = "x"
	defs[0].Source = "x"
	require.Equal(t, []string{"adult", "away", "vip"}, set.Names())
	require.Equal(t, []string{"email.opened", "purchase"}, set.Parts().Events)
	def, _ = set.Definition("vip")
	require.NotEqual(t, "x", def.Source)
}

func TestEmptySet(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, 1, 2)
	compiled, err := setLanguage(t, aud).CompileSet()
	require.NoError(t, err)
	for name, set := range map[string]*segment.Set{"compiled": compiled, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, set.Names())
			require.Empty(t, set.Parts())
			members, err := set.At(setNow()).Match(&audience.Profile{}, nil)
			require.NoError(t, err)
			require.Empty(t, members)
			require.Equal(t, 2, evaluate(t, aud, set, setNow()).Contacts)
		})
	}
}

func TestSetMomentNow(t *testing.T) {
	set := compileSet(t, setLanguage(t, setAudience(t)), "a", `contact.age > 3`)
	berlin := time.FixedZone("", 3600)
	require.Equal(t, setNow(), set.At(setNow().Add(999).In(berlin)).Now(), "UTC, whole microseconds")
}

// TestSetNested: whatever the order of definitions, and by membership: what
// is unknown about a segment is "not in it" to those that name it.
func TestSetNested(t *testing.T) {
	aud := setAudience(t)
	defs := define(
		"adult", `contact.age >= 18`,
		"minor", `!inSegment("adult")`,
		"not-18", `!(contact.age >= 18)`,
		"senior", `inSegment("adult") && contact.age >= 65`,
		"working", `inSegment("adult") && !inSegment("senior")`,
		"any", `inSegment("working") || inSegment("senior") || inSegment("minor")`,
		"none", `inSegment("working") && inSegment("senior")`,
	)
	// The order of names: adult any minor none not-18 senior working.
	tests := []struct {
		age  int64
		want string
	}{
		{-1, "any minor"},
		{17, "any minor not-18"},
		{18, "adult any working"},
		{65, "adult any senior"},
	}
	for seed := range uint64(10) {
		shuffled := slices.Clone(defs)
		r := rand.New(rand.NewPCG(seed, 3))
		r.Shuffle(len(defs), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		set, err := setLanguage(t, aud).CompileSet(shuffled...)
		require.NoError(t, err)
		moment := set.At(setNow())
		var buffer []bool
		for _, tt := range tests {
			p := aged(t, aud, tt.age)
			buffer, err = moment.Match(p, buffer)
			require.NoError(t, err)
			require.Equal(t, tt.want, strings.Join(in(set, buffer), " "), "age %d", tt.age)
			for i, name := range set.Names() {
				truth, err := moment.Truth(name, p)
				require.NoError(t, err)
				require.Equal(t, buffer[i], truth == segment.True, "%s at age %d", name, tt.age)
			}
		}
	}
}

// in gives the names of the segments that the contact is in.
func in(set *segment.Set, members []bool) []string {
	var out []string
	for i, name := range set.Names() {
		if members[i] {
			out = append(out, name)
		}
	}
	return out
}

func TestSetTruth(t *testing.T) {
	aud := setAudience(t)
	m := compileSet(t, setLanguage(t, aud), "adult", `contact.age >= 18`, "minor", `!inSegment("adult")`).At(setNow())
	for _, tt := range []struct {
		age   int64
		name  string
		truth segment.Truth
	}{
		{-1, "adult", segment.Unknown},
		{-1, "minor", segment.True},
		{17, "adult", segment.False},
		{18, "adult", segment.True},
		{18, "minor", segment.False},
	} {
		got, err := m.Truth(tt.name, aged(t, aud, tt.age))
		require.NoError(t, err)
		require.Equal(t, tt.truth, got, "%s at age %d", tt.name, tt.age)
	}
	_, err := m.Truth("adults", aged(t, aud, 1))
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestSetEvaluatesOnce counts calls of a host's function.
func TestSetEvaluatesOnce(t *testing.T) {
	aud := setAudience(t)
	var calls atomic.Int64
	l := setLanguage(t, aud, segment.Function{
		Name: "counted", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func([]audience.Value) (audience.Value, error) {
			calls.Add(1)
			return audience.BoolValue(true), nil
		},
	})
	set := compileSet(
		t, l,
		"base", `counted(contact.age)`,
		"left", `inSegment("base")`,
		"right", `inSegment("base")`,
		"top", `inSegment("left") && inSegment("right") && inSegment("base")`,
		"apart", `counted(contact.age)`,
	)
	p := aged(t, aud, 5)
	members, err := set.At(setNow()).Match(p, nil)
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, true, true, true}, members)
	require.Equal(t, int64(2), calls.Load(), "base and apart once each")

	truth, err := set.At(setNow()).Truth("top", p)
	require.NoError(t, err)
	require.Equal(t, segment.True, truth)
	require.Equal(t, int64(3), calls.Load(), "base once, apart is not needed")
}

func TestSetNestsDeeply(t *testing.T) {
	const depth = 200
	aud := setAudience(t)
	var sources []string
	for i := range depth {
		source := `contact.age == 7`
		if i > 0 {
			source = fmt.Sprintf("!inSegment(\"s%d\")", i-1)
		}
		sources = append(sources, fmt.Sprintf("s%d", i), source)
	}
	set := compileSet(t, setLanguage(t, aud), sources...)
	p := aged(t, aud, 7)
	members, err := set.At(setNow()).Match(p, nil)
	require.NoError(t, err)
	for i, name := range set.Names() {
		even := (name[len(name)-1]-'0')%2 == 0
		require.Equal(t, even, members[i], name)
		truth, err := set.At(setNow()).Truth(name, p)
		require.NoError(t, err)
		require.Equal(t, even, truth == segment.True, name)
	}
}

func TestSetRefuses(t *testing.T) {
	const bad = `contact.agee > 3`
	tests := []struct {
		name string
		defs []string // name, source, ...
		good string   // names of the segments that are left
		want []string // segment, rule, and what the text must hold
	}{
		{
			"an expression that does not compile",
			[]string{"a", "true &&\n  " + bad, "b", "contact.age > 3"},
			"b",
			[]string{"a|unknown-field|a.cel:2:"},
		},
		{"a bad name", []string{"A b", "true", "b", "contact.age > 3"}, "b", []string{"A b|name|lower-case"}},
		{"no name", []string{"", "true"}, "", []string{"|name|lower-case"}},
		{
			"one name twice",
			[]string{"a", "contact.age > 1", "b", `inSegment("a")`, "a", "contact.age > 2", "c", "contact.age > 3"},
			"c",
			[]string{"a|duplicate|2 segments", "a|duplicate|another is in a.cel", `b|broken|b.cel:1:1: it names the segment "a"`},
		},
		{"a segment that names itself", []string{"a", "contact.age > 3 &&\n inSegment(\"a\")"}, "", []string{"a|cycle|a.cel:2:2: the segment depends on itself: a -> a"}},
		{
			"two that name each other",
			[]string{"b", `inSegment("a")`, "a", `contact.age > 3 || inSegment("b")`, "c", "contact.age > 3"},
			"c",
			[]string{"a|cycle|a.cel:1:20: the segment depends on itself: a -> b -> a", "b|cycle|b.cel:1:1: the segment depends on itself: b -> a -> b"},
		},
		{
			"a cycle beneath others",
			[]string{
				"a", `inSegment("b")`, "b", `inSegment("c")`, "c", `inSegment("d")`, "d", `inSegment("b")`,
				"e", `contact.age > 3`, "f", `inSegment("e") && inSegment("a")`,
			},
			"e",
			[]string{
				`a|broken|it names the segment "b", which was refused`, "b|cycle|b -> c -> d -> b (", "c|cycle|c -> d -> b -> c (",
				"d|cycle|d -> b -> c -> d (", `f|broken|f.cel:1:19: it names the segment "a", which was refused`,
			},
		},
		{
			"two cycles that share a member",
			[]string{"a", `inSegment("b")`, "b", `inSegment("a") && inSegment("c")`, "c", `inSegment("b")`},
			"",
			[]string{"a|cycle|: a -> b -> a (", "b|cycle|: b -> a -> b (", "c|cycle|: c -> b -> c ("},
		},
		{
			"an unknown name",
			[]string{"adults", "contact.age > 3", "b", `inSegment("adult")`},
			"adults",
			[]string{"b|segment|adults"},
		},
		{
			"one that names a broken one that names a broken one",
			[]string{"a", bad, "b", `inSegment("a")`, "c", `!inSegment("b")`},
			"",
			[]string{"a|unknown-field|", `b|broken|"a"`, `c|broken|c.cel:1:2: it names the segment "b"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aud := setAudience(t)
			set, err := setLanguage(t, aud).CompileSet(define(tt.defs...)...)
			require.Equal(t, tt.good, strings.Join(set.Names(), " "))
			requireSetError(t, err, tt.want)

			// The good ones work.
			members, err := set.At(setNow()).Match(aged(t, aud, 4), nil)
			require.NoError(t, err)
			require.Len(t, members, set.Len())
			require.NotContains(t, members, false)
		})
	}
}

// requireSetError checks segment|rule|text of each error.
func requireSetError(t *testing.T, err error, want []string) {
	t.Helper()
	var refused *segment.SetError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.NotErrorIs(t, err, audience.ErrLimit)
	require.Len(t, refused.Errors, len(want))
	for i, e := range refused.Errors {
		expected := strings.SplitN(want[i], "|", 3)
		require.Equal(t, expected[0], e.Segment, e.Error())
		require.Equal(t, expected[1], e.Rule, e.Error())
		require.Contains(t, e.Error(), expected[2])
		require.Contains(t, err.Error(), e.Error())
		require.ErrorIs(t, err, error(e))
		require.Positive(t, e.Line)
		require.Positive(t, e.Column)
		require.Equal(t, e.Segment+".cel", e.File, "define gives it")
	}
}

// TestSetSlots: what is left of a set answers under its own names, however
// many were refused between.
func TestSetSlots(t *testing.T) {
	aud := setAudience(t)
	l := setLanguage(t, aud)
	p := aged(t, aud, 50)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		var defs []string
		want := map[string]bool{}
		for i := range 30 {
			name, limit := fmt.Sprintf("s%02d", i), r.IntN(100)
			source := fmt.Sprintf("contact.age > %d", limit)
			if r.IntN(3) == 0 {
				source = "contact.age >"
			} else {
				want[name] = limit < 50
			}
			defs = append(defs, name, source)
		}
		set, err := l.CompileSet(define(defs...)...)
		require.Error(t, err)
		moment := set.At(setNow())
		members, err := moment.Match(p, make([]bool, 3, 7))
		require.NoError(t, err)
		got := map[string]bool{}
		for i, name := range set.Names() {
			got[name] = members[i]
			truth, err := moment.Truth(name, p)
			require.NoError(t, err)
			require.Equal(t, members[i], truth == segment.True)
		}
		require.Equal(t, want, got)
	}
}

func TestSetLimit(t *testing.T) {
	defs := make([]segment.Definition, 10_001)
	set, err := setLanguage(t, setAudience(t)).CompileSet(defs...)
	require.ErrorIs(t, err, audience.ErrLimit)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.Zero(t, set.Len())
}

func TestSetErrorIsBounded(t *testing.T) {
	var defs []string
	for i := range 60 {
		defs = append(defs, fmt.Sprintf("s%02d", i), fmt.Sprintf(`inSegment("s%02d")`, (i+1)%60))
	}
	set, err := setLanguage(t, setAudience(t)).CompileSet(define(defs...)...)
	require.Zero(t, set.Len())
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 51)
	require.Equal(t, "and 10 more", lines[50])
	require.Contains(t, lines[0], "s00 -> s01 -> s02 -> s03 -> s04 -> s05 -> s06 -> s07 -> (48 more) -> s56 -> s57 -> s58 -> s59 -> s00 (")
}

// TestSetFailsWhole: an error never decides who is in.
func TestSetFailsWhole(t *testing.T) {
	aud := setAudience(t)
	l := setLanguage(t, aud, segment.Function{
		Name: "fail", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func([]audience.Value) (audience.Value, error) { panic("not pure at all") },
	})
	m := compileSet(t, l, "a", `contact.age > 3`, "b", `fail(contact.age)`, "c", `inSegment("b")`, "d", `inSegment("a")`).At(setNow())
	p := aged(t, aud, 4)
	members, err := m.Match(p, nil)
	require.ErrorContains(t, err, `segment "b"`)
	require.Nil(t, members)
	_, err = m.Truth("c", p)
	require.ErrorContains(t, err, `segment "b"`)
	truth, err := m.Truth("d", p)
	require.NoError(t, err)
	require.Equal(t, segment.True, truth)
}

// TestSetExpressionAlone: the expression of a nested segment has no answer
// outside of its set.
func TestSetExpressionAlone(t *testing.T) {
	aud := setAudience(t)
	set := compileSet(t, setLanguage(t, aud), "a", `contact.age > 3`, "b", `!inSegment("a")`)
	p := aged(t, aud, 1)
	e, _ := set.Expression("b")
	_, err := e.At(setNow()).Match(p)
	require.ErrorIs(t, err, audience.ErrUnsupported)
	e, _ = set.Expression("a")
	got, err := e.At(setNow()).Match(p)
	require.NoError(t, err)
	require.False(t, got)
}

// TestSetIsShared has something to find under the race detector only.
func TestSetIsShared(t *testing.T) {
	aud := setAudience(t)
	set := compileSet(
		t, setLanguage(t, aud),
		"adult", `contact.age >= 18`, "minor", `!inSegment("adult")`, "buyer", `events("purchase").within("30d").any() && inSegment("adult")`,
	)
	moment := set.At(setNow())
	young, old := aged(t, aud, 3), aged(t, aud, 30)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			var buffer []bool
			for k := range 200 {
				p, want := young, []bool{false, false, true}
				if (i+k)%2 == 0 {
					p, want = old, []bool{true, false, false}
				}
				var err error
				if buffer, err = moment.Match(p, buffer); err != nil || !slices.Equal(want, buffer) {
					errs[i] = errors.Join(err, fmt.Errorf("got %v", buffer))
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}
