package dbtest

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// recycled gives empty databases to many small tests: making one takes some
// servers a second, emptying it a moment. What is left over from the test
// before is rows, which have other incarnations and sequences; whoever comes
// across any of them has found a fault.
type recycled struct {
	database Database
	whole    testing.TB // for which the databases are kept

	mu   sync.Mutex
	free []Source
}

// source gives a database with the tables of the store and no rows, and takes
// it back after the test.
func (r *recycled) source(t testing.TB) Source {
	t.Helper()
	r.mu.Lock()
	var s Source
	known := len(r.free) > 0
	if known {
		s, r.free = r.free[len(r.free)-1], r.free[:len(r.free)-1]
	}
	r.mu.Unlock()
	if known {
		require.NoError(t, r.empty(t.Context(), s))
	} else {
		s = r.database.Fresh(r.whole)
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // who knows in what state it is
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.free = append(r.free, s)
	})
	return s
}

// empty removes all rows but the version of the tables.
func (r *recycled) empty(ctx context.Context, s Source) error {
	tables := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'ak%' AND table_name <> 'ak_schema'"
	switch r.database.Engine {
	case MySQL:
		tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_name LIKE 'ak%' AND table_name <> 'ak_schema'"
	case SQLite:
		tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'ak%' AND name <> 'ak_schema'"
	default:
	}
	db, err := s.pool()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, tables)
	if err != nil {
		return err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+name); err != nil {
			return err
		}
	}
	return tx.Commit()
}
