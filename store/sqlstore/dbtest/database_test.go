package dbtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// TestDatabases says which databases the tests run on, and holds what they
// rely on: two fresh databases share nothing, and one that is opened again is
// the same.
func TestDatabases(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		t.Logf("tests run on %s %s", d.Name, d.Version)
		source, other := d.Fresh(t), d.Open(t)
		db := source.Open(t)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE ak_x (id INT)")
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO ak_x VALUES (7)")
		require.NoError(t, err)
		_, err = other.ExecContext(t.Context(), "SELECT id FROM ak_x")
		require.Error(t, err, "a fresh database is empty")
		_, err = other.ExecContext(t.Context(), "CREATE TABLE ak_x (id INT)")
		require.NoError(t, err)

		require.NoError(t, db.Close())
		var id int
		require.NoError(t, source.Open(t).QueryRowContext(t.Context(), "SELECT id FROM ak_x").Scan(&id))
		require.Equal(t, 7, id)
	})
}

// TestSQLiteSettings holds that every driver understands the settings that
// are asked of it: one that does not know a parameter ignores it.
func TestSQLiteSettings(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.SQLite {
			t.Skip("not SQLite")
		}
		db := d.Open(t)
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "1", "busy_timeout": "30000"} {
			var got string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, pragma)
		}
		first, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		_, err = conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
		require.NoError(t, err)
		_, err = conn.ExecContext(t.Context(), "CREATE TABLE x (id INT)")
		require.Error(t, err, "a transaction has the lock from its beginning")
		require.NoError(t, first.Rollback())
		_, err = conn.ExecContext(t.Context(), "CREATE TABLE x (id INT)")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
}
