package store

import (
	"context"
	"encoding/binary"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Page is a part of an ordered read and the cursor to go on from.
type Page[T any] struct {
	Items []T
	Next  Cursor // empty after the last page
}

// Default and largest sizes of a page.
const (
	defaultPage = 1_000
	maxPage     = 10_000
)

func pageSize(limit, most int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, most)
}

// ContactQuery asks for contacts in ascending order of their id.
type ContactQuery struct {
	Where Predicate // nil: everybody
	At    time.Time // the instant for standings; zero: the reader's, one for all its pages
	After Cursor    // from an earlier page of the same query
	Limit int       // default 1,000, at most 10,000; see ContactIDs
}

func (q *ContactQuery) key() string { return "contacts:" + describePredicate(q.Where) }

// Contacts gives a page of contacts. A page may hold fewer than asked for, or
// none, although more follow; only an empty Next is the end. Where the adapter
// can find contacts by Where ([PredicateReader]) only those that may match are
// read, else all of them are gone through: the contacts are the same, and the
// cursors of one way work the other.
func (r *Reader) Contacts(ctx context.Context, q ContactQuery) (Page[audience.Contact], error) {
	return r.contacts(ctx, q, 0)
}

func (r *Reader) contacts(ctx context.Context, q ContactQuery, ahead int) (Page[audience.Contact], error) {
	profiles, err := r.profiles(ctx, ProfileQuery{ContactQuery: q}, ahead)
	if err != nil {
		return Page[audience.Contact]{}, err
	}
	out := Page[audience.Contact]{Next: profiles.Next, Items: make([]audience.Contact, 0, len(profiles.Items))}
	for i := range profiles.Items {
		out.Items = append(out.Items, profiles.Items[i].Contact)
	}
	return out, nil
}

// AllContacts goes through all contacts of a query, page by page. An error
// ends it and comes last, with the zero contact.
func (r *Reader) AllContacts(ctx context.Context, q ContactQuery) iter.Seq2[audience.Contact, error] {
	return all(ctx, q.After, func(after Cursor) (Page[audience.Contact], error) {
		q.After = after
		return r.contacts(ctx, q, firstAhead)
	})
}

// ProfileQuery asks for profiles in ascending order of the contact's id.
type ProfileQuery struct {
	ContactQuery
	Parts audience.ProfileParts // what the profiles hold; Where may add to it, for some of them
}

// Profiles gives a page of profiles: see [Reader.Contacts].
func (r *Reader) Profiles(ctx context.Context, q ProfileQuery) (Page[audience.Profile], error) {
	return r.profiles(ctx, q, 0)
}

func (r *Reader) profiles(ctx context.Context, q ProfileQuery, ahead int) (Page[audience.Profile], error) {
	var out Page[audience.Profile]
	after, err := r.decodeIDCursor(q.key(), q.After)
	if err != nil {
		return out, err
	}
	s, err := r.scan(ctx, &q.ContactQuery, pageSize(q.Limit, maxPage), ahead)
	if err != nil {
		return out, err
	}
	last, err := s.step(ctx, after)
	if err != nil {
		return out, err
	}
	if out.Items, err = s.profiles(ctx, q.Parts); err != nil {
		return out, err
	}
	if last != 0 {
		out.Next = r.encodeIDCursor(q.key(), last)
	}
	return out, nil
}

// AllProfiles goes through all profiles of a query, page by page. An error
// ends it and comes last, with the zero profile.
func (r *Reader) AllProfiles(ctx context.Context, q ProfileQuery) iter.Seq2[audience.Profile, error] {
	return all(ctx, q.After, func(after Cursor) (Page[audience.Profile], error) {
		q.After = after
		return r.profiles(ctx, q, firstAhead)
	})
}

// all turns a paged read into an iterator. It begins at the same place when
// ranged over again; a cursor that does not advance is an error, not a loop.
func all[T any](ctx context.Context, start Cursor, page func(Cursor) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for after := start; ; {
			p, err := page(after)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			if p.Next == after {
				yield(zero, audience.ErrInvalidCursor)
				return
			}
			after = p.Next
		}
	}
}

func (r *Reader) encodeIDCursor(query string, id audience.ContactID) Cursor {
	return EncodeCursor(r.audience.name, query, binary.BigEndian.AppendUint32(nil, uint32(id)))
}

func (r *Reader) decodeIDCursor(query string, c Cursor) (audience.ContactID, error) {
	key, err := DecodeCursor(r.audience.name, query, c)
	if err != nil || key == nil {
		return 0, err
	}
	if len(key) != 4 {
		return 0, audience.ErrInvalidCursor
	}
	return audience.ContactID(binary.BigEndian.Uint32(key)), nil
}

// Members gives a page of the contacts on a static or test list, in order of
// the contact under whom the membership was written. Contacts that were
// merged since stand under their winner and may come more than once; those
// deleted since do not come. A topic is [audience.ErrUnsupported]: who is on
// it is a fold at an instant; ask with Where: OnList{...}.
func (r *Reader) Members(ctx context.Context, list string, after Cursor, limit int) (Page[audience.ContactID], error) {
	var out Page[audience.ContactID]
	if err := r.checkHandPicked(list); err != nil {
		return out, err
	}
	query := "members:" + list
	from, err := r.decodeIDCursor(query, after)
	if err != nil {
		return out, err
	}
	rows, err := r.roles.MembersAfter(ctx, list, from, pageSize(limit, maxPage))
	if err != nil {
		return out, err
	}
	ids := make([]audience.ContactID, len(rows))
	for i, m := range rows {
		ids[i] = m.Origin
	}
	current, err := r.roles.Redirect(ctx, ids)
	if err != nil {
		return out, err
	}
	for _, id := range current {
		if id != 0 {
			out.Items = append(out.Items, id)
		}
	}
	if len(rows) == pageSize(limit, maxPage) {
		out.Next = r.encodeIDCursor(query, ids[len(ids)-1])
	}
	return out, nil
}
