package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicEvents = "events"

func eventChecks() []Check {
	return []Check{
		{
			Topic: topicEvents, Name: "round-trip", run: eventRoundTrip,
			Reason: "Windows have edges to the microsecond and sums are exact: an event that comes back a little different moves people between segments.",
		},
		{
			Topic: topicEvents, Name: "order", run: eventOrder,
			Reason: "First, last and latest take events by place; the fold of equal instants goes by id bytes, on every store the same.",
		},
		{
			Topic: topicEvents, Name: "types-filter", run: eventTypes,
			Reason: "An evaluation asks for the types its segment mentions; none asked for is not all of them.",
		},
		{
			Topic: topicEvents, Name: "retracted-are-asked-for", run: eventRetracted,
			Reason: "A refunded order that still counts makes a customer of high value out of somebody who sent everything back.",
		},
		{
			Topic: topicEvents, Name: "one-row-by-key", run: eventSupersede,
			Reason: "A revision that leaves the former row behind counts one order twice, here under its old type and time.",
		},
		{
			Topic: topicEvents, Name: "by-key", run: eventsByKey,
			Reason: "Whether an event is a repeat is decided by this read, so it must find what was taken back and nothing of others.",
		},
		{
			Topic: topicEvents, Name: "counts", run: eventCounts,
			Reason: "The limit of events per contact and type is kept by these counts; a wrong one refuses good events or lets one contact grow for ever.",
		},
		{
			Topic: topicEvents, Name: "delete-of-one-contact", run: eventDelete,
			Reason: "Deleting a person takes her events and nobody else's.",
		},
		{
			Topic: topicEvents, Name: "revisions", run: eventRevisions,
			Reason: "Files come late and twice: a repeat is harmless, a lower revision is ignored, a contradiction is refused, and none of them changes what counts.",
		},
	}
}

// events reads events of origins as text.
func (k *kit) events(p store.Partition, q store.EventQuery) (lines []string) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		events, err := r.Events(k.ctx, q)
		require.NoError(k, err)
		lines = texts(events, eventText)
	})
	return lines
}

func eventRoundTrip(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	full := event(id, "purchase", "o-1", at(1).Add(time.Microsecond))
	full.Revision = 1 << 62
	for i, v := range values() {
		full.Props = append(full.Props, audience.EventProp{ID: audience.PropID(2*i + 1), Value: v})
	}
	events := []audience.Event{
		event(id, "first", "1", audience.MinInstant().Add(time.Microsecond)),
		event(id, "last", "1e", audience.MaxInstant()),
		full,
	}
	for i, text := range hostile() {
		e := event(id, names()[i%len(names())], text, at(i))
		events = append(events, e)
	}
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, events) })
	slices.SortStableFunc(events, func(a, b audience.Event) int { return strings.Compare(a.Type, b.Type) })
	require.Equal(k, texts(events, eventText), k.events(p, store.EventQuery{Origins: []audience.ContactID{id}}))
}

func eventOrder(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	var events []audience.Event
	for _, o := range []audience.ContactID{ids[2], ids[0]} {
		for _, kind := range []string{"b", "a", "B", "ä"} {
			for _, id := range []string{"10", "9", "É", "e", "9 ", "10a"} {
				events = append(events, event(o, kind, kind+id, at(5)), event(o, kind, kind+id+"early", at(4)))
			}
		}
	}
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, events) })
	slices.SortFunc(events, func(a, b audience.Event) int {
		if a.Origin != b.Origin {
			return int(a.Origin) - int(b.Origin)
		}
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return audience.CompareEvents(a, b)
	})
	require.Equal(k, texts(events, eventText), k.events(p, store.EventQuery{Origins: []audience.ContactID{ids[2], ids[1], ids[0], ids[2]}}))
}

func eventTypes(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	a, b := event(ids[0], "a", "1", at(1)), event(ids[0], "b", "2", at(1))
	other := event(ids[1], "a", "3", at(1))
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, []audience.Event{a, b, other}) })
	all := []audience.Event{a, b, other}
	tests := []struct {
		name  string
		types []string
		want  []audience.Event
	}{
		{"nil is every type", nil, all},
		{"empty is none", []string{}, nil},
		{"one", []string{"a"}, []audience.Event{a, other}},
		{"unknown, double and out of order", []string{"zzz", "b", "a", "b"}, all},
		{"by bytes", []string{"A"}, nil},
	}
	for _, tt := range tests {
		got := k.events(p, store.EventQuery{Origins: ids, Types: tt.types})
		require.Equal(k, texts(tt.want, eventText), got, tt.name)
	}
	require.Empty(k, k.events(p, store.EventQuery{}), "of nobody")
}

func eventRetracted(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	kept, gone := event(id, "purchase", "1", at(1)), event(id, "purchase", "2", at(2))
	gone.Retracted, gone.Revision = true, 3
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, []audience.Event{gone, kept}) })
	q := store.EventQuery{Origins: []audience.ContactID{id}}
	require.Equal(k, []string{eventText(&kept)}, k.events(p, q))
	q.Types = []string{"purchase"}
	require.Equal(k, []string{eventText(&kept)}, k.events(p, q))
	q.Retracted = true
	require.Equal(k, []string{eventText(&kept), eventText(&gone)}, k.events(p, q))
}

func eventSupersede(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	first, other := event(ids[0], "purchase", "1", at(1)), event(ids[1], "purchase", "1", at(1))
	first.Props = []audience.EventProp{{ID: 1, Value: audience.IntValue(7)}}
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, []audience.Event{first, other}) })
	later := event(ids[0], "refund", "1", at(9))
	later.Revision = 2
	earlier := event(ids[0], "a", "1", at(-9)) // the caller has decided: whatever its revision
	earlier.Revision = 1
	for _, e := range []audience.Event{later, earlier} {
		k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, []audience.Event{e}) })
		q := store.EventQuery{Origins: ids, Retracted: true}
		require.Equal(k, []string{eventText(&e), eventText(&other)}, k.events(p, q))
		q.Types = []string{"purchase"}
		require.Equal(k, []string{eventText(&other)}, k.events(p, q))
	}
}

func eventsByKey(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	gone := event(ids[0], "visit", "x", at(2))
	gone.Retracted = true
	all := []audience.Event{event(ids[0], "visit", "1", at(1)), event(ids[1], "visit", "1", at(2)), event(ids[1], "visit", "X", at(3)), gone}
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, all) })
	read := func(keys ...store.EventKey) (lines []string) {
		k.view(p, func(r store.ReadRoles) {
			events, err := r.EventsByKey(k.ctx, keys)
			require.NoError(k, err)
			lines = texts(events, eventText)
			slices.Sort(lines)
		})
		return lines
	}
	want := []string{eventText(&all[0]), eventText(&gone)}
	slices.Sort(want)
	require.Equal(k, want, read(
		store.EventKey{Origin: ids[0], ID: "x"}, store.EventKey{Origin: ids[0], ID: "X"}, store.EventKey{Origin: ids[0], ID: "1 "},
		store.EventKey{Origin: ids[0], ID: "1"}, store.EventKey{Origin: ids[1], ID: "x"}, store.EventKey{Origin: ids[1] + 1000, ID: "1"},
	))
	require.Empty(k, read())
}

func eventCounts(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	gone := event(ids[0], "visit", "3", at(1))
	gone.Retracted = true
	k.update(p, func(w store.WriteRoles) error {
		return w.PutEvents(k.ctx, []audience.Event{event(ids[0], "visit", "1", at(1)), event(ids[0], "visit", "2", at(1)), gone, event(ids[1], "Visit", "1", at(1))})
	})
	count := func(want ...int) {
		k.view(p, func(r store.ReadRoles) {
			visits := store.EventCountKey{Origin: ids[0], Type: "visit"}
			got, err := r.EventCounts(k.ctx, []store.EventCountKey{{Origin: ids[1], Type: "visit"}, visits, {Origin: ids[1], Type: "Visit"}, visits})
			require.NoError(k, err)
			require.Equal(k, want, got)
			c, ok := store.As[store.CrowdReader](r)
			if !ok {
				return
			}
			for least, crowded := range [][]audience.ContactID{ids, ids, ids[:1], ids[:1], nil} {
				got, err := c.Crowded(k.ctx, []audience.ContactID{ids[1], ids[0], ids[1] + 1000, ids[0]}, least)
				require.NoError(k, err)
				got = slices.DeleteFunc(got, func(id audience.ContactID) bool { return !slices.Contains(ids, id) })
				require.ElementsMatch(k, crowded, got, "at least %d events of all types", least)
			}
		})
	}
	count(0, 3, 1, 3)                            // those taken back count
	k.update(p, func(w store.WriteRoles) error { // one moves to another type
		return w.PutEvents(k.ctx, []audience.Event{event(ids[0], "purchase", "1", at(1))})
	})
	count(0, 2, 1, 2)
}

func eventDelete(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	var all []audience.Event
	for _, id := range ids {
		for n := range 50 {
			all = append(all, event(id, fmt.Sprintf("t%d", n%3), strconv.Itoa(n), at(n)))
		}
	}
	k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, all) })
	before := k.events(p, store.EventQuery{Origins: []audience.ContactID{ids[0], ids[2]}})
	for range 2 { // again is harmless
		k.update(p, func(w store.WriteRoles) error { return w.DeleteEvents(k.ctx, ids[1:2]) })
		require.Equal(k, before, k.events(p, store.EventQuery{Origins: ids, Retracted: true}))
	}
	k.view(p, func(r store.ReadRoles) {
		got, err := r.EventCounts(k.ctx, []store.EventCountKey{{Origin: ids[1], Type: "t0"}})
		require.NoError(k, err)
		require.Equal(k, []int{0}, got)
		found, err := r.EventsByKey(k.ctx, []store.EventKey{{Origin: ids[1], ID: "7"}})
		require.NoError(k, err)
		require.Empty(k, found)
	})
}

func eventRevisions(k *kit) {
	aud := k.open(mainAudience)
	_, err := k.put(aud, person("ann"))
	require.NoError(k, err)
	write := func(revision uint64, value float64, retract bool) audience.EventWrite {
		w := audience.EventWrite{Contact: audience.Key("ann"), ID: "o1", Type: "purchase", Time: at(1), Revision: revision, Retract: retract}
		if !retract {
			w.Props = map[string]audience.Value{"value": audience.DoubleValue(value)}
		}
		return w
	}
	steps := []struct {
		name  string
		write audience.EventWrite
		want  store.AppendOutcome // 0: refused
		sum   float64
	}{
		{"new", write(1, 10, false), store.EventAdded, 10},
		{"again", write(1, 10, false), store.EventRepeated, 10},
		{"the same revision with other content", write(1, 11, false), 0, 10},
		{"a higher revision", write(5, 20, false), store.EventRevised, 20},
		{"a lower one that comes late", write(3, 15, false), store.EventIgnored, 20},
		{"taken back", write(6, 0, true), store.EventRevised, 0},
		{"taken back again", write(6, 0, true), store.EventRepeated, 0},
		{"late after that", write(5, 20, false), store.EventIgnored, 0},
		{"back again", write(7, 30, false), store.EventRevised, 30},
	}
	for _, step := range steps {
		var results []store.AppendResult
		_, err := aud.Update(k.ctx, func(tx *store.Tx) (err error) {
			results, err = tx.Append(k.ctx, step.write)
			return err
		})
		if step.want == 0 {
			require.ErrorIs(k, err, audience.ErrConflict, step.name)
		} else {
			require.NoError(k, err, step.name)
			require.Equal(k, step.want, results[0].Outcome, step.name)
		}
		k.look(aud, func(r *store.Reader) {
			events, err := r.Events(k.ctx, audience.Key("ann"), "purchase")
			require.NoError(k, err)
			sum := 0.0
			require.Equal(k, step.sum == 0, len(events) == 0, step.name)
			for _, e := range events {
				schema := r.Schema()
				v, _ := e.PropNamed(&schema, "value").Double()
				sum += v
			}
			require.InDelta(k, step.sum, sum, 0, step.name)
		})
	}
}

// put writes contacts through the handle.
func (k *kit) put(aud *store.Audience, writes ...audience.ContactWrite) (out []store.PutResult, err error) {
	_, err = aud.Update(k.ctx, func(tx *store.Tx) error {
		results, err := tx.Put(k.ctx, writes...)
		out = results
		return err
	})
	return out, err
}
