package segmenttest_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// TestScriptsParse says where a script is wrong before any is played.
func TestScriptsParse(t *testing.T) {
	files, err := fs.Glob(segmenttest.Scripts(), "*.txt")
	require.NoError(t, err)
	require.Greater(t, len(files), 3)
	for _, file := range files {
		text, err := fs.ReadFile(segmenttest.Scripts(), file)
		require.NoError(t, err)
		s, err := segmenttest.Parse(file, string(text))
		require.NoError(t, err)
		require.NotEmpty(t, s.Steps, file)
	}
}
