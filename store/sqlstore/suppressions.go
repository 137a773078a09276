package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type suppressionStatements struct {
	of, after, nextKey *statement
	put                *insertion
}

func newSuppressionStatements(c *catalog) suppressionStatements {
	return suppressionStatements{
		of: c.add(byHash, "suppressions", "SELECT key_id, sum, reason, body FROM {suppressions} WHERE audience = ? AND key_id = ? AND sum {in bytea}"),
		after: c.add(everywhere, "suppressions after", "SELECT key_id, sum, reason, body FROM {suppressions} "+
			"WHERE audience = ? AND "+c.dialect.after("key_id", "sum", "reason")+" ORDER BY key_id, sum, reason LIMIT ?"),
		nextKey: c.add(everywhere, "next suppression key", "SELECT MIN(key_id) FROM {suppressions} WHERE audience = ? AND key_id > ?"),
		put: c.insert(insertion{
			name: "put suppressions", key: byHash, table: "suppressions", keys: []string{"audience", "key_id", "sum", "reason"}, existing: replace,
			columns: []column{{"audience", intColumn}, {"key_id", textColumn}, {"sum", bytesColumn}, {"reason", intColumn}, {"body", bytesColumn}},
		}),
	}
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
	sums := make(map[string][][]byte)
	seen := make(map[audience.AddressHash]bool, len(hashes))
	for _, h := range hashes {
		if !seen[h] {
			seen[h] = true
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
			}, r.p.id, key, bytesList(part)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// SuppressionsAfter gives suppressions in order of key id, sum and reason.
func (r *reader) SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	args := r.p.store.dialect.rowAfter(after.Hash.Key, after.Hash.Sum[:], int64(after.Reason))
	var out []audience.Suppression
	err := r.query(ctx, r.p.store.sql.suppressions.after, func(rows *sql.Rows) error {
		s, err := scanSuppression(rows)
		out = append(out, s)
		return err
	}, slices.Concat([]any{r.p.id}, args, []any{int64(limit)})...)
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

// PutSuppressions stores suppressions by hash and reason.
func (w *writer) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	type place struct {
		hash   audience.AddressHash
		reason audience.SuppressionReason
	}
	last := make(map[place]int, len(suppressions))
	for i := range suppressions {
		last[place{suppressions[i].Hash, suppressions[i].Reason}] = i
	}
	rows := make([]*audience.Suppression, 0, len(last))
	for _, i := range last {
		rows = append(rows, &suppressions[i])
	}
	slices.SortFunc(rows, func(a, b *audience.Suppression) int {
		return cmp.Or(strings.Compare(a.Hash.Key, b.Hash.Key), bytes.Compare(a.Hash.Sum[:], b.Hash.Sum[:]), cmp.Compare(a.Reason, b.Reason))
	})
	if err := w.seesSuppressions(ctx, rows); err != nil {
		return err
	}
	_, err := w.insert(ctx, w.p.store.sql.suppressions.put, len(rows), func(i int, values []any) {
		s := rows[i]
		values[0], values[1], values[2], values[3], values[4] = w.p.id, s.Hash.Key, s.Hash.Sum[:], int64(s.Reason), rowcodec.AppendSuppression(nil, s)
	})
	return err
}
