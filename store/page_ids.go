package store

import (
	"context"
	"iter"

	"github.com/audiencekit/audiencekit/audience"
)

// ContactIDs gives a page of the ids of contacts: see [Reader.Contacts], whose
// cursors it shares. Where the adapter is certain of a contact
// ([PredicateReader]) nothing of her is read.
func (r *Reader) ContactIDs(ctx context.Context, q ContactQuery) (Page[audience.ContactID], error) {
	var out Page[audience.ContactID]
	after, err := r.decodeIDCursor(q.key(), q.After)
	if err != nil {
		return out, err
	}
	s, err := r.scan(ctx, &q)
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
		return r.ContactIDs(ctx, q)
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
		q.Limit = maxPage
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
