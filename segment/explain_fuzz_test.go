package segment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// FuzzExplain: whatever compiles can be explained. Each atom stands where it
// says, is an expression by itself and has its own truth; with no other atom
// that is, but for a not, the truth of the whole.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		`contact.age > 3 && !(contact.city == "a && b" || onList("never"))`,
		"// title ||\ncontact.age > 3 // and && so on\n  || contact.city.matches(r\"\\d+ && \\\"\")",
		`contact.?age.orValue(3) == 3 && (contact.age > 1 ? true : false)`,
		`!!!(!(contact.age in [1, 2, 3]))`,
		`contact.city == '''it's && "x"''' || contact.city != "\"&&\\"`,
		`contact.tags.exists(t, t == "a" || t == "b") && events("purchase").where(e, e.value > 3.0 && e.items < 2).any()`,
		`(contact.age > 3 && contact.age < 5) == (contact.city == "x" || true)`,
		`-contact.age < -3 && contact.age - 1 in [2]`,
		`now > date("2026-01-01") && now - contact.created_at > duration("3h")`,
	} {
		f.Add(seed)
	}
	aud := setAudience(f)
	l := setLanguage(f, aud)
	p := aged(f, aud, 4)
	f.Fuzz(func(t *testing.T, source string) {
		e, err := l.Compile(source)
		if err != nil {
			t.Skip()
		}
		atoms, err := e.At(setNow()).Explain(p)
		require.NoError(t, err)
		require.NotEmpty(t, atoms)
		whole, err := e.At(setNow()).Truth(p)
		require.NoError(t, err)
		lines := strings.Split(source, "\n")
		for _, a := range atoms {
			require.LessOrEqual(t, a.Line, len(lines))
			require.True(t, strings.HasPrefix(string([]rune(lines[a.Line-1])[a.Column-1:]), strings.Split(a.Source, "\n")[0]), "%d:%d %q", a.Line, a.Column, a.Source)
			requireAlone(t, l, p, a)
		}
		if len(atoms) > 1 {
			return
		}
		want := whole
		if atoms[0].Negated {
			want = map[segment.Truth]segment.Truth{segment.Unknown: segment.Unknown, segment.True: segment.False, segment.False: segment.True}[whole]
		}
		require.Equal(t, want, atoms[0].Truth)
	})
}

// requireAlone compiles an atom by itself.
func requireAlone(t *testing.T, l *segment.Language, p *audience.Profile, a segment.Atom) {
	t.Helper()
	alone, err := l.Compile(a.Source)
	require.NoError(t, err)
	truth, err := alone.At(setNow()).Truth(p)
	require.NoError(t, err)
	require.Equal(t, truth, a.Truth)
}
