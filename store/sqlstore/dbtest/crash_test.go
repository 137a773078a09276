package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envRounds says how many times tests of crashes kill; a few by default.
const envRounds = "AUDIENCEKIT_CRASH_ROUNDS"

func crashRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(envRounds)
	if text == "" {
		return 3
	}
	rounds, err := strconv.Atoi(text)
	require.NoError(t, err, envRounds)
	return rounds
}

// TestCrashOfTheProcess kills the process that writes, at any moment, again
// and again on the same database (G3).
func TestCrashOfTheProcess(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		source := d.Fresh(t)
		c := &crashing{task: crashTask{Source: source, Engine: d.Engine, People: loadOn(t, source, d.Engine)}}
		for range crashRounds(t) {
			child := c.start(t)
			child.await(t, c.moment())
			child.kill(t)
			c.lookQuietly(t)
		}
		t.Log(c)
	})
}

// TestCrashOfTheServer kills the server under a process that writes and goes
// on when the server is there again (G3).
func TestCrashOfTheServer(t *testing.T) {
	for _, server := range Servers(t) {
		t.Run(server.Database().Name, func(t *testing.T) {
			server.Start(t)
			d := server.Database()
			source := d.Fresh(t)
			c := &crashing{task: crashTask{Source: source, Engine: d.Engine, People: loadOn(t, source, d.Engine), Tolerant: true}}
			child := c.start(t)
			for range crashRounds(t) {
				child.await(t, c.moment())
				server.Kill9(t)
				server.Start(t)
				child.await(t, c.moment()) // it survives
				c.look(t)                  // while it writes
			}
			child.finish(t)
			c.lookQuietly(t)
			server.Kill9(t)
			server.Start(t)
			c.lookQuietly(t)
			t.Log(c)
		})
	}
}

// TestCheckWhileWriting holds that what others do meanwhile is not taken for
// damage, and that mending it does none.
func TestCheckWhileWriting(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		for _, mend := range []bool{false, true} {
			t.Run(fmt.Sprintf("mend=%t", mend), func(t *testing.T) {
				source := d.Fresh(t)
				c := &crashing{task: crashTask{Source: source, Engine: d.Engine, People: loadOn(t, source, d.Engine)}}
				child := c.start(t)
				aud, closeLoad := openLoadOn(t, source, d.Engine)
				defer closeLoad()
				var findings []string
				for range 5 {
					child.await(t, 20)
					findings = append(findings, findingsOf(t, aud, mend)...)
				}
				child.finish(t)
				c.lookQuietly(t)
				require.Empty(t, findings)
			})
		}
	})
}

// crashing is a database on which processes or servers are killed.
type crashing struct {
	task     crashTask
	acked    acknowledged
	verifier verifier
	errors   map[string]int // that a tolerant child met
	kills    int
}

// moment is how many acknowledged steps there are before the next kill.
func (c *crashing) moment() int {
	c.kills++
	return 20 + rand.New(rand.NewPCG(uint64(c.kills), 3)).IntN(100)
}

// String tells what was survived.
func (c *crashing) String() string {
	steps := 0
	for _, acked := range c.acked {
		steps += len(acked)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps acknowledged, %d commits followed; errors meanwhile:", steps, len(c.verifier.followed))
	for _, text := range slices.Sorted(maps.Keys(c.errors)) {
		fmt.Fprintf(&b, "\n%6d %s", c.errors[text], text)
	}
	return b.String()
}

// look opens the database anew and holds it against everything acknowledged.
func (c *crashing) look(t *testing.T) {
	t.Helper()
	aud, closeLoad := openLoadOn(t, c.task.Source, c.task.Engine)
	defer closeLoad()
	require.NoError(t, c.verifier.verify(t.Context(), aud, c.acked))
}

// lookQuietly is look when nobody writes, which is when nothing may be found.
func (c *crashing) lookQuietly(t *testing.T) {
	t.Helper()
	c.look(t)
	aud, closeLoad := openLoadOn(t, c.task.Source, c.task.Engine)
	defer closeLoad()
	requireSound(t, aud)
}

// requireSound holds that the store finds nothing wrong with itself.
func requireSound(t *testing.T, aud *store.Audience) {
	t.Helper()
	require.Empty(t, findingsOf(t, aud, false))
}

func findingsOf(t *testing.T, aud *store.Audience, mend bool) (findings []string) {
	t.Helper()
	require.NoError(t, sqlstore.Check(t.Context(), aud, mend, func(f sqlstore.Finding) error {
		findings = append(findings, f.String())
		return nil
	}, nil))
	return findings
}

// start starts a process that writes.
func (c *crashing) start(t *testing.T) *crashChild {
	t.Helper()
	if c.acked == nil {
		c.acked, c.errors, c.task.Steps = make(acknowledged), make(map[string]int), make(map[int]int)
	}
	c.task.Seed++
	task, err := json.Marshal(c.task)
	require.NoError(t, err)
	program, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a child that hangs
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, program, "-test.run=^TestCrashChild$", "-test.count=1")
	command.Env = append(os.Environ(), envChild+"="+string(task))
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	k := &crashChild{crashing: c, command: command, input: input, lines: bufio.NewScanner(output)}
	k.allow(childAhead)
	return k
}

// childAhead is how many steps a child may make that nobody has read of: so
// many that it writes while it is looked at, so few that it does not write
// faster than it is looked at.
const childAhead = 100

// crashChild is a process that writes.
type crashChild struct {
	*crashing
	command *exec.Cmd
	input   io.WriteCloser
	lines   *bufio.Scanner
	other   []string // what else it wrote
}

// allow lets the child make some more steps.
func (c *crashChild) allow(steps int) {
	_, _ = c.input.Write(make([]byte, steps)) // a child that was killed is seen elsewhere
}

// next reads a line of the child and reports whether it acknowledges a step;
// ok is false at the end.
func (c *crashChild) next() (acknowledges, ok bool) {
	if !c.lines.Scan() {
		return false, false
	}
	what, rest, _ := strings.Cut(c.lines.Text(), " ")
	switch what {
	case tellsAck, tellsTry:
		var writer, step int
		if _, err := fmt.Sscan(rest, &writer, &step); err != nil {
			c.other = append(c.other, c.lines.Text())
			return false, true
		}
		c.task.Steps[writer] = max(c.task.Steps[writer], step)
		if what == tellsAck {
			c.acked[writer] = append(c.acked[writer], step)
		} else {
			c.allow(1)
		}
		return what == tellsAck, true
	case tellsError:
		c.errors[rest]++
	}
	c.other = append(c.other, c.lines.Text())
	return false, true
}

// await waits until the child has acknowledged some more steps.
func (c *crashChild) await(t *testing.T, steps int) {
	t.Helper()
	for steps > 0 {
		acknowledges, ok := c.next()
		if !ok {
			t.Fatalf("the process that writes has ended or hangs:\n%s", strings.Join(c.other, "\n"))
		}
		if acknowledges {
			steps--
		}
	}
}

// rest reads what the child has told to its end.
func (c *crashChild) rest() {
	for ok := true; ok; {
		_, ok = c.next()
	}
}

// kill kills the child. What it acknowledged before counts, also what nobody
// has read yet.
func (c *crashChild) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.command.Process.Kill())
	c.rest()
	require.Error(t, c.command.Wait())
	require.Empty(t, c.errors)
}

// finish lets the child end its steps.
func (c *crashChild) finish(t *testing.T) {
	t.Helper()
	require.NoError(t, c.input.Close())
	c.rest()
	require.NoError(t, c.command.Wait(), "%s", strings.Join(c.other, "\n"))
	for text := range c.errors {
		require.NotContains(t, text, errTwice.Error())
	}
}
