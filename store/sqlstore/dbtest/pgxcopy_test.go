package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
	"github.com/audiencekit/audiencekit/store/sqlstore/pgxcopy"
	"github.com/audiencekit/audiencekit/store/storetest"
)

// postgres gives PostgreSQL among the databases.
func postgres(t *testing.T) dbtest.Database {
	t.Helper()
	for _, d := range dbtest.Databases(t) {
		if d.Engine == dbtest.Postgres {
			d.Need(t)
			return d
		}
	}
	t.Skip("PostgreSQL is not among the databases")
	return dbtest.Database{}
}

// TestPgxcopyConforms runs the suite with everything that pgx can do.
func TestPgxcopyConforms(t *testing.T) {
	d := postgres(t)
	opened := map[store.Adapter]*sql.DB{}
	open := func(t testing.TB, db *sql.DB) store.Adapter {
		t.Helper()
		opts := sqlstore.Options{Driver: pgxcopy.Driver{}}
		require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.Postgres, opts))
		adapter, err := sqlstore.New(t.Context(), db, sqlstore.Postgres, opts)
		require.NoError(t, err)
		opened[adapter] = db
		return adapter
	}
	storetest.Run(t, storetest.Harness{
		New: func(t testing.TB) store.Adapter { return open(t, d.Open(t)) },
		Reopen: func(t testing.TB, a store.Adapter) store.Adapter {
			require.NoError(t, a.Close())
			return open(t, opened[a])
		},
	})
}

// counting is the driver, and counts the rows that it copies.
type counting struct {
	pgxcopy.Driver
	copied *int64
}

func (c counting) Copy(ctx context.Context, tx sqlstore.Runner, table string, columns []string, rows iter.Seq[[]any]) (int64, error) {
	n, err := c.Driver.Copy(ctx, tx, table, columns, rows)
	*c.copied += n
	return n, err
}

// TestPgxcopyWritesTheSame: whether rows were copied does not show in them.
func TestPgxcopyWritesTheSame(t *testing.T) {
	d := postgres(t)
	var copied int64
	t.Setenv("AUDIENCEKIT_BENCH_CONTACTS", "1200")
	var found [2][][][]any
	for i, driver := range []any{nil, counting{copied: &copied}} {
		db := d.Open(t)
		aud := openAudience(t, d, db, driver)
		for _, j := range writeJobs(1_000) {
			require.NoError(t, j.throughAudience(t.Context(), &target{aud: aud}))
			require.NoError(t, j.throughAudience(t.Context(), &target{aud: aud}), "again: what is there is found")
		}
		for _, table := range handTables() {
			if table.name != "ak_mentions" && table.name != "ak_feed_parts" {
				found[i] = append(found[i], query(t, db, table.kinds, "SELECT "+table.columns+" FROM "+table.name+" ORDER BY 1, 2, 3"))
			}
		}
		if i == 0 {
			require.Zero(t, copied)
		}
	}
	require.ElementsMatch(t, found[0], found[1])
	require.Greater(t, copied, int64(1_200+5_000), "contacts and events were copied")
}

// TestPgxcopyOfAnotherDriver: a database that is not pgx's is refused at once.
func TestPgxcopyOfAnotherDriver(t *testing.T) {
	for _, d := range dbtest.Databases(t) {
		if d.Name != "sqlite-modernc" {
			continue
		}
		db := d.Open(t)
		require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite, sqlstore.Options{}))
		_, err := sqlstore.New(t.Context(), db, sqlstore.SQLite, sqlstore.Options{Driver: pgxcopy.Driver{}})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "pgx")
	}
}
