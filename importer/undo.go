package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// UndoOptions of [Undo]. The zero UndoOptions undo.
type UndoOptions struct {
	// DryRun undoes within one transaction that is rolled back.
	DryRun bool
	// OnLeft gets everybody who is left with something of the import, also
	// those beyond UndoReport.Contacts.
	OnLeft func(LeftBehind)
	// OnProgress gets after each transaction what was undone so far.
	OnProgress func(UndoReport)
	// BatchRows are the contacts of one transaction; default 1,000, at most 10,000.
	BatchRows int
}

// UndoReport says what became of whom an import had made or changed. Each of
// them counts once: in Deleted, Restored, Left or Gone.
type UndoReport struct {
	Job     string `json:"job"`
	Already bool   `json:"already,omitempty"` // it was undone before: nothing was done now

	Deleted  int `json:"deleted"`  // contacts that the import made
	Restored int `json:"restored"` // contacts who are again what they were before
	Left     int `json:"left"`     // contacts of whom something stays, since somebody else has changed it or relies on it
	Gone     int `json:"gone"`     // contacts who were deleted meanwhile

	Retracted int `json:"retracted"` // grants and requests that were taken back
	Refusals  int `json:"refusals"`  // recorded by the import of contacts who stay: refusals are never undone

	Contacts []LeftBehind `json:"contacts,omitempty"` // the first of Left: at most 1,000, fewer where they would not fit into a record of the audience
}

// LeftBehind is a contact who is left with something of an import.
type LeftBehind struct {
	Contact audience.ContactID `json:"contact"`
	// What it is: email, external_id, first_name, last_name, phone, tags, lists,
	// the name of a field; of a contact whom the import made and who was not
	// deleted: changed, events, lists, consent; merged; refused, when the store
	// does not take it back; too-large, when it was not kept.
	What []string `json:"what"`
}

// String tells it in some lines for people. Nothing in it is personal.
func (r *UndoReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d contacts deleted, %d restored, %d left with something, %d gone already\n", r.Deleted, r.Restored, r.Left, r.Gone)
	if r.Retracted > 0 {
		fmt.Fprintf(&b, "  grants and requests taken back: %d\n", r.Retracted)
	}
	if r.Refusals > 0 {
		fmt.Fprintf(&b, "  refusals that stay: %d\n", r.Refusals)
	}
	for _, c := range r.Contacts {
		fmt.Fprintf(&b, "  contact %s keeps %s\n", c.Contact, strings.Join(c.What, ", "))
	}
	if r.Already {
		b.WriteString("This import was undone before; nothing was done now.\n")
	}
	return b.String()
}

// undoPlace is how far an import is undone.
type undoPlace struct {
	After   string `json:"after,omitempty"`   // the last key of what was restored
	Made    bool   `json:"made,omitempty"`    // everything is restored; what was made is being deleted
	Batches int    `json:"batches,omitempty"` // still to be deleted of
}

// Undo takes back what an import did: contacts whom it made are deleted, of
// others is restored what it changed. What somebody has changed since stays as
// it is and is named in the report; the rest is restored. Contacts whom the
// import made stay when they were changed, have events, consents or lists that
// are not the import's, or were merged. Refusals that it recorded stay, as they
// do when contacts are deleted; grants and requests of those who stay are taken
// back. Custom fields that it brought stay in the schema. Restored values have
// the import as their source.
//
// Like an import, it can be stopped at any time, and goes on when it is called
// again. An import that was stopped can be undone as far as it has come.
//
// Errors: [audience.ErrNotFound] for an import that is not known;
// [audience.ErrDenied] when the time for it is over or the plan wanted none;
// [audience.ErrConflict] when another process undoes it or goes on with it.
func Undo(ctx context.Context, aud *store.Audience, job string, opts UndoOptions) (*UndoReport, error) {
	u := &undoing{aud: aud, opts: &opts, name: job, job: jobKey(job), source: audience.Source{Kind: audience.SourceImport, Name: job}}
	if u.rows = opts.BatchRows; u.rows <= 0 {
		u.rows = 1_000
	}
	const maxPage = 10_000 // what the store gives at once
	u.rows = min(u.rows, aud.Limits().BatchItems, maxPage)
	if !opts.DryRun {
		err := u.run(ctx, func(ctx context.Context, fn func(*store.Tx) error) error {
			_, err := aud.Update(ctx, fn)
			return err
		})
		return u.report(), err
	}
	var left []LeftBehind
	u.opts = &UndoOptions{OnLeft: func(l LeftBehind) { left = append(left, l) }}
	err := aud.Try(ctx, func(tx *store.Tx) error {
		u.journal, u.later, u.already, left = nil, nil, false, nil
		return u.run(ctx, func(_ context.Context, fn func(*store.Tx) error) error { return fn(tx) })
	}, func(*store.Tx, []store.Change) error { return nil })
	if err != nil {
		return u.report(), err
	}
	for _, l := range left { // now that nothing begins again
		if opts.OnLeft != nil {
			opts.OnLeft(l)
		}
	}
	if opts.OnProgress != nil && !u.already {
		opts.OnProgress(*u.report())
	}
	return u.report(), nil
}

// undoing is an import that is being undone.
type undoing struct {
	aud     *store.Audience
	opts    *UndoOptions
	name    string
	job     string
	source  audience.Source
	rows    int
	journal *journal
	later   map[audience.ContactID]changes // to contacts that the import made
	already bool
}

func (u *undoing) report() *UndoReport {
	if u.journal == nil || u.journal.head.Undone == nil {
		return &UndoReport{Job: u.name}
	}
	out := *u.journal.head.Undone
	out.Already = u.already
	return &out
}

// step is what one transaction undoes. It is made anew when the transaction
// begins again.
type step struct {
	*undoing
	tx   *store.Tx
	head jobHead
	left []LeftBehind
}

// run undoes in steps.
func (u *undoing) run(ctx context.Context, update func(context.Context, func(*store.Tx) error) error) error {
	if err := update(ctx, func(tx *store.Tx) error { return u.begin(ctx, tx) }); err != nil {
		return err
	}
	for !u.already && u.journal.head.State == JobUndoing {
		if err := ctx.Err(); err != nil {
			return err
		}
		var s *step
		var version uint64
		err := update(ctx, func(tx *store.Tx) (err error) {
			s = &step{undoing: u, tx: tx, head: u.journal.head}
			report := *s.head.Undone
			s.head.Undone = &report
			if s.head.Undoing.Made {
				err = s.remove(ctx)
			} else {
				err = s.restore(ctx)
			}
			if err != nil {
				return err
			}
			version, err = u.journal.save(ctx, tx, &s.head)
			return err
		})
		if err != nil {
			return err
		}
		u.journal.head, u.journal.version = s.head, version
		for _, l := range s.left {
			if u.opts.OnLeft != nil {
				u.opts.OnLeft(l)
			}
		}
		if u.opts.OnProgress != nil {
			u.opts.OnProgress(*u.report())
		}
	}
	return nil
}

// begin marks the import as one that is being undone.
func (u *undoing) begin(ctx context.Context, tx *store.Tx) error {
	j, err := loadJournal(ctx, &tx.Reader, u.name)
	if err != nil {
		return err
	}
	h := &j.head
	switch {
	case j.version == 0:
		return &audience.NotFoundError{Kind: "import", Name: u.name}
	case h.State == JobUndone:
		u.journal, u.already = j, true
		return nil
	case h.UndoUntil.IsZero():
		return &audience.DeniedError{Rule: "undo", Hint: "the plan of this import wanted that it cannot be undone"}
	case !tx.At().Before(h.UndoUntil):
		return &audience.DeniedError{Rule: "undo", Hint: "the time in which this import could be undone is over"}
	}
	if u.later, err = u.laterChanges(ctx, &tx.Reader, h.Batches); err != nil {
		return err
	}
	if h.State != JobUndoing {
		h.State, h.Undone, h.Undoing = JobUndoing, &UndoReport{Job: u.name}, undoPlace{Batches: h.Batches}
		if j.version, err = j.save(ctx, tx, h); err != nil {
			return err
		}
	}
	u.journal = j
	return nil
}

// changes are what batches later than her own did to a contact whom the import
// made.
type changes struct {
	found, left uint64 // versions: the first of these batches found, the last one left
	edited      bool   // somebody else changed her in between
}

// laterChanges gives the contacts that the import made and changed again in a
// later batch.
func (u *undoing) laterChanges(ctx context.Context, r *store.Reader, batches int) (map[audience.ContactID]changes, error) {
	out := make(map[audience.ContactID]changes)
	for n := 1; n <= batches; n++ {
		rec, err := loadBatch(ctx, r, u.name, n)
		if err != nil || rec == nil {
			return out, err
		}
		mine, err1 := unpackIDs(rec.Mine)
		found, err2 := unpackIDs(rec.Found)
		switch {
		case err1 != nil || err2 != nil:
			return nil, errors.Join(err1, err2)
		case len(mine) != len(found):
			return nil, errDamaged
		}
		for i, c := range mine {
			later, again := out[c.id]
			if !again {
				later.found = found[i].version
			}
			later.edited = later.edited || again && found[i].version != later.left
			later.left = c.version
			out[c.id] = later
		}
	}
	return out, nil
}

// version gives the version of a contact whom nobody but the import has
// changed; 0 when somebody has.
func (u *undoing) version(made idVersion) uint64 {
	switch later, changed := u.later[made.id]; {
	case !changed:
		return made.version
	case later.edited, later.found != made.version:
		return 0
	default:
		return later.left
	}
}

// keeps notes that something of the import stays with a contact.
func (s *step) keeps(id audience.ContactID, what ...string) {
	const most = 1_000
	s.head.Undone.Left++
	l := LeftBehind{Contact: id, What: what}
	s.left = append(s.left, l)
	kept := s.head.Undone.Contacts
	if len(kept) == most {
		return
	}
	bytes := l.bytes() // a quarter of the record, in which the rest of the head has to fit too
	for i := range kept {
		bytes += kept[i].bytes()
	}
	if bytes <= s.aud.Limits().RecordBytes/4 {
		s.head.Undone.Contacts = append(slices.Clip(kept), l)
	}
}

// bytes is about what it takes in the journal.
func (l *LeftBehind) bytes() int {
	n := len(`{"contact":4294967295,"what":[]},`)
	for _, what := range l.What {
		n += len(what) + len(`"",`)
	}
	return n
}

// isOurs reports whether the import wrote something.
func (u *undoing) isOurs(s *audience.Source) bool {
	return s.Kind == audience.SourceImport && s.Name == u.name
}

// remove deletes the contacts that the last of the batches left made.
func (s *step) remove(ctx context.Context) error {
	place := &s.head.Undoing
	if place.Batches == 0 {
		s.head.State = JobUndone
		return nil
	}
	rec, err := loadBatch(ctx, &s.tx.Reader, s.name, place.Batches)
	if err != nil {
		return err
	}
	place.Batches--
	if rec == nil {
		return nil
	}
	made, err := unpackIDs(rec.Made)
	if err != nil {
		return err
	}
	for len(made) > 0 { // a batch of the import may be greater than the audience takes by now
		n := min(len(made), s.aud.Limits().BatchItems)
		if err := s.removeSome(ctx, made[:n]); err != nil {
			return err
		}
		made = made[n:]
	}
	return nil
}

func (s *step) removeSome(ctx context.Context, made []idVersion) error {
	refs := make([]audience.Ref, len(made))
	for i, c := range made {
		refs[i] = audience.ID(c.id)
	}
	now, err := s.tx.Resolve(ctx, refs...)
	if err != nil {
		return err
	}
	var retractions []retraction
	version := make(map[audience.ContactID]uint64, len(made))
	ids := make([]audience.ContactID, 0, len(made))
	for i, c := range made {
		switch now[i] {
		case 0:
			s.head.Undone.Gone++
		case c.id:
			version[c.id] = s.version(c)
			ids = append(ids, c.id)
		default:
			h, err := s.tx.History(ctx, refs[i])
			if err != nil {
				return err
			}
			s.keeps(c.id, "merged")
			retractions = s.takeBackAll(retractions, c.id, &h)
		}
	}
	if _, err := s.tx.Lock(ctx, ids...); err != nil {
		return err
	}
	schema := s.tx.Schema()
	parts := audience.ProfileParts{Ledger: true}
	for _, t := range schema.Events {
		parts.Events = append(parts.Events, t.Name)
	}
	profiles, err := s.tx.ProfilesOf(ctx, parts, ids...)
	if err != nil {
		return err
	}
	members, err := s.memberships(ctx, ids)
	if err != nil {
		return err
	}
	var gone []audience.ContactID
	for i := range profiles {
		p := &profiles[i]
		what := s.relied(p, version[p.Contact.ID])
		if slices.ContainsFunc(members[p.Contact.ID], func(m store.Membership) bool { return !s.isOurs(&m.Source) }) {
			what = append(what, "lists")
		}
		if len(what) == 0 {
			gone = append(gone, p.Contact.ID)
			continue
		}
		s.keeps(p.Contact.ID, what...)
		retractions = s.takeBackAll(retractions, p.Contact.ID, &p.History)
	}
	stay, err := s.delete(ctx, gone)
	if err != nil {
		return err
	}
	for i := range profiles {
		if id := profiles[i].Contact.ID; stay[id] {
			retractions = s.takeBackAll(retractions, id, &profiles[i].History)
		}
	}
	return s.retract(ctx, retractions)
}

// relied tells what of a contact whom the import made is not the import's.
func (s *step) relied(p *audience.Profile, version uint64) []string {
	var out []string
	if p.Contact.Version != version {
		out = append(out, "changed")
	}
	if len(p.Streams) > 0 {
		out = append(out, "events")
	}
	if len(p.History.Merged) > 0 {
		out = append(out, "merged")
	}
	for i := range p.History.Records {
		if !s.isOurs(&p.History.Records[i].Source) {
			return append(out, "consent")
		}
	}
	return out
}

// memberships gives the lists on which contacts are, with who has put them
// there.
func (s *step) memberships(ctx context.Context, ids []audience.ContactID) (map[audience.ContactID][]store.Membership, error) {
	out := make(map[audience.ContactID][]store.Membership)
	lists, ok := store.As[store.ListReader](s.tx)
	if !ok {
		return out, nil
	}
	members, err := lists.Memberships(ctx, ids)
	for i := range members {
		out[members[i].Origin] = append(out[members[i].Origin], members[i])
	}
	return out, err
}

// delete deletes contacts and gives those that the store does not delete.
func (s *step) delete(ctx context.Context, ids []audience.ContactID) (map[audience.ContactID]bool, error) {
	stay := make(map[audience.ContactID]bool)
	for len(ids) > 0 {
		refs := make([]audience.Ref, len(ids))
		for i, id := range ids {
			refs[i] = audience.ID(id)
		}
		err := s.tx.Delete(ctx, s.source, refs...)
		batch, ok := errors.AsType[*audience.BatchError](err)
		if !ok {
			if err == nil {
				s.head.Undone.Deleted += len(ids)
			}
			return stay, err
		}
		refused := make(map[int]bool, len(batch.Items))
		for _, it := range batch.Items {
			refused[it.Index] = true
		}
		var rest []audience.ContactID
		for i, id := range ids {
			if refused[i] {
				s.keeps(id, "refused")
				stay[id] = true
				continue
			}
			rest = append(rest, id)
		}
		ids = rest
	}
	return stay, nil
}
