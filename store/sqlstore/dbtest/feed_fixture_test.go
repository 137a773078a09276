package dbtest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// dialect gives the dialect of a database.
func dialect(d Database) sqlstore.Dialect { return d.Engine.Dialect() }

// openStore makes the tables in a database and a store over them.
func openStore(t testing.TB, d Database, db *sql.DB, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, sqlstore.Migrate(ctx, db, dialect(d), opts))
	s, err := sqlstore.New(ctx, db, dialect(d), opts)
	require.NoError(t, err)
	return s
}
