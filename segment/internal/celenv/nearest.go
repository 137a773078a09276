package celenv

import (
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/internal/nearest"
)

// maxHints is how many hints are looked for in one expression. Each goes
// through all names there are, and what is wrong may be wrong thousands of
// times.
const maxHints = 2 * maxErrors

// didYouMean gives a hint with the nearest name, or the other hint.
func (c *checker) didYouMean(name string, candidates []string, otherwise string) string {
	if n := c.nearest(name, candidates); n != "" {
		return "did you mean " + strconv.Quote(n) + "?"
	}
	return otherwise
}

// nearest is nearest.Of within the number of hints.
func (c *checker) nearest(name string, candidates []string) string {
	if c.hints++; c.hints > maxHints {
		return ""
	}
	return nearest.Of(name, candidates)
}

// around gives the part of many sorted names in which a misspelt one is
// looked for: most misspelt names begin as they should.
func around(sorted []string, name string) []string {
	const each = 50
	i, _ := slices.BinarySearch(sorted, name)
	return sorted[max(i-each, 0):min(i+each, len(sorted))]
}
