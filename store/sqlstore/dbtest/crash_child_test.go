package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envChild has the task of a process that is made to be killed.
const envChild = "AUDIENCEKIT_CRASH_CHILD"

// crashTask is what a child process does: put a load on a database, a step
// for every byte of its input, until that ends, and tell every acknowledged
// step.
type crashTask struct {
	Source   Source
	Engine   Engine
	Seed     uint64
	Steps    map[int]int // of each writer so far
	People   []audience.ContactID
	Tolerant bool // the server may be down: try the next step
}

// What a child tells, a line each.
const (
	tellsAck   = "ack"   // writer, step
	tellsTry   = "try"   // writer, step: the step was begun
	tellsError = "error" // text
)

// childWriters is how many transactions are under way when a process or a
// server is killed.
const childWriters = 16

// TestCrashChild is the process that TestCrash starts and kills.
func TestCrashChild(t *testing.T) {
	text := os.Getenv(envChild)
	if text == "" {
		t.Skip("started by the tests of crashes")
	}
	var task crashTask
	require.NoError(t, json.Unmarshal([]byte(text), &task))
	db := task.Source.Open(t)
	a, err := sqlstore.New(t.Context(), db, task.Engine.Dialect(), sqlstore.Options{})
	require.NoError(t, err)
	aud, err := openLoad(t.Context(), a)
	require.NoError(t, err)
	c := &childRun{task: task, out: os.Stdout, allowed: make(chan struct{})}
	go func() {
		defer close(c.allowed) // the parent has closed it, or is gone
		for input := bufio.NewReader(os.Stdin); ; {
			if _, err := input.ReadByte(); err != nil {
				return
			}
			c.allowed <- struct{}{}
		}
	}()
	var wg sync.WaitGroup
	for i := range childWriters {
		wg.Go(func() { c.write(t.Context(), newWriter(aud, i, task.Steps[i], task.Seed, task.People)) })
	}
	wg.Wait()
}

type childRun struct {
	task    crashTask
	allowed chan struct{}
	failed  atomic.Bool
	mu      sync.Mutex
	out     io.Writer
}

// tell writes a line, at once: what is not in the pipe dies with the process.
func (c *childRun) tell(what string, args ...any) {
	line := strings.ReplaceAll(strings.TrimSpace(fmt.Sprintln(append([]any{what}, args...)...)), "\n", " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.out, line+"\n") // without a parent nobody cares
}

// write makes steps while it is allowed to.
func (c *childRun) write(ctx context.Context, w *writer) {
	for range c.allowed {
		if c.failed.Load() {
			return
		}
		c.tell(tellsTry, w.number, w.steps+1)
		switch err := w.step(ctx); {
		case err == nil:
			c.tell(tellsAck, w.number, w.steps)
		case errors.Is(err, errGivenUp):
		case errors.Is(err, errTwice) || !c.task.Tolerant:
			c.tell(tellsError, err)
			c.failed.Store(true)
		default:
			c.tell(tellsError, err)
			w.victim = "" // whether she is there is not known
			select {
			case <-time.After(20 * time.Millisecond): // the server is down
			case <-ctx.Done():
			}
		}
	}
}

// loadOn migrates a database, opens the load on it and makes its people.
func loadOn(t *testing.T, s Source, e Engine) []audience.ContactID {
	t.Helper()
	aud, closeLoad := openLoadOn(t, s, e)
	defer closeLoad()
	return addPeople(t, aud)
}

// openLoadOn opens the load on a database, as a process does that starts.
func openLoadOn(t *testing.T, s Source, e Engine) (aud *store.Audience, closeLoad func()) {
	t.Helper()
	db, err := s.pool()
	require.NoError(t, err)
	require.NoError(t, sqlstore.Migrate(t.Context(), db, e.Dialect(), sqlstore.Options{}))
	a, err := sqlstore.New(t.Context(), db, e.Dialect(), sqlstore.Options{})
	require.NoError(t, err)
	aud, err = openLoad(t.Context(), a)
	require.NoError(t, err)
	return aud, func() {
		require.NoError(t, a.Close())
		require.NoError(t, db.Close())
	}
}
