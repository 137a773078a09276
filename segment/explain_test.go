package segment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// explained makes a contact with an age, a city and three purchases.
func explained(t *testing.T) (*store.Audience, audience.Ref) {
	t.Helper()
	aud := setAudience(t)
	ref := audience.Key("nora")
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), audience.ContactWrite{
			Match: ref, FirstName: audience.NewPrivate("Nora"), AddTags: []string{"new", "beta"},
			Set: map[string]audience.Value{"age": audience.IntValue(40), "city": audience.StringValue("Oslo\nNorth")},
		})
		if err != nil {
			return err
		}
		for i := range 3 {
			_, err = tx.Append(t.Context(), audience.EventWrite{
				Contact: ref, Type: "purchase", Time: setNow().Add(-time.Duration(i) * 24 * time.Hour),
				Props: map[string]audience.Value{"value": audience.DoubleValue(10.5)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	return aud, ref
}

func TestExplain(t *testing.T) {
	aud, ref := explained(t)
	tests := []struct {
		name, source string
		want         []string // Reveal of each atom
	}{
		{"one comparison", `contact.age >= 18`, []string{"yes      contact.age >= 18   (is 40)"}},
		{"a count", `events("purchase").count() > 3`, []string{`no       events("purchase").count() > 3   (is 3)`}},
		{"a sum", `events("purchase").within("36h").sum("value") > 20.0`, []string{`yes      events("purchase").within("36h").sum("value") > 20.0   (is 21)`}},
		{"a rate", `rate(events("purchase").within("36h"), events("purchase")) < 0.5`, []string{
			`no       rate(events("purchase").within("36h"), events("purchase")) < 0.5   (is 0.6666666666666666)`,
		}},
		{"an instant", `events("purchase").last() > ago("1d")`, []string{
			`yes      events("purchase").last() > ago("1d")   (is 2026-03-01T12:00:00Z)`,
		}},
		{"a constant on the left", `18 <= contact.age`, []string{"yes      18 <= contact.age   (is 40)"}},
		{"now on the left", `ago("2d") < events("purchase").last()`, []string{
			`yes      ago("2d") < events("purchase").last()   (is 2026-03-01T12:00:00Z)`,
		}},
		{"absent on the right", `now > contact.seen`, []string{"unknown  now > contact.seen   (is unknown)"}},
		{"in tags", `"vip" in contact.tags || "new" in contact.tags`, []string{
			`no       "vip" in contact.tags   (is beta,new)`, `yes      "new" in contact.tags   (is beta,new)`,
		}},
		{"in no tags", `"vip" in contact.tags.filter(t, t == "x")`, []string{`no       "vip" in contact.tags.filter(t, t == "x")   (is empty)`}},
		{"in a list that is written out", `contact.age in [1, 2]`, []string{`no       contact.age in [1, 2]   (is 40)`}},
		{"both sides", `contact.age + 1 > contact.age`, []string{`yes      contact.age + 1 > contact.age   (is 41)`}},
		{"neither side", `1 + 1 == 3`, []string{`no       1 + 1 == 3   (is 2)`}},
		{"two comparisons", `true == (contact.age > 18)`, []string{`yes      true == (contact.age > 18)   (is true)`}},
		{"absent", `contact.seen < now`, []string{"unknown  contact.seen < now   (is unknown)"}},
		{"no comparison", `events("purchase").any() && onList("never")`, []string{`yes      events("purchase").any()`, `no       onList("never")`}},
		{"all of them, though one decides", "contact.age < 3 && // too old\n  (contact.age > 5 ||\n   contact.seen > now)", []string{
			"no       contact.age < 3   (is 40)", "yes      contact.age > 5   (is 40)", "unknown  contact.seen > now   (is unknown)",
		}},
		{"under not", `!(contact.age < 3 || !onList("never"))`, []string{
			"no       contact.age < 3   (is 40, counts when no)", `no       onList("never")`,
		}},
		{"a value of two lines", `contact.city != "Rome"`, []string{`yes      contact.city != "Rome"   (is Oslo North)`}},
		{"an atom of two lines", "events(\"purchase\")\n    .count() == 3", []string{`yes      events("purchase") .count() == 3   (is 3)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := setLanguage(t, aud).Compile(tt.source)
			require.NoError(t, err)
			atoms, err := e.At(setNow()).Explain(profileOf(t, aud, ref, e.Parts()))
			require.NoError(t, err)
			var got []string
			for _, a := range atoms {
				got = append(got, a.Reveal())
				lines := strings.Split(tt.source, "\n")
				require.True(t, strings.HasPrefix(lines[a.Line-1][a.Column-1:], strings.Split(a.Source, "\n")[0]), "%d:%d", a.Line, a.Column)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// TestExplainInASet: nested segments are answered.
func TestExplainInASet(t *testing.T) {
	aud, ref := explained(t)
	set := compileSet(
		t, setLanguage(t, aud),
		"buyer", `events("purchase").count() >= 3`, "idle", `!inSegment("buyer")`,
		"top", `inSegment("buyer") && !inSegment("idle") && contact.age > 50`,
	)
	atoms, err := set.At(setNow()).Explain("top", profileOf(t, aud, ref, set.Parts()))
	require.NoError(t, err)
	require.Len(t, atoms, 3)
	require.Equal(t, `yes      inSegment("buyer")`, atoms[0].Reveal())
	require.Equal(t, `no       inSegment("idle")   (counts when no)`, atoms[1].Reveal())
	require.Equal(t, `no       contact.age > 50   (is 40)`, atoms[2].Reveal())
	require.Equal(t, segment.False, atoms[2].Truth)
	require.True(t, atoms[2].Compares && atoms[2].HasValue)

	_, err = set.At(setNow()).Explain("tops", &audience.Profile{})
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestExplainAgrees: an expression of && || and ! alone is what its atoms
// make of it.
func TestExplainAgrees(t *testing.T) {
	aud, ref := explained(t)
	e, err := setLanguage(t, aud).Compile(`(contact.age > 39 && contact.age > 40) || !(contact.age < 41)`)
	require.NoError(t, err)
	p := profileOf(t, aud, ref, e.Parts())
	atoms, err := e.At(setNow()).Explain(p)
	require.NoError(t, err)
	require.Len(t, atoms, 3)
	is := func(i int) bool { return atoms[i].Truth == segment.True }
	got, err := e.At(setNow()).Match(p)
	require.NoError(t, err)
	require.Equal(t, is(0) && is(1) || !is(2), got)
	require.Equal(t, []bool{false, false, true}, []bool{atoms[0].Negated, atoms[1].Negated, atoms[2].Negated})
}

func TestExplainFails(t *testing.T) {
	aud := setAudience(t)
	l := setLanguage(t, aud, segment.Function{
		Name: "fail", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func([]audience.Value) (audience.Value, error) { panic("not pure at all") },
	})
	set := compileSet(t, l, "b", `fail(contact.age)`, "c", `inSegment("b")`)
	p := aged(t, aud, 4)
	for _, name := range set.Names() {
		atoms, err := set.At(setNow()).Explain(name, p)
		require.ErrorContains(t, err, `segment "b"`)
		require.Empty(t, atoms)
	}
	e, _ := set.Expression("c")
	_, err := e.At(setNow()).Explain(p)
	require.ErrorIs(t, err, audience.ErrUnsupported, "it belongs to its set")
}

// TestAtomKeepsItsValue (G7): whoever logs atoms logs no value.
func TestAtomKeepsItsValue(t *testing.T) {
	aud, ref := explained(t)
	e, err := setLanguage(t, aud).Compile(`contact.first_name != "x"`)
	require.NoError(t, err)
	atoms, err := e.At(setNow()).Explain(profileOf(t, aud, ref, e.Parts()))
	require.NoError(t, err)
	require.Equal(t, "Nora", atoms[0].Value.Reveal())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", atoms, atoms, atoms), "Nora")
	require.Contains(t, atoms[0].Reveal(), "(is Nora)")
}

func TestAtomReveal(t *testing.T) {
	tests := []struct {
		name string
		atom segment.Atom
		want string
	}{
		{"zero", segment.Atom{}, "unknown  "},
		{"the empty text", segment.Atom{Source: `contact.city == ""`, Truth: segment.True, Compares: true, HasValue: true}, `yes      contact.city == ""   (is empty)`},
		{
			"a long value",
			segment.Atom{Source: "x", Compares: true, HasValue: true, Value: audience.NewPrivate(strings.Repeat("é", 101))},
			"unknown  x   (is " + strings.Repeat("é", 100) + "...)",
		},
		{
			"a value that controls a terminal",
			segment.Atom{Source: "x", Compares: true, HasValue: true, Value: audience.NewPrivate("a\x1b[2Jb")},
			"unknown  x   (is a [2Jb)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.atom.Reveal()) })
	}
}
