//go:build race

package dbtest

// underRace: the race detector makes everything that only computes many times
// slower, and what it looks for is in other tests.
const underRace = true
