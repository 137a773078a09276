package segment_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
)

// TestManyMissingSegments (G8): a set of the permitted size, each segment of
// which names several that are not there, is refused about as fast as a good
// one compiles. Looking for the nearest of all names each time would take many
// minutes.
func TestManyMissingSegments(t *testing.T) {
	const n = 10_000
	defs := make([]segment.Definition, n)
	missing := strings.Repeat(`inSegment("segment-of-everybody-x5005") || `, 3)
	for i := range defs {
		defs[i] = segment.Definition{Name: fmt.Sprintf("segment-of-everybody-%05d", i), Source: missing + "true"}
	}
	defs[n-1].Source = `inSegment("segment-of-everybody-05005")`
	defs[5005].Source = "true"
	set, err := newLanguage(t, segment.Options{}).CompileSet(defs...)
	require.Equal(t, 2, set.Len())
	var refused *segment.SetError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Errors, n-2)
	require.Equal(t, `there is no segment "segment-of-everybody-x5005"`, refused.Errors[0].Message)
}

// TestHintAmongMany: the nearest of very many names is found where the
// misspelt one stands among them.
func TestHintAmongMany(t *testing.T) {
	var defs []segment.Definition
	for i := range 5_000 {
		defs = append(defs, segment.Definition{Name: fmt.Sprintf("campaign-%04d", i), Source: "true"})
	}
	defs = append(defs, segment.Definition{Name: "vip", Source: `inSegment("campaign-x321")`})
	_, err := newLanguage(t, segment.Options{}).CompileSet(defs...)
	require.ErrorContains(t, err, `there is no segment "campaign-x321" (did you mean "campaign-`)
}
