package quickstart

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

//go:embed sample
var sample embed.FS

// sampleNow is the instant that the sample is about.
func sampleNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// options are what one run is to do.
type options struct {
	contacts []importer.Source
	events   []importer.Source
	inputs   []string // files that must not be written over
	segments fs.FS
	folder   string // of the segments, as errors call it
	now      time.Time
	attest   string
	answers  map[string]string // to questions about files
	days     int               // to look ahead, 0: not at all
	json     bool
	out      string // empty: a temporary folder
	sample   bool
}

// parse reads the command line. Without an error but nil, help was asked for
// and given.
func (c *Command) parse(args []string, stderr io.Writer, clock func() time.Time) (*options, error) {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	contacts := flags.String("contacts", "", "CSV `file` of contacts; without it and -events the sample is used")
	events := flags.String("events", "", "CSV `file` of events")
	segments := flags.String("segments", "", "`folder` of segments, one per NAME.cel; a NAME is of a to z, 0 to 9, - and _, and begins with a letter or digit (default the two reference segments)")
	now := flags.String("now", "", "`instant` of the run as RFC 3339 (default the sample's for the sample, else the clock)")
	attest := flags.String("attest", "", "`text` that attests the consent behind \"subscribed\"; without it such contacts are pending")
	answers := make(map[string]string)
	flags.Func("answer", "`ID=ANSWER` to a question that is asked about a file of contacts; may be repeated", func(text string) error {
		id, answer, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("ID=ANSWER is expected")
		}
		answers[id] = answer
		return nil
	})
	ahead := flags.Int("ahead", defaultAhead, "for how many `days` to say who enters and leaves by time alone; 0 for none, and with -json only if it is given")
	json := flags.Bool("json", false, "print the members of each segment as one line of JSON, and export nothing")
	out := flags.String("out", "", "`folder` for the export (default a temporary one)")
	imports := true
	if c.Home != nil {
		flags.BoolVar(&imports, "import", true, "import the files; with -import=false what is there is looked at")
		c.Home.Flags(flags)
	}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, nil
	}
	if err != nil {
		return nil, ErrUsage // flag has said it
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%w: unexpected argument %q; files are given with -contacts and -events", ErrUsage, flags.Arg(0))
	}
	if !imports && (*contacts != "" || *events != "") {
		return nil, fmt.Errorf("%w: -import=false does without -contacts and -events", ErrUsage)
	}
	if c.Home != nil {
		if err := c.Home.Check(); err != nil {
			return nil, err
		}
	}
	o := &options{attest: *attest, answers: answers, json: *json, out: *out, sample: imports && *contacts == "" && *events == ""}
	if *ahead < 0 || *ahead > mostAhead {
		return nil, fmt.Errorf("%w: -ahead wants a number of days up to %d", ErrUsage, mostAhead)
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "ahead" })
	if given || !o.json {
		o.days = *ahead
	}
	if err := o.setNow(*now, clock); err != nil {
		return nil, err
	}
	if err := o.setFiles(*contacts, *events); err != nil {
		return nil, err
	}
	return o, o.setSegments(*segments)
}

// How many days the report looks ahead, and may look ahead at most.
const (
	defaultAhead = 30
	mostAhead    = 3660
)

func (o *options) setNow(text string, clock func() time.Time) error {
	switch {
	case text == "" && o.sample:
		o.now = sampleNow()
		return nil
	case text == "":
		o.now = audience.FromMicros(audience.Micros(clock()))
		return nil
	}
	at, err := audience.ParseInstant(text)
	if err != nil || at.Year() < 1000 || at.Year() > 8000 {
		return fmt.Errorf("%w: -now wants an instant as RFC 3339 in the years 1000 to 8000, such as 2026-03-01T12:00:00Z", ErrUsage)
	}
	o.now = at
	return nil
}

func (o *options) setFiles(contacts, events string) error {
	if o.sample {
		o.contacts = []importer.Source{importer.FS(sample, "sample/shop.csv"), importer.FS(sample, "sample/newsletter.csv")}
		o.events = []importer.Source{importer.FS(sample, "sample/events.csv")}
		if o.attest == "" {
			text, err := sample.ReadFile("sample/attestation.txt")
			o.attest = strings.TrimSpace(string(text))
			return err
		}
		return nil
	}
	for _, f := range []struct {
		name string
		into *[]importer.Source
	}{{contacts, &o.contacts}, {events, &o.events}} {
		if f.name == "" {
			continue
		}
		src, err := source(f.name)
		if err != nil {
			return err
		}
		*f.into = append(*f.into, src)
		o.inputs = append(o.inputs, f.name)
	}
	return nil
}

// source gives a file. What can be read only once, such as a pipe, is read now.
func source(name string) (importer.Source, error) {
	const most = 256 << 20
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() || info.IsDir() {
		return importer.File(name), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return importer.Spool(filepath.Base(name), f, most)
}

func (o *options) setSegments(folder string) (err error) {
	if folder == "" {
		o.segments, err = fs.Sub(sample, "sample/segments")
		return err
	}
	o.folder, o.segments = folder, os.DirFS(folder)
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("-segments: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("-segments: %s: a folder is expected, with a file NAME.cel for each segment", folder)
	}
	return nil
}
