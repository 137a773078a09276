package dbtest_test

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/othermigrations"
)

// extended gives a context in which the library has one more migration.
func extended(t testing.TB, d dbtest.Database, name, text string) context.Context {
	t.Helper()
	files := make(fstest.MapFS)
	library := os.DirFS("..")
	paths, err := fs.Glob(library, "migrations/"+dialect(d.Engine).String()+"/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		data, err := fs.ReadFile(library, path)
		require.NoError(t, err)
		files[path] = &fstest.MapFile{Data: data}
	}
	files["migrations/"+dialect(d.Engine).String()+"/"+name] = &fstest.MapFile{Data: []byte(text)}
	return othermigrations.With(t.Context(), files)
}

// latest is the version of the library's own migrations.
func latest(t testing.TB, db *sql.DB) (version, step int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT version, step FROM ak_schema").Scan(&version, &step))
	return version, step
}

func next(version int) string { return "000" + string(rune('1'+version)) + "_more.sql" }

// TestMigrateAtOnce lets many processes that start at the same time migrate:
// each with a pool of its own, and many in one pool.
func TestMigrateAtOnce(t *testing.T) {
	const processes = 12
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		source := d.Fresh(t)
		shared := source.Open(t)
		errs := make([]error, processes)
		var wg sync.WaitGroup
		for i := range processes {
			db := shared
			if i%3 == 0 {
				db = source.Open(t)
			}
			wg.Go(func() { errs[i] = sqlstore.Migrate(t.Context(), db, dialect(d.Engine), sqlstore.Options{}) })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		openStore(t, shared, d.Engine)
		var n int
		require.NoError(t, shared.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_schema").Scan(&n))
		require.Equal(t, 1, n)
	})
}

// TestMigrateWithData brings tables with rows in them to another version.
func TestMigrateWithData(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		s := openStore(t, db, d.Engine)
		p, err := s.Partition(t.Context(), "main")
		require.NoError(t, err)
		ids := draw(t, p, 3)
		version, _ := latest(t, db)
		ctx := extended(t, d, next(version), "ALTER TABLE {contacts} ADD COLUMN extra integer NOT NULL DEFAULT 0;\nUPDATE {contacts} SET extra = id;\n")
		_, err = sqlstore.New(ctx, db, dialect(d.Engine), sqlstore.Options{})
		requireRefused(t, err, "schema-older", "Migrate")
		for range 2 {
			require.NoError(t, sqlstore.Migrate(ctx, db, dialect(d.Engine), sqlstore.Options{}))
		}
		_, err = sqlstore.New(ctx, db, dialect(d.Engine), sqlstore.Options{})
		require.NoError(t, err)
		var sum int64
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT SUM(extra) FROM ak_contacts").Scan(&sum))
		require.EqualValues(t, ids[0]+ids[1]+ids[2], sum)
		_, err = sqlstore.New(t.Context(), db, dialect(d.Engine), sqlstore.Options{})
		requireRefused(t, err, "schema-newer", "newer version")
	})
}

// TestMigrateInterrupted breaks a migration off in its middle and goes on with
// it.
func TestMigrateInterrupted(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		openStore(t, db, d.Engine)
		version, _ := latest(t, db)
		const first, second, third = "CREATE TABLE {extra} (a integer);\n", "INSERT INTO {extra} (a) VALUES (7);\n", "CREATE INDEX {extra}_a ON {extra} (a);\n"
		broken := extended(t, d, next(version), first+second+"NONSENSE;\n"+third)
		err := sqlstore.Migrate(broken, db, dialect(d.Engine), sqlstore.Options{})
		require.ErrorContains(t, err, "statement 3")
		require.ErrorContains(t, err, "NONSENSE", "there are no values in it, so the driver is heard")

		_, err = sqlstore.New(broken, db, dialect(d.Engine), sqlstore.Options{})
		if d.Engine == dbtest.MySQL {
			requireRefused(t, err, "schema-unfinished", "Migrate")
			_, step := latest(t, db)
			require.Equal(t, 5, step)
		} else {
			requireRefused(t, err, "schema-older", "Migrate")
			_, err = db.ExecContext(t.Context(), "SELECT a FROM ak_extra")
			require.Error(t, err, "as a whole or not at all")
		}
		mended := extended(t, d, next(version), strings.ReplaceAll(first+second+"NONSENSE;\n"+third, "NONSENSE", "UPDATE {extra} SET a = a + 1"))
		require.NoError(t, sqlstore.Migrate(mended, db, dialect(d.Engine), sqlstore.Options{}))
		_, err = sqlstore.New(mended, db, dialect(d.Engine), sqlstore.Options{})
		require.NoError(t, err)
		var n, a int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*), MAX(a) FROM ak_extra").Scan(&n, &a))
		require.Equal(t, []int{1, 8}, []int{n, a}, "nothing is done twice")
	})
}

// TestMigrateDoneButNotNoted kills a migration of MySQL between a statement
// and the note of its end: it is not an error that it is done already. For
// others than that statement it is one.
func TestMigrateDoneButNotNoted(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.MySQL {
			t.Skip("migrations are one transaction")
		}
		db := d.Open(t)
		openStore(t, db, d.Engine)
		version, _ := latest(t, db)
		ctx := extended(t, d, next(version), "CREATE TABLE {extra} (a integer);\nALTER TABLE {extra} ADD COLUMN b integer;\nCREATE INDEX {extra}_a ON {extra} (a);\n")
		for step := 1; step <= 5; step += 2 {
			require.NoError(t, sqlstore.Migrate(ctx, db, dialect(d.Engine), sqlstore.Options{}))
			exec(t, db, "UPDATE ak_schema SET version = version - 1, step = "+string(rune('0'+step)))
			switch step { // what comes after it was not done
			case 1:
				exec(t, db, "ALTER TABLE ak_extra DROP INDEX ak_extra_a, DROP COLUMN b")
			case 3:
				exec(t, db, "ALTER TABLE ak_extra DROP INDEX ak_extra_a")
			}
		}
		require.NoError(t, sqlstore.Migrate(ctx, db, dialect(d.Engine), sqlstore.Options{}))
		exec(t, db, "UPDATE ak_schema SET version = version - 1, step = 0")
		require.ErrorContains(t, sqlstore.Migrate(ctx, db, dialect(d.Engine), sqlstore.Options{}), "1050", "a table of the host's is no table of ours")
	})
}
