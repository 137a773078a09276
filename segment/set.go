package segment

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Set is a number of segments that may name each other. It is immutable and
// safe for concurrent use. [Language.CompileSet] makes it; the zero Set has no
// segments.
type Set struct {
	language    *Language
	definitions []Definition  // sorted by name
	slots       []int         // of each definition, ascending
	expressions []*Expression // by slot; nil in the slots of segments that were refused
	order       []int         // the slots, each after those that its segment names
	parts       audience.ProfileParts
}

// Len gives the number of segments.
func (s *Set) Len() int { return len(s.definitions) }

// Names gives the names of the segments, sorted bytewise.
func (s *Set) Names() []string {
	out := make([]string, len(s.definitions))
	for i, def := range s.definitions {
		out[i] = def.Name
	}
	return out
}

// Definition gives what a segment was compiled from; false when there is no
// such segment.
func (s *Set) Definition(name string) (Definition, bool) {
	i, ok := s.index(name)
	if !ok {
		return Definition{}, false
	}
	return s.definitions[i], true
}

// Expression gives a segment's expression; false when there is no such
// segment. One that names other segments can be evaluated by the set only:
// alone it gives [audience.ErrUnsupported].
func (s *Set) Expression(name string) (*Expression, bool) {
	i, ok := s.index(name)
	if !ok {
		return nil, false
	}
	return s.expressions[s.slots[i]], true
}

// Parts says what of a profile the segments read together.
func (s *Set) Parts() audience.ProfileParts { return s.parts.Union(audience.ProfileParts{}) }

func (s *Set) index(name string) (int, bool) {
	return slices.BinarySearchFunc(s.definitions, name, func(def Definition, name string) int { return strings.Compare(def.Name, name) })
}
