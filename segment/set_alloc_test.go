//go:build !race

package segment_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector makes pools forget at random.
func TestSetMatchDoesNotAllocate(t *testing.T) {
	aud := setAudience(t)
	set := compileSet(t, setLanguage(t, aud), "adult", `contact.age >= 18`, "minor", `!inSegment("adult")`, "buyer", `events("purchase").within("30d").count() > 1`)
	moment := set.At(setNow())
	p := aged(t, aud, 3)
	buffer, err := moment.Match(p, nil)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { buffer, _ = moment.Match(p, buffer) }))
}
