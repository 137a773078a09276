package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChecksAreNamedAndReasoned holds the list of checks against what is
// printed from it.
func TestChecksAreNamedAndReasoned(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range Checks() {
		require.False(t, seen[c.String()], c)
		seen[c.String()] = true
		require.NotContains(t, c.String(), " ", "%s: the name of a subtest", c)
		require.Equal(t, 1, strings.Count(c.String(), "/"), c)
		require.True(t, strings.HasSuffix(c.Reason, "."), "%s: one sentence", c)
		require.NotNil(t, c.run, c)
	}
}
