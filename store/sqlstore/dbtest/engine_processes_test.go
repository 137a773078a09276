package dbtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// fleet is several processes over one database, each in a place of its own.
type fleet struct {
	testing.TB
	ctx    context.Context
	d      Database
	source Source
	base   time.Time
	dir    string
	aud    *store.Audience // of the test's own process, which writes
	places []*child        // by place
}

// child is one process.
type child struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func newFleet(t testing.TB, d Database, places int) *fleet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(engineScale(t, 4))*time.Minute)
	t.Cleanup(cancel)
	f := &fleet{TB: t, ctx: ctx, d: d, source: d.Fresh(t), base: time.Now(), dir: t.TempDir(), places: make([]*child, places)}
	aud, err := openEngineAudience(ctx, openStore(t, d, f.source.Open(t), sqlstore.Options{}), fastClock(f.base))
	require.NoError(t, err)
	f.aud = aud
	t.Cleanup(func() {
		for _, c := range f.places {
			if c != nil {
				_ = c.command.Process.Kill()
				_ = c.command.Wait()
			}
		}
	})
	return f
}

func (f *fleet) follower(place int) string { return fmt.Sprintf("place-%d", place) }
func (f *fleet) file(place int) string     { return filepath.Join(f.dir, f.follower(place)) }

// start starts a process and waits until it serves.
func (f *fleet) start(place, version int) {
	f.Helper()
	task, err := json.Marshal(childTask{
		Source: f.source, Dialect: dialect(f.d), Base: f.base, Follower: f.follower(place), File: f.file(place), Version: version,
	})
	require.NoError(f, err)
	program, err := os.Executable()
	require.NoError(f, err)
	c := &child{command: exec.CommandContext(f.ctx, program, "-test.run=^TestEngineChild$")}
	c.command.Env = append(os.Environ(), envEngineChild+"="+string(task))
	c.command.Stderr = os.Stderr
	c.in, err = c.command.StdinPipe()
	require.NoError(f, err)
	out, err := c.command.StdoutPipe()
	require.NoError(f, err)
	c.out = bufio.NewReader(out)
	require.NoError(f, c.command.Start())
	f.places[place] = c
	line, err := c.out.ReadString('\n')
	require.NoError(f, err)
	require.Equal(f, "up\n", line)
}

// kill kills a process at whatever it does.
func (f *fleet) kill(place int) {
	f.Helper()
	c := f.places[place]
	require.NoError(f, c.command.Process.Kill())
	var ended *exec.ExitError
	require.ErrorAs(f, c.command.Wait(), &ended)
	require.Equal(f, -1, ended.ExitCode(), "it had ended by itself")
	f.places[place] = nil
}

// say asks a process how it is.
func (f *fleet) say(place int) (report childReport) {
	f.Helper()
	c := f.places[place]
	_, err := io.WriteString(c.in, "\n")
	require.NoError(f, err)
	line, err := c.out.ReadBytes('\n')
	require.NoError(f, err)
	require.NoError(f, json.Unmarshal(line, &report))
	return report
}

// stop ends a process in order.
func (f *fleet) stop(place int) {
	f.Helper()
	c := f.places[place]
	require.NoError(f, c.in.Close())
	require.NoError(f, c.command.Wait())
	f.places[place] = nil
}

// write lets people do what makes them members for a while. Nobody is erased:
// that would leave gaps.
func (f *fleet) write(ctx context.Context, random *rand.Rand) error {
	for ctx.Err() == nil {
		who := audiencetest.Key(random.IntN(20))
		_, err := f.aud.Update(ctx, func(tx *store.Tx) (err error) {
			switch random.IntN(6) {
			case 0:
				_, err = tx.Put(ctx, audiencetest.Contact(who, "age", random.IntN(60)))
			case 1:
				_, err = tx.Record(ctx, audiencetest.Grant(who, tx.At()))
			case 2:
				_, err = tx.Record(ctx, audiencetest.Withdrawal(who, tx.At()))
			default:
				_, err = tx.Append(ctx, audiencetest.Event(who, "visit", tx.At()))
			}
			return err
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		_ = sleep(ctx, 5*time.Millisecond)
	}
	return nil
}

// takenOver waits until another one than before has the lease.
func (f *fleet) takenOver(than logLease) logLease {
	f.Helper()
	for {
		now, err := readLease(f.ctx, f.aud)
		require.NoError(f, err)
		if now.Holder != "" && now.Holder != than.Holder {
			return now
		}
		require.NoError(f, sleep(f.ctx, 20*time.Millisecond))
	}
}

// TestEngineProcesses (G1, G3) has three processes serve one audience, of which
// one writes the transitions, and kills one after the other at random moments.
// Another one takes over each time; at the end there is one log without gaps,
// which adds up to the members, every follower got all of it in order, and all
// have the segments that one of them applied last.
func TestEngineProcesses(t *testing.T) {
	const places = 3
	Run(t, func(t *testing.T, d Database) {
		f := newFleet(t, d, places)
		_, err := f.aud.Update(f.ctx, func(tx *store.Tx) error {
			for i := range 20 {
				if _, err := tx.Put(f.ctx, audiencetest.Contact(audiencetest.Key(i), "age", i*3)); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
		f.start(0, 0)
		f.start(1, -1)
		f.start(2, -1)
		writing, stop := context.WithCancel(f.ctx)
		defer stop()
		var group sync.WaitGroup
		wrote := make(chan error, 2)
		for i := range uint64(2) {
			group.Go(func() { wrote <- f.write(writing, rand.New(rand.NewPCG(9, i))) })
		}
		random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
		takeovers, applied := 0, 1
		for range engineScale(t, 1) { // one of three in a row held the lease
			before, err := readLease(f.ctx, f.aud)
			require.NoError(t, err)
			for place := range places {
				require.NoError(t, sleep(f.ctx, time.Duration(random.IntN(500))*time.Millisecond))
				f.kill(place)
				if place == 1 {
					applied++
					f.start(place, applied-1)
				} else {
					f.start(place, -1)
				}
			}
			f.takenOver(before)
			takeovers++
		}
		require.NoError(t, sleep(f.ctx, time.Second))
		stop()
		group.Wait()
		for range 2 {
			require.NoError(t, <-wrote)
		}
		for place := range places {
			said := f.say(place)
			require.Equal(t, uint64(applied), said.Version)
			require.Contains(t, said.Segments, fmt.Sprintf("of-version-%d", applied-1))
			require.Zero(t, said.Differences)
			require.Positive(t, said.Compared)
		}
		for place := range places {
			f.stop(place)
		}
		all := f.settled()
		for place := range places {
			f.delivered(place, all)
		}
		t.Logf("%d transitions, %d takeovers or more", len(all), takeovers)
	})
}

// settled brings the log to its end and gives it.
func (f *fleet) settled() []segment.Transition {
	f.Helper()
	e, err := segment.OpenEngine(f.ctx, f.aud, segment.EngineOptions{})
	require.NoError(f, err)
	require.NoError(f, e.Advance(f.ctx, f.aud.Now().Add(10*time.Minute))) // all windows are over
	n, differences, err := segmenttest.Check(f.ctx, f.aud, e)
	require.NoError(f, err)
	require.Empty(f, differences)
	require.Positive(f, n)
	var all []segment.Transition
	for {
		page, err := e.Transitions(f.ctx, uint64(len(all)), 0)
		require.NoError(f, err)
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			require.Equal(f, uint64(len(all)+1), x.Number, "no gap")
			require.False(f, len(all) > 0 && x.At.Before(all[len(all)-1].At))
			all = append(all, x)
		}
	}
	require.NotEmpty(f, all)
	in, s := foldOf(f, all), e.Snapshot()
	for _, name := range s.Names() {
		members, _ := s.Members(name)
		require.Len(f, in[name], members.Len(), name)
		for id := range members.All() {
			require.True(f, in[name][id], name)
		}
		delete(in, name)
	}
	for name, left := range in {
		require.Empty(f, left, name)
	}
	f.rest(e, all[len(all)-1].Number)
	return all
}

// rest delivers to every follower what it has not got yet.
func (f *fleet) rest(e *segment.Engine, last uint64) {
	f.Helper()
	for place := range f.places {
		ctx, stop := context.WithCancel(f.ctx)
		done := make(chan error, 1)
		go func() { done <- followInto(ctx, e, f.follower(place), f.file(place)) }()
		for {
			got := f.read(place)
			if len(got) > 0 && got[len(got)-1].Number == last {
				break
			}
			require.NoError(f, sleep(f.ctx, 20*time.Millisecond))
		}
		stop()
		require.ErrorIs(f, <-done, context.Canceled)
	}
}

// read gives what a follower was delivered, in that order.
func (f *fleet) read(place int) (all []segment.Transition) {
	f.Helper()
	text, err := os.ReadFile(f.file(place))
	require.NoError(f, err)
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is just being written
		}
		var batch []segment.Transition
		require.NoError(f, json.Unmarshal(line, &batch))
		all = append(all, batch...)
	}
	return all
}

// delivered wants a follower to have got each transition at least once, in
// order but for what it got again.
func (f *fleet) delivered(place int, all []segment.Transition) {
	f.Helper()
	last := uint64(0)
	for _, x := range f.read(place) {
		require.LessOrEqual(f, x.Number, last+1, "place %d got %d after %d", place, x.Number, last)
		require.Equal(f, all[x.Number-1], x)
		last = max(last, x.Number)
	}
	require.Equal(f, uint64(len(all)), last)
}
