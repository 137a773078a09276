package importer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// runner brings the rows of one import through its batches.
type runner struct {
	*importing
	feed    feed
	journal *journal // nil: nothing is kept
	report  *Report
	rejects rejects
	told    int // rows that callbacks were told of
	began   time.Time
	bytes   int64 // that rows took so far
	before  int64 // of these: of the rows that were done before
}

// feed is where the rows of an import come from.
type feed struct {
	rows    func(ctx context.Context) iter.Seq2[*Contact, error] // from the beginning
	read    func() int64                                         // bytes so far; nil: those that rows took
	total   int64
	content string // SHA-256; "" of a host's own rows
	brings  audience.Schema
	births  bool         // rows say when contacts were created
	room    *contactRoom // of the contacts; nil: they are the host's
}

func newRunner(aud *store.Audience, plan *Plan, opts *Options) *runner {
	if plan == nil {
		plan = &Plan{}
	}
	same := *plan
	opts.Limits = opts.Limits.in(aud)
	r := &runner{
		importing: &importing{
			aud: aud, plan: &same, opts: opts, limits: aud.Limits(),
			source:   audience.Source{Kind: audience.SourceImport, Name: plan.Job},
			attested: encodeEvidence(plan.Attestation, nil),
			seen:     make(map[audience.ContactID]sighting), forced: make(map[int]error),
		},
		report:  &Report{Job: plan.Job},
		rejects: rejects{open: opts.Rejects},
	}
	r.began = r.clock()
	return r
}

func (r *runner) clock() time.Time {
	if r.opts.Clock != nil {
		return r.opts.Clock()
	}
	return r.aud.Now()
}

// propose completes a plan that does not say how the file is written.
func (r *runner) propose(ctx context.Context, src Source) error {
	if r.plan.Layout != nil {
		return nil
	}
	p, err := Inspect(ctx, src, r.aud.Schema(), InspectOptions{Formats: r.opts.Formats, Limits: r.opts.Limits})
	if err != nil {
		return err
	}
	r.plan.Layout = p.Layout
	if len(r.plan.Mapping.Columns) == 0 {
		r.plan.Mapping = p.Mapping
	}
	return nil
}

// readFile makes the feed of a file.
func (r *runner) readFile(ctx context.Context, src Source) error {
	p := r.plan
	i := slices.IndexFunc(r.opts.Formats, func(f Format) bool { return f.Name() == p.Layout.Format })
	if i < 0 {
		return &audience.FieldError{Path: "plan.layout.format", Rule: "unknown", Hint: "the name of one of Options.Formats"}
	}
	if err := p.Mapping.fits(p.Layout); err != nil {
		return err
	}
	format, limits := r.opts.Formats[i], r.opts.Limits
	sum, size, err := digestOf(ctx, src, limits)
	if err != nil {
		return err
	}
	r.feed.content, r.feed.total = hex.EncodeToString(sum[:]), size
	if p.Job == "" {
		p.Job = "import-" + hash(r.feed.content, planHash(p))[:24]
		r.source.Name, r.report.Job = p.Job, p.Job
	}
	mapping := p.Mapping.answered(p.Answers)
	if !slices.ContainsFunc(mapping.Columns, func(c Column) bool { return c.effective().names() }) {
		return &audience.FieldError{Path: "mapping", Rule: "empty", Hint: "a column with addresses or with external ids"}
	}
	r.feed.brings = mapping.brings(r.aud.Schema())
	schema, err := r.aud.SchemaWith(r.feed.brings)
	if err != nil {
		return err
	}
	env := newReadEnv(schema, r.aud.Zone(), r.limits)
	r.feed.births = slices.ContainsFunc(mapping.Columns, func(c Column) bool { return c.Target == TargetCreatedAt })
	r.feed.room = &contactRoom{}
	r.feed.rows = func(ctx context.Context) iter.Seq2[*Contact, error] {
		return func(yield func(*Contact, error) bool) {
			table, err := format.Open(ctx, src, p.Layout, limits)
			if err != nil {
				yield(nil, err)
				return
			}
			defer func() { _ = table.Close() }() // it was only read
			r.feed.read = table.Read
			for c, err := range contactsOf(ctx, table, p, env, r.feed.room) {
				if !yield(c, err) {
					return
				}
			}
		}
	}
	var secret []int
	for _, c := range mapping.Columns {
		if c.Target == TargetSecret {
			secret = append(secret, c.Index)
		}
	}
	r.rejects.begin = func(w io.Writer) (Rejects, error) { return format.Rejects(w, p.Layout, secret) }
	return nil
}

// names reports whether cells of the column name contacts.
func (c Column) names() bool {
	return c.Target == TargetEmail || c.Target == TargetAddress || c.Target == TargetExternalID
}

// lookAhead makes the survey if something asks for it.
func (r *runner) lookAhead(ctx context.Context) error {
	if r.plan.Duplicates == DuplicatesMerge && !r.feed.births {
		return nil
	}
	s, err := makeSurvey(ctx, r.feed.rows(ctx), r.plan.Duplicates, r.aud, r.opts.Limits)
	r.survey = s
	return err
}

// entries puts rows into batches, each of which is valid until the next one. One
// of them ends at the row with the number stop.
func (r *runner) entries(ctx context.Context, stop int) iter.Seq2[[]*entry, error] {
	return func(yield func([]*entry, error) bool) {
		limits := r.opts.Limits
		var batch room[entry]
		var bytes int64
		n := 0
		for c, err := range r.feed.rows(ctx) {
			bad, isBad := errors.AsType[*RowError](err)
			switch {
			case err != nil && !isBad:
				yield(nil, err)
				return
			case n == limits.Rows:
				yield(nil, tooManyRows(limits))
				return
			}
			e := batch.next()
			if c == nil && !isBad {
				bad = noContact()
			}
			e.n, e.bad, e.contact = n, bad, c
			if c != nil {
				e.row, bytes = c.Row, bytes+c.Bytes
			}
			if n++; len(batch.taken()) < limits.BatchRows && bytes < int64(limits.BatchBytes) && n != stop {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(batch.taken(), nil) {
				return
			}
			r.feed.giveBack(batch.taken())
			batch.empty()
			bytes = 0
		}
		switch err := ctx.Err(); {
		case err != nil:
			yield(nil, err)
		case n < stop:
			yield(nil, sourceChanged())
		case len(batch.taken()) > 0:
			yield(batch.taken(), nil)
		}
	}
}

// giveBack lets the contacts of a batch that is done be used for later rows.
func (f *feed) giveBack(rows []*entry) {
	if f.room == nil {
		return
	}
	for _, e := range rows {
		if e.bad == nil {
			f.room.giveBack(e.contact)
		}
	}
}

// runPlain imports and keeps nothing of it.
func (r *runner) runPlain(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.rejects.close()) }()
	if err := r.lookAhead(ctx); err != nil {
		return err
	}
	for rows, err := range r.entries(ctx, 0) {
		if err != nil {
			return err
		}
		if err := r.commit(ctx, rows, func(context.Context, *batch) error { return nil }); err != nil {
			return err
		}
		if err := r.tell(rows); err != nil {
			return err
		}
	}
	return nil
}

// commit writes a batch in one transaction, with what more belongs into it.
func (r *runner) commit(ctx context.Context, rows []*entry, more func(ctx context.Context, b *batch) error) error {
	for range maxRestarts {
		var b *batch
		_, err := r.aud.Update(ctx, func(tx *store.Tx) (err error) {
			if b, err = r.writeBatch(ctx, tx, rows); err != nil {
				return err
			}
			return more(ctx, b)
		})
		switch {
		case errors.Is(err, errAgain): // some more rows are forced out
			continue
		case err != nil:
			return err
		}
		b.committed()
		return nil
	}
	return retryable(errAgain)
}

// maxRestarts is how often rows are forced out of one transaction. Each time
// something must have happened between weighing a consent and recording it.
const maxRestarts = 100

// runTried imports within a transaction that is rolled back.
func (r *runner) runTried(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.rejects.close()) }()
	if err := r.lookAhead(ctx); err != nil {
		return err
	}
	r.preview = true
	try := r.opts.WhatIf
	if try == nil {
		try = func(ctx context.Context, change func(*store.Tx) error) error {
			return r.aud.Try(ctx, change, func(*store.Tx, []store.Change) error { return nil })
		}
	}
	for range maxRestarts {
		err := try(ctx, func(tx *store.Tx) error { return r.tryAll(ctx, tx) })
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return retryable(errAgain)
}

func (r *runner) tryAll(ctx context.Context, tx *store.Tx) error {
	*r.report = Report{Job: r.plan.Job}
	clear(r.seen)
	if err := tx.Declare(ctx, r.feed.brings); err != nil {
		return err
	}
	for rows, err := range r.entries(ctx, 0) {
		if err != nil {
			return err
		}
		b, err := r.writeBatch(ctx, tx, rows)
		if err != nil {
			return err
		}
		b.committed()
		if err := r.tell(rows); err != nil {
			return err
		}
	}
	return nil
}

// tell counts the rows of a batch that is done and tells of them. When a
// preview begins again it tells nothing twice.
func (r *runner) tell(rows []*entry) error {
	for _, e := range rows {
		r.report.add(e, r.opts.Limits.Errors)
		if e.n < r.told {
			continue
		}
		r.told = e.n + 1
		if e.result.Err != nil {
			if err := r.tellRejected(e.row, e.result.Err); err != nil {
				return err
			}
		}
		if r.opts.OnRow != nil {
			r.opts.OnRow(e.result)
		}
	}
	r.progress(rows)
	return nil
}

func (r *runner) tellRejected(row *Row, why *RowError) error {
	if r.opts.OnError != nil {
		r.opts.OnError(why)
	}
	if err := r.rejects.write(row, why); err != nil {
		return fmt.Errorf("write rejected rows: %w", err)
	}
	return nil
}

// pastBytes counts the bytes of rows and gives how many it are so far.
func (r *runner) pastBytes(rows []*entry) int64 {
	for _, e := range rows {
		if e.contact != nil {
			r.bytes += e.contact.Bytes
		}
	}
	if r.feed.read != nil {
		return r.feed.read()
	}
	return r.bytes
}

// progress tells how far it has come.
func (r *runner) progress(rows []*entry) {
	p := Progress{Rows: r.report.Rows, Bytes: r.pastBytes(rows), Total: r.feed.total}
	if r.opts.OnProgress == nil {
		return
	}
	spent := r.clock().Sub(r.began)
	if done, left := p.Bytes-r.before, p.Total-p.Bytes; done > 0 && left > 0 && spent > 0 {
		p.Left = time.Duration(float64(spent) * float64(left) / float64(done))
	}
	r.opts.OnProgress(p)
}

// retryable makes of rows that were refused at the last moment a transaction
// that may be tried again.
func retryable(err error) error {
	if errors.Is(err, errAgain) {
		return fmt.Errorf("what is recorded of consent was overtaken: %w", audience.ErrRetryable)
	}
	return err
}

// noContact is the error of a row of the host's that is nothing at all.
func noContact() *RowError {
	return &RowError{Err: &audience.FieldError{Path: "row", Rule: "empty", Hint: "a contact"}}
}

func sourceChanged() error {
	return &audience.ConflictError{Kind: "source", Hint: "the file changed while it was read; import it again"}
}

func tooManyRows(l Limits) error { return tooMany("file", l.Rows) }

func tooMany(path string, most int) error {
	return &audience.FieldError{Path: path, Rule: "max-rows", Hint: atMost(most, "rows"), Limit: true}
}

func atMost(n int, what string) string { return fmt.Sprintf("at most %d %s", n, what) }
