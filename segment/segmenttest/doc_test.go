package segmenttest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// docLines gives the package comment without its comment signs.
func docLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var out []string
	for line := range strings.Lines(string(text)) {
		if comment, ok := strings.CutPrefix(line, "//"); ok {
			out = append(out, strings.TrimRight(strings.TrimPrefix(comment, " "), "\n"))
		}
	}
	return out
}

// TestDocExample plays the script that the package comment begins with.
func TestDocExample(t *testing.T) {
	var script []string
	for _, line := range docLines(t) {
		if indented, ok := strings.CutPrefix(line, "\t"); ok {
			script = append(script, indented)
		} else if line == "" && len(script) > 0 {
			script = append(script, "")
		} else if len(script) > 0 {
			break
		}
	}
	text := strings.Join(script, "\n")
	require.Contains(t, text, "expect engaged = nobody")
	require.NoError(t, play(t, text, nil))
}

// TestDocGrammar wants every statement in the grammar of the package comment.
func TestDocGrammar(t *testing.T) {
	_, err := segmenttest.Parse("a.txt", "what")
	require.Error(t, err)
	_, list, found := strings.Cut(err.Error(), "one of: ")
	require.True(t, found)
	verbs := strings.Fields(list)
	require.Greater(t, len(verbs), 25)
	lines := docLines(t)
	for _, verb := range verbs {
		require.Condition(t, func() bool {
			for _, line := range lines {
				if strings.HasPrefix(line, "\t"+verb+" ") {
					return true
				}
			}
			return false
		}, "%s is not in the grammar", verb)
	}
}
