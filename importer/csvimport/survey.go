package csvimport

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// survey is what the first pass over a file finds.
type survey struct {
	head  *header
	rows  int
	types []importer.Inference // of the custom columns, in order
	kinds map[string]bool      // what the cells of one column say
}

// survey reads the file once. It collects what stands in the column kind, if
// one is named, within the bounds of event types.
func (f *file) survey(ctx context.Context, kind string) (*survey, error) {
	head, err := f.read(ctx, nil)
	if err != nil {
		return nil, err
	}
	custom := head.custom()
	s := &survey{head: head, types: make([]importer.Inference, len(custom)), kinds: make(map[string]bool)}
	index := -1
	if kind != "" {
		index = head.indexOf(kind)
	}
	for rec, err := range f.records(ctx) {
		if err != nil {
			return nil, err
		}
		s.rows++
		if rec.bad != nil {
			continue
		}
		for i, c := range custom {
			if c.typ == 0 {
				s.types[i].Add(rec.cells[c.index])
			}
		}
		if index < 0 {
			continue
		}
		name := strings.Trim(rec.cells[index], " \t")
		if s.kinds[name] || audience.CheckName(kind, name, f.names) != nil {
			continue
		}
		s.kinds[name] = true
		if limit := f.names.EventTypes; len(s.kinds) > limit {
			hint := fmt.Sprintf("at most %d event types in a file", limit)
			return nil, &audience.FieldError{Path: kind, Rule: "max-items", Hint: hint, Limit: true}
		}
	}
	return s, nil
}

// places gives where the columns of the names stand, -1 for one that is not
// there.
func (h *header) places(names []string) []int {
	at := make([]int, len(names))
	for i, name := range names {
		at[i] = h.indexOf(name)
	}
	return at
}

// refuse makes the error of a row: about the column of the name or, without
// one, the column that the error's path names.
func (h *header) refuse(rec *record, name string, err error) *importer.RowError {
	var field *audience.FieldError
	if name == "" && errors.As(err, &field) {
		name = columnOf(field.Path)
	}
	return &importer.RowError{Line: rec.line, Column: h.indexOf(name) + 1, Err: err}
}

// columnOf gives the column whose cell a path of a write is about.
func columnOf(path string) string {
	for _, prefix := range []string{"fields.", "props."} {
		if name, ok := strings.CutPrefix(path, prefix); ok {
			return name
		}
	}
	if strings.HasPrefix(path, "external[") || path == "contact" {
		return colExternalID
	}
	return path
}

// rowsOf goes through the rows of a file as the plan of its columns reads them:
// the cells of the known columns first, then those of the custom ones.
func rowsOf[Cells, Item any](
	ctx context.Context, f *file, s *survey, known []string, custom []column, convert func(*record, *Cells) (*Item, *importer.RowError),
) iter.Seq2[*Item, error] {
	names, at := known, s.head.places(known)
	for _, c := range custom {
		names, at = append(names, c.name), append(at, c.index)
	}
	return func(yield func(*Item, error) bool) {
		rows := 0
		for r, err := range decoded[Cells](ctx, f, names, at) {
			if err != nil {
				yield(nil, err)
				return
			}
			rows++
			if !yieldRow(yield, &r, convert) {
				return
			}
		}
		if rows != s.rows {
			yield(nil, changedError())
		}
	}
}

// yieldRow hands on one row, read by convert unless it is bad already.
func yieldRow[T, Item any](yield func(*Item, error) bool, r *row[T], convert func(*record, *T) (*Item, *importer.RowError)) bool {
	bad := r.record.bad
	var out *Item
	if bad == nil {
		out, bad = convert(&r.record, &r.cells)
	}
	if bad != nil {
		return yield(nil, bad)
	}
	return yield(out, nil)
}
