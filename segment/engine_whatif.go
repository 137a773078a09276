package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// WhatIf says what a transaction would change about live segments.
type WhatIf struct {
	At       time.Time      // the instant at which it was looked at
	Position store.Position // the position of the engine, to which the transaction would be added

	// Segments are those whose members would differ, in order of their names.
	// Contacts that the transaction would make are in Entered under ids that
	// are not kept: made for good they have others.
	Segments []MembersDiff

	Contacts int // about whom the transaction changes anything, New and Gone among them
	New      int // that it makes
	Gone     int // that are no more: deleted, erased, merged into another one
}

// String tells it in some lines for people. Nothing in it is personal.
func (w *WhatIf) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d contacts: %d new, %d gone\n", w.Contacts, w.New, w.Gone)
	writeDiffs(&b, w.Segments)
	return b.String()
}

// errBehind says that a transaction has to begin again.
var errBehind = errors.New("segment: the engine is behind the transaction")

// maxBehind is how often WhatIf catches up with others before it gives up.
const maxBehind = 10

// WhatIf finds out which segments would gain and lose whom if a transaction
// was committed now. change is called as [store.Audience.Update] calls it, and
// rolled back always: nothing is written, and the feed tells of nothing. Plans
// of imports and of merges are previewed with it. It must not be called within
// another transaction.
//
// The contacts that change concerns are evaluated for all live segments, which
// takes some microseconds for each contact and segment. The transaction is open
// for so long, and while it is, nothing that is committed is applied but by
// WhatIf itself.
//
// Errors: those of change, as Update gives them; those of [Moment.Match];
// [audience.ErrRetryable] when the schema or the segments change all the time;
// [Engine.Err]; the store's; the context's.
func (e *Engine) WhatIf(ctx context.Context, change func(*store.Tx) error) (*WhatIf, error) {
	if change == nil {
		return nil, required("change", "a function that writes")
	}
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	for range maxBehind {
		if err := e.pull(ctx); err != nil {
			return nil, err
		}
		var out *WhatIf
		err := e.aud.Try(ctx, change, func(tx *store.Tx, changes []store.Change) (err error) {
			out, err = e.whatIf(ctx, tx, changes)
			return err
		})
		if !errors.Is(err, errBehind) {
			return out, err
		}
	}
	return nil, fmt.Errorf("segment: the schema or the segments change all the time, or the feed is trimmed: %w", audience.ErrRetryable)
}

// whatIf evaluates whom a transaction concerns, as they are in it, and compares
// that with what they are where the engine stands. The transaction may have
// begun after others committed what the engine does not know, and may see what
// others commit while it lasts. But whom it changes it has locked, and nobody
// else commits anything of hers any more: so the engine comes to where what it
// knows of her is what the transaction has changed.
func (e *Engine) whatIf(ctx context.Context, tx *store.Tx, changes []store.Change) (*WhatIf, error) {
	ids, err := concerned(ctx, tx, changes)
	if err != nil {
		return nil, err
	}
	if err := e.pullInside(ctx, tx); err != nil {
		return nil, err
	}
	return e.compare(ctx, tx, ids)
}

// pullInside applies what is committed by now, as far as that needs no other
// transaction.
func (e *Engine) pullInside(ctx context.Context, tx *store.Tx) error {
	for {
		commits, err := tx.Commits(ctx, e.position, followLimit)
		switch {
		case errors.Is(err, audience.ErrPositionGone):
			return errBehind
		case err != nil:
			return err
		case len(commits) == 0:
			return e.notRenewed()
		}
		if err := e.apply(commits); err != nil {
			return err
		}
	}
}

// notRenewed is errBehind when what was applied makes the engine start anew, or
// read definitions.
func (e *Engine) notRenewed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.renewed || e.redefine || e.state.Load().core.Table().Doubtful() > 0 {
		return errBehind
	}
	return nil
}

// compare evaluates contacts as they are in a transaction and compares that
// with who is in the segments.
func (e *Engine) compare(ctx context.Context, tx *store.Tx, ids []audience.ContactID) (*WhatIf, error) {
	set := e.set
	before, err := e.standing(audience.Micros(tx.At()))
	if err != nil {
		return nil, err
	}
	w := &WhatIf{At: before.at, Position: e.position, Contacts: len(ids)}
	d := &whatIfDiff{
		set: set, moment: set.At(before.at), before: before,
		entered: make([]bitset.Builder, set.Len()), left: make([]bitset.Builder, set.Len()),
	}
	const some = 1_000
	for part := range slices.Chunk(ids, some) {
		profiles, err := tx.ProfilesOf(ctx, set.Parts(), part...)
		if err != nil {
			return nil, err
		}
		for _, id := range part {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var p *audience.Profile
			if len(profiles) > 0 && profiles[0].Contact.ID == id {
				p, profiles = &profiles[0], profiles[1:]
			}
			if err := d.contact(w, id, p); err != nil {
				return nil, err
			}
		}
	}
	d.fill(w, e.position.Incarnation())
	return w, nil
}

// standing is who is in the segments at an instant.
type standing struct {
	at     time.Time
	sets   []*bitset.Frozen // in the order of the set's names
	exists func(id uint32) bool
}

// standing lets happen what is due up to an instant and takes the members.
func (e *Engine) standing(at int64) (*standing, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(at); err != nil {
		return nil, err
	}
	core := e.state.Load().core
	s := &standing{at: audience.FromMicros(core.Now()), exists: core.Table().Exists}
	for _, name := range e.set.Names() {
		s.sets = append(s.sets, core.Segment(name).Freeze())
	}
	return s, nil
}

// concerned gives the contacts whom changes are about, ascending, with those
// who stand for them.
func concerned(ctx context.Context, tx *store.Tx, changes []store.Change) ([]audience.ContactID, error) {
	var ids []audience.ContactID
	for i := range changes {
		for _, id := range []audience.ContactID{changes[i].Contact, changes[i].Other} {
			if id != 0 {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	refs := make([]audience.Ref, len(ids))
	for i, id := range ids {
		refs[i] = audience.ID(id)
	}
	current, err := tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	ids = append(ids, current...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 0 && ids[0] == 0 {
		ids = ids[1:]
	}
	return ids, nil
}

// whatIfDiff collects who enters and leaves.
type whatIfDiff struct {
	set           *Set
	moment        *SetMoment
	before        *standing
	entered, left []bitset.Builder
	matches       []bool
}

// contact compares a contact as she would be, nil for gone, with who she is.
func (d *whatIfDiff) contact(w *WhatIf, id audience.ContactID, p *audience.Profile) error {
	was := d.before.exists(uint32(id))
	switch {
	case p == nil && !was:
		w.Contacts-- // made and gone again, or gone before
		return nil
	case p == nil:
		w.Gone++
		clear(d.matches)
	default:
		if !was {
			w.New++
		}
		var err error
		if d.matches, err = d.moment.Match(p, d.matches); err != nil {
			return fmt.Errorf("contact %s: %w", id, err)
		}
	}
	for k, members := range d.before.sets {
		in := p != nil && d.matches[k]
		switch was := members.Contains(uint32(id)); {
		case in && !was:
			d.entered[k].Add(uint32(id))
		case was && !in:
			d.left[k].Add(uint32(id))
		}
	}
	return nil
}

func (d *whatIfDiff) fill(w *WhatIf, incarnation store.Incarnation) {
	for k, name := range d.set.Names() {
		s := MembersDiff{
			Name: name, Entered: Members{ids: d.entered[k].Build(), audience: incarnation}, Left: Members{ids: d.left[k].Build(), audience: incarnation},
		}
		if s.Entered.Len()+s.Left.Len() > 0 {
			w.Segments = append(w.Segments, s)
		}
	}
}
