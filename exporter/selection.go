package exporter

import (
	"context"
	"iter"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// batches gives the contacts that were chosen, before the gate. An error is the
// last.
func (e *export) batches(ctx context.Context) iter.Seq2[[]audience.Profile, error] {
	if e.opts.Members != nil {
		return e.members(ctx)
	}
	return e.scan(ctx)
}

// scan goes through the audience, page by page: iterating over single profiles
// would copy each of them twice.
func (e *export) scan(ctx context.Context) iter.Seq2[[]audience.Profile, error] {
	return func(yield func([]audience.Profile, error) bool) {
		q := store.ProfileQuery{
			ContactQuery: store.ContactQuery{Where: e.where, At: e.opts.At, Limit: batchSize},
			Parts:        e.parts,
		}
		for {
			page, err := e.r.Profiles(ctx, q)
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && page.Next != "" && page.Next == q.After {
				err = audience.ErrInvalidCursor
			}
			if !yield(page.Items, err) || err != nil || page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// members reads the chosen ids.
func (e *export) members(ctx context.Context) iter.Seq2[[]audience.Profile, error] {
	return func(yield func([]audience.Profile, error) bool) {
		ids := make([]audience.ContactID, 0, batchSize)
		last, first := audience.ContactID(0), true
		for id := range e.opts.Members {
			if !first && id <= last {
				yield(nil, &audience.FieldError{Path: "members", Rule: "order", Hint: "ids in ascending order, each once"})
				return
			}
			last, first = id, false
			if ids = append(ids, id); len(ids) < batchSize {
				continue
			}
			if people, err := e.named(ctx, ids); !yield(people, err) || err != nil {
				return
			}
			ids = ids[:0]
		}
		if len(ids) > 0 {
			yield(e.named(ctx, ids))
		}
	}
}

// named gives those of the contacts who are still there and match.
func (e *export) named(ctx context.Context, ids []audience.ContactID) ([]audience.Profile, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	people, err := e.r.ProfilesOf(ctx, e.parts.Union(store.PartsOf(e.where)), ids...)
	if err != nil || e.where == nil {
		return people, err
	}
	matching := people[:0]
	for i := range people {
		if store.Match(e.where, &people[i], e.opts.At) {
			matching = append(matching, people[i])
		}
	}
	return matching, nil
}
