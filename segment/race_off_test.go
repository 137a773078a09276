//go:build !race

package segment_test

// raceEnabled says that the race detector slows everything down tenfold.
const raceEnabled = false
