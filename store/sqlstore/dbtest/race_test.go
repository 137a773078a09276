package dbtest

import "testing"

// notUnderRace skips what takes too long under the race detector; make test
// runs it without.
func notUnderRace(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("run without the race detector, too")
	}
}
