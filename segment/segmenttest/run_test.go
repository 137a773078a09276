package segmenttest_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// TestScripts (G1, G2, G4) holds the memory store and the reference evaluator to every script.
func TestScripts(t *testing.T) {
	segmenttest.Run(t, segmenttest.Scripts(), segmenttest.Memory)
}

// TestRunGiven: a folder of scripts about a folder of segments.
func TestRunGiven(t *testing.T) {
	defs, err := segment.Load(fstest.MapFS{
		"buyers.cel": {Data: []byte(`events("purchase").any()`)},
		"big.cel":    {Data: []byte(`inSegment("buyers") && contact.size > 3`)},
		"other.cel":  {Data: []byte(`contact.other > 3`)},
	})
	require.NoError(t, err)
	segmenttest.Run(t, fstest.MapFS{
		"one.txt": {Data: []byte("contact ann\ncontact bob\nevent ann purchase\nexpect buyers = ann\nmatch bob: !inSegment(\"buyers\")\nerror other unknown-field")},
		"two.txt": {Data: []byte("field size int\ncontact ann size=4\nevent ann purchase\nexpect big = ann\nsegment big = false\nexpect big = nobody")},
	}, segmenttest.Memory, defs...)
}

// TestRunFails: a script that does not hold or does not parse fails its test.
func TestRunFails(t *testing.T) {
	for text, want := range map[string]string{
		"contact ann\nmatch nobody: true":        "a.txt:2: match nobody: true",
		"contact ann\nmatch nobody true":         "a.txt:2:1: match NAMES",
		"contact ann\nrefused denied: erase ann": "a.txt:2: refused denied: erase ann",
	} {
		r := &recorder{TB: t}
		r.run(func() {
			segmenttest.PlayFile(r, fstest.MapFS{"a.txt": {Data: []byte(text)}}, "a.txt", segmenttest.Memory)
		})
		require.Len(t, r.failed, 1)
		require.Contains(t, r.failed[0], want)
	}
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

// TestScriptsLive (G1) holds the live engine to every script.
func TestScriptsLive(t *testing.T) {
	segmenttest.Run(t, segmenttest.Scripts(), segmenttest.Live)
}
