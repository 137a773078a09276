package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

const (
	// envImportRows says how many rows the import has that is killed.
	envImportRows = "AUDIENCEKIT_IMPORT_ROWS"
	// envImportChild has the task of a process that imports until it is killed.
	envImportChild = "AUDIENCEKIT_IMPORT_CHILD"
)

// importTask is what a child process does: import or undo.
type importTask struct {
	Source Source
	Engine Engine
	Rows   int
	Undo   bool
}

const importJob = "spring"

func importPlan() *importer.Plan {
	return &importer.Plan{
		Job: importJob, Tags: importer.TagsReplace, AddLists: []string{"gold"},
		Attestation: importer.Attestation{By: "Olga Host", Text: "They signed up at the counter."},
	}
}

// importRows gives n rows: some about people who are there, some about people
// of earlier rows, some that clash. tell is called often.
func importRows(n int, tell func()) iter.Seq2[*importer.Contact, error] {
	return func(yield func(*importer.Contact, error) bool) {
		for i := range n {
			if i%50 == 0 {
				tell()
			}
			who := i
			if i%10 == 9 {
				who = i / 2 // once more
			}
			c := &importer.Contact{Line: i + 2, Write: audience.ContactWrite{
				External:  []audience.ExternalID{audience.External(audience.HostSystem, fmt.Sprint("i", who))},
				Email:     audience.MustAddress(fmt.Sprintf("i%d@example.com", who)),
				FirstName: audience.NewPrivate(fmt.Sprint("Name", i%7)), SetTags: []string{"imported", fmt.Sprint("t", i%3)},
				Set: map[string]audience.Value{"points": audience.IntValue(int64(i % 90))},
			}}
			switch i % 13 {
			case 1:
				c.Status = audience.StatusSubscribed
			case 2:
				c.Status = audience.StatusPending
			case 3: // the address of somebody with another key
				c.Write.Email = audience.MustAddress(fmt.Sprintf("i%d@example.com", max(0, i-1)))
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// settle makes people who are there before the import.
func settlePeople(t *testing.T, aud *store.Audience, n int) {
	t.Helper()
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		var writes []audience.ContactWrite
		for i := 0; i < n; i += 4 {
			writes = append(writes, audience.ContactWrite{
				Match: audience.Key(fmt.Sprint("i", i)), FirstName: audience.NewPrivate("Before"), AddTags: []string{"old"},
				Set: map[string]audience.Value{"last": audience.StringValue("kept"), "points": audience.IntValue(7)},
			})
		}
		for some := range slices.Chunk(writes, 5_000) {
			if _, err := tx.Put(t.Context(), some...); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// everybody tells what an import may change about everybody, ids only where
// they are wanted.
func everybody(t *testing.T, aud *store.Audience, ids bool) (out []string) {
	t.Helper()
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		parts := audience.ProfileParts{Ledger: true, Lists: true}
		for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{Parts: parts}) {
			if err != nil {
				return err
			}
			c := &p.Contact
			email := c.Email()
			var line strings.Builder
			if ids {
				line.WriteString(c.ID.String() + " ")
			}
			fmt.Fprintf(&line, "%s %s %s %v %v %s", c.Key(), email.Reveal(), c.FirstName.Reveal(), c.TagNames(), p.Lists, p.Status(aud.Now()).Status)
			for _, f := range c.Fields {
				line.WriteString(" " + f.Value.Reveal())
			}
			out = append(out, line.String())
		}
		return nil
	}))
	slices.Sort(out)
	return out
}

func openImport(t *testing.T, s Source, e Engine) *store.Audience {
	t.Helper()
	a, err := sqlstore.New(t.Context(), s.Open(t), e.Dialect(), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	aud, err := openLoad(t.Context(), a)
	require.NoError(t, err)
	return aud
}

// TestImportChild is the process that TestImportIsKilled starts and kills.
func TestImportChild(t *testing.T) {
	text := os.Getenv(envImportChild)
	if text == "" {
		t.Skip("started by TestImportIsKilled")
	}
	var task importTask
	require.NoError(t, json.Unmarshal([]byte(text), &task))
	aud := openImport(t, task.Source, task.Engine)
	tell := func() { _, _ = os.Stdout.WriteString("step\n") }
	if task.Undo {
		_, err := importer.Undo(t.Context(), aud, importJob, importer.UndoOptions{BatchRows: 200, OnProgress: func(importer.UndoReport) { tell() }})
		require.NoError(t, err)
		return
	}
	_, err := importer.Contacts(t.Context(), aud, importRows(task.Rows, tell), importPlan(), importer.Options{Limits: importer.Limits{BatchRows: 500}})
	require.NoError(t, err)
}

// TestImportIsKilled kills a process that imports, at any moment, again and
// again: the import goes on and gives what it would have given, and is undone in
// the same way (G3).
func TestImportIsKilled(t *testing.T) {
	rows := 20_000
	if underRace {
		rows = 5_000
	}
	if text := os.Getenv(envImportRows); text != "" {
		var err error
		rows, err = strconv.Atoi(text)
		require.NoError(t, err, envImportRows)
	}
	Run(t, func(t *testing.T, d Database) {
		twin := d.Fresh(t)
		aud, closeTwin := openLoadOn(t, twin, d.Engine)
		settlePeople(t, aud, rows)
		want, err := importer.Contacts(t.Context(), aud, importRows(rows, func() {}), importPlan(), importer.Options{Limits: importer.Limits{BatchRows: 500}})
		require.NoError(t, err)
		wanted := everybody(t, aud, false)
		closeTwin()

		source := d.Fresh(t)
		aud, closeLoad := openLoadOn(t, source, d.Engine)
		settlePeople(t, aud, rows)
		before := everybody(t, aud, true)
		closeLoad()

		random := rand.New(rand.NewPCG(uint64(rows), 5))
		task := importTask{Source: source, Engine: d.Engine, Rows: rows}
		kills := killed(t, task, random, rows/50)
		aud, closeLoad = openLoadOn(t, source, d.Engine)
		job, err := importer.FindJob(t.Context(), aud, importJob)
		require.NoError(t, err)
		require.Equal(t, importer.JobDone, job.State)
		require.Equal(t, want.String(), job.Report.String())
		require.True(t, slices.Equal(wanted, everybody(t, aud, false)), "as if nothing had happened")
		closeLoad()

		task.Undo = true
		killsOfUndo := killed(t, task, random, rows/800)
		aud, closeLoad = openLoadOn(t, source, d.Engine)
		defer closeLoad()
		undone, err := importer.Undo(t.Context(), aud, importJob, importer.UndoOptions{})
		require.NoError(t, err)
		require.True(t, undone.Already)
		require.Zero(t, undone.Left)
		require.True(t, slices.Equal(before, everybody(t, aud, true)), "as it was")
		requireSound(t, aud)
		t.Logf("%d rows; killed %d times importing, %d times undoing", rows, kills, killsOfUndo)
	})
}

// killed lets processes do a task, each until it is killed, until one comes to
// the end; it gives how many were killed.
func killed(t *testing.T, task importTask, random *rand.Rand, steps int) int {
	t.Helper()
	text, err := json.Marshal(task)
	require.NoError(t, err)
	program, err := os.Executable()
	require.NoError(t, err)
	for kills := 0; ; kills++ {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Duration(task.Rows)*5*time.Millisecond) // a child that hangs
		command := exec.CommandContext(ctx, program, "-test.run=^TestImportChild$", "-test.count=1")
		command.Env = append(os.Environ(), envImportChild+"="+string(text))
		command.Stderr = os.Stderr
		output, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		last := "" // line that it said
		left := 1 + random.IntN(steps)
		for lines := bufio.NewScanner(output); lines.Scan(); left-- {
			last = lines.Text()
			if kills < 8 && left == 0 {
				require.NoError(t, command.Process.Kill())
			}
		}
		err = command.Wait()
		cancel()
		if err == nil {
			return kills
		}
		require.LessOrEqual(t, left, 0, "it ended by itself: %v, %s", err, last)
	}
}
