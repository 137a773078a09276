package segmenttest_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// TestScripts holds the memory store and the reference evaluator to every script.
func TestScripts(t *testing.T) {
	segmenttest.Run(t, segmenttest.Scripts(), segmenttest.Memory)
}

func scriptFiles(t testing.TB) []string {
	t.Helper()
	files, err := fs.Glob(segmenttest.Scripts(), "*.txt")
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	return files
}

func scriptText(t testing.TB, file string) string {
	t.Helper()
	text, err := fs.ReadFile(segmenttest.Scripts(), file)
	require.NoError(t, err)
	return string(text)
}
