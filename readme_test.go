package audiencekit_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocsReadmeExample holds the code of the README against the example that
// compiles and runs.
func TestDocsReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, shown, ok := strings.Cut(string(readme), "```go\n")
	require.True(t, ok, "README.md has an example")
	shown, _, _ = strings.Cut(shown, "```")
	_, compiled, _ := strings.Cut(string(source), "// README begins here.\n")
	compiled, _, _ = strings.Cut(compiled, "\t// README ends here.")
	compiled = strings.ReplaceAll("\n"+compiled, "\n\t", "\n")
	require.Equal(t, strings.TrimSpace(compiled), strings.TrimSpace(shown))
}
