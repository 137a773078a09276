package dbtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// NewMariaDB makes a MariaDB server of the test's own, not yet started, which
// nobody reaches but through its [Server.Database].
func NewMariaDB(t testing.TB) *Server {
	t.Helper()
	install, err := lookProgram("mariadb-install-db")
	daemon, err2 := lookProgram("mariadbd")
	if err == nil {
		err = err2
	}
	return newServer(t, "mariadb", []string{"mysql", "nobody"}, err, func(dir string) recipe {
		data, socket := "--datadir="+filepath.Join(dir, "data"), filepath.Join(dir, "socket")
		return recipe{
			setup: []string{install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"},
			program: []string{
				daemon, "--no-defaults", data, "--socket=" + socket, "--skip-networking", "--pid-file=" + filepath.Join(dir, "pid"),
				"--tmpdir=" + dir, "--innodb-buffer-pool-size=64M",
			},
			stop:   syscall.SIGTERM,
			source: Source{Driver: mysqlDriver, DSN: fmt.Sprintf("root@unix(%s)/?timeout=5s", socket)},
			database: func(s Source) Database {
				return mariadb(s, s.keep)
			},
		}
	})
}

// lookProgram looks for a program also where the PATH of users does not lead.
func lookProgram(name string) (string, error) {
	if found, err := exec.LookPath(name); err == nil {
		return found, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec"} {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: %s", exec.ErrNotFound, name)
}
