package dbtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// Dialect is what the SQL store calls the engine.
func (e Engine) Dialect() sqlstore.Dialect {
	switch e {
	case Postgres:
		return sqlstore.Postgres
	case MySQL:
		return sqlstore.MySQL
	case SQLite:
		return sqlstore.SQLite
	default:
		return 0
	}
}

// Store migrates a database and opens a store on it. The store is closed
// after the test.
func (s Source) Store(t testing.TB, e Engine) *sqlstore.Store {
	t.Helper()
	db := s.Open(t)
	require.NoError(t, sqlstore.Migrate(t.Context(), db, e.Dialect(), sqlstore.Options{}))
	a, err := sqlstore.New(t.Context(), db, e.Dialect(), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() }) // the test may have closed it
	return a
}
