package segment_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

func TestEngineRetiring(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20, 30)
	e := w.engine()
	w.apply(e, "adults", `contact.age >= 18`, "young-adults", `inSegment("adults") && contact.age < 25`, "all", `true`)

	_, err := e.Apply(t.Context(), define("young-adults", `inSegment("adults") && contact.age < 25`)...)
	var refused *segment.SetError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "young-adults", refused.Errors[0].Segment)
	require.Equal(t, "segment", refused.Errors[0].Rule)
	require.Contains(t, refused.Error(), `adults`)
	require.Len(t, w.in(e, "all"), 3, "nothing was applied")
	require.EqualValues(t, 1, e.LatestVersion())

	d := w.apply(e, "adults", `contact.age >= 18`)
	require.Equal(t, []string{"all", "young-adults"}, d.Retired)
	_, err = e.Segment("young-adults")
	require.ErrorIs(t, err, audience.ErrNotFound)
	w.logAgrees(e)
}

func TestEngineVersions(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	require.Zero(t, e.LatestVersion())
	first := define("a", `contact.age > 1`)
	second := define("a", `contact.age > 2`, "b", `!inSegment("a")`)
	for i, defs := range [][]segment.Definition{first, second} {
		w.later(time.Hour)
		d, err := e.Apply(t.Context(), defs...)
		require.NoError(t, err)
		require.EqualValues(t, i+1, d.Version)
		require.EqualValues(t, i+1, e.LatestVersion())
	}
	for i, defs := range [][]segment.Definition{first, second} {
		v, err := e.Version(t.Context(), uint64(i+1))
		require.NoError(t, err)
		require.Equal(t, defs, v.Definitions)
		require.Equal(t, setNow().Add(time.Duration(i+1)*time.Hour), v.At)
		_, known := v.Schema.FieldNamed("age")
		require.True(t, known)
	}
	_, err := e.Version(t.Context(), 3)
	require.ErrorIs(t, err, audience.ErrNotFound)
	again := w.engine()
	require.Equal(t, second, again.Definitions())
	require.EqualValues(t, 2, again.LatestVersion())
}

// Two processes apply in turn: each adopts what the other did.
func TestEngineAdoptsDefinitions(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20, 30, -1)
	other := w.handle()
	here, there := w.engine(), w.engineOf(other)
	w.apply(here, "a", `contact.age > 15`)
	require.Zero(t, there.LatestVersion())
	w.sync(there)
	require.EqualValues(t, 1, there.LatestVersion())
	require.Equal(t, w.in(here, "a"), w.in(there, "a"))

	w.apply(there, "b", `contact.age > 25 && !(contact.city == "Wien")`, "c", `inSegment("b") || !has(contact.age)`)
	w.sync(here)
	_, err := here.Segment("a")
	require.ErrorIs(t, err, audience.ErrNotFound)
	w.agrees(here, w.aud)
	w.agrees(there, other)

	// Both at once: the later one holds everywhere, whole.
	w.apply(here, "x", `contact.age > 5`)
	w.apply(there, "y", `contact.age > 6`) // there has not seen x
	w.sync(here)
	for _, e := range []*segment.Engine{here, there} {
		w.agrees(e, w.aud)
		require.Equal(t, define("y", `contact.age > 6`), e.Definitions())
		require.EqualValues(t, 4, e.LatestVersion())
	}
	w.logAgrees(here)
}

// An engine that cannot compile what another one applied stops where it was.
func TestEngineAdoptsWhatItCannotCompile(t *testing.T) {
	w := newEngineWorld(t)
	ids := putAges(t, w.aud, 10, 20)
	double := segment.Function{
		Name: "twice", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeInt,
		Call: func(args []audience.Value) (audience.Value, error) {
			n, _ := args[0].Int()
			return audience.IntValue(2 * n), nil
		},
	}
	with, without := w.engine(double), w.engineOf(w.handle())
	w.apply(with, "a", `contact.age > 15`)
	w.sync(without)
	w.apply(with, "a", `twice(contact.age) > 15`)
	require.Len(t, w.in(with, "a"), 2)

	var refused *segment.SetError
	require.ErrorAs(t, without.Sync(t.Context(), store.Position{}), &refused)
	require.ErrorAs(t, without.Err(), &refused)
	require.Equal(t, ids[1:], w.in(without, "a"))
	require.ErrorAs(t, without.Advance(t.Context(), w.clock.Now()), &refused)

	stuck, err := segment.OpenEngine(t.Context(), w.aud, segment.EngineOptions{})
	require.ErrorAs(t, err, &refused)
	require.NotNil(t, stuck)
	require.Equal(t, "a", refused.Errors[0].Segment)
	require.ErrorAs(t, stuck.Err(), &refused)
	require.ErrorAs(t, stuck.Sync(t.Context(), store.Position{}), &refused)
	require.ErrorAs(t, stuck.TrimTransitions(t.Context(), 1), &refused)
	_, err = stuck.Segment("a")
	require.ErrorIs(t, err, audience.ErrNotFound)

	w.logAgrees(with)
	w.apply(stuck, "a", `contact.age > 15`)
	require.NoError(t, stuck.Err())
	w.sync(with)
	w.apply(without, "a", `contact.age > 5`)
	for _, e := range []*segment.Engine{with, without, stuck} {
		w.agrees(e, w.aud)
		w.logAgrees(e)
	}
}

// What fails is tried again: a definition of another process is not lost with
// the connection.
func TestEngineAdoptsAfterFailure(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20)
	adapter := &failingViews{Adapter: w.adapter}
	w.adapter = adapter
	here, there := w.engine(), w.engineOf(w.handle())
	w.apply(here, "a", `contact.city == "Wien"`)
	for n := 1; ; n++ {
		adapter.fail.Store(int64(n))
		err := there.Sync(t.Context(), store.Position{})
		failed := adapter.fail.Swap(0) == 0
		if !failed {
			require.NoError(t, err)
			require.Greater(t, n, 2)
			break
		}
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.NoError(t, there.Err())
	}
	w.agrees(there, w.aud)
	require.EqualValues(t, 1, there.LatestVersion())
}

func TestEngineSchemaGrows(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20, 30)
	e := w.engine()
	w.apply(e, "a", `contact.age > 15`)

	w.handle(func(o *store.Options) { // another process declares
		o.Schema = audience.Schema{
			Fields: []audience.Field{{Name: "plan", Type: audience.TypeString}},
			Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "seconds", Type: audience.TypeInt}}}},
			Lists:  []audience.List{{Name: "vips", Kind: audience.ListStatic}},
		}
	})
	w.put(audiencetest.Contact("u0", "plan", "pro"), audiencetest.Contact("u1", "plan", "free", "age", 21))
	w.agrees(e, w.aud)
	d := w.apply(e, "a", `contact.age > 15`, "pro", `contact.plan == "pro" || onList("vips")`,
		"long", `events("visit").max("seconds") > 10`)
	require.Equal(t, []string{"long", "pro"}, d.Added)
	require.Len(t, d.Segments, 1)
	w.agrees(e, w.aud)

	w.update(func(tx *store.Tx) error {
		if err := tx.Declare(t.Context(), audience.Schema{Events: []audience.EventType{{Name: "call", Props: []audience.Prop{
			{Name: "topics", Type: audience.TypeStringList},
		}}}}); err != nil {
			return err
		}
		if err := tx.AddToList(t.Context(), "vips", audience.Source{}, audience.Key("u2")); err != nil {
			return err
		}
		_, err := tx.Append(t.Context(), audiencetest.Event("u2", "visit", setNow(), "seconds", 11),
			audiencetest.Event("u2", "call", setNow(), "topics", []string{"bill"}))
		return err
	})
	// What nobody declared is inferred, in the transaction that brings it.
	w.put(audiencetest.Contact("u1", "nickname", "Ann", "shoe", 38.5))
	w.agrees(e, w.aud)
	w.apply(e, "a", `contact.age > 15`, "pro", `contact.plan == "pro" || onList("vips")`,
		"long", `events("visit").max("seconds") > 10`,
		"named", `contact.nickname.startsWith("A") && contact.shoe < 40`, "billed", `events("call").where(e, "bill" in e.topics).any()`)
	require.Len(t, w.in(e, "named"), 1)
	require.Len(t, w.in(e, "billed"), 1)
	require.Len(t, w.in(e, "long"), 1)
	w.agrees(e, w.aud)
	w.agrees(w.engineOf(w.handle()), w.aud)
	w.logAgrees(e)
}

func TestEngineRenames(t *testing.T) {
	w := newEngineWorld(t)
	ids := putAges(t, w.aud, 10, 20, 30)
	w.update(func(tx *store.Tx) error {
		_, err := tx.Append(t.Context(), audiencetest.Event("u0", "visit", setNow(), "page", "/buy"))
		return err
	})
	e, far := w.engine(), w.engineOf(w.handle())
	old := define("adults", `contact.age >= 18`, "buyers", `events("visit").where(e, e.page == "/buy").any()`, "others", `!inSegment("adults")`)
	_, err := e.Apply(t.Context(), old...)
	require.NoError(t, err)
	w.sync(far)

	renamed := audience.Schema{
		Fields: []audience.Field{{Name: "years", Type: audience.TypeInt, Renamed: "age"}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "path", Type: audience.TypeString, Renamed: "page"}}}},
	}
	var refused *segment.SetError
	require.ErrorAs(t, e.CheckSchema(renamed, nil), &refused)
	require.Len(t, refused.Errors, 3) // others names one that does not compile
	require.Equal(t, "adults", refused.Errors[0].Segment)
	require.Equal(t, "buyers", refused.Errors[1].Segment)
	require.NoError(t, e.CheckSchema(audience.Schema{Fields: []audience.Field{{Name: "more", Type: audience.TypeInt}}}, nil))
	require.ErrorIs(t, e.CheckSchema(audience.Schema{Fields: []audience.Field{{Name: "age", Type: audience.TypeString}}}, nil), audience.ErrConflict)
	schema := w.aud.Schema()
	_, known := schema.FieldNamed("years")
	require.False(t, known, "CheckSchema declares nothing")

	w.handle(func(o *store.Options) { o.Schema = renamed })
	w.put(audiencetest.Contact("u0", "years", 40), audiencetest.Contact("u1", "years", 3))
	// The old name is free: who takes it means something else.
	w.put(audiencetest.Contact("u1", "age", 99))
	adults, others := []audience.ContactID{ids[0], ids[2]}, []audience.ContactID{ids[1]}
	holds := func(e *segment.Engine) {
		t.Helper()
		require.NoError(t, e.Err())
		require.Equal(t, adults, w.in(e, "adults"))
		require.Equal(t, others, w.in(e, "others"))
		require.Equal(t, ids[:1], w.in(e, "buyers"))
	}
	restarted := w.engineOf(w.handle()) // after a restart the stored text is in the old words
	for _, x := range []*segment.Engine{e, far, restarted} {
		w.sync(x)
		holds(x)
		require.Equal(t, old, x.Definitions())
	}
	// Another zone compiles the old words anew, too.
	w.handle(func(o *store.Options) { o.Zone = mustZone(t, "Europe/Vienna") })
	for _, x := range []*segment.Engine{e, far, restarted} {
		w.sync(x)
		holds(x)
	}

	d := w.apply(restarted, "adults", `contact.years >= 18`, "buyers", `events("visit").where(e, e.path == "/buy").any()`, "others", `!inSegment("adults")`)
	require.Empty(t, d.Segments, "new names move nobody")
	require.Equal(t, []string{"adults", "buyers"}, d.Changed)
	for _, x := range []*segment.Engine{e, far} {
		w.sync(x)
		holds(x)
		w.agrees(x, w.aud)
	}
	v, err := e.Version(t.Context(), 1)
	require.NoError(t, err)
	_, known = v.Schema.FieldNamed("years")
	require.False(t, known, "versions keep the names of their time")
	w.logAgrees(e)
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}

// A process changes the zone of the audience: all engines recompute.
func TestEngineZoneChanges(t *testing.T) {
	w := newEngineWorld(t)
	// 29 March 2026: the clocks of Berlin go from 02:00 to 03:00. A day ago by
	// the calendar and the last midnight are at other instants than in UTC.
	w.clock.MoveTo(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	putAges(t, w.aud, 1, 2, 3, 4)
	for i, at := range []string{"2026-03-28T22:30:00Z", "2026-03-28T23:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T21:30:00Z"} {
		instant, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		w.clock.MoveTo(instant)
		w.update(func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(), audiencetest.Event(audiencetest.Key(i), "visit", instant))
			return err
		})
	}
	e, far := w.engine(), w.engineOf(w.handle())
	w.apply(e, "today", `events("visit").since(startOf("d")).any()`, "month", `events("visit").within("1mo").any()`,
		"late", `now.getHours() >= 22`)
	w.agrees(far, w.aud)
	require.Len(t, w.in(e, "today"), 2)

	w.handle(func(o *store.Options) { o.Zone = mustZone(t, "Europe/Berlin") })
	for _, x := range []*segment.Engine{e, far} {
		w.agrees(x, w.aud)
		require.Len(t, w.in(x, "today"), 3, "since 23:00 UTC")
		require.Len(t, w.in(x, "late"), 4)
	}
	for range 3 * 31 {
		w.later(8*time.Hour + time.Microsecond)
		w.agrees(e, w.aud)
		w.agrees(far, w.aud)
	}
	require.Equal(t, []segment.Causes{segment.CauseRebuild, segment.CauseTime}, causesOf(logAfterAdvance(w, e), "late"))
	w.logAgrees(e)
}

func logAfterAdvance(w *engineWorld, e *segment.Engine) []segment.Transition {
	w.t.Helper()
	require.NoError(w.t, e.Advance(w.t.Context(), w.clock.Now()))
	return logged(w.t, e)
}

// causesOf gives the different causes of a segment's transitions, in order of
// their first one.
func causesOf(transitions []segment.Transition, name string) (out []segment.Causes) {
	seen := map[segment.Causes]bool{}
	for _, m := range transitions {
		if m.Segment == name && !seen[m.Causes] {
			seen[m.Causes] = true
			out = append(out, m.Causes)
		}
	}
	return out
}
