//go:build linux

package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// busy is how long processors have worked by now, for each process or thread.
type busy map[int]time.Duration

// since gives how long they worked since before.
func (now busy) since(before busy) (total time.Duration) {
	for id, worked := range now {
		total += worked - before[id]
	}
	return total
}

// cpuTime gives how long processors have worked for this process, which is 0,
// and for the connections of db, where the server is on this machine: unlike
// the time of day it is hardly longer when others use the machine, too.
func cpuTime(b *testing.B, engine dbtest.Engine, db *sql.DB) busy {
	b.Helper()
	var own syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	out := busy{0: time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	which := map[dbtest.Engine]string{
		dbtest.Postgres: "SELECT pg_backend_pid()",
		dbtest.MySQL:    "SELECT TID FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()",
	}[engine]
	if which == "" {
		return out
	}
	// At least four connections at once, which stay and are asked again: threads
	// of a server worked for others before.
	for range max(4, db.Stats().OpenConnections) {
		conn, err := db.Conn(b.Context())
		require.NoError(b, err)
		defer func() { require.NoError(b, conn.Close()) }()
		var id int
		require.NoError(b, conn.QueryRowContext(context.WithoutCancel(b.Context()), which).Scan(&id))
		out[id] = taskTime(b, id)
	}
	return out
}

// taskTime gives the time of a process or thread, 0 when it is elsewhere.
func taskTime(b *testing.B, id int) time.Duration {
	b.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/%d/stat", id, id))
	require.NoError(b, err)
	if len(paths) == 0 {
		paths, err = filepath.Glob(fmt.Sprintf("/proc/[0-9]*/task/%d/stat", id))
		require.NoError(b, err)
	}
	if len(paths) == 0 {
		return 0
	}
	text, err := os.ReadFile(paths[0])
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), ") ") // the name in front may hold anything
	fields := strings.Fields(rest)
	var ticks int
	for _, field := range fields[11:13] { // in user mode, in the kernel
		n, err := strconv.Atoi(field)
		require.NoError(b, err)
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go runs on
	return time.Duration(ticks) * tick
}
