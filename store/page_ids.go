package store

import (
	"context"
	"iter"

	"github.com/audiencekit/audiencekit/audience"
)

// ContactIDs gives a page of the ids of contacts: see [Reader.Contacts], whose
// cursors it shares. Where the adapter is certain of a contact
// ([PredicateReader]) nothing of her is read. Of ids the limit of a page is
// at most 1,048,576: with it a database finds nearly always all contacts at once.
func (r *Reader) ContactIDs(ctx context.Context, q ContactQuery) (Page[audience.ContactID], error) {
	return r.contactIDs(ctx, q, 0)
}

func (r *Reader) contactIDs(ctx context.Context, q ContactQuery, ahead int) (Page[audience.ContactID], error) {
	var out Page[audience.ContactID]
	after, err := r.decodeIDCursor(q.key(), q.After)
	if err != nil {
		return out, err
	}
	s, err := r.scan(ctx, &q, pageSize(q.Limit, mostAhead), ahead)
	if err != nil {
		return out, err
	}
	last, err := s.step(ctx, after)
	if err != nil {
		return out, err
	}
	if out.Items, err = s.ids(ctx); err != nil {
		return out, err
	}
	if last != 0 {
		out.Next = r.encodeIDCursor(q.key(), last)
	}
	return out, nil
}

// AllContactIDs goes through the ids of all contacts of a query, page by page,
// ascending. An error ends it and comes last, with the zero id.
func (r *Reader) AllContactIDs(ctx context.Context, q ContactQuery) iter.Seq2[audience.ContactID, error] {
	return all(ctx, q.After, func(after Cursor) (Page[audience.ContactID], error) {
		q.After = after
		return r.contactIDs(ctx, q, firstAhead)
	})
}

// Count gives how many contacts a query matches: all of them, from After on;
// Limit is only how many are looked at together. Without Where and After it is
// [Reader.CountContacts]; else see [Reader.ContactIDs].
func (r *Reader) Count(ctx context.Context, q ContactQuery) (int, error) {
	if q.Where == nil && q.After == "" {
		return r.CountContacts(ctx)
	}
	if q.Limit <= 0 {
		q.Limit = mostAhead
	}
	n := 0
	for _, err := range r.AllContactIDs(ctx, q) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
