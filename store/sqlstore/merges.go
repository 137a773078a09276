package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type mergeStatements struct {
	exists, winners, of, one, remove *statement
	put                              *insertion
}

func newMergeStatements(c *catalog) mergeStatements {
	const columns = "loser, winner, number, body"
	contact := keyed{table: "contacts", columns: "id", column: "id", kind: "bigint", where: "audience = ?"}
	loser := keyed{table: "merges", columns: "loser, winner", column: "loser", kind: "bigint", where: "audience = ?"}
	winner := keyed{table: "merges", columns: columns, column: "winner", kind: "bigint", where: "audience = ?"}
	return mergeStatements{
		exists:  c.add(byContact, "which contacts exist", contact.find(c.dialect, "")),
		winners: c.add(byContact, "winners", loser.find(c.dialect, "")),
		of:      c.add(everywhere, "merges", winner.all(c.dialect)),
		one:     c.add(byContact, "merge of", "SELECT "+columns+" FROM {merges} WHERE audience = ? AND loser = ?"),
		remove:  c.add(byContact, "delete merges", loser.remove(c.dialect)),
		put: c.insert(insertion{
			name: "put merge", key: byContact, table: "merges", keys: []string{"audience", "loser"}, existing: replace,
			columns: []column{{"audience", intColumn}, {"loser", intColumn}, {"winner", intColumn}, {"number", intColumn}, {"body", bytesColumn}},
		}),
	}
}

func (s *session) merges(ctx context.Context, st *statement, args ...any) ([]store.Merge, error) {
	var out []store.Merge
	err := s.query(ctx, st, func(rows *sql.Rows) error {
		var loser, winner, number int64
		var body sql.RawBytes
		if err := rows.Scan(&loser, &winner, &number, &body); err != nil {
			return err
		}
		m, err := rowcodec.Merge(body, audience.ContactID(loser), audience.ContactID(winner), uint64(number))
		out = append(out, m)
		return err
	}, args...)
	return out, err
}

// Redirect gives for each id the contact that stands for it.
func (r *reader) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	exists := make(map[audience.ContactID]bool, len(ids))
	winner := make(map[audience.ContactID]audience.ContactID)
	for look := distinct(ids); len(look) > 0; {
		if err := r.findExisting(ctx, look, exists); err != nil {
			return nil, err
		}
		look = slices.DeleteFunc(look, func(id audience.ContactID) bool { return exists[id] })
		next, err := r.findWinners(ctx, look, winner)
		if err != nil {
			return nil, err
		}
		look = next
	}
	out := make([]audience.ContactID, len(ids))
	for i, id := range ids {
		for range len(winner) + 1 { // merges that form a circle are nobody
			if exists[id] {
				out[i] = id
				break
			}
			if id = winner[id]; id == 0 {
				break
			}
		}
	}
	return out, nil
}

func (r *reader) findExisting(ctx context.Context, ids []audience.ContactID, exists map[audience.ContactID]bool) error {
	for part := range parts(ids) {
		if err := r.query(ctx, r.p.store.sql.merges.exists, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			exists[audience.ContactID(id)] = true
			return err
		}, idList(part), r.p.id); err != nil {
			return err
		}
	}
	return nil
}

// findWinners notes the winners of losers, and gives those who were not known
// of so far.
func (r *reader) findWinners(ctx context.Context, losers []audience.ContactID, winner map[audience.ContactID]audience.ContactID) ([]audience.ContactID, error) {
	var found []audience.ContactID
	for part := range parts(losers) {
		if err := r.query(ctx, r.p.store.sql.merges.winners, func(rows *sql.Rows) error {
			var l, w int64
			if err := rows.Scan(&l, &w); err != nil {
				return err
			}
			winner[audience.ContactID(l)] = audience.ContactID(w)
			found = append(found, audience.ContactID(w))
			return nil
		}, idList(part), r.p.id); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(distinct(found), func(id audience.ContactID) bool {
		_, known := winner[id]
		return known
	}), nil
}

// Merges gives the merges into the winners in order.
func (r *reader) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []store.Merge
	for part := range parts(distinct(winners)) {
		some, err := r.merges(ctx, r.p.store.sql.merges.of, idList(part), r.p.id)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	slices.SortFunc(out, func(a, b store.Merge) int {
		return cmp.Or(cmp.Compare(a.Winner, b.Winner), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

// MergeOf gives the merge of a loser.
func (r *reader) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	if err := r.enter(ctx); err != nil {
		return store.Merge{}, err
	}
	found, err := r.merges(ctx, r.p.store.sql.merges.one, r.p.id, int64(loser))
	if err != nil {
		return store.Merge{}, err
	}
	if len(found) == 0 {
		return store.Merge{}, wrap(&audience.NotFoundError{Kind: "merge", Name: loser.String()})
	}
	return found[0], nil
}

// PutMerge stores a merge in place of the one its loser has, under the next
// number.
func (w *writer) PutMerge(ctx context.Context, m store.Merge) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	// Another process may have taken higher ones: the winner's come in order.
	before, err := w.merges(ctx, w.p.store.sql.merges.of, idList{m.Winner}, w.p.id)
	if err != nil {
		return err
	}
	var above uint64
	for i := range before {
		above = max(above, before[i].Number)
	}
	numbers, err := w.numbersAbove(ctx, countMerges, 1, above)
	if err != nil {
		return err
	}
	_, err = w.insert(ctx, w.p.store.sql.merges.put, 1, func(_ int, values []any) {
		values[0], values[1], values[2], values[3], values[4] = w.p.id, int64(m.Loser), int64(m.Winner), int64(numbers[0]), rowcodec.AppendMerge(nil, &m)
	})
	return err
}

// DeleteMerges removes the merges of losers.
func (w *writer) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return w.removeOf(ctx, w.p.store.sql.merges.remove, losers)
}
