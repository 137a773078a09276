package celenv

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAround(t *testing.T) {
	names := numbered(1_000)
	near := around(names, "word 0500x")
	require.Len(t, near, 100)
	require.True(t, slices.Contains(near, "word 0500") && slices.Contains(near, "word 0501"))
	require.Equal(t, names[:50], around(names, "a"))
	require.Equal(t, names[950:], around(names, "z"))
}

// TestHintsAreFew (G8): a hint is looked for in what is shown, not in
// thousands of further errors.
func TestHintsAreFew(t *testing.T) {
	c := &checker{}
	for range maxHints {
		require.Equal(t, "city", c.nearest("cty", []string{"city"}))
	}
	require.Empty(t, c.nearest("cty", []string{"city"}))
}
