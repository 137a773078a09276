// Package quickstart is the job of the commands quickstart and quickstart-sql:
// it brings contacts and events from CSV files into an audience, finds the
// members of segments with an engine, says who will enter and leave them next
// and why somebody is in one or not, and exports the result.
package quickstart

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Command is a command that does the job.
type Command struct {
	// Name is the command's, in front of what it says.
	Name string
	// Home is where the audience lives; nil: in memory, and nothing is kept.
	Home Home
}

// Home keeps the audience of a command.
type Home interface {
	// Flags adds flags to those of the job.
	Flags(flags *flag.FlagSet)
	// Check says what is wrong with the flags, as an [ErrUsage].
	Check() error
	// Open opens the place, after the segments were read. What the host should
	// know is said with say, a line each.
	Open(ctx context.Context, say func(string)) (*Place, error)
}

// Place is an open place of an audience.
type Place struct {
	// Denied is told that the audience is not opened with these keys, and gives
	// the error for people; nil: as it is.
	Denied     func(err error) error
	Adapter    store.Adapter
	Audience   string // its name
	Keys       audience.Keys
	Checkpoint string       // file that the engine starts from and is written to in the end; "": none
	Close      func() error // nil: nothing
}

// ErrUsage is a command line that cannot be understood.
var ErrUsage = errors.New("usage")

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // nothing could be used, or a segment does not compile
	exitUsage  = 2 // the command line is not understood
)

// Run is the whole program; it gives the exit code. Results go to stdout,
// everything else to stderr: how far it has come only where that is a terminal.
func (c *Command) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := c.parse(args, stderr, time.Now)
	if opts == nil && err == nil {
		return exitOK // help
	}
	if err == nil {
		r := &runner{command: c, opts: opts, notes: newNotes(stderr), out: bufio.NewWriter(stdout), mask: newMasker()}
		if err = r.run(ctx); err == nil {
			err = r.out.Flush()
		}
		r.notes.clear()
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused): // each was said where it was found
		return exitFailed
	}
	_, _ = fmt.Fprintln(stderr, c.Name+":", shown(err.Error()))
	if errors.Is(err, ErrUsage) {
		return exitUsage
	}
	return exitFailed
}

// place opens the place of the audience. Keys of an audience in memory are
// made for this run: nothing of it is kept.
func (c *Command) place(ctx context.Context, say func(string)) (*Place, error) {
	if c.Home != nil {
		return c.Home.Open(ctx, say)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	keys, err := audience.NewKeys("this-run", map[string][]byte{"this-run": secret})
	return &Place{Adapter: memstore.New(), Audience: "quickstart", Keys: keys}, err
}
