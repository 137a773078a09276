package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type suppressionStatements struct {
	of, lock, after, nextKey, remove *statement // lock is nil where one transaction writes at a time
	add, put                         *insertion
}

func newSuppressionStatements(c *catalog) suppressionStatements {
	bySum := keyed{table: "suppressions", columns: "key_id, sum, reason, body", column: "sum", kind: "bytea", where: "audience = ? AND key_id = ?"}
	row := insertion{
		name: "add suppressions", key: byHash, table: "suppressions", keys: []string{"audience", "key_id", "sum", "reason"}, existing: compete,
		columns: []column{{"audience", intColumn}, {"key_id", textColumn}, {"sum", bytesColumn}, {"reason", intColumn}, {"body", bytesColumn}},
	}
	replacing := row
	replacing.name, replacing.existing = "put suppressions", replace
	st := suppressionStatements{
		of: c.add(byHash, "suppressions", bySum.all(c.dialect)),
		after: c.add(everywhere, "suppressions after", "SELECT key_id, sum, reason, body FROM {suppressions} "+
			"WHERE audience = ? AND "+c.dialect.behind("key_id", "sum", "reason")+" ORDER BY key_id, sum, reason LIMIT ?"),
		nextKey: c.add(everywhere, "next suppression key", "SELECT MIN(key_id) FROM {suppressions} WHERE audience = ? AND key_id > ?"),
		put:     c.insert(replacing),
	}
	bySum.where += " AND reason = ?"
	st.remove = c.points(byHash, "remove moved suppressions", bySum.remove(c.dialect))
	if !c.dialect.oneWriter {
		st.lock = c.points(byHash, "lock suppressions", bySum.find(c.dialect, c.dialect.lock))
		st.add = c.insert(row)
	}
	return st
}

func scanSuppression(rows *sql.Rows) (audience.Suppression, error) {
	var hash audience.AddressHash
	var reason int64
	var sum, body sql.RawBytes
	if err := rows.Scan(&hash.Key, &sum, &reason, &body); err != nil {
		return audience.Suppression{}, err
	}
	copy(hash.Sum[:], sum)
	return rowcodec.Suppression(body, hash, audience.SuppressionReason(reason))
}

// Suppressions gives every suppression of the hashes.
func (r *reader) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if out, done, err := r.amongFew(ctx, hashes); done || err != nil {
		return out, err
	}
	sums := make(map[string][][]byte)
	seen := make(map[audience.AddressHash]bool, len(hashes))
	for i := range hashes {
		h := &hashes[i]
		if !seen[*h] {
			seen[*h] = true
			sums[h.Key] = append(sums[h.Key], h.Sum[:])
		}
	}
	var out []audience.Suppression
	for key, all := range sums {
		for part := range parts(all) {
			if err := r.query(ctx, r.p.store.sql.suppressions.of, func(rows *sql.Rows) error {
				s, err := scanSuppression(rows)
				out = append(out, s)
				return err
			}, bytesList(part), r.p.id, key); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fewestAmongFew is of how many hashes it is worth to look whether there are
// fewer suppressions than it takes to ask for each.
const fewestAmongFew = 256

// amongFew gives the suppressions of many hashes by reading all there are, where
// these are few: an eighth of the hashes costs less than to look for each of
// them. done is false where there are more; then the partition remembers it. As
// one statement it sees what is committed by the same instant, as those of
// [reader.Suppressions] do each.
func (r *reader) amongFew(ctx context.Context, hashes []audience.AddressHash) (out []audience.Suppression, done bool, err error) {
	most := len(hashes) / 8
	if len(hashes) < fewestAmongFew || int64(most) <= r.p.suppressions.Load() {
		return nil, false, nil
	}
	all, err := r.SuppressionsAfter(ctx, audience.Suppression{}, most)
	switch {
	case err != nil:
		return nil, false, err
	case len(all) == most:
		r.p.suppressions.Store(int64(most))
		return nil, false, nil
	case len(all) == 0:
		return nil, true, nil
	}
	byHash := make(map[audience.AddressHash][]audience.Suppression, len(all))
	for _, s := range all {
		byHash[s.Hash] = append(byHash[s.Hash], s)
	}
	for _, h := range hashes {
		out = append(out, byHash[h]...)
		delete(byHash, h) // each once
	}
	return out, true, nil
}

// SuppressionsAfter gives suppressions in order of key id, sum and reason.
func (r *reader) SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	args := append([]any{r.p.id}, r.p.store.dialect.behindArgs(after.Hash.Key, after.Hash.Sum[:], int64(after.Reason))...)
	var out []audience.Suppression
	err := r.query(ctx, r.p.store.sql.suppressions.after, func(rows *sql.Rows) error {
		s, err := scanSuppression(rows)
		out = append(out, s)
		return err
	}, append(args, int64(limit))...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SuppressionKeys gives the key ids in use, leaping from one to the next.
func (r *reader) SuppressionKeys(ctx context.Context) ([]string, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []string
	for last := ""; ; {
		var next sql.NullString
		if err := r.query(ctx, r.p.store.sql.suppressions.nextKey, func(rows *sql.Rows) error { return rows.Scan(&next) }, r.p.id, last); err != nil {
			return nil, err
		}
		if !next.Valid {
			return out, nil
		}
		last = next.String
		out = append(out, last)
	}
}

// Suppressions gives every suppression of the hashes, and remembers what it
// gave: what is decided by it may only be written as long as it is so.
func (w *writer) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	unread := w.notRead(hashes)
	ask := hashes
	if w.p.store.dialect.oneWriter { // nobody else changes what is known
		ask = unread
	}
	found, err := w.reader.Suppressions(ctx, ask)
	if err != nil {
		return nil, err
	}
	first := make(map[audience.AddressHash][]audience.Suppression)
	for _, s := range found {
		if _, read := w.suppressed[s.Hash]; !read {
			first[s.Hash] = append(first[s.Hash], s)
		}
	}
	for _, h := range unread {
		w.suppressed[h] = first[h]
	}
	if len(ask) == len(hashes) {
		return found, nil
	}
	found = found[:0]
	given := make(map[audience.AddressHash]bool)
	for _, h := range hashes {
		if of := w.suppressed[h]; len(of) > 0 && !given[h] {
			given[h] = true
			found = append(found, of...)
		}
	}
	return found, nil
}

// notRead gives the hashes of which the transaction has read nothing.
func (w *writer) notRead(hashes []audience.AddressHash) []audience.AddressHash {
	if len(w.suppressed) == 0 {
		return hashes
	}
	var out []audience.AddressHash
	for _, h := range hashes {
		if _, ok := w.suppressed[h]; !ok {
			out = append(out, h)
		}
	}
	return out
}

// suppressionPlace is the key of a suppression.
type suppressionPlace struct {
	hash   audience.AddressHash
	reason audience.SuppressionReason
}

func suppressionAt(s *audience.Suppression) suppressionPlace {
	return suppressionPlace{s.Hash, s.Reason}
}

// lockOrder is the order in which everybody locks suppressions.
func lockOrder(a, b *audience.Suppression) int {
	return cmp.Or(strings.Compare(a.Hash.Key, b.Hash.Key), cmp.Compare(a.Reason, b.Reason), bytes.Compare(a.Hash.Sum[:], b.Hash.Sum[:]))
}

// PutSuppressions stores suppressions by hash and reason. Addresses of nobody's
// have no row that could be locked before they are decided on. So what was not
// there is inserted, what was there is compared once it is locked, and when
// somebody was faster the transaction begins again and finds theirs.
func (w *writer) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	last := make(map[suppressionPlace]int, len(suppressions))
	for i := range suppressions {
		last[suppressionAt(&suppressions[i])] = i
	}
	rows := make([]*audience.Suppression, 0, len(last))
	for _, i := range last {
		rows = append(rows, &suppressions[i])
	}
	slices.SortFunc(rows, lockOrder)
	var added, changed []*audience.Suppression
	for _, s := range rows {
		if of, read := w.suppressed[s.Hash]; !read || w.p.store.dialect.oneWriter || reasonAt(of, s.Reason) >= 0 {
			changed = append(changed, s)
		} else {
			added = append(added, s)
		}
	}
	st := &w.p.store.sql.suppressions
	if err := w.unchanged(ctx, changed); err != nil {
		return err
	}
	if err := w.add(ctx, st.add, len(added), w.suppressionRows(added)); err != nil {
		return err
	}
	if _, err := w.insert(ctx, st.put, len(changed), w.suppressionRows(changed)); err != nil {
		return err
	}
	for _, s := range rows {
		of, read := w.suppressed[s.Hash]
		switch i := reasonAt(of, s.Reason); {
		case i >= 0:
			of = slices.Clone(of) // whoever was given it keeps it
			of[i] = *s
			w.suppressed[s.Hash] = of
		case read:
			w.suppressed[s.Hash] = append(slices.Clip(of), *s)
		}
	}
	return nil
}

// MoveSuppressions stores suppressions in place of others. These are looked at
// once they are locked, as those that are replaced.
func (w *writer) MoveSuppressions(ctx context.Context, moves []store.SuppressionMove) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	rows := make([]audience.Suppression, len(moves))
	var gone []*audience.Suppression
	for i := range moves {
		m := &moves[i]
		rows[i] = m.To
		if m.From != m.To.Hash {
			gone = append(gone, &audience.Suppression{Hash: m.From, Reason: m.To.Reason})
		}
	}
	slices.SortFunc(gone, lockOrder)
	there := slices.DeleteFunc(slices.Clone(gone), func(s *audience.Suppression) bool {
		return reasonAt(w.suppressed[s.Hash], s.Reason) < 0
	})
	if err := w.unchanged(ctx, there); err != nil {
		return err
	}
	if err := w.PutSuppressions(ctx, rows); err != nil {
		return err
	}
	for len(gone) > 0 {
		key, reason := gone[0].Hash.Key, gone[0].Reason
		var sums [][]byte
		for len(gone) > 0 && gone[0].Hash.Key == key && gone[0].Reason == reason {
			sums = append(sums, gone[0].Hash.Sum[:])
			w.forgetSuppression(gone[0])
			gone = gone[1:]
		}
		for part := range parts(sums) {
			if _, err := w.exec(ctx, w.p.store.sql.suppressions.remove, bytesList(part), w.p.id, key, int64(reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSuppression takes a row out of what the transaction knows.
func (w *writer) forgetSuppression(s *audience.Suppression) {
	of, read := w.suppressed[s.Hash]
	if i := reasonAt(of, s.Reason); read && i >= 0 {
		w.suppressed[s.Hash] = slices.Delete(slices.Clone(of), i, i+1)
	}
}

// reasonAt gives the place of the suppression for a reason, -1 when there is none.
func reasonAt(of []audience.Suppression, reason audience.SuppressionReason) int {
	return slices.IndexFunc(of, func(s audience.Suppression) bool { return s.Reason == reason })
}

func (w *writer) suppressionRows(rows []*audience.Suppression) row {
	return func(i int, values []any) {
		s := rows[i]
		values[0], values[1], values[2], values[3], values[4] = w.p.id, s.Hash.Key, s.Hash.Sum[:], int64(s.Reason), rowcodec.AppendSuppression(nil, s)
	}
}

// unchanged locks suppressions that are about to be replaced, and looks whether
// they are what the transaction has read.
func (w *writer) unchanged(ctx context.Context, rows []*audience.Suppression) error {
	st := w.p.store.sql.suppressions.lock
	if st == nil {
		return nil
	}
	for len(rows) > 0 {
		key, reason := rows[0].Hash.Key, rows[0].Reason
		var sums [][]byte
		for len(rows) > 0 && rows[0].Hash.Key == key && rows[0].Reason == reason {
			if _, read := w.suppressed[rows[0].Hash]; read {
				sums = append(sums, rows[0].Hash.Sum[:])
			}
			rows = rows[1:]
		}
		for part := range parts(sums) {
			same := 0
			if err := w.query(ctx, st, func(r *sql.Rows) error {
				now, err := scanSuppression(r)
				of := w.suppressed[now.Hash]
				if i := reasonAt(of, reason); i >= 0 && bytes.Equal(rowcodec.AppendSuppression(nil, &of[i]), rowcodec.AppendSuppression(nil, &now)) {
					same++
				}
				return err
			}, bytesList(part), w.p.id, key, int64(reason)); err != nil {
				return err
			}
			if same < len(part) {
				return w.doom("somebody else changed a suppression meanwhile")
			}
		}
	}
	return nil
}
