package segmenttest

import (
	"io/fs"
	"testing"
)

// PlayFile is what Run does in each subtest.
func PlayFile(t testing.TB, scripts fs.FS, file string, open Opener) {
	playFile(t, scripts, file, open, nil)
}

// ScriptOf plays a trial and gives what happened, without places to compare at.
func ScriptOf(t testing.TB, tr Trial, open Opener) *Script {
	t.Helper()
	s, err := tr.script()
	if err != nil {
		t.Fatal(err)
	}
	run := trialRun{trial: tr.withDefaults(), open: open, report: Report{Actions: make(map[string]int)}}
	if err := run.play(t.Context(), t, s); err != nil {
		t.Fatal(err)
	}
	return expectAt(run.script, nil)
}
