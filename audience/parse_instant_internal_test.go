package audience

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestParseWholeSecond holds the short way against the standard library, over
// all days that a calendar could show and all ends of clocks.
func TestParseWholeSecond(t *testing.T) {
	check := func(year, month, day, hour, minute, second int) {
		s := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, hour, minute, second)
		want, err := time.Parse(time.RFC3339, s)
		got, ok := parseWholeSecond(s)
		require.Equal(t, err == nil && year > 0, ok, s)
		if ok {
			require.Equal(t, want, got, s)
		}
	}
	for _, year := range []int{0, 1, 1900, 2000, 2023, 2024, 9999} {
		for month := range 100 {
			for day := range 100 {
				check(year, month, day, 23, 59, 59)
			}
		}
	}
	for n := range 100 {
		check(2026, 1, 31, n, 0, 0)
		check(2026, 1, 31, 0, n, 0)
		check(2026, 1, 31, 0, 0, n)
	}
	for _, s := range []string{"", "2026-01-31T09:30:00", "2026-01-31T09:30:00z", "2026-01-31T09:30:00.Z", "2026-01-31T09:30:0/Z", "2026-01-31T09:30:0:Z"} {
		_, ok := parseWholeSecond(s)
		require.False(t, ok, s)
	}
}
