package sqlstore

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// listItems is how many items of a list go into one statement.
const listItems = 1_024

// parts cuts a list into parts that fit into a statement; none of an empty
// list.
func parts[T any](all []T) iter.Seq[[]T] { return slices.Chunk(all, listItems) }

// distinct gives the items in order, each once.
func distinct[T cmp.Ordered](items []T) []T {
	out := slices.Clone(items)
	slices.Sort(out)
	return slices.Compact(out)
}

// How long the columns of MySQL are that are part of an index.
const (
	longestKey     = 1_024 // most of them
	kindBytes      = 512   // of event types and of identities
	namespaceBytes = 255
)

// checkKey refuses a text that is too long for an index of the database, or for
// its column where columns have a length.
func (s *session) checkKey(path, text string, column int) error {
	most := s.p.store.dialect.keyBytes
	if s.p.store.dialect.kind == MySQL {
		most = min(most, column)
	}
	if most > 0 && len(text) > most {
		return wrap(&audience.FieldError{Path: path, Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes in this database", most), Limit: true})
	}
	return nil
}

// checkLimit refuses pages of no size.
func checkLimit(limit int) error {
	if limit < 1 {
		return wrap(&audience.FieldError{Path: "limit", Rule: "range", Hint: "at least 1"})
	}
	return nil
}
