package importer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// planner decides what becomes of rows, before anything of them is written.
type planner struct {
	*batch
	people     *people
	suppressed map[string][]audience.Suppression // of addresses that nobody has, by their compare form
	writes     []audience.ContactWrite
	at         []int // for each write, the position of its row
	rows       int   // that were decided
}

// errCut says that a row has to wait until those in front of it are written.
var errCut = errors.New("importer: cut")

// decided decides about rows, in order: about all of them, or those up to one
// that gives an address to somebody of whom a row in front of it records a
// consent or a refusal. For the addresses that she has when that is recorded
// are suppressed by it, or keep it from being recorded.
func (b *batch) decided(ctx context.Context, rows []*entry) (*planner, error) {
	spare := &b.spare
	d := &planner{batch: b, writes: slices.Grow(spare.writes[:0], len(rows)), at: slices.Grow(spare.at[:0], len(rows))}
	all := slices.Grow(spare.labels[:0], 2*len(rows))
	labels := slices.Grow(spare.rows[:0], len(rows))[:len(rows)]
	var parts audience.ProfileParts
	parts.Lists = len(b.plan.AddLists) > 0
	for i, e := range rows {
		e.clear()
		first := len(all)
		all = appendLabels(all, &e.contact.Write)
		labels[i] = all[first:len(all):len(all)]
		if e.says = b.survey.says(e.n, e.contact.Status); e.says != audience.StatusNone {
			parts.Ledger, parts.Suppressed = true, true
		}
		parts.Lists = parts.Lists || len(e.contact.Lists) > 0
	}
	spare.writes, spare.at, spare.labels, spare.rows = d.writes, d.at, all, labels
	var err error
	if d.people, err = findPeople(ctx, &b.tx.Reader, labels, &spare.people); err != nil {
		return nil, err
	}
	if err := d.people.lock(ctx, b.tx, parts); err != nil {
		return nil, err
	}
	for id, who := range d.people.byID {
		if s, ok := b.sighting(id); ok {
			who.line, who.mine = int(s.line), s.mine
		}
	}
	if err := d.findSuppressed(ctx, labels); err != nil {
		return nil, err
	}
	for i, e := range rows {
		switch err := d.decide(ctx, i, e, labels[i]); {
		case errors.Is(err, errCut):
			return d, nil
		case err != nil:
			return nil, err
		}
		d.rows++
	}
	return d, nil
}

// findSuppressed looks up the addresses that nobody has.
func (d *planner) findSuppressed(ctx context.Context, rows [][]label) error {
	addresses := d.spare.addresses[:0]
	for _, labels := range rows {
		for i := range labels {
			if a, ok := labels[i].ref.Address(); ok && d.people.holder(&labels[i]) == nil {
				addresses = append(addresses, a)
			}
		}
	}
	d.spare.addresses = addresses
	found, err := d.tx.SuppressionsOf(ctx, addresses...)
	if err != nil {
		return err
	}
	for i, s := range found {
		if len(s) == 0 {
			continue
		}
		if d.suppressed == nil {
			d.suppressed = make(map[string][]audience.Suppression)
		}
		d.suppressed[addresses[i].Canonical()] = s
	}
	return nil
}

// suppression gives from when on one of the addresses of a row that nobody has
// is suppressed, zero when none is, and whether it is of somebody who was
// erased.
func (d *planner) suppression(labels []label) (from time.Time, erased bool) {
	if len(d.suppressed) == 0 {
		return from, false
	}
	for i := range labels {
		if !labels[i].isAddress() || d.people.holder(&labels[i]) != nil {
			continue
		}
		for _, s := range d.suppressed[labels[i].id] {
			at, stands := s.StandsFrom()
			if !stands {
				continue
			}
			erased = erased || s.Reason == audience.SuppressedErased
			if from.IsZero() || at.Before(from) {
				from = at
			}
		}
	}
	return from, erased
}

// decide decides about one row, as it sees it that the rows in front of it
// were written.
func (d *planner) decide(ctx context.Context, i int, e *entry, labels []label) error {
	if first, skips := d.survey.skips(e.n); skips && d.plan.Duplicates != DuplicatesMerge {
		e.result.FirstLine = first
		e.skip(SkippedDuplicate)
		return nil
	}
	if err := d.checkLists(e.contact); err != nil {
		e.reject(err)
		return nil
	}
	who, clash, err := d.people.find(ctx, labels)
	switch {
	case err != nil:
		return err
	case clash != nil:
		e.reject(clash)
		return nil
	}
	from, erased := d.suppression(labels)
	switch {
	case erased, who == nil && d.plan.Mode != UpdateOnly && d.plan.Suppressed == SuppressedSkip && !from.IsZero() && !from.After(d.tx.At()):
		e.result.Outcome = Suppressed
		return nil
	case who == nil && d.plan.Mode == UpdateOnly:
		e.skip(SkippedUnknown)
		return nil
	case who == nil:
		d.create(i, e, labels, from)
		return nil
	}
	e.result.Merged, e.result.FirstLine = who.line > 0, who.line
	if d.plan.Mode == InsertOnly && !who.mine {
		err = d.leave(e, who)
	} else {
		err = d.update(i, e, who, labels, from)
	}
	if err != nil {
		if !errors.Is(err, errCut) {
			e.reject(err)
			err = nil
		}
		return err
	}
	e.who = who
	if who.line == 0 {
		who.line = e.line()
	}
	return nil
}

// checkLists reports why a row cannot put anybody on its lists, or nil.
func (d *planner) checkLists(c *Contact) error {
	for _, name := range c.Lists {
		if err := checkList(&d.fields.schema, name); err != nil {
			return err
		}
	}
	return nil
}

func checkList(s *audience.Schema, name string) error {
	if list, ok := s.ListNamed(name); !ok || list.Kind == audience.ListTopic {
		return &audience.FieldError{Path: "lists", Rule: "unknown", Hint: "a declared static or test list"}
	}
	return nil
}

// create plans a new contact.
func (d *planner) create(i int, e *entry, labels []label, suppressed time.Time) {
	who := d.spare.persons.next()
	who.mine, who.line, who.addressed = true, e.line(), suppressed
	w := d.next()
	*w = d.shape(e.contact, nil)
	if at, ok := d.survey.birth(e.n); ok {
		w.CreatedAt = at
	}
	var next audience.Contact
	var err error
	if d.opts.Diffs {
		next, err = d.apply(who, w)
	}
	if err == nil {
		err = d.weigh(e, who)
	}
	if err != nil {
		e.reject(err)
		return
	}
	e.who, e.makes, who.first = who, true, len(d.writes)
	d.people.add(who, labels)
	d.enlist(e, who)
	if d.opts.Diffs {
		d.diff(e, who, &next)
		who.known.now = next
	}
	d.write(i, e)
}

// leave plans what a row says of somebody whom the plan leaves as she is: a
// refusal, which is never lost, and nothing else. Its error is the row's.
func (d *planner) leave(e *entry, who *person) error {
	if e.says.IsRefusal() {
		if err := d.weigh(e, who); err != nil {
			return err
		}
	}
	if e.records() { // which makes it an update
		if d.opts.Diffs {
			d.diff(e, who, &who.know().now)
		}
		return nil
	}
	e.consent = nil
	e.skip(SkippedExisting)
	e.result.Contact = who.id
	return nil
}

// update plans what a row changes about a contact who is there; its error is
// the row's.
func (d *planner) update(i int, e *entry, who *person, labels []label, suppressed time.Time) error {
	k := who.know()
	if who.id == 0 && k.now.Version == 0 { // the batch makes her, and who she is was not asked for yet
		next, err := d.apply(who, &d.writes[who.first])
		if err != nil {
			return err // the store refuses the row that makes her, and then this one is decided again
		}
		k.now = next
	}
	w := d.next()
	*w = d.shape(e.contact, who)
	next, err := d.apply(who, w)
	if err != nil {
		return err
	}
	if who.records && len(next.Addresses) > len(k.now.Addresses) {
		return errCut
	}
	before := who.addressed
	if !suppressed.IsZero() && (before.IsZero() || suppressed.Before(before)) {
		who.addressed = suppressed
	}
	if err := d.weigh(e, who); err != nil {
		who.addressed = before
		return err
	}
	d.people.add(who, labels)
	d.enlist(e, who)
	if d.opts.Diffs {
		d.diff(e, who, &next)
	}
	if next.Version != k.now.Version {
		d.write(i, e)
	}
	k.now = next
	return nil
}

// apply gives what a write makes of somebody, with a higher version if that
// is anything else. Fields that it brings are not known if it cannot be applied.
func (d *planner) apply(who *person, w *audience.ContactWrite) (audience.Contact, error) {
	if err := w.Check(d.limits); err != nil {
		return audience.Contact{}, err
	}
	known := len(d.fields.brings)
	next, changed, err := w.Apply(who.know().now, d.fields.of(w), d.tx.At(), d.limits)
	if err != nil {
		d.fields.forget(known)
		return audience.Contact{}, err
	}
	if changed {
		next.Version++
	}
	return next, nil
}

// enlist plans the lists that she is not on yet.
func (d *planner) enlist(e *entry, who *person) {
	for _, list := range joined(d.plan.AddLists, e.contact.Lists) {
		if !who.isOn(list) && !slices.Contains(who.lists, list) {
			who.lists = append(who.lists, list)
			e.lists = append(e.lists, list)
		}
	}
}

func (who *person) isOn(list string) bool {
	if who.known == nil {
		return false
	}
	_, on := slices.BinarySearch(who.known.profile.Lists, list)
	return on
}

// next gives the place of the next write, which is not one before [planner.write].
func (d *planner) next() *audience.ContactWrite {
	d.writes = append(d.writes, audience.ContactWrite{})
	w := &d.writes[len(d.writes)-1]
	d.writes = d.writes[:len(d.writes)-1]
	return w
}

// write makes what next gave a write, the row's.
func (d *planner) write(i int, e *entry) {
	e.write = len(d.writes)
	d.writes, d.at = d.writes[:e.write+1], append(d.at, i)
}
