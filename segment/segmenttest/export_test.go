package segmenttest

import (
	"io/fs"
	"testing"
)

// PlayFile is what Run does in each subtest.
func PlayFile(t testing.TB, scripts fs.FS, file string, open Opener) {
	playFile(t, scripts, file, open, nil)
}
