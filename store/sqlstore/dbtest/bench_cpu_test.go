//go:build linux

package dbtest_test

import (
	"database/sql"
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

// busy is how long processors have worked by now.
type busy time.Duration

// since gives how long they worked since before.
func (now busy) since(before busy) time.Duration { return time.Duration(now - before) }

// cpuTime gives how long processors have worked for this process and for the
// database server, where that is on this machine: unlike the time of day it is
// hardly longer when others use the machine, too. The server counts as a whole,
// with what it does behind the connections (checkpoints, flushes, sorting) and
// with processes that have ended: so nobody else may use it meanwhile.
func cpuTime(b *testing.B, engine dbtest.Engine, db *sql.DB) busy {
	b.Helper()
	var own syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	out := busy(own.Utime.Nano() + own.Stime.Nano())
	which := map[dbtest.Engine]string{
		dbtest.Postgres: "SELECT pg_backend_pid()",
		dbtest.MySQL:    "SELECT TID FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()",
	}[engine]
	if which == "" {
		return out
	}
	var id int
	require.NoError(b, db.QueryRowContext(b.Context(), which).Scan(&id))
	processes := processTimes(b)
	root := processes[id].group // of a thread
	if engine == dbtest.Postgres {
		root = processes[id].parent
	}
	if root == 0 {
		return out // on another machine
	}
	out += processes[root].worked + processes[root].ended
	for _, p := range processes {
		if p.parent == root && engine == dbtest.Postgres {
			out += p.worked + p.ended
		}
	}
	return out
}

// processTime is what the system tells of a process or a thread.
type processTime struct {
	parent, group int  // the process above, the process that a thread belongs to
	worked, ended busy // itself with its threads, and its children that have ended
}

// processTimes gives all processes and threads of the machine.
func processTimes(b *testing.B) map[int]processTime {
	b.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	require.NoError(b, err)
	out := map[int]processTime{}
	for _, path := range paths {
		parts := strings.Split(path, "/")
		group, err := strconv.Atoi(parts[2])
		require.NoError(b, err)
		id, err := strconv.Atoi(parts[4])
		require.NoError(b, err)
		p, ok := readProcessTime(b, "/proc/"+parts[2]+"/stat")
		if !ok {
			continue // it has ended since
		}
		p.group = group
		out[id] = p
	}
	return out
}

// readProcessTime reads a file as proc(5) describes /proc/PID/stat.
func readProcessTime(b *testing.B, path string) (p processTime, ok bool) {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return p, false
	}
	// What is in front may hold anything.
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ") ")+2:]))
	number := func(i int) int {
		n, err := strconv.Atoi(fields[i])
		require.NoError(b, err)
		return n
	}
	const tick = busy(10 * time.Millisecond) // USER_HZ is 100 on every architecture that Go runs on
	p.parent = number(1)
	p.worked = busy(number(11)+number(12)) * tick // in user mode, in the kernel
	p.ended = busy(number(13)+number(14)) * tick
	return p, true
}
