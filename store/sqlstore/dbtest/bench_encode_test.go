package dbtest_test

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// encodedOneByOne is for a program written by hand that has the same values as
// the library once this has decided what to write, contacts and events, and
// makes the rows of them itself, each commit when it is its turn. done tells
// whom each commit is about.
func encodedOneByOne(commits []store.Commit, done []*handCommit) iter.Seq[*handCommit] {
	return func(yield func(*handCommit) bool) {
		for i := range commits {
			if !yield(encoded(&commits[i], done[i])) {
				return
			}
		}
	}
}

// partBytes is how many bytes of changes are in one row.
const partBytes = 256 << 10

func encoded(c *store.Commit, done *handCommit) *handCommit {
	const one = int64(1) // the audience
	out := &handCommit{idents: done.idents, ids: done.ids, at: audience.Micros(c.At)}
	var about []int64
	for i := range c.Changes {
		change := &c.Changes[i]
		about = append(about, int64(change.Contact))
		if e := change.Event; e != nil {
			out.events = append(out.events, encodedEvent(e))
		}
		if after := change.After; after != nil {
			out.contacts = append(out.contacts, []any{
				one, int64(after.ID), int64(after.Version), audience.Micros(after.CreatedAt), audience.Micros(after.UpdatedAt),
				string(rowcodec.Attributes(after)), rowcodec.AppendContact(nil, after),
			})
			if after.Version > 1 {
				continue // the jobs change neither identities nor tags
			}
			for _, identity := range after.Identities() {
				out.identities = append(out.identities, []any{one, identity.Kind(), identity.Key(), int64(after.ID)})
			}
			for _, tag := range after.Tags {
				out.tags = append(out.tags, []any{one, tag.Name, int64(after.ID)})
			}
		}
	}
	sortRows(out.contacts, 1)
	sortRows(out.identities, 1, 2)
	sortRows(out.tags, 1, 2)
	sortRows(out.events, 1, 2)
	blob := rowcodec.AppendChanges(nil, c.Changes)
	out.changes = blob[:min(len(blob), partBytes)]
	for part := range slices.Chunk(blob[len(out.changes):], partBytes) {
		out.parts = append(out.parts, []any{one, int64(0), int64(len(out.parts)), part})
	}
	slices.Sort(about)
	for _, id := range slices.Compact(about) {
		out.mentions = append(out.mentions, []any{one, id, int64(0)})
	}
	return out
}

func encodedEvent(e *audience.Event) []any {
	prop, amount, known, more := rowcodec.Amount(e)
	row := []any{
		int64(1), int64(e.Origin), e.ID, e.Type, audience.Micros(e.Time), int64(e.Revision), int64(0), int64(prop), nil, int64(0),
		rowcodec.AppendProps(nil, e.Props),
	}
	if known {
		row[8] = amount
	}
	if more {
		row[9] = int64(1)
	}
	return row
}

// sortRows sorts rows by some columns, numbers or texts.
func sortRows(rows [][]any, by ...int) {
	slices.SortFunc(rows, func(a, b []any) int {
		for _, k := range by {
			var c int
			if n, ok := a[k].(int64); ok {
				c = cmp.Compare(n, b[k].(int64))
			} else {
				c = strings.Compare(a[k].(string), b[k].(string))
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}
