package dbtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

// findPostgres looks for a server where dsn says, else on this machine.
func findPostgres(ctx context.Context, dsn string) Database {
	const local = "user=postgres dbname=postgres sslmode=disable connect_timeout=5"
	dsns := []string{"host=/var/run/postgresql " + local, "host=/tmp " + local, "host=127.0.0.1 " + local}
	if dsn != "" {
		dsns = []string{dsn}
	}
	server, version, err := reach(ctx, "pgx", "SHOW server_version", dsns)
	d := postgres(server, server.during)
	d.Version = version
	if err != nil {
		d.Missing, d.required = err.Error(), dsn != ""
	}
	return d
}

// postgres is a server, on which provide makes things. Every fresh database is a schema of its own, which
// costs a hundredth of what a database costs.
func postgres(server Source, provide func(t testing.TB, create, drop string)) Database {
	return Database{Name: "postgres", Engine: Postgres, fresh: func(t testing.TB) Source {
		t.Helper()
		schema := freshName()
		provide(t, "CREATE SCHEMA "+schema, "DROP SCHEMA "+schema+" CASCADE")
		dsn, err := withSearchPath(server.DSN, schema)
		if err != nil {
			t.Fatal(err)
		}
		return Source{Driver: server.Driver, DSN: dsn}
	}}
}

// withSearchPath makes a schema the only one in which names are looked for.
func withSearchPath(dsn, schema string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " search_path=" + schema, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%s: not a URL", EnvPostgres) // the error would show the password
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
