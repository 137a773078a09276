package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

type eventStatements struct {
	all, ofTypes, byKey, counts, remove *statement
	put                                 *insertion
}

func newEventStatements(c *catalog) eventStatements {
	const columns = "contact, id, type, at_us, revision, retracted, body"
	lockless := "SELECT " + columns + " FROM {events} WHERE audience = ? AND contact {in bigint}"
	return eventStatements{
		all:     c.add(byContact, "events", lockless+" AND retracted <= ?"),
		ofTypes: c.add(byContact, "events of types", lockless+" AND retracted <= ? AND type {in text}"),
		byKey:   c.add(byContact, "events by key", "SELECT "+columns+" FROM {events} WHERE audience = ? AND {pairs contact id}"),
		counts:  c.add(byContact, "count events", "SELECT contact, type, COUNT(*) FROM {events} WHERE audience = ? AND contact {in bigint} AND type {in text} GROUP BY contact, type"),
		remove:  c.add(byContact, "delete events", "DELETE FROM {events} WHERE audience = ? AND contact {in bigint}"),
		put: c.insert(insertion{
			name: "put events", key: byContact, table: "events", keys: []string{"audience", "contact", "id"}, existing: replace,
			columns: []column{
				{"audience", intColumn},
				{"contact", intColumn},
				{"id", textColumn},
				{"type", textColumn},
				{"at_us", intColumn},
				{"revision", intColumn},
				{"retracted", intColumn},
				{"amount_prop", intColumn},
				{"amount", intColumn},
				{"more", intColumn},
				{"body", bytesColumn},
			},
		}),
	}
}

// Events gives the events of the origins in order.
func (r *reader) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	st, retracted := &r.p.store.sql.events, int64(0)
	if q.Retracted {
		retracted = 1
	}
	var out []audience.Event
	if q.Types != nil && len(q.Types) == 0 {
		return nil, nil
	}
	origins := distinct(q.Origins)
	for part := range parts(origins) {
		from := len(out)
		origins = origins[len(part):]
		var err error
		if q.Types == nil {
			out, err = r.readEvents(ctx, out, st.all, r.p.id, idList(part), retracted)
		} else {
			out, err = r.readEvents(ctx, out, st.ofTypes, r.p.id, idList(part), retracted, textList(distinct(q.Types)))
		}
		if err != nil {
			return nil, err
		}
		sortRows(out[from:])
		if from == 0 { // the others have about as many
			out = slices.Grow(out, len(out)*len(origins)/len(part)*9/8)
		}
	}
	return out, nil
}

// sortRows sorts events, which mostly come origin by origin: so a few at a
// time.
func sortRows(events []audience.Event) {
	byOrigin := func(a, b audience.Event) int { return cmp.Compare(a.Origin, b.Origin) }
	if !slices.IsSortedFunc(events, byOrigin) {
		slices.SortFunc(events, compareRows)
		return
	}
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Origin == events[0].Origin {
			n++
		}
		slices.SortFunc(events[:n], compareRows)
		events = events[n:]
	}
}

// compareRows orders events by origin, type, time and id.
func compareRows(a, b audience.Event) int {
	return cmp.Or(
		cmp.Compare(a.Origin, b.Origin), strings.Compare(a.Type, b.Type), a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID),
	)
}

func (r *reader) readEvents(ctx context.Context, out []audience.Event, st *statement, args ...any) ([]audience.Event, error) {
	types := make(map[string]string) // one text for each
	err := r.query(ctx, st, func(rows *sql.Rows) error {
		var e audience.Event
		var contact, at, revision, retracted int64
		var eventType, body sql.RawBytes
		if err := rows.Scan(&contact, &e.ID, &eventType, &at, &revision, &retracted, &body); err != nil {
			return err
		}
		name, ok := types[string(eventType)]
		if !ok {
			name = string(eventType)
			types[name] = name
		}
		props, err := rowcodec.Props(body)
		if err != nil {
			return err
		}
		e.Contact, e.Origin = audience.ContactID(contact), audience.ContactID(contact)
		e.Type, e.Time, e.Revision, e.Retracted, e.Props = name, audience.FromMicros(at), uint64(revision), retracted != 0, props
		out = append(out, e)
		return nil
	}, args...)
	return out, err
}

// EventsByKey gives the events that exist.
func (r *reader) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.Event
	for part := range parts(keys) {
		pairs := pairList{numbers: make(idList, len(part)), texts: make(textList, len(part))}
		for i, key := range part {
			pairs.numbers[i], pairs.texts[i] = key.Origin, key.ID
		}
		var err error
		if out, err = r.readEvents(ctx, out, r.p.store.sql.events.byKey, r.p.id, pairs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// EventCounts gives how many events each origin has of a type.
func (r *reader) EventCounts(ctx context.Context, keys []store.EventCountKey) ([]int, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	counts := make(map[store.EventCountKey]int, len(keys))
	for part := range parts(keys) {
		origins, types := make([]audience.ContactID, len(part)), make([]string, len(part))
		for i, key := range part {
			origins[i], types[i] = key.Origin, key.Type
		}
		err := r.query(ctx, r.p.store.sql.events.counts, func(rows *sql.Rows) error {
			var contact, n int64
			var eventType string
			if err := rows.Scan(&contact, &eventType, &n); err != nil {
				return err
			}
			counts[store.EventCountKey{Origin: audience.ContactID(contact), Type: eventType}] = int(n)
			return nil
		}, r.p.id, idList(distinct(origins)), textList(distinct(types)))
		if err != nil {
			return nil, err
		}
	}
	out := make([]int, len(keys))
	for i, key := range keys {
		out[i] = counts[key]
	}
	return out, nil
}

// PutEvents stores events by origin and id.
func (w *writer) PutEvents(ctx context.Context, events []audience.Event) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	for i := range events {
		if events[i].Origin == 0 {
			return wrap(&audience.FieldError{Path: "event.origin", Rule: "empty", Hint: "a contact"})
		}
		if err := w.checkKey("event.id", events[i].ID); err != nil {
			return err
		}
		if err := w.checkKey("event.type", events[i].Type); err != nil {
			return err
		}
	}
	// In the order of the key, so that two batches do not wait for each other.
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(events[a].Origin, events[b].Origin), strings.Compare(events[a].ID, events[b].ID))
	})
	_, err := w.insert(ctx, w.p.store.sql.events.put, len(events), func(i int, values []any) {
		e := &events[order[i]]
		prop, amount, known, more := rowcodec.Amount(e)
		values[0], values[1], values[2], values[3], values[4] = w.p.id, int64(e.Origin), e.ID, e.Type, audience.Micros(e.Time)
		values[5], values[6], values[7], values[8], values[9] = int64(e.Revision), bit(e.Retracted), int64(prop), nil, bit(more)
		if known {
			values[8] = amount
		}
		values[10] = rowcodec.AppendProps(nil, e.Props)
	})
	return err
}

// DeleteEvents removes all events of the origins.
func (w *writer) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return w.removeOf(ctx, w.p.store.sql.events.remove, origins)
}

// removeOf runs a statement that removes rows of contacts.
func (w *writer) removeOf(ctx context.Context, st *statement, contacts []audience.ContactID) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	for part := range parts(distinct(contacts)) {
		if _, err := w.exec(ctx, st, w.p.id, idList(part)); err != nil {
			return err
		}
	}
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
