package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// feed is the change feed of a version: commits 1, 2, 3 in the order in
// which they were published, which one writer at a time makes the order of
// everything.
type feed struct {
	commits tree[numberKey, *commit]
	// mentions finds the commits of a contact, so that erasing one person
	// does not read everybody's changes.
	mentions tree[numberedKey, struct{}]
	head     uint64 // of the last commit
	trimmed  uint64 // of the last one that was forgotten
	last     time.Time
}

type commit struct {
	at      time.Time
	changes []store.Change
}

func errTrimmed() error {
	return fmt.Errorf("the feed was trimmed beyond this position: %w", audience.ErrPositionGone)
}

// locate gives the number of a position of this feed.
func (f *feed) locate(incarnation store.Incarnation, pos store.Position) (uint64, error) {
	numbers, err := pos.Numbers(incarnation)
	switch {
	case err != nil:
		return 0, err
	case len(numbers) == 0:
		return 0, nil
	case len(numbers) > 1 || numbers[0] > f.head:
		return 0, fmt.Errorf("position ahead of the feed: %w", audience.ErrPositionGone)
	}
	return numbers[0], nil
}

// append adds a commit.
func (f *feed) append(edit uint64, at time.Time, changes []store.Change) {
	f.head++
	f.commits.set(edit, numberKey(f.head), &commit{at: at, changes: changes})
	mention(changes, f.head, func(k numberedKey) { f.mentions.fill(edit, k, struct{}{}) })
	if at.After(f.last) {
		f.last = at
	}
}

// together gives all changes of a transaction. Those of one call, which mostly
// are all, stay where they are, unless that has much room for more.
func together(given [][]store.Change) []store.Change {
	const much = 8
	if len(given) > 1 || cap(given[0])-len(given[0]) > len(given[0])/much {
		return slices.Concat(given...)
	}
	return given[0]
}

// mention visits the contacts that a commit is about.
func mention(changes []store.Change, number uint64, visit func(numberedKey)) {
	for i := range changes {
		c := &changes[i]
		if c.Contact != 0 {
			visit(numberedKey{c.Contact, number})
		}
		if c.Other != 0 {
			visit(numberedKey{c.Other, number})
		}
		for _, e := range []*audience.Event{c.Event, c.Before} {
			if e != nil && e.Origin != 0 && e.Origin != c.Contact {
				visit(numberedKey{e.Origin, number})
			}
		}
		for k := range c.Events {
			if id := c.Events[k].Origin; id != 0 && id != c.Contact && id != c.Other {
				visit(numberedKey{id, number})
			}
		}
	}
}

// trim forgets the commits up to and including a number.
func (f *feed) trim(ctx context.Context, edit, through uint64) error {
	for steps := 0; f.trimmed < through; steps++ {
		if err := sometimes(ctx, steps); err != nil {
			return err
		}
		f.trimmed++
		c, ok := f.commits.get(numberKey(f.trimmed))
		if !ok {
			continue
		}
		f.commits.delete(edit, numberKey(f.trimmed))
		mention(c.changes, f.trimmed, func(k numberedKey) { f.mentions.delete(edit, k) })
	}
	return nil
}

// AppendChanges appends to the changes of this transaction.
func (w *writer) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	w.pending = append(w.pending, changes) // nobody changes what was given
	if at.After(w.at) {
		w.at = at
	}
	return nil
}

// BlankChanges empties the changes, of the kinds or of every kind, that are
// about the contacts, also as the losers of merges: the winner's row in such
// a change holds what was theirs.
func (w *writer) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	about := make(map[audience.ContactID]bool, len(contacts))
	for _, id := range contacts {
		about[id] = id != 0
	}
	err := w.atomically(ctx, func() error {
		numbers := make(map[uint64]bool)
		for id := range about {
			for k := range w.v.feed.mentions.from(numberedKey{contact: id}) {
				if k.contact != id {
					break
				}
				numbers[k.number] = true
			}
		}
		steps := 0
		for number := range numbers {
			steps++
			if err := sometimes(ctx, steps); err != nil {
				return err
			}
			old, _ := w.v.feed.commits.get(numberKey(number))
			c := &commit{at: old.at, changes: slices.Clone(old.changes)}
			blank(c.changes, about, kinds)
			w.v.feed.commits.set(w.edit, numberKey(number), c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range w.pending {
		w.pending[i] = slices.Clone(w.pending[i]) // they are the caller's
		blank(w.pending[i], about, kinds)
	}
	return nil
}

func blank(changes []store.Change, about map[audience.ContactID]bool, kinds []store.ChangeKind) {
	chosen := func(id audience.ContactID) bool { return about[id] }
	for i := range changes {
		c := &changes[i]
		if c.Concerns(chosen) && (len(kinds) == 0 || slices.Contains(kinds, c.Kind)) {
			*c = c.Blank()
		}
	}
}
