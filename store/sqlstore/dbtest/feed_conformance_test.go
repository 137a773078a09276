package dbtest

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/storetest"
	"github.com/stretchr/testify/require"
)

// dialect gives the dialect of a database.
func dialect(d Database) sqlstore.Dialect {
	return map[Engine]sqlstore.Dialect{Postgres: sqlstore.Postgres, MySQL: sqlstore.MySQL, SQLite: sqlstore.SQLite}[d.Engine]
}

// opened is a store with the database it is in.
type opened struct {
	*sqlstore.Store
	db *sql.DB
}

// openStore makes the tables in a database and a store over them.
func openStore(t testing.TB, d Database, db *sql.DB, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, sqlstore.Migrate(ctx, db, dialect(d), opts))
	s, err := sqlstore.New(ctx, db, dialect(d), opts)
	require.NoError(t, err)
	return s
}

// harness is what the conformance suite needs.
func harness(d Database) storetest.Harness {
	h := storetest.Harness{
		New: func(t testing.TB) store.Adapter {
			db := d.Open(t)
			return opened{openStore(t, d, db, sqlstore.Options{}), db}
		},
		Reopen: func(t testing.TB, a store.Adapter) store.Adapter {
			old := a.(opened)
			require.NoError(t, old.Close())
			return opened{openStore(t, d, old.db, sqlstore.Options{}), old.db}
		},
	}
	if d.Engine == SQLite {
		h.Lacks = []storetest.Lack{{Feature: storetest.FeatureOverlap, Reason: "SQLite has one writer at a time"}}
	}
	return h
}

// TestFeedConformance runs the checks that are about the feed.
func TestFeedConformance(t *testing.T) {
	topics := []string{"feed", "positions", "snapshots", "transactions", "deletion", "concurrency", "lifecycle"}
	Run(t, func(t *testing.T, d Database) {
		for _, c := range storetest.Checks() {
			if slices.Contains(topics, c.Topic) {
				t.Run(c.String(), func(t *testing.T) { c.Run(t, harness(d)) })
			}
		}
	})
}
