package segmenttest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// BenchmarkParseLargest parses a script at the limits, with merges in a chain, so that every name is looked up along it.
func BenchmarkParseLargest(b *testing.B) {
	var text strings.Builder
	const people = 1_000
	for i := range people {
		fmt.Fprintf(&text, "contact c%d\n", i)
	}
	for i := range 100 {
		fmt.Fprintf(&text, "merge c%d into c%d\n", i, i+1)
	}
	for i := range 8_900 {
		fmt.Fprintf(&text, "event c0 purchase id=e%d value=%d.5\n", i, i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		s, err := segmenttest.Parse("a.txt", text.String())
		require.NoError(b, err)
		require.Len(b, s.Steps, 10_000)
	}
}
