package store_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) append(w audience.EventWrite) store.AppendResult {
	f.t.Helper()
	res, err := f.Append(f.t.Context(), w)
	require.NoError(f.t, err)
	return res
}

// events gives a contact's events of the types, of all without any.
func (f *fixture) events(ref audience.Ref, types ...string) (out []audience.Event) {
	f.t.Helper()
	f.view(func(r *store.Reader) (err error) {
		out, err = r.Events(f.t.Context(), ref, types...)
		return err
	})
	return out
}

// purchase is the write of an order worth so much.
func (f *fixture) purchase(id string, revision uint64, value float64) audience.EventWrite {
	return audience.EventWrite{
		Contact: audience.Key("ann"), ID: id, Type: "purchase", Time: f.now, Revision: revision,
		Props: map[string]audience.Value{"value": audience.DoubleValue(value)},
	}
}

// value gives the value of an order.
func (f *fixture) value(e audience.Event) float64 {
	f.t.Helper()
	schema := f.Schema()
	v, ok := e.PropNamed(&schema, "value").Double()
	require.True(f.t, ok)
	return v
}

func TestAppend(t *testing.T) {
	f := newFixture(t)
	ann := f.put("ann", "ann@example.com")
	w := f.purchase("o1", 0, 10)
	w.Time = time.Date(2025, 12, 31, 23, 0, 0, 999_999_999, time.FixedZone("", -3600))
	w.Source = audience.Source{Kind: audience.SourceConnection, Name: "shop"}
	require.Equal(t, store.AppendResult{Contact: ann, ID: "o1", Outcome: store.EventAdded}, f.append(w))

	got := f.events(audience.Email("ann@example.com"))
	require.Len(t, got, 1)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 999_999_000, time.UTC), got[0].Time, "UTC, whole microseconds")
	require.Equal(t, ann, got[0].Contact)
	require.Equal(t, ann, got[0].Origin)
	require.InDelta(t, 10, f.value(got[0]), 0)
	change := f.last()
	require.Equal(t, store.ChangeEvent, change.Kind)
	require.Equal(t, got[0], *change.Event)
	require.Nil(t, change.Before)
	require.Equal(t, w.Source, change.Source)
}

// Revisions of one event: the highest counts, in whatever order they come.
func TestAppendRevisions(t *testing.T) {
	type step struct {
		revision uint64
		value    float64 // 0: retracted
		outcome  store.AppendOutcome
		err      error
	}
	const added, revised, repeated, ignored = store.EventAdded, store.EventRevised, store.EventRepeated, store.EventIgnored
	tests := map[string]struct {
		steps []step
		value float64 // 0: no event
		tells int     // changes in the feed
	}{
		"repeated":                 {[]step{{0, 10, added, nil}, {0, 10, repeated, nil}}, 10, 1},
		"revised":                  {[]step{{0, 10, added, nil}, {1, 20, revised, nil}, {7, 30, revised, nil}}, 30, 3},
		"revised to the same":      {[]step{{0, 10, added, nil}, {1, 10, revised, nil}}, 10, 2},
		"late lower revision":      {[]step{{2, 20, added, nil}, {1, 10, ignored, nil}, {0, 10, ignored, nil}}, 20, 1},
		"the same, other content":  {[]step{{1, 10, added, nil}, {1, 20, 0, audience.ErrConflict}}, 10, 1},
		"retracted":                {[]step{{0, 10, added, nil}, {1, 0, revised, nil}}, 0, 2},
		"retracted twice":          {[]step{{0, 10, added, nil}, {1, 0, revised, nil}, {1, 0, repeated, nil}}, 0, 2},
		"retracted before it came": {[]step{{1, 0, added, nil}, {0, 10, ignored, nil}}, 0, 1},
		"retracted by its own":     {[]step{{0, 10, added, nil}, {0, 0, 0, audience.ErrConflict}}, 10, 1},
		"retracted and back":       {[]step{{0, 10, added, nil}, {1, 0, revised, nil}, {2, 15, revised, nil}}, 15, 3},
		"back by its own revision": {[]step{{1, 0, added, nil}, {1, 10, 0, audience.ErrConflict}}, 0, 1},
	}
	for name, tt := range tests {
		for _, batch := range []bool{false, true} {
			t.Run(name+", in one batch "+strconv.FormatBool(batch), func(t *testing.T) {
				f := newFixture(t)
				f.put("ann")
				before := len(f.changes())
				writes := make([]audience.EventWrite, len(tt.steps))
				refused := map[int]error{}
				for i, s := range tt.steps {
					writes[i] = f.purchase("o1", s.revision, s.value)
					if s.value == 0 {
						writes[i].Retract, writes[i].Props = true, nil
					}
					if s.err != nil {
						refused[i] = s.err
					}
				}
				if batch && len(refused) > 0 {
					err := f.refused(func(tx *store.Tx) error {
						_, err := tx.Append(t.Context(), writes...)
						return err
					})
					requireBatch(t, err, refused)
					require.Empty(t, f.events(audience.Key("ann")))
					require.Len(t, f.changes(), before)
					return
				}
				var results []store.AppendResult
				if batch {
					f.update(func(tx *store.Tx) (err error) {
						results, err = tx.Append(t.Context(), writes...)
						return err
					})
				} else {
					for i, w := range writes {
						res, err := f.Append(t.Context(), w)
						require.ErrorIs(t, err, refused[i])
						results = append(results, res)
					}
				}
				for i, s := range tt.steps {
					require.Equal(t, s.outcome.String(), results[i].Outcome.String(), "step %d", i)
				}
				got := f.events(audience.Key("ann"), "purchase")
				if tt.value == 0 {
					require.Empty(t, got)
				} else {
					require.Len(t, got, 1)
					require.InDelta(t, tt.value, f.value(got[0]), 0)
				}
				require.Len(t, f.changes(), before+tt.tells)
			})
		}
	}
}

func TestAppendTellsWhatWasBefore(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	f.append(f.purchase("o1", 0, 10))
	first := f.last().Event
	w := f.purchase("o1", 1, 20)
	w.Type = "refund"
	w.Time = w.Time.Add(-time.Hour)
	f.append(w)
	change := f.last()
	require.Equal(t, first, change.Before)
	require.Equal(t, "refund", change.Event.Type, "a revision may change type and time")
	require.Empty(t, f.events(audience.Key("ann"), "purchase"))
	require.Len(t, f.events(audience.Key("ann"), "refund"), 1)
}

func TestAppendWithoutID(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	w := audience.EventWrite{Contact: audience.Key("ann"), Type: "email.opened", Time: f.now}
	seen := map[string]bool{}
	var inOrder []string
	f.update(func(tx *store.Tx) error {
		for range 3 {
			res, err := tx.Append(t.Context(), w, w)
			if err != nil {
				return err
			}
			for _, r := range res {
				require.Equal(t, store.EventAdded, r.Outcome)
				require.NotEmpty(t, r.ID)
				seen[r.ID] = true
				inOrder = append(inOrder, r.ID)
			}
		}
		return nil
	})
	require.Len(t, seen, 6, "equal rows each count")
	require.Equal(t, inOrder, eventIDs(f.events(audience.Key("ann"))), "of one instant in the order of writing")
	f.later(time.Microsecond)
	require.Greater(t, f.append(w).ID, inOrder[5])

	w.Revision = 1
	_, err := f.Append(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrInvalid)
	w.Revision, w.Retract = 0, true
	_, err = f.Append(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestAppendRefused(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	tests := map[string]struct {
		change func(*audience.EventWrite)
		want   error
	}{
		"nobody":             {func(w *audience.EventWrite) { w.Contact = audience.Ref{} }, audience.ErrInvalid},
		"an address of none": {func(w *audience.EventWrite) { w.Contact = audience.Email("not an address") }, audience.ErrInvalid},
		"a stranger":         {func(w *audience.EventWrite) { w.Contact = audience.Key("bob") }, audience.ErrNotFound},
		"a number of nobody": {func(w *audience.EventWrite) { w.Contact = audience.ID(99) }, audience.ErrNotFound},
		"no type":            {func(w *audience.EventWrite) { w.Type = "" }, audience.ErrInvalid},
		"no time":            {func(w *audience.EventWrite) { w.Time = time.Time{} }, audience.ErrInvalid},
		"a time out of range": {
			func(w *audience.EventWrite) { w.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, audience.ErrInvalid,
		},
		"a reserved property": {
			func(w *audience.EventWrite) { w.Props = map[string]audience.Value{"time": audience.IntValue(1)} }, audience.ErrInvalid,
		},
		"text as a double": {
			func(w *audience.EventWrite) { w.Props = map[string]audience.Value{"value": audience.StringValue("1")} }, audience.ErrInvalid,
		},
		"a double as an int": {
			func(w *audience.EventWrite) { w.Props = map[string]audience.Value{"items": audience.DoubleValue(1)} }, audience.ErrInvalid,
		},
	}
	before := len(f.changes())
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := f.purchase("o1", 0, 1)
			tt.change(&w)
			res, err := f.Append(t.Context(), w)
			require.ErrorIs(t, err, tt.want)
			require.Zero(t, res)
		})
	}
	require.Len(t, f.changes(), before)
	require.Empty(t, f.events(audience.Key("ann")))
}

func TestAppendTypes(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Schema.Events = []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "seconds", Type: audience.TypeDouble}}}}
	})
	f.put("ann")
	visit := func(props map[string]audience.Value) audience.EventWrite {
		return audience.EventWrite{Contact: audience.Key("ann"), Type: "visit", Time: f.now, Props: props}
	}
	number, text := audience.IntValue(3), audience.StringValue("home")
	f.append(visit(map[string]audience.Value{"seconds": number, "page": text}))
	_, err := f.Append(t.Context(), visit(map[string]audience.Value{"page": number}))
	require.ErrorIs(t, err, audience.ErrInvalid, "the first value fixed the type")
	_, err = f.Append(t.Context(), visit(map[string]audience.Value{"seconds": text}))
	require.ErrorIs(t, err, audience.ErrInvalid, "a declared type beats inference")
	f.append(audience.EventWrite{Contact: audience.Key("ann"), Type: "call", Time: f.now})

	schema := f.Schema()
	got := f.events(audience.Key("ann"), "visit")
	require.Len(t, got, 1)
	require.True(t, got[0].PropNamed(&schema, "seconds").Equal(audience.DoubleValue(3)), "an int fits a double")
	require.True(t, got[0].PropNamed(&schema, "page").Equal(text))
	e, ok := schema.EventNamed("visit")
	require.True(t, ok)
	require.Equal(t, []audience.Prop{
		{ID: 1, Name: "seconds", Type: audience.TypeDouble}, {ID: 2, Name: "page", Type: audience.TypeString},
	}, e.Props)
	call, ok := schema.EventNamed("call")
	require.True(t, ok)
	ids := map[audience.EventTypeID]bool{}
	for _, e := range schema.Events {
		ids[e.ID] = true
	}
	require.Len(t, ids, len(schema.Events), "numbers of types are given once")
	require.False(t, ids[0])
	require.NotZero(t, call.ID)
}

// What is refused fixes no types, neither for the items behind it nor in
// the schema.
func TestAppendInfersFromWhatIsAccepted(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	event := func(kind string, props map[string]audience.Value) audience.EventWrite {
		return audience.EventWrite{Contact: audience.Key("ann"), Type: kind, Time: f.now, Props: props}
	}
	f.update(func(tx *store.Tx) error {
		_, err := tx.Append(
			t.Context(),
			event("purchase", map[string]audience.Value{"value": audience.StringValue("?"), "aisle": audience.StringValue("x")}),
			event("purchase", map[string]audience.Value{"aisle": audience.IntValue(1)}),
			event("purchase", map[string]audience.Value{"aisle": audience.StringValue("x")}),
			event("visit", map[string]audience.Value{"page": audience.IntValue(1)}),
			event("purchase", map[string]audience.Value{"value": audience.StringValue("?"), "shelf": audience.StringValue("x")}),
			event("purchase", map[string]audience.Value{"shelf": audience.IntValue(1)}),
		)
		requireBatch(t, err, map[int]error{0: audience.ErrInvalid, 2: audience.ErrInvalid, 4: audience.ErrInvalid})
		return nil
	})
	schema := f.Schema()
	purchase, _ := schema.EventNamed("purchase")
	_, known := purchase.PropNamed("aisle")
	require.False(t, known)
	_, known = schema.EventNamed("visit")
	require.False(t, known)
	require.Empty(t, f.events(audience.Key("ann")))
}

func TestAppendLimits(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Limits = audience.Limits{EventsPerType: 2, EventTypes: 11, EventProps: 5, BatchItems: 3, KeyBytes: 4}
	})
	f.put("ann")
	f.put("bob")
	event := func(id, kind string) audience.EventWrite {
		return audience.EventWrite{Contact: audience.Key("ann"), ID: id, Type: kind, Time: f.now}
	}
	tooMany := func(writes ...audience.EventWrite) {
		t.Helper()
		require.ErrorIs(t, f.refused(func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(), writes...)
			return err
		}), audience.ErrLimit)
	}
	tooMany(event("1", "purchase"), event("2", "purchase"), event("3", "purchase"))
	tooMany(make([]audience.EventWrite, 4)...)
	tooMany(event("12345", "purchase"))
	f.append(event("1", "purchase"))
	f.append(event("2", "purchase"))
	tooMany(event("3", "purchase"))
	f.append(event("3", "refund"))
	others := event("1", "purchase")
	others.Contact = audience.Key("bob")
	f.append(others)

	w := event("2", "purchase")
	w.Revision, w.Retract = 1, true
	f.append(w)
	tooMany(event("4", "purchase")) // an event taken back keeps its place
	w = event("3", "purchase")
	w.Revision = 1
	tooMany(w)
	w = event("1", "refund")
	w.Revision = 1
	f.append(w)
	require.Len(t, f.events(audience.Key("ann"), "refund"), 2)
	back := event("1", "purchase")
	back.Revision = 2
	tooMany(event("4", "purchase"), back)
	away := event("1", "refund")
	away.Revision = 3
	f.update(func(tx *store.Tx) error {
		_, err := tx.Append(t.Context(), back, away, event("4", "purchase"))
		return err
	})
	tooMany(event("5", "refund"))

	f.append(event("6", "first new type")) // ten are built in
	tooMany(event("7", "second new type"))
	require.Empty(t, f.events(audience.Key("ann"), "second new type"))
	w = event("8", "first new type")
	w.Props = map[string]audience.Value{}
	for _, name := range []string{"a", "b", "c"} {
		w.Props[name] = audience.IntValue(1)
	}
	f.append(w)
	w.Contact, w.ID = audience.Key("bob"), "9"
	w.Props = map[string]audience.Value{"d": audience.IntValue(1), "e": audience.IntValue(1), "f": audience.IntValue(1)}
	tooMany(w)
}

func TestEventsAreOrdered(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	f.put("bob")
	at := func(id, kind string, after time.Duration) audience.EventWrite {
		return audience.EventWrite{Contact: audience.Key("ann"), ID: id, Type: kind, Time: f.now.Add(after)}
	}
	f.update(func(tx *store.Tx) error {
		_, err := tx.Append(
			t.Context(),
			at("c", "visit", time.Hour), at("b", "purchase", 0), at("a", "visit", time.Hour), at("d", "visit", time.Second),
			at("Z", "purchase", 0), at("e", "email.opened", -time.Hour),
		)
		return err
	})
	ann := audience.Key("ann")
	require.Equal(t, []string{"e", "Z", "b", "d", "a", "c"}, eventIDs(f.events(ann)), "by time, then the bytes of ids")
	require.Equal(t, []string{"Z", "b", "d", "a", "c"}, eventIDs(f.events(ann, "visit", "purchase")))
	require.Equal(t, []string{"e", "Z", "b", "d", "a", "c"}, eventIDs(f.events(ann, []string{}...)))
	require.Empty(t, f.events(ann, "refund"))
	require.Empty(t, f.events(audience.Key("bob")))
	p := f.profile(ann)
	require.Equal(t, []string{"Z", "b"}, eventIDs(p.Events("purchase")))
	require.Equal(t, []string{"e"}, eventIDs(p.Events("email.opened")))
	require.Nil(t, p.Events("visit"), "not asked for")
	f.view(func(r *store.Reader) error {
		_, err := r.Events(t.Context(), audience.Key("nobody"))
		require.ErrorIs(t, err, audience.ErrNotFound)
		return nil
	})
}

// Of a contact that was merged an event id is one, wherever it was written.
func TestAppendToMerged(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann"), f.put("bob")
	w := f.purchase("theirs", 1, 10)
	f.append(w)
	w.Contact, w.Revision = audience.Key("bob"), 3
	w.Props = map[string]audience.Value{"value": audience.DoubleValue(30)}
	f.append(w)
	w = f.purchase("bobs", 0, 1)
	w.Contact = audience.Key("bob")
	f.append(w)
	f.merge(audience.Key("ann"), audience.Key("bob"))

	require.Equal(t, store.EventIgnored, f.append(f.purchase("theirs", 2, 20)).Outcome, "the higher revision counts")
	require.Equal(t, store.EventRepeated, f.append(f.purchase("theirs", 3, 30)).Outcome)
	require.Equal(t, store.AppendResult{Contact: ann, ID: "theirs", Outcome: store.EventRevised}, f.append(f.purchase("theirs", 4, 40)))
	require.Equal(t, store.EventRevised, f.append(f.purchase("bobs", 1, 2)).Outcome)
	w = f.purchase("new", 0, 5)
	w.Contact = audience.ID(bob)
	require.Equal(t, store.AppendResult{Contact: ann, ID: "new", Outcome: store.EventAdded}, f.append(w))

	got := f.events(audience.Key("ann"), "purchase")
	require.Equal(t, []string{"bobs", "new", "theirs"}, eventIDs(got))
	for i, want := range []struct {
		origin audience.ContactID
		value  float64
	}{{bob, 2}, {ann, 5}, {bob, 40}} {
		require.Equal(t, want.origin, got[i].Origin, "a row stays where it was written")
		require.Equal(t, ann, got[i].Contact)
		require.InDelta(t, want.value, f.value(got[i]), 0)
	}
	f.unmerge(bob)
	require.Equal(t, []string{"new", "theirs"}, eventIDs(f.events(audience.Key("ann"))))
	require.Equal(t, []string{"bobs", "theirs"}, eventIDs(f.events(audience.Key("bob"))))
}

// A revision stays where its event was written, and counts there.
func TestAppendLimitsOfMerged(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{EventsPerType: 1} })
	f.put("ann")
	f.put("bob")
	for _, w := range []audience.EventWrite{{ID: "1", Type: "purchase"}, {ID: "2", Type: "refund"}} {
		w.Contact, w.Time = audience.Key("bob"), f.now
		f.append(w)
	}
	f.merge(audience.Key("ann"), audience.Key("bob"))
	w := audience.EventWrite{Contact: audience.Key("ann"), ID: "2", Type: "purchase", Revision: 1, Time: f.now}
	_, err := f.Append(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrLimit)
	w.ID, w.Revision = "3", 0
	f.append(w)
}

func TestAppendNothing(t *testing.T) {
	f := newFixture(t)
	require.True(t, f.update(func(tx *store.Tx) error {
		res, err := tx.Append(t.Context())
		require.Empty(t, res)
		return err
	}).IsZero())
}
