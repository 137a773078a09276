package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServers kills servers of its own: what was committed is there when they
// are started again, and nothing of them is left running.
func TestServers(t *testing.T) {
	for _, server := range Servers(t) {
		t.Run(server.Database().Name, func(t *testing.T) {
			server.Start(t)
			db := server.Database().Open(t)
			_, err := db.ExecContext(t.Context(), "CREATE TABLE x (id INT PRIMARY KEY)")
			require.NoError(t, err)
			for id := range 3 {
				lost, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				require.NoError(t, insert(t.Context(), lost, 100+id))
				require.NoError(t, insert(t.Context(), db, id))
				require.NotEmpty(t, processesIn(t, server.dir))

				server.Kill9(t)
				require.Empty(t, processesIn(t, server.dir))
				require.Error(t, lost.Commit())
				require.Error(t, insert(t.Context(), db, 200+id))
				server.Start(t)
				require.Equal(t, id+1, rows(t, db), "exactly what was committed")
			}
			server.Stop(t)
			require.Empty(t, processesIn(t, server.dir))
			server.Start(t)
			require.Equal(t, 3, rows(t, db))
		})
	}
}

// TestServersAreDeleted holds that a test leaves neither files nor processes
// of its servers, whatever state they are in at its end.
func TestServersAreDeleted(t *testing.T) {
	var dirs []string
	t.Run("running", func(t *testing.T) {
		for _, server := range Servers(t) {
			server.Start(t)
			dirs = append(dirs, server.dir)
		}
	})
	for _, dir := range dirs {
		require.NoDirExists(t, dir)
		require.Empty(t, processesIn(t, dir))
	}
}

func insert(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, id int,
) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO x VALUES (%d)", id)) // placeholders differ
	return err
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n))
	return n
}

// processesIn gives the processes that work in a folder.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	var found []string
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			found = append(found, link)
		}
	}
	return found
}
