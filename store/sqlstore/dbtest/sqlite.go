package dbtest

import (
	"context"
	"net/url"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// sqlites gives SQLite through each of the drivers that are compiled in.
func sqlites(ctx context.Context) []Database {
	pragmas := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(30000)", "journal_mode(WAL)", "synchronous(NORMAL)"},
	}
	return []Database{sqlite(ctx, "sqlite-modernc", "sqlite", pragmas), sqlite3(ctx, pragmas)}
}

// sqlite is SQLite through a driver, whose own way to say how to open is in
// the parameters.
func sqlite(ctx context.Context, name, driver string, parameters url.Values) Database {
	d := Database{Name: name, Engine: SQLite, fresh: func(t testing.TB) Source {
		t.Helper()
		return Source{Driver: driver, DSN: sqliteDSN(filepath.Join(t.TempDir(), "test.db"), parameters)}
	}}
	version, err := Source{Driver: driver, DSN: ":memory:"}.ask(ctx, "SELECT sqlite_version()")
	if err != nil {
		d.Missing = err.Error()
	}
	d.Version = version
	return d
}

func sqliteDSN(file string, parameters url.Values) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(file), RawQuery: parameters.Encode()}
	return u.String()
}
