package sqlstore

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// fewestCopied is from how many rows on a [Copier] is faster than a statement,
// though it asks for the types of the columns first.
const fewestCopied = 500

// copies reports whether rows may be brought in by the driver's own means.
// These refuse rows that exist, as a statement that fails would: so not where
// the host's transaction would have to live with that, nor where rows that
// exist are expected.
func (s *session) copies(in *insertion, n int) bool {
	_, can := s.p.store.driver.(Copier)
	return can && s.p.store.dialect.kind == Postgres && n >= fewestCopied && !s.joined && (in.existing == refuse || in.existing == compete)
}

// copy inserts rows by the driver's own means. done is false when it has none
// in this transaction.
func (s *session) copy(ctx context.Context, in *insertion, n int, fill row) (copied int64, done bool, err error) {
	if s.broken != nil {
		return 0, true, s.broken
	}
	c, _ := s.p.store.driver.(Copier)
	copied, err = c.Copy(ctx, s.q, s.p.store.prefix+in.table, in.names(), in.rows(n, fill))
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, false, nil
	}
	return copied, true, s.breaks(ctx, in.name, err)
}

// rows gives the values of rows; each is valid until the next one.
func (in *insertion) rows(n int, fill row) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		values := make([]any, len(in.columns))
		for i := range n {
			fill(i, values)
			if !yield(values) {
				return
			}
		}
	}
}

// names gives the names of the columns.
func (in *insertion) names() []string {
	names := make([]string, len(in.columns))
	for i, c := range in.columns {
		names[i] = c.name
	}
	return names
}

// slicesOf gives the columns of rows, each as a slice, behind the values that
// they share.
func slicesOf(in *insertion, shared int, values []any) []any {
	columns := make([]slice, len(in.columns)-shared)
	rows := values[shared:]
	size := len(rows) / len(columns)
	for i, value := range rows {
		columns[i%len(columns)].add(value, size)
	}
	args := slices.Clone(values[:shared])
	for k := range columns {
		args = append(args, columns[k].arg(in.columns[shared+k].kind))
	}
	return args
}

// slice is one column: of its members one is in use.
type slice struct {
	ints  []int64
	nulls []int // where ints stands for NULL
	texts []string
	bytes [][]byte
}

func (s *slice) add(value any, size int) {
	switch v := value.(type) {
	case int64:
		s.ints = append(grown(s.ints, size), v)
	case string:
		s.texts = append(grown(s.texts, size), v)
	case []byte:
		s.bytes = append(grown(s.bytes, size), v)
	default:
		s.nulls = append(s.nulls, len(s.ints))
		s.ints = append(grown(s.ints, size), 0)
	}
}

func grown[T any](s []T, size int) []T {
	if s == nil {
		return make([]T, 0, size)
	}
	return s
}

func (s *slice) arg(kind columnKind) any {
	switch {
	case kind == textColumn || kind == jsonColumn:
		return s.texts
	case kind == bytesColumn:
		return s.bytes
	case s.nulls == nil:
		return s.ints
	}
	pointers := make([]*int64, len(s.ints))
	for i := range s.ints {
		pointers[i] = &s.ints[i]
	}
	for _, i := range s.nulls {
		pointers[i] = nil
	}
	return pointers
}
