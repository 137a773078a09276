package dbtest_test

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// dialect is what package sqlstore calls an engine.
func dialect(e dbtest.Engine) sqlstore.Dialect {
	return map[dbtest.Engine]sqlstore.Dialect{
		dbtest.Postgres: sqlstore.Postgres, dbtest.MySQL: sqlstore.MySQL, dbtest.SQLite: sqlstore.SQLite,
	}[e]
}

// openStore migrates a database and opens a store on it.
func openStore(t testing.TB, db *sql.DB, e dbtest.Engine) *sqlstore.Store {
	t.Helper()
	require.NoError(t, sqlstore.Migrate(t.Context(), db, dialect(e), sqlstore.Options{}))
	s, err := sqlstore.New(t.Context(), db, dialect(e), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, st := range statements {
		_, err := db.ExecContext(t.Context(), st)
		require.NoError(t, err, st)
	}
}

// requireRefused requires a SetupError of a rule that says what to do.
func requireRefused(t testing.TB, err error, rule, hint string) {
	t.Helper()
	var setup *sqlstore.SetupError
	require.ErrorAs(t, err, &setup)
	require.Equal(t, rule, setup.Rule)
	require.Contains(t, setup.Hint, hint)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.ErrorContains(t, err, "sqlstore: ")
}

func TestNewLooksAtTheSchema(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		refused := func(rule, hint string) {
			t.Helper()
			s, err := sqlstore.New(t.Context(), db, dialect(d.Engine), sqlstore.Options{})
			require.Nil(t, s)
			requireRefused(t, err, rule, hint)
		}
		refused("schema-missing", "Migrate")
		openStore(t, db, d.Engine)
		exec(t, db, "UPDATE ak_schema SET version = 1000")
		refused("schema-newer", "newer version of the program")
		requireRefused(t, sqlstore.Migrate(t.Context(), db, dialect(d.Engine), sqlstore.Options{}), "schema-newer", "newer version of the program")
		exec(t, db, "UPDATE ak_schema SET version = 0, step = 3")
		refused("schema-unfinished", "Migrate")
	})
}

func TestNewLooksAtItsArguments(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		for name, call := range map[string]func() (*sqlstore.Store, error){
			"no database": func() (*sqlstore.Store, error) {
				return sqlstore.New(t.Context(), nil, dialect(d.Engine), sqlstore.Options{})
			},
			"no dialect": func() (*sqlstore.Store, error) { return sqlstore.New(t.Context(), db, 0, sqlstore.Options{}) },
			"prefix": func() (*sqlstore.Store, error) {
				return sqlstore.New(t.Context(), db, dialect(d.Engine), sqlstore.Options{Prefix: "x; DROP TABLE y"})
			},
		} {
			_, err := call()
			require.ErrorIs(t, err, audience.ErrInvalid, name)
		}
		db.SetMaxOpenConns(1)
		_, err := sqlstore.New(t.Context(), db, dialect(d.Engine), sqlstore.Options{})
		requireRefused(t, err, "pool", "SetMaxOpenConns")
	})
}

// TestPrefixes holds that stores with two prefixes know nothing of each other.
func TestPrefixes(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		openStore(t, db, d.Engine)
		other := sqlstore.Options{Prefix: "shop2_"}
		_, err := sqlstore.New(t.Context(), db, dialect(d.Engine), other)
		requireRefused(t, err, "schema-missing", "shop2_")
		require.NoError(t, sqlstore.Migrate(t.Context(), db, dialect(d.Engine), other))
		s, err := sqlstore.New(t.Context(), db, dialect(d.Engine), other)
		require.NoError(t, err)
		p, err := s.Partition(t.Context(), "main")
		require.NoError(t, err)
		draw(t, p, 1)
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_audiences").Scan(&n))
		require.Zero(t, n)
	})
}

func TestSQLiteSetup(t *testing.T) {
	pragmas := func(change ...string) url.Values {
		set := map[string]string{"busy_timeout": "10000", "journal_mode": "WAL", "synchronous": "NORMAL"}
		for i := 0; i < len(change); i += 2 {
			set[change[i]] = change[i+1]
		}
		v := url.Values{"_txlock": {"immediate"}}
		for _, name := range []string{"busy_timeout", "encoding", "journal_mode", "synchronous", "locking_mode", "query_only"} { // encoding first: it makes the file
			if value := set[name]; value != "" {
				v.Add("_pragma", name+"("+value+")")
			}
		}
		return v
	}
	deferred := pragmas()
	deferred.Set("_txlock", "deferred")
	unsaid := pragmas()
	unsaid.Del("_txlock")
	tests := []struct {
		name       string
		file       string
		parameters url.Values
		rule, hint string
		migrates   bool // Migrate does not mind
	}{
		{"fine", "test.db", pragmas(), "", "", true},
		{"in memory", ":memory:", url.Values{}, "server-setting", "in memory", false},
		{"rollback journal", "test.db", pragmas("journal_mode", "DELETE"), "server-setting", "journal_mode is delete", false},
		{"another encoding", "test.db", pragmas("encoding", `"UTF-16"`), "server-setting", "UTF-16", false},
		{"no waiting", "test.db", pragmas("busy_timeout", "0"), "server-setting", "busy_timeout", false},
		{"no syncing", "test.db", pragmas("synchronous", "OFF"), "server-setting", "synchronous", false},
		{"exclusive", "test.db", pragmas("locking_mode", "EXCLUSIVE"), "server-setting", "locking_mode", false},
		{"only queries", "test.db", pragmas("query_only", "1"), "server-setting", "query_only", false},
		{"deferred", "test.db", deferred, "transactions", "_txlock=immediate", true},
		{"nothing said", "test.db", unsaid, "transactions", "_txlock=immediate", true},
	}
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.SQLite || d.Name == "sqlite-mattn" { // whose parameters have other names
			t.Skip("not SQLite with pragmas as parameters")
		}
		driver := d.Fresh(t).Driver
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if tt.name == "nothing said" && d.Name == "sqlite-ncruces" {
					t.Skip("it begins immediate by itself")
				}
				dsn := tt.file
				if len(tt.parameters) > 0 {
					dsn = "file:" + filepath.Join(t.TempDir(), tt.file) + "?" + tt.parameters.Encode()
				}
				db, err := sql.Open(driver, dsn)
				require.NoError(t, err)
				defer func() { require.NoError(t, db.Close()) }()
				err = sqlstore.Migrate(t.Context(), db, sqlstore.SQLite, sqlstore.Options{})
				if !tt.migrates {
					requireRefused(t, err, tt.rule, tt.hint)
				} else {
					require.NoError(t, err)
				}
				_, err = sqlstore.New(t.Context(), db, sqlstore.SQLite, sqlstore.Options{})
				if tt.rule == "" {
					require.NoError(t, err)
				} else {
					requireRefused(t, err, tt.rule, tt.hint)
				}
			})
		}
	})
}

// TestImmediateBesideWriters holds that how transactions begin is found out
// while others write, and that the connections are given back as they were.
func TestImmediateBesideWriters(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.SQLite || d.Name == "sqlite-mattn" {
			t.Skip("not SQLite with pragmas as parameters")
		}
		source := d.Fresh(t)
		openStore(t, source.Open(t), d.Engine)
		deferred := source
		deferred.DSN = strings.ReplaceAll(source.DSN, "_txlock=immediate", "_txlock=deferred")
		require.NotEqual(t, source, deferred)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		writing := source.Open(t)
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				tx, err := writing.BeginTx(ctx, nil)
				if err != nil {
					continue
				}
				runtime.Gosched()
				_ = tx.Rollback()
			}
		}()
		for range 5 {
			db := source.Open(t)
			_, err := sqlstore.New(t.Context(), db, sqlstore.SQLite, sqlstore.Options{})
			require.NoError(t, err)
			for range 4 {
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				defer func() { _ = conn.Close() }()
				var busy int
				require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&busy))
				require.Equal(t, 30_000, busy)
			}
			_, err = sqlstore.New(t.Context(), deferred.Open(t), sqlstore.SQLite, sqlstore.Options{})
			requireRefused(t, err, "transactions", "_txlock=immediate")
		}
		cancel()
		<-done
	})
}

func TestMySQLSetup(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *mysql.Config)
		hint   string
	}{
		{"not strict", func(c *mysql.Config) { c.Params = map[string]string{"sql_mode": "''"} }, "sql_mode"},
		{"another character set", func(c *mysql.Config) { c.Params = map[string]string{"charset": "latin1"} }, "latin1"},
		{"no database", func(c *mysql.Config) { c.DBName = "" }, "no database"},
	}
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.MySQL {
			t.Skip("not MySQL")
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				source := d.Fresh(t)
				openStore(t, source.Open(t), d.Engine)
				config, err := mysql.ParseDSN(source.DSN)
				require.NoError(t, err)
				tt.change(config)
				source.DSN = config.FormatDSN()
				_, err = sqlstore.New(t.Context(), source.Open(t), sqlstore.MySQL, sqlstore.Options{})
				requireRefused(t, err, "server-setting", tt.hint)
				requireRefused(t, sqlstore.Migrate(t.Context(), source.Open(t), sqlstore.MySQL, sqlstore.Options{}), "server-setting", tt.hint)
			})
		}
		t.Run("another engine", func(t *testing.T) {
			db := d.Open(t)
			openStore(t, db, d.Engine)
			exec(t, db, "ALTER TABLE ak_tags ENGINE=MyISAM ROW_FORMAT=DEFAULT, MODIFY tag varbinary(900) NOT NULL")
			_, err := sqlstore.New(t.Context(), db, sqlstore.MySQL, sqlstore.Options{})
			requireRefused(t, err, "server-setting", "ak_tags")
		})
	})
}

func TestPostgresEncoding(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.Postgres {
			t.Skip("not PostgreSQL")
		}
		source := d.Fresh(t)
		db := source.Open(t)
		var name string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&name))
		exec(t, db, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
		defer exec(t, db, "DROP DATABASE "+name+" WITH (FORCE)")
		other := source
		other.DSN = strings.ReplaceAll(source.DSN, "dbname=postgres", "dbname="+name)
		if other == source {
			t.Skip("the server is named in another way")
		}
		requireRefused(t, sqlstore.Migrate(t.Context(), other.Open(t), sqlstore.Postgres, sqlstore.Options{}), "server-setting", "LATIN1")
	})
}
