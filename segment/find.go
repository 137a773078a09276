package segment

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// Find finds the members of one segment of the set in the snapshot that r
// reads, at an instant truncated to the microsecond; the zero instant is the
// clock's. It gives what [Set.Evaluate] does for this segment.
//
// Where the store can find contacts itself ([store.PredicateReader]) it asks
// it with [Set.PredicateAt]: contacts that the store is certain of are not
// read, unless the segment has a rest, and of all others only those who may be
// members. Where it cannot, Find goes through all contacts. Contacts are read
// a page at a time; ids of whom the store is certain come by the million. After each page progress, unless nil, is told how many
// members were found so far.
//
// Errors: [audience.ErrNotFound] for a name that is not in the set; else those
// of [Set.Evaluate]. There are no members then.
func (s *Set) Find(ctx context.Context, r *store.Reader, name string, at time.Time, progress func(members int)) (Members, error) {
	var ids bitset.Builder
	found := 0
	err := s.find(ctx, r, name, at, func(page []audience.ContactID) {
		for _, id := range page {
			ids.Add(uint32(id))
		}
		if found += len(page); progress != nil {
			progress(found)
		}
	})
	if err != nil {
		return Members{}, err
	}
	position, err := r.Position(ctx)
	if err != nil {
		return Members{}, err
	}
	return Members{ids: ids.Build(), audience: position.Incarnation()}, nil
}

// Count gives how many members [Set.Find] finds, without keeping them.
func (s *Set) Count(ctx context.Context, r *store.Reader, name string, at time.Time) (int, error) {
	n := 0
	err := s.find(ctx, r, name, at, func(page []audience.ContactID) { n += len(page) })
	if err != nil {
		return 0, err
	}
	return n, nil
}

// find gives the members of a segment, a page at a time, ascending.
func (s *Set) find(ctx context.Context, r *store.Reader, name string, at time.Time, visit func([]audience.ContactID)) error {
	if at.IsZero() {
		at = r.Audience().Now()
	}
	at, err := audience.Instant(at)
	if err != nil {
		return err
	}
	one, err := s.only(name)
	if err != nil {
		return err
	}
	if err := s.language.fits(r.Schema(), r.Zone()); err != nil {
		return err
	}
	q := store.ContactQuery{At: at}
	if _, ok := store.As[store.PredicateReader](r.Unwrap()); ok {
		where, rest, err := one.PredicateAt(name, at)
		if err != nil {
			return err
		}
		q.Where = where
		if len(rest) == 0 {
			return findAll(ctx, r, q, visit)
		}
	}
	f := finder{moment: one.At(at)}
	f.place, _ = one.index(name)
	return f.find(ctx, r, store.ProfileQuery{ContactQuery: q, Parts: one.Parts()}, visit)
}

// findPage is how many members are asked for together: in nearly every store
// all of them, which may take a database no longer than a few.
const findPage = 1 << 20

// findAll gives all contacts of a query.
func findAll(ctx context.Context, r *store.Reader, q store.ContactQuery, visit func([]audience.ContactID)) error {
	q.Limit = findPage
	for more := true; more; more = q.After != "" {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := r.ContactIDs(ctx, q)
		if err != nil {
			return err
		}
		visit(page.Items)
		q.After = page.Next
	}
	return nil
}

// finder asks the segment itself.
type finder struct {
	moment  *SetMoment
	place   int // of the segment among the names
	matches []bool
}

func (f *finder) find(ctx context.Context, r *store.Reader, q store.ProfileQuery, visit func([]audience.ContactID)) error {
	for more := true; more; more = q.After != "" {
		page, err := r.Profiles(ctx, q)
		if err != nil {
			return err
		}
		ids, err := f.members(ctx, page.Items)
		if err != nil {
			return err
		}
		visit(ids)
		q.After = page.Next
	}
	return nil
}

func (f *finder) members(ctx context.Context, profiles []audience.Profile) ([]audience.ContactID, error) {
	var out []audience.ContactID
	for i := range profiles {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := &profiles[i]
		var err error
		if f.matches, err = f.moment.Match(p, f.matches); err != nil {
			return nil, fmt.Errorf("contact %s: %w", p.Contact.ID, err)
		}
		if f.matches[f.place] {
			out = append(out, p.Contact.ID)
		}
	}
	return out, nil
}

// only gives the set of a segment and those that it needs.
func (s *Set) only(name string) (*Set, error) {
	slot, err := s.slot(name)
	if err != nil {
		return nil, err
	}
	needed := s.neededFor(slot)
	out := &Set{language: s.language, expressions: s.expressions}
	for k, i := range s.slots {
		if needed[i] {
			out.definitions, out.slots = append(out.definitions, s.definitions[k]), append(out.slots, i)
			out.parts = out.parts.Union(s.expressions[i].Parts())
		}
	}
	for _, i := range s.order {
		if needed[i] {
			out.order = append(out.order, i)
		}
	}
	return out, nil
}
