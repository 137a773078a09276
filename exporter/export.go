package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Options of an export. The zero Options export everybody whom the gate lets
// out, with the columns of [DefaultColumns].
type Options struct {
	// Columns are the columns that leave, in order; see the package. An unknown
	// one is an [*audience.FieldError].
	Columns []string
	// Where, if any, is true for the contacts to be exported.
	Where store.Predicate
	// List, if any, names the list, of any kind, on which they are.
	List string
	// Members, if not nil, are the contacts to be exported, in ascending order
	// of their ids, such as those of a segment; another order is
	// [audience.ErrInvalid]. Ids that are nobody's (any more) are passed over.
	// Who is a member was decided when the set was made; what leaves of them, and
	// whether, is as of r. They are read by id: few members of a large audience cost what they are.
	Members iter.Seq[audience.ContactID]
	// At is the instant of statuses, lists and Where; zero is the clock's. One
	// that is over does not move gates back: see [Gate].
	At time.Time
	// OnProgress is called after each batch.
	OnProgress func(Progress)
}

// Progress is how far an export has come.
type Progress struct {
	Written  int // contacts
	Withheld int // contacts whom the gate did not let out
}

// Result says what has left. After an error it is about what was written until
// then, and Loss is only what the encoder's End has told.
type Result struct {
	Progress
	Redacted map[string]int // values that the gate kept back, masked or hashed, by column; none where there are none
	Loss
}

// batchSize is how many contacts are read and judged at once.
const batchSize = 1000

// Contacts exports contacts in ascending order of their ids: those whom Where,
// List and Members choose and whom the gate lets out. Without a gate nothing
// leaves: it is [audience.ErrDenied]. It holds one batch of contacts in memory,
// however many there are, and all of them are as of r's snapshot.
//
// It stops at the first error, of the store, the gate, the encoder or ctx; what
// was written until then is no whole export: see [WriteFile]. In either case
// the audience's log is told how many contacts have left and by which gate.
func Contacts(ctx context.Context, r *store.Reader, enc Encoder, gate Gate, opts Options) (result Result, err error) {
	if enc == nil {
		return Result{}, &audience.FieldError{Path: "encoder", Rule: "empty", Hint: "an encoder, such as NDJSON(w)"}
	}
	if c, ok := enc.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	e, err := prepare(ctx, r, gate, &opts)
	if err != nil {
		return Result{}, err
	}
	if err := enc.Begin(slices.Clone(e.columns)); err != nil {
		return Result{}, err
	}
	err = e.run(ctx, enc)
	level, message := slog.LevelInfo, "exporter: contacts have left"
	if err != nil { // who was written may have reached somebody
		level, message = slog.LevelWarn, "exporter: an export has broken off"
	}
	r.Audience().Logger().Log(ctx, level, message, "contacts", e.result.Written, "withheld", e.result.Withheld,
		"columns", len(e.columns), "gate", gateName(gate))
	return e.outcome(), err
}

// run writes the contacts.
func (e *export) run(ctx context.Context, enc Encoder) error {
	for people, err := range e.batches(ctx) {
		if err == nil {
			err = e.encode(ctx, enc, people)
		}
		if err != nil {
			return err
		}
		if e.opts.OnProgress != nil {
			e.opts.OnProgress(e.result.Progress)
		}
	}
	var err error
	e.result.Loss, err = enc.End()
	return err
}

// export is one export.
type export struct {
	r         *store.Reader
	gate      Gate
	gateAt    time.Time
	opts      *Options
	where     store.Predicate // Where and List
	parts     audience.ProfileParts
	columns   []Column
	values    *reader
	redactors []*redactor // by column; nil: none
	hearing   hearing
	row       []audience.Value
	redacted  []int // by column
	result    Result
}

func noGate() error {
	return &audience.DeniedError{Rule: "gate", Hint: "a gate that says who may leave, such as OnlyMailable()"}
}

// gateName names a gate in the log.
func gateName(g Gate) string {
	if s, ok := g.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", g)
}

// prepare does all that can fail before anything is written.
func prepare(ctx context.Context, r *store.Reader, gate Gate, opts *Options) (*export, error) {
	gate, redact := redactions(gate)
	if gate == nil {
		return nil, noGate()
	}
	now := r.Audience().Now()
	if opts.At.IsZero() {
		opts.At = now
	}
	e := &export{r: r, gate: gate, gateAt: opts.At, opts: opts}
	if now.After(opts.At) {
		e.gateAt = now
	}
	schema, limits := r.Schema(), r.Audience().Limits()
	names := opts.Columns
	if len(names) == 0 {
		names = DefaultColumns(schema)
	}
	columns, sources, err := findColumns(&schema, limits, names)
	if err != nil {
		return nil, err
	}
	e.columns, e.values = columns, newReader(sources, schema.Lists, opts.At)
	e.row, e.redacted = make([]audience.Value, len(columns)), make([]int, len(columns))
	if e.where, err = e.selection(&schema); err != nil {
		return nil, err
	}
	e.hearing.columns = make(map[string][]int)
	e.hearing.find = func(name string) ([]int, error) {
		_, s, err := findColumn(&schema, limits, "gate", name)
		if err != nil {
			return nil, err
		}
		return positions(sources, s), nil
	}
	if err := e.addRedactors(redact); err != nil {
		return nil, err
	}
	e.parts = partsFor(sources).Union(partsOf(gate))
	return e, e.judge(ctx, nil)
}

// selection joins Where and List.
func (e *export) selection(schema *audience.Schema) (store.Predicate, error) {
	if e.opts.List == "" {
		return e.opts.Where, nil
	}
	list, ok := schema.ListNamed(e.opts.List)
	if !ok {
		return nil, &audience.NotFoundError{Kind: "list", Name: e.opts.List}
	}
	on := store.OnList{List: list}
	if e.opts.Where == nil {
		return on, nil
	}
	return store.And{e.opts.Where, on}, nil
}

// addRedactors makes those of the columns. Two names may mean one column: the
// stricter redaction counts then too.
func (e *export) addRedactors(redact map[string]Redaction) error {
	e.redactors = make([]*redactor, len(e.columns))
	for _, name := range slices.Sorted(maps.Keys(redact)) {
		at, err := e.hearing.find(name)
		if err != nil {
			return err
		}
		for _, i := range at {
			redactor, err := newRedactor(e.r.Audience(), e.columns[i], redact[name])
			if err != nil {
				return err
			}
			if other := e.redactors[i]; other == nil || strictness(redactor.how) > strictness(other.how) {
				e.redactors[i] = redactor
			}
		}
	}
	return nil
}

// judge lets the gate say who of the people may leave.
func (e *export) judge(ctx context.Context, people []audience.Profile) error {
	h := &e.hearing
	h.begin(len(people))
	release, over := h.release()
	defer over()
	if err := e.gate.Judge(ctx, e.r, e.gateAt, people, release); err != nil {
		return err
	}
	return h.err
}

// encode writes those of a batch whom the gate lets out.
func (e *export) encode(ctx context.Context, enc Encoder, people []audience.Profile) error {
	if err := e.judge(ctx, people); err != nil {
		return err
	}
	for i := range people {
		v := &e.hearing.verdicts[i]
		if !v.released {
			e.result.Withheld++
			continue
		}
		e.values.row(e.row, &people[i])
		for _, column := range v.without {
			e.redact(column, audience.Value{})
		}
		for column, r := range e.redactors {
			if r != nil && !e.row[column].IsZero() {
				e.redact(column, r.value(e.row[column]))
			}
		}
		if err := enc.Encode(e.row); err != nil {
			return err
		}
		e.result.Written++
	}
	return nil
}

// redact puts another value in the place of one, if there is one.
func (e *export) redact(column int, v audience.Value) {
	if e.row[column].IsZero() {
		return
	}
	e.row[column] = v
	e.redacted[column]++
}

// outcome gives the result.
func (e *export) outcome() Result {
	out := e.result
	for i, n := range e.redacted {
		if n == 0 {
			continue
		}
		if out.Redacted == nil {
			out.Redacted = make(map[string]int)
		}
		out.Redacted[e.columns[i].option()] = n
	}
	return out
}
