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
	all, ofTypes, byKey, counts, crowded, remove *statement
	add, put                                     *insertion
}

const eventColumns = "contact, id, type, at_us, revision, retracted, body"

func newEventStatements(c *catalog) eventStatements {
	row := insertion{
		name: "add events", key: byContact, table: "events", keys: []string{"audience", "contact", "id"}, existing: compete,
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
	}
	replacing := row
	replacing.name, replacing.existing = "put events", replace
	return eventStatements{
		all:     c.add(byContact, "events", eventsOfContacts(c.dialect, false)),
		ofTypes: c.add(byContact, "events of types", eventsOfContacts(c.dialect, true)),
		byKey:   c.add(byContact, "events by key", eventsByKey(c.dialect)),
		counts:  c.add(byContact, "count events", eventCounts(c.dialect)),
		crowded: c.add(byContact, "contacts with many events", crowded(c.dialect)),
		remove:  c.add(byContact, "delete events", keyed{table: "events", column: "contact", kind: "bigint", where: "audience = ?"}.removeAll(c.dialect)),
		add:     c.insert(row),
		put:     c.insert(replacing),
	}
}

// eventsOfContacts, eventsByKey and eventCounts go by the primary key whatever the
// database knows of the table: see keyed. While the first import runs that is
// nothing, and it takes the whole table, or all events of a type, for few rows.
func eventsOfContacts(d *dialect, types bool) string {
	of := keyed{table: "events", columns: eventColumns, column: "contact", kind: "bigint", where: "audience = ? AND retracted <= ?"}
	ofType := "type {in text}"
	switch d.kind {
	case Postgres:
		ofType = "type || '' {in text}"
	case MySQL:
		of.hint = " FORCE INDEX (PRIMARY)"
	default:
		ofType = "+" + ofType
	}
	if types {
		of.where += " AND " + ofType
	}
	return of.all(d)
}

func eventsByKey(d *dialect) string {
	switch d.kind {
	case Postgres:
		return "SELECT found.* FROM unnest(?::bigint[], ?::text[]) AS listed(contact, item) CROSS JOIN LATERAL (SELECT " + eventColumns +
			" FROM {events} WHERE contact = listed.contact AND id = listed.item AND audience = ? LIMIT 1) AS found"
	case MySQL:
		return "SELECT " + eventColumns + " FROM {events} FORCE INDEX (PRIMARY) WHERE {pairs contact id} AND audience = ?"
	default:
		return "SELECT " + eventColumns + " FROM {events} WHERE {pairs contact id} AND audience = ?"
	}
}

func eventCounts(d *dialect) string {
	const group = " GROUP BY contact, type"
	switch d.kind {
	case Postgres:
		return "SELECT found.* FROM unnest(?::bigint[]) AS listed(item) CROSS JOIN LATERAL (SELECT contact, type, COUNT(*)" +
			" FROM {events} WHERE contact = listed.item AND audience = ? AND type || '' {in text}" + group + ") AS found"
	case MySQL:
		return "SELECT contact, type, COUNT(*) FROM {events} FORCE INDEX (PRIMARY) WHERE contact {in bigint} AND audience = ? AND type {in text}" + group
	default:
		return "SELECT contact, type, COUNT(*) FROM {events} WHERE contact {in bigint} AND audience = ? AND +type {in text}" + group
	}
}

// crowded reads the key alone, and in its order.
func crowded(d *dialect) string {
	switch d.kind {
	case Postgres:
		return "SELECT listed.item FROM unnest(?::bigint[]) AS listed(item) CROSS JOIN LATERAL (SELECT 1" +
			" FROM {events} WHERE contact = listed.item AND audience = ? OFFSET ? LIMIT 1) AS found"
	default:
		return "SELECT contact FROM {events}" + d.force("PRIMARY") + " WHERE contact {in bigint} AND audience = ? GROUP BY contact HAVING COUNT(*) > ?"
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
			out, err = r.readEvents(ctx, out, st.all, idList(part), r.p.id, retracted)
		} else {
			out, err = r.readEvents(ctx, out, st.ofTypes, idList(part), r.p.id, retracted, textList(distinct(q.Types)))
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
		if out, err = r.readEvents(ctx, out, r.p.store.sql.events.byKey, pairs, r.p.id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// EventsByKey gives the events that exist, and remembers which do not: those
// can be added, which costs less than to replace what may be there.
func (w *writer) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	found, err := w.reader.EventsByKey(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		w.absent[key] = true
	}
	for i := range found {
		delete(w.absent, store.EventKey{Origin: found[i].Origin, ID: found[i].ID})
	}
	return found, nil
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
		}, idList(distinct(origins)), r.p.id, textList(distinct(types)))
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

// Crowded gives the origins that have at least so many events.
func (r *reader) Crowded(ctx context.Context, origins []audience.ContactID, least int) ([]audience.ContactID, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if least < 1 {
		return distinct(origins), nil
	}
	var out []audience.ContactID
	for part := range parts(distinct(origins)) {
		if err := r.query(ctx, r.p.store.sql.events.crowded, func(rows *sql.Rows) error {
			var contact int64
			err := rows.Scan(&contact)
			out = append(out, audience.ContactID(contact))
			return err
		}, idList(part), r.p.id, int64(least-1)); err != nil {
			return nil, err
		}
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
		if err := w.checkKey("event.id", events[i].ID, longestKey); err != nil {
			return err
		}
		if err := w.checkKey("event.type", events[i].Type, kindBytes); err != nil {
			return err
		}
	}
	var added, changed []*audience.Event
	for i := range events {
		e := &events[i]
		if key := (store.EventKey{Origin: e.Origin, ID: e.ID}); w.absent[key] {
			delete(w.absent, key)
			added = append(added, e)
		} else {
			changed = append(changed, e)
		}
	}
	st := &w.p.store.sql.events
	if err := w.add(ctx, st.add, len(added), w.eventRows(added)); err != nil {
		return err
	}
	_, err := w.insert(ctx, st.put, len(changed), w.eventRows(changed))
	return err
}

// eventRows gives events as rows, in the order of the key, so that two batches
// do not wait for each other.
func (w *writer) eventRows(events []*audience.Event) row {
	slices.SortFunc(events, func(a, b *audience.Event) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), strings.Compare(a.ID, b.ID))
	})
	return func(i int, values []any) {
		e := events[i]
		prop, amount, known, more := rowcodec.Amount(e)
		values[0], values[1], values[2], values[3], values[4] = w.p.id, int64(e.Origin), e.ID, e.Type, audience.Micros(e.Time)
		values[5], values[6], values[7], values[8], values[9] = int64(e.Revision), bit(e.Retracted), int64(prop), nil, bit(more)
		if known {
			values[8] = amount
		}
		values[10] = rowcodec.AppendProps(nil, e.Props)
	}
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
		if _, err := w.exec(ctx, st, idList(part), w.p.id); err != nil {
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
