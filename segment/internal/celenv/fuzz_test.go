package celenv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCompile compiles anything and evaluates what compiles. Nothing panics,
// every error has a place and words of the language only.
func FuzzCompile(f *testing.F) {
	for _, sources := range badSources() {
		for _, s := range sources {
			f.Add(s.source)
		}
	}
	for _, s := range contactOnly() {
		f.Add(s.ours)
	}
	f.Add(reference())
	f.Add(`events("visit").where(e, e.page == "a" && e["utm-source"] in ["x"]).then(events("purchase").since(contact.seen), "7d").sum("value") > 1`)
	f.Add(`contact.tags.map(t, t.size()).exists(n, n > 3) ? inSegment("other") : anniversary(contact.birthday) < ahead("1mo")`)
	e := testEnv(f, func(o *Options) { o.Limits.Steps = 100_000 })
	p := visits(e)
	f.Fuzz(func(t *testing.T, source string) {
		program, errs := e.Compile(source, []string{"other"})
		if program == nil {
			require.NotEmpty(t, errs)
		}
		for _, err := range errs {
			require.GreaterOrEqual(t, err.Line, 1)
			require.GreaterOrEqual(t, err.Column, 1)
			require.LessOrEqual(t, err.Line, 1+strings.Count(source, "\n"))
			require.NotEmpty(t, err.Rule)
			require.NotEmpty(t, err.Message)
			for _, internal := range []string{"@v", "@state", "_?_:_", "_&&_", "overload", "found no matching", "undeclared"} {
				if !strings.Contains(source, internal) {
					require.NotContains(t, err.Message+err.Hint, internal)
				}
			}
		}
		if program == nil {
			return
		}
		m := program.At(testNow())
		first, err := m.Truth(testRow{p}, []bool{true})
		if err != nil {
			require.ErrorIs(t, err, errSteps)
			return
		}
		again, err := m.Truth(testRow{p}, []bool{true})
		require.NoError(t, err)
		require.Equal(t, first, again)
	})
}
