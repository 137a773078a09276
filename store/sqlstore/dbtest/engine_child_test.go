package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envEngineChild tells a process that it is one of several with an engine over
// the same database, and what it has to do.
const envEngineChild = "AUDIENCEKIT_ENGINE_CHILD"

// childTask is what a process has to do.
type childTask struct {
	Source   Source
	Dialect  sqlstore.Dialect
	Base     time.Time // of the clock
	Follower string    // under which name it follows the transitions
	File     string    // to which it appends what it was delivered
	Version  int       // of the segments to apply; below 0: none
}

// fastClock goes faster than time does, the same in every process: a lease is
// over within a second.
func fastClock(base time.Time) func() time.Time {
	const times = 30
	return func() time.Time { return base.Add(times * time.Since(base)) }
}

// childReport is what a process says when it is asked to come to its end.
type childReport struct {
	Version     uint64
	Segments    []string
	Differences int
	Compared    int
}

// TestEngineChild is no test but what the processes of TestEngineProcesses run.
func TestEngineChild(t *testing.T) {
	text := os.Getenv(envEngineChild)
	if text == "" {
		t.Skip("only in a process of TestEngineProcesses")
	}
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		t.Fatal(err)
	}
	if err := task.run(t.Context(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run follows and runs until it reads a line, says how it is then, and ends in
// order at the end of what it reads.
func (c *childTask) run(ctx context.Context, in io.Reader, out io.Writer) error {
	db, err := c.Source.pool()
	if err != nil {
		return err
	}
	adapter, err := sqlstore.New(ctx, db, c.Dialect, sqlstore.Options{})
	if err != nil {
		return err
	}
	aud, err := openEngineAudience(ctx, adapter, fastClock(c.Base))
	if err != nil {
		return err
	}
	engine, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{Poll: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	if c.Version >= 0 {
		if _, err := engine.Apply(ctx, processSegments(c.Version)...); err != nil {
			return err
		}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	results := make(chan error, 2)
	group.Go(func() { results <- engine.Run(running) })
	group.Go(func() { results <- c.follow(running, engine) })
	if _, err := fmt.Fprintln(out, "up"); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	if lines.Scan() {
		if err := report(ctx, aud, engine, out); err != nil {
			return err
		}
		for lines.Scan() { // until it is closed
		}
	}
	stop()
	group.Wait()
	for range 2 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// follow appends what is delivered to the file: it is there when the process is
// killed after that.
func (c *childTask) follow(ctx context.Context, engine *segment.Engine) error {
	return followInto(ctx, engine, c.Follower, c.File)
}

func followInto(ctx context.Context, engine *segment.Engine, name, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // each write was looked at
	opts := segment.FollowOptions{FromStart: true, Batch: 25, Poll: 20 * time.Millisecond}
	return engine.Follow(ctx, name, opts, func(_ context.Context, batch []segment.Transition) error {
		line, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		_, err = f.Write(append(line, '\n'))
		return err
	})
}

func report(ctx context.Context, aud *store.Audience, engine *segment.Engine, out io.Writer) error {
	if err := engine.Sync(ctx, store.Position{}); err != nil {
		return err
	}
	compared, differences, err := segmenttest.Check(ctx, aud, engine)
	if err != nil {
		return err
	}
	text, err := json.Marshal(childReport{
		Version: engine.LatestVersion(), Segments: engine.Snapshot().Names(), Differences: len(differences), Compared: compared,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(text))
	return errors.Join(err, engine.Err())
}

// processSegments have members who leave by themselves soon.
func processSegments(version int) []segment.Definition {
	return definitions(
		"adults", fmt.Sprintf(`contact.age >= %d`, 20+10*version),
		"busy", `events("visit").within("45s").count() >= 2`,
		"idle", `events("visit").any() && !events("visit").within("60s").any()`,
		"both", `inSegment("adults") && inSegment("busy")`,
		fmt.Sprintf("of-version-%d", version), `contact.status == "subscribed"`,
	)
}

// logLease says who writes the transitions.
type logLease struct {
	Fence  uint64
	Holder string
}

func readLease(ctx context.Context, aud *store.Audience) (lease logLease, err error) {
	err = aud.View(ctx, func(r *store.Reader) error {
		head, err := r.LoadRecord(ctx, "transitions.state", "head")
		if errors.Is(err, audience.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(head.Value, &lease)
	})
	return lease, err
}
