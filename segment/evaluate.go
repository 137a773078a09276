package segment

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// Result holds the members of every segment of a set at one instant and one
// position of the store. It is immutable and safe for concurrent use.
type Result struct {
	At       time.Time      // the instant of evaluation
	Position store.Position // the snapshot that was read
	Contacts int            // how many contacts there were

	set      *Set
	sets     []bitset.Set // in the order of set.Names()
	audience store.Incarnation
}

// Names gives the names of the segments, sorted bytewise.
func (r *Result) Names() []string { return r.set.Names() }

// Members gives who is in a segment; false when the set has no such segment.
func (r *Result) Members(name string) (Members, bool) {
	i, ok := r.set.index(name)
	if !ok {
		return Members{}, false
	}
	return Members{ids: r.sets[i], audience: r.audience}, true
}

// Evaluate finds the members of every segment in the snapshot that r reads,
// at an instant truncated to the microsecond; the zero instant is the clock's.
// It goes through all contacts once, a page at a time: beside the sets it
// needs the memory of one page. After each page progress, unless nil, is told
// how many contacts are done.
//
// Errors: [audience.ErrInvalid] for an instant outside the years 1 to 9999;
// [audience.ErrConflict] when the set was compiled with another schema or zone
// than the audience's, so that it would read the wrong values; those of
// [Moment.Match] with the contact's id and the segment's name; the context's;
// the store's. There is no result then: an error never decides who is in.
func (s *Set) Evaluate(ctx context.Context, r *store.Reader, at time.Time, progress func(contacts int)) (*Result, error) {
	if at.IsZero() {
		at = r.Audience().Now()
	}
	at, err := audience.Instant(at)
	if err != nil {
		return nil, err
	}
	if err := s.language.fits(r.Schema(), r.Zone()); err != nil {
		return nil, err
	}
	position, err := r.Position(ctx)
	if err != nil {
		return nil, err
	}
	run := evaluation{moment: s.At(at), builders: make([]bitset.Builder, s.Len())}
	q := store.ProfileQuery{Parts: s.Parts(), ContactQuery: store.ContactQuery{At: at}}
	for more := true; more; more = q.After != "" {
		page, err := r.Profiles(ctx, q)
		if err != nil {
			return nil, err
		}
		if err := run.page(ctx, page.Items); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(run.contacts)
		}
		q.After = page.Next
	}
	result := &Result{
		At: at, Position: position, Contacts: run.contacts, set: s, sets: make([]bitset.Set, s.Len()),
		audience: position.Incarnation(),
	}
	for i := range run.builders {
		result.sets[i] = run.builders[i].Build()
	}
	return result, nil
}

// evaluation collects members.
type evaluation struct {
	moment   *SetMoment
	builders []bitset.Builder
	contacts int
	matches  []bool
}

func (e *evaluation) page(ctx context.Context, profiles []audience.Profile) error {
	for i := range profiles {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := &profiles[i]
		var err error
		if e.matches, err = e.moment.Match(p, e.matches); err != nil {
			return fmt.Errorf("contact %s: %w", p.Contact.ID, err)
		}
		for k, in := range e.matches {
			if in {
				e.builders[k].Add(uint32(p.Contact.ID))
			}
		}
		e.contacts++
	}
	return nil
}
