package memstore

import (
	"context"
	"math"
	"slices"
	"unique"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// eventReading is one call of Events.
type eventReading struct {
	ctx       context.Context // of the call
	histories []*history
	origins   []audience.ContactID // of the histories
	kinds     []unique.Handle[string]
	every     bool // of all types, whatever kinds says
	retracted bool
	steps     int
	out       []audience.Event
}

// Events gives the events of the origins in order.
func (r *reader) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	e := eventReading{ctx: ctx, every: q.Types == nil, retracted: q.Retracted, kinds: handles(q.Types)}
	for i, origin := range ascending(q.Origins) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		if h, ok := r.v.histories.get(idKey(origin)); ok {
			e.histories, e.origins = append(e.histories, h), append(e.origins, origin)
		}
	}
	e.out = make([]audience.Event, 0, e.size())
	for i := range e.histories {
		if err := e.read(i); err != nil {
			return nil, err
		}
	}
	return e.out, nil
}

// handles gives the types in order of their bytes, each once.
func handles(types []string) []unique.Handle[string] {
	out := make([]unique.Handle[string], len(types))
	for i, t := range types {
		out[i] = unique.Make(t)
	}
	slices.SortFunc(out, compareHandles)
	return slices.Compact(out)
}

// size gives how many events there are at most, so that they are allocated
// once.
func (e *eventReading) size() int {
	sum := 0
	for _, h := range e.histories {
		if e.every {
			sum += h.rows.len
			continue
		}
		for _, kind := range e.kinds {
			sum += h.countOf(kind)
		}
	}
	return sum
}

func (e *eventReading) read(i int) error {
	h, origin := e.histories[i], e.origins[i]
	if e.every {
		for k, row := range h.rows.all() {
			if err := e.add(origin, k, row); err != nil {
				return err
			}
		}
		return nil
	}
	for _, kind := range e.kinds {
		if h.countOf(kind) == 0 {
			continue
		}
		for k, row := range h.rows.from(eventKey{kind: kind, at: math.MinInt64}) {
			if k.kind != kind {
				break
			}
			if err := e.add(origin, k, row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *eventReading) add(origin audience.ContactID, k eventKey, row eventRow) error {
	e.steps++
	if err := sometimes(e.ctx, e.steps); err != nil {
		return err
	}
	if e.retracted || row.state == nil || !row.state.retracted {
		e.out = append(e.out, k.event(origin, row))
	}
	return nil
}

// EventsByKey gives the events that exist.
func (r *reader) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.Event
	for i, key := range keys {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		h, ok := r.v.histories.get(idKey(key.Origin))
		if !ok {
			continue
		}
		if k, ok := h.find(key.ID); ok {
			row, _ := h.rows.get(k)
			out = append(out, k.event(key.Origin, row))
		}
	}
	return out, nil
}

// EventCounts gives how many events each origin has of a type.
func (r *reader) EventCounts(ctx context.Context, keys []store.EventCountKey) ([]int, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	out := make([]int, len(keys))
	for i, key := range keys {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		if h, ok := r.v.histories.get(idKey(key.Origin)); ok {
			out[i] = h.countOf(unique.Make(key.Type))
		}
	}
	return out, nil
}

// PutEvents stores events by origin and id.
func (w *writer) PutEvents(ctx context.Context, events []audience.Event) error {
	return w.atomically(ctx, func() error {
		for i := range events {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			e := &events[i]
			if e.Origin == 0 {
				return wrap(&audience.FieldError{Path: "event.origin", Rule: "empty", Hint: "a contact"})
			}
			stored, _ := w.v.histories.get(idKey(e.Origin))
			h := stored.editable(w.edit)
			if h != stored {
				w.v.histories.set(w.edit, idKey(e.Origin), h)
			}
			h.put(e)
		}
		return nil
	})
}

// DeleteEvents removes all events of the origins.
func (w *writer) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return w.atomically(ctx, func() error {
		for i, origin := range origins {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.v.histories.delete(w.edit, idKey(origin))
		}
		return nil
	})
}
