package importer

import (
	"context"
	"iter"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Run imports a file as a plan says, in batches of one transaction each, and
// tells what became of it. A plan without a Layout gets the one that [Inspect]
// proposes, and one whose Mapping has no columns also that; a Mapping that was
// kept from an earlier file is taken only if its columns stand where they stood,
// else it is [audience.ErrConflict]. A row that cannot be used is rejected,
// reported and costs nothing but itself.
//
// How far it has come is kept in the audience, in the transaction of each batch.
// So an import that was stopped, at any row and by anything, goes on where it
// was when Run is called again with the same file and plan; one that was done
// is not done again, and its report says Already. Another file or plan under
// the same name is [audience.ErrConflict]; so is an import that was undone, and
// one that another process is at. [Undo] takes an import back.
//
// A row is about the contact with one of its external ids, else the one with
// one of its addresses, else a new one. A row whose names belong to different
// contacts, or whose address belongs to somebody with another id of the same
// system, is rejected. The plan's modes decide what is written, see [Plan].
//
// The error is of the import as a whole: questions that the plan does not
// answer ([*QuestionsError]), an attestation in an audience without keys
// ([audience.ErrDenied]), a file that cannot be read, a limit, a cancelled ctx,
// a failing store. The report is never nil, and after an error it is about the
// rows up to the last batch that was committed.
//
// It keeps about 20 bytes a row, and 30 more if the plan asks which of several
// rows about one contact counts or the file says when contacts were created.
func Run(ctx context.Context, aud *store.Audience, src Source, plan *Plan, opts Options) (*Report, error) {
	r := newRunner(aud, plan, &opts)
	if err := r.check(); err != nil {
		return r.report, err
	}
	if err := r.propose(ctx, src); err != nil {
		return r.report, err
	}
	if open := r.plan.open(); len(open) > 0 {
		return r.report, &QuestionsError{Questions: open}
	}
	if err := r.readFile(ctx, src); err != nil {
		return r.report, err
	}
	return r.report, r.runJournaled(ctx)
}

// Preview tells what [Run] would do: it does the same within one transaction
// that is rolled back. It needs no answers to questions: what is assumed is
// taken.
//
// The transaction holds everything that the import would write until the end,
// about 2 KiB a row in memory, and others who write wait for it where the store
// has one writer.
func Preview(ctx context.Context, aud *store.Audience, src Source, plan *Plan, opts Options) (*Report, error) {
	r := newRunner(aud, plan, &opts)
	if err := r.check(); err != nil {
		return r.report, err
	}
	if err := r.propose(ctx, src); err != nil {
		return r.report, err
	}
	if err := r.readFile(ctx, src); err != nil {
		return r.report, err
	}
	return r.report, r.runTried(ctx)
}

// Contacts is [Run] for a host's own rows, in order: a [*RowError] among them
// is a row that cannot be used, any other error ends the import. With a
// Plan.Job it is kept how far it has come, and the host must give the same rows
// when it goes on; without one nothing is kept, and it can neither go on nor be
// undone. Of the plan, layout and mapping are not looked at. rows is gone
// through twice if the plan's Duplicates ask which of several rows counts.
func Contacts(ctx context.Context, aud *store.Audience, rows iter.Seq2[*Contact, error], plan *Plan, opts Options) (*Report, error) {
	r := newRunner(aud, plan, &opts)
	if err := r.check(); err != nil {
		return r.report, err
	}
	r.feed.rows = func(context.Context) iter.Seq2[*Contact, error] { return rows }
	if r.plan.Job == "" {
		return r.report, r.runPlain(ctx)
	}
	return r.report, r.runJournaled(ctx)
}

// PreviewContacts is [Preview] for a host's own rows. They may be gone through
// more than once.
func PreviewContacts(ctx context.Context, aud *store.Audience, rows iter.Seq2[*Contact, error], plan *Plan, opts Options) (*Report, error) {
	r := newRunner(aud, plan, &opts)
	if err := r.check(); err != nil {
		return r.report, err
	}
	r.feed.rows = func(context.Context) iter.Seq2[*Contact, error] { return rows }
	return r.report, r.runTried(ctx)
}

// Write is [Contacts] within a transaction of the host's, for at most as many
// rows as a batch of the audience may hold: nothing is kept of it, and Plan.Job
// only names it. Results are in the order of rows. Callbacks of opts are not
// called, for the transaction may begin again.
//
// An error of the call has written part of the rows: the transaction must be
// given up. [audience.ErrRetryable] is among them when a consent was overtaken.
func Write(ctx context.Context, tx *store.Tx, rows []*Contact, plan *Plan, opts Options) ([]RowResult, *Report, error) {
	opts.OnRow, opts.OnError, opts.OnProgress, opts.Rejects = nil, nil, nil, nil
	r := newRunner(tx.Audience(), plan, &opts)
	if err := r.check(); err != nil {
		return nil, r.report, err
	}
	if most := r.opts.Limits.BatchRows; len(rows) > most {
		return nil, r.report, tooMany("rows", most)
	}
	entries := make([]*entry, len(rows))
	for i, c := range rows {
		entries[i] = &entry{n: i, contact: c}
		if c == nil {
			entries[i].bad = noContact()
		}
	}
	b, err := r.writeBatch(ctx, tx, entries)
	if err != nil {
		return nil, r.report, retryable(err)
	}
	results := make([]RowResult, len(rows))
	for i, e := range entries {
		results[i] = e.result
		r.report.add(e, r.opts.Limits.Errors)
	}
	b.committed()
	return results, r.report, nil
}

// check reports what the import as a whole would be refused for.
func (r *runner) check() error {
	p := r.plan
	if p.Job != "" {
		if err := audience.CheckName("job", p.Job, r.limits); err != nil {
			return err
		}
	}
	if err := p.Attestation.check(); err != nil {
		return err
	}
	if !p.Attestation.IsZero() && r.aud.Keys().IsZero() {
		return &audience.DeniedError{Rule: "key", Hint: "an attested import needs an audience that was opened with keys"}
	}
	if len(r.attested) > r.limits.EvidenceBytes {
		return &audience.FieldError{Path: "attestation", Rule: "max-length", Hint: atMost(r.limits.EvidenceBytes, "bytes"), Limit: true}
	}
	for _, tag := range p.AddTags {
		if err := audience.CheckName("add_tags", tag, r.limits); err != nil {
			return err
		}
	}
	schema := r.aud.Schema()
	for _, list := range p.AddLists {
		if err := checkList(&schema, list); err != nil {
			return err
		}
	}
	return p.checkModes()
}
