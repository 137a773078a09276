package celenv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTextOfLists holds what is shown of lists: of a very long one, which may
// hold one long text very often, the beginning.
func TestTextOfLists(t *testing.T) {
	e := testEnv(t)
	long := strings.Repeat("a", 60_000)
	p := withCity(e, long, numbered(50)...)
	for source, want := range map[string]string{
		`contact.tags`:                                  "beta,vip",
		`[contact.age, 3]`:                              "35,3",
		`contact.tags.filter(t, t == "x")`:              "",
		`contact.interests.map(i, contact.city)`:        long + ",...",
		`contact.tags.map(t, "` + long[:40_000] + `")`:  long[:40_000] + ",...",
		`contact.interests.filter(i, i < "word 0002")`:  "word 0000,word 0001",
		`contact.seen - contact.seen + duration("90s")`: "1m30s",
	} {
		program, errs := e.CompileValue(source, nil)
		require.Empty(t, shown(errs))
		got, ok, err := program.At(testNow()).Text(testRow{p}, nil)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, got, source)
	}
	for source, want := range map[string]bool{
		`contact.city`: true, `events("visit").any()`: true, `bucket("x", 2)`: true, `suppressed()`: true, `contact.?age.orValue(1)`: true,
		`has(contact.city)`: true, `now`: false, `1 + 2`: false, `"x"`: false, `["x"].exists(x, x == contact.city)`: true,
	} {
		program, errs := e.CompileValue(source, nil)
		require.Empty(t, shown(errs))
		require.Equal(t, want, program.Reads(), source)
	}
}
