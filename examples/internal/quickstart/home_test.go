package quickstart

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// kept is a home that outlives a run.
type kept struct {
	store      *memstore.Store
	keys       audience.Keys
	checkpoint string
	flag       string
	opened     int
	closed     int
}

func newKept(t *testing.T) *kept {
	t.Helper()
	keys, err := audience.NewKeys("k", map[string][]byte{"k": []byte("an example key, and no secret at all")})
	require.NoError(t, err)
	return &kept{store: memstore.New(), keys: keys, checkpoint: filepath.Join(t.TempDir(), "engine")}
}

func (k *kept) Flags(flags *flag.FlagSet) { flags.StringVar(&k.flag, "home", "", "`where` it is") }

func (k *kept) Check() error {
	if k.flag == "nowhere" {
		return fmt.Errorf("%w: -home wants a place", ErrUsage)
	}
	return nil
}

func (k *kept) Open(_ context.Context, say func(string)) (*Place, error) {
	k.opened++
	say("the home is open")
	return &Place{Adapter: k.store, Audience: "kept", Keys: k.keys, Checkpoint: k.checkpoint, Close: func() error { k.closed++; return nil }}, nil
}

// run runs the command at home.
func (k *kept) run(t *testing.T, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var stdout, stderr bytes.Buffer
	code := (&Command{Name: "kept", Home: k}).Run(t.Context(), args, &stdout, &stderr)
	return outcome{code: code, stdout: strings.ReplaceAll(stdout.String(), dir, "DIR"), stderr: strings.ReplaceAll(stderr.String(), dir, "DIR")}
}

// TestHomeIsFoundAgain: a second run finds what is there, and says the same of
// it.
func TestHomeIsFoundAgain(t *testing.T) {
	k := newKept(t)
	first := k.run(t)
	require.Zero(t, first.code, first.stderr)
	require.Equal(t, "the home is open\n", first.stderr)
	second := k.run(t)
	require.Zero(t, second.code, second.stderr)
	require.Equal(t, first.stderr, second.stderr)
	require.Contains(t, second.stdout, "events.csv      3796 rows of events  0 new  0 updated  3796 known already  0 bad")
	look := k.run(t, "-import=false", "-now", "2026-03-01T12:00:00Z")
	require.Zero(t, look.code, look.stderr)
	require.NotContains(t, look.stdout, "Imported")

	of := func(out outcome) string {
		_, after, found := strings.Cut(out.stdout, "\nAudience of")
		require.True(t, found)
		before, _, _ := strings.Cut(after, "\nExported")
		return before
	}
	require.Equal(t, of(first), of(second))
	require.Equal(t, of(first), of(look))
	require.Equal(t, 3, k.opened)
	require.Equal(t, 3, k.closed)
}

// TestHomeCheckpoint: one that is good is used, one that is not is told of.
func TestHomeCheckpoint(t *testing.T) {
	k := newKept(t)
	first := k.run(t, "-json")
	require.Zero(t, first.code, first.stderr)
	info, err := os.Stat(k.checkpoint)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)

	damaged, err := os.ReadFile(k.checkpoint)
	require.NoError(t, err)
	damaged[len(damaged)/2]++
	require.NoError(t, os.WriteFile(k.checkpoint, damaged, 0o600))
	second := k.run(t, "-json")
	require.Zero(t, second.code, second.stderr)
	require.Contains(t, second.stderr, "not used, everybody is read from the store: ")
	require.Equal(t, first.stdout, second.stdout)
	third := k.run(t, "-json")
	require.Equal(t, "the home is open\n", third.stderr)

	k.checkpoint = t.TempDir()
	folder := k.run(t, "-json")
	require.Equal(t, 1, folder.code)
	require.Contains(t, folder.stderr, "kept: -checkpoint: ")
}

// TestHomeRefuses: what makes no sense is said, and nothing is written.
func TestHomeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, stderr string
		code         int
		args         []string
	}{
		{"the home's flag", "kept: usage: -home wants a place\n", 2, []string{"-home", "nowhere"}},
		{"files and no import", "-import=false does without -contacts and -events", 2, []string{"-import=false", "-events", "x"}},
		{"nobody is there", "no contact came in, and none is there", 1, []string{"-import=false"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newKept(t).run(t, tt.args...)
			require.Equal(t, tt.code, got.code)
			require.Contains(t, got.stderr, tt.stderr)
			require.Empty(t, got.stdout)
		})
	}
	k := newKept(t)
	require.Zero(t, k.run(t, "-json").code)
	earlier := k.run(t, "-json", "-now", "2026-02-28T00:00:00Z")
	require.Equal(t, 1, earlier.code)
	require.Contains(t, earlier.stderr, "written to as of 2026-03-01T12:00:00Z, after the instant of this run: give a later -now")
}

// TestNotes: progress is for terminals, and gives way to what is said.
func TestNotes(t *testing.T) {
	var out bytes.Buffer
	n := newNotes(&out)
	n.progress("%d rows", 1)
	n.say("line 1\x1b is bad")
	n.clear()
	require.Equal(t, "line 1\ufffd is bad\n", out.String())

	out.Reset()
	n.terminal = true
	n.progress("%d rows", 1)
	n.progress("%d rows", 2)
	n.say("line 1 is bad")
	n.clear()
	require.Equal(t, "1 rows\r\x1b[K2 rows\r\x1b[Kline 1 is bad\n", out.String())

	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	require.False(t, isTerminal(w))
	require.NoError(t, w.Close())
}
