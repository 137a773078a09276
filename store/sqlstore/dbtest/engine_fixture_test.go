package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envEngineScale multiplies how much the tests of the engine do.
const envEngineScale = "AUDIENCEKIT_ENGINE_SCALE"

// engineScale gives a number of the default size, multiplied.
func engineScale(t testing.TB, n int) int {
	t.Helper()
	text := os.Getenv(envEngineScale)
	if text == "" {
		return n
	}
	times, err := strconv.Atoi(text)
	require.NoError(t, err, envEngineScale)
	return n * times
}

// engineWorld is one audience in one database, which several handles share,
// each with a pool and a store of its own as processes would have them.
type engineWorld struct {
	testing.TB
	ctx    context.Context // ends before the test does: what hangs is found out
	d      Database
	source Source
	clock  *segmenttest.Clock
	aud    *store.Audience // the first handle
}

func newEngineWorld(t testing.TB, d Database) *engineWorld {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(engineScale(t, 4))*time.Minute)
	t.Cleanup(cancel)
	w := &engineWorld{TB: t, ctx: ctx, d: d, source: d.Fresh(t), clock: segmenttest.NewClock(instant(0))}
	w.aud = w.handle()
	return w
}

// handle opens the audience once more, in a pool of its own.
func (w *engineWorld) handle() *store.Audience {
	w.Helper()
	return w.handleOver(w.source.Open(w))
}

func (w *engineWorld) handleOver(db *sql.DB) *store.Audience {
	w.Helper()
	aud, err := openEngineAudience(w.ctx, openStore(w, w.d, db, sqlstore.Options{}), w.clock.Now)
	require.NoError(w, err)
	return aud
}

func openEngineAudience(ctx context.Context, adapter store.Adapter, clock func() time.Time) (*store.Audience, error) {
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, adapter, "main", store.Options{Schema: engineSchema(), Keys: keys, Clock: clock})
}

func engineSchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "age", Type: audience.TypeInt},
			{Name: "city", Type: audience.TypeString},
			{Name: "seen", Type: audience.TypeTimestamp},
			{Name: "likes", Type: audience.TypeStringList},
		},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{
			{Name: "page", Type: audience.TypeString}, {Name: "value", Type: audience.TypeDouble},
		}}},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "vip", Kind: audience.ListStatic},
			{Name: "news", Kind: audience.ListTopic},
		},
	}
}

// definitions makes definitions of names and sources.
func definitions(namesAndSources ...string) (defs []segment.Definition) {
	for pair := range slices.Chunk(namesAndSources, 2) {
		defs = append(defs, segment.Definition{Name: pair[0], Source: pair[1]})
	}
	return defs
}

// engineSegments read every kind of column; the two versions read different
// ones.
func engineSegments(version int) []segment.Definition {
	defs := definitions(
		"all", `true`,
		"adults", fmt.Sprintf(`contact.age >= %d`, 18+version),
		"minors", `!inSegment("adults")`,
		"mailable", `contact.status == "subscribed" && !suppressed()`,
		"regulars", `events("visit").within("3d").count() >= 2`,
		"lapsed", `events("visit").any() && !events("visit").within("2d").any()`,
	)
	if version%2 == 1 {
		return append(defs, definitions(
			"city", `contact.city.startsWith("W") || "x" in contact.tags`,
			"spender", `events("visit").where(e, e.page == "cart").sum("value") > 5.0`,
			"listed", `onList("vip") || onList("news")`,
			"recent", `contact.seen > ago("1d")`,
		)...)
	}
	return append(defs, definitions("likes", `contact.likes.exists(l, l == "m")`, "buyers", `rate(events("purchase"), events("visit")) > 0.2`)...)
}

func (w *engineWorld) open(aud *store.Audience) *segment.Engine {
	w.Helper()
	e, err := segment.OpenEngine(w.ctx, aud, segment.EngineOptions{})
	require.NoError(w, err)
	return e
}

func (w *engineWorld) apply(e *segment.Engine, defs []segment.Definition) {
	w.Helper()
	_, err := e.Apply(w.ctx, defs...)
	require.NoError(w, err)
}

// fill makes people u0, u1 and so on.
func (w *engineWorld) fill(people int) {
	w.Helper()
	_, err := w.aud.Update(w.ctx, func(tx *store.Tx) error {
		for i := range people {
			if _, err := tx.Put(w.ctx, audiencetest.Contact(audiencetest.Key(i), "age", i%60, "city", []string{"Wien", "Berlin"}[i%2])); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(w, err)
}

// later moves the clock on.
func (w *engineWorld) later(d time.Duration) { w.clock.MoveTo(w.clock.Now().Add(d)) }

// agrees compares all live segments of an engine with the reference evaluator,
// over the store of a handle.
func (w *engineWorld) agrees(e *segment.Engine, aud *store.Audience) {
	w.Helper()
	n, differences, err := segmenttest.Check(w.ctx, aud, e)
	require.NoError(w, err)
	require.Empty(w, differences)
	require.Positive(w, n)
}

// logged gives all transitions, whose instants do not decrease. Where somebody
// was erased there are gaps.
func (w *engineWorld) logged(e *segment.Engine) (out []segment.Transition) {
	w.Helper()
	last := segment.Transition{}
	for {
		page, err := e.Transitions(w.ctx, last.Number, 0)
		require.NoError(w, err)
		if len(page) == 0 {
			return out
		}
		for _, x := range page {
			require.Greater(w, x.Number, last.Number)
			require.False(w, x.At.Before(last.At), "transition %d is dated before the one in front of it", x.Number)
			out, last = append(out, x), x
		}
	}
}

// folds wants the log of an engine that writes it to add up to the members.
// Whoever was erased has left without a trace of her coming.
func (w *engineWorld) folds(e *segment.Engine) []segment.Transition {
	w.Helper()
	require.NoError(w, e.Advance(w.ctx, w.clock.Now()))
	all := w.logged(e)
	in := foldOf(w, all)
	s := e.Snapshot()
	for _, name := range s.Names() {
		members, _ := s.Members(name)
		require.Len(w, in[name], members.Len(), "segment %s", name)
		for id := range members.All() {
			require.True(w, in[name][id], "segment %s", name)
		}
		delete(in, name)
	}
	for name, left := range in {
		require.Empty(w, left, "segment %s, which is no more", name)
	}
	return all
}

// foldOf adds transitions up. Nobody enters twice, or leaves without being in.
func foldOf(t testing.TB, all []segment.Transition) map[string]map[audience.ContactID]bool {
	t.Helper()
	in := map[string]map[audience.ContactID]bool{}
	for _, x := range all {
		of := in[x.Segment]
		if of == nil {
			of = map[audience.ContactID]bool{}
			in[x.Segment] = of
		}
		switch {
		case x.Entered:
			require.False(t, of[x.Contact], "transition %d: in already", x.Number)
			of[x.Contact] = true
		case of[x.Contact]:
			delete(of, x.Contact)
		default: // of the erased nothing else is left
			require.NotZero(t, x.Causes&(segment.CauseErasure|segment.CauseRebuild), "transition %d: not in", x.Number)
		}
	}
	return in
}

// write does random things to random people through a handle, as often as
// wanted or until the context ends.
func (w *engineWorld) write(ctx context.Context, aud *store.Audience, random *rand.Rand, people, operations int) error {
	for i := 0; i < operations && ctx.Err() == nil; i++ {
		who, other := audiencetest.Key(random.IntN(people)), audiencetest.Key(random.IntN(people))
		seed := random.Uint64()
		_, err := aud.Update(ctx, func(tx *store.Tx) error {
			return somethingOf(ctx, tx, rand.New(rand.NewPCG(seed, 3)), who, other) // again the same
		})
		switch {
		case err == nil, errors.Is(err, audience.ErrNotFound), errors.Is(err, audience.ErrConflict), errors.Is(err, audience.ErrInvalid), errors.Is(err, audience.ErrDenied):
		case ctx.Err() != nil:
		default:
			return err
		}
	}
	return nil
}

// somethingOf does one thing.
func somethingOf(ctx context.Context, tx *store.Tx, random *rand.Rand, who, other string) (err error) {
	now, key := tx.At(), audience.Key(who)
	switch n := random.IntN(100); {
	case n < 30:
		write := audiencetest.Contact(who, "age", random.IntN(60), "city", []string{"Wien", "Berlin"}[random.IntN(2)],
			"likes", []string{[]string{"m", "n"}[random.IntN(2)]}, "seen", now.Add(-time.Duration(random.IntN(48))*time.Hour))
		if random.IntN(3) == 0 {
			write = audience.ContactWrite{Match: key, Clear: []string{"age"}, AddTags: []string{"x"}}
		}
		_, err = tx.Put(ctx, write)
	case n < 70:
		at := now.Add(time.Duration(random.IntN(100)-90) * time.Hour) // also late, also ahead
		e := audiencetest.Event(who, "visit", at, "page", []string{"cart", "home"}[random.IntN(2)], "value", 2.5)
		if random.IntN(3) == 0 {
			e = audiencetest.Event(who, "purchase", at, "value", 3.5)
		}
		e.ID, e.Revision = "e"+strconv.Itoa(random.IntN(400)), uint64(random.IntN(3))
		_, err = tx.Append(ctx, e)
	case n < 85:
		record := audiencetest.Grant(who, now)
		if random.IntN(3) == 0 {
			record = audiencetest.Withdrawal(who, now)
		}
		_, err = tx.Record(ctx, record)
	case n < 91:
		if random.IntN(2) == 0 {
			return tx.RemoveFromList(ctx, "vip", audience.Source{}, key)
		}
		err = tx.AddToList(ctx, "vip", audience.Source{}, key)
	case n < 95:
		err = tx.Merge(ctx, key, audience.Key(other), audience.Source{})
	case n < 97:
		err = tx.Unmerge(ctx, audience.ContactID(1+random.IntN(60)), audience.Source{})
	case n < 99:
		err = tx.Delete(ctx, audience.Source{}, key)
	default:
		err = tx.Erase(ctx, audience.Source{}, key)
	}
	return err
}
