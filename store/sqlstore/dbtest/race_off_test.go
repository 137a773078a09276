//go:build !race

package dbtest

const underRace = false
