package dbtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NewPostgres makes a PostgreSQL server of the test's own, not yet started,
// which nobody reaches but through its [Server.Database].
func NewPostgres(t testing.TB) *Server {
	t.Helper()
	bin, err := postgresBin()
	return newServer(t, "postgres", []string{"postgres", "nobody"}, err, func(dir string) recipe {
		data := filepath.Join(dir, "data")
		return recipe{
			setup: []string{filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"},
			program: []string{
				filepath.Join(bin, "postgres"), "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories=" + dir,
				"-c", "port=5432", "-c", "shared_buffers=64MB",
			},
			stop:   os.Interrupt, // without waiting for clients
			source: Source{Driver: "pgx", DSN: fmt.Sprintf("host='%s' port=5432 user=postgres dbname=postgres sslmode=disable connect_timeout=5", dir)},
			database: func(s Source) Database {
				return postgres(s, s.keep)
			},
		}
	})
}

// postgresBin is the folder of the server's programs, which Debian and others
// keep out of the PATH.
func postgresBin() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		initdb, err = filepath.EvalSymlinks(initdb)
		return filepath.Dir(initdb), err
	}
	var newest string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			newest = filepath.Dir(found[len(found)-1])
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%w: initdb of PostgreSQL", exec.ErrNotFound)
	}
	return newest, nil
}
