package segment_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

func openEngine(t testing.TB, aud *store.Audience, namesAndSources ...string) *segment.Engine {
	t.Helper()
	e, err := segment.OpenEngine(t.Context(), aud, segment.EngineOptions{})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), define(namesAndSources...)...)
	require.NoError(t, err)
	return e
}

// randomChange gives a transaction that does some of everything, the same each time it is called.
func randomChange(ctx context.Context, seed uint64, people int) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		random := rand.New(rand.NewPCG(seed, 41))
		who := func() audience.Ref { return audience.Key(fmt.Sprintf("u%d", random.IntN(people))) }
		for range 1 + random.IntN(4) {
			var err error
			switch random.IntN(8) {
			case 0:
				_, err = tx.Put(ctx, audience.ContactWrite{Match: who(), Set: map[string]audience.Value{"age": audience.IntValue(random.Int64N(60))}})
			case 1:
				_, err = tx.Put(ctx, audience.ContactWrite{
					Match: audience.Key(fmt.Sprintf("n%d-%d", seed, random.IntN(100))), Set: map[string]audience.Value{"age": audience.IntValue(random.Int64N(60))},
				})
			case 2:
				_, err = tx.Append(ctx, audience.EventWrite{Contact: who(), Type: "visit", Time: tx.At().Add(-time.Duration(random.IntN(60)) * 24 * time.Hour)})
			case 3:
				err = tx.Merge(ctx, who(), who(), audience.Source{})
			case 4:
				err = tx.Delete(ctx, audience.Source{}, who())
			case 5:
				err = tx.Erase(ctx, audience.Source{}, who())
			case 6:
				err = tx.AddToList(ctx, "never", audience.Source{}, who())
			default:
				_, err = tx.Record(ctx, audience.ConsentWrite{
					Contact: who(), Kind: audience.ConsentGranted, Mechanism: "form", Evidence: []byte("e"),
				})
			}
			if err != nil && !errors.Is(err, audience.ErrNotFound) && !errors.Is(err, audience.ErrInvalid) && !errors.Is(err, audience.ErrConflict) {
				return err
			}
		}
		return nil
	}
}

// TestWhatIf (G1) compares what a transaction would do with what it does once it is committed.
func TestWhatIf(t *testing.T) {
	const people = 20
	aud := setAudience(t)
	putAges(t, aud, make([]int64, people)...)
	e := openEngine(t, aud, "adult", `contact.age >= 18`, "visitor", `events("visit").within("30d").any() && !onList("never")`,
		"both", `inSegment("adult") && inSegment("visitor") || contact.status == "subscribed"`)
	known := func(m segment.Members, top audience.ContactID) (ids []audience.ContactID, fresh int) {
		for id := range m.All() {
			if id > top {
				fresh++
			} else {
				ids = append(ids, id)
			}
		}
		return ids, fresh
	}
	moved, fresh := 0, 0
	for seed := range uint64(400) {
		before := e.Snapshot()
		head, err := aud.Head(t.Context())
		require.NoError(t, err)
		change := randomChange(t.Context(), seed, people)
		w, err := e.WhatIf(t.Context(), change)
		head2, headErr := aud.Head(t.Context())
		require.NoError(t, headErr)
		require.Equal(t, head, head2, "nothing was committed")
		top := topOf(t, aud)
		pos, refused := aud.Update(t.Context(), change)
		if refused != nil {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, e.Sync(t.Context(), pos))
		after := e.Snapshot()
		for _, name := range before.Names() {
			was, _ := before.Members(name)
			is, _ := after.Members(name)
			entered, err := is.AndNot(was)
			require.NoError(t, err)
			left, err := was.AndNot(is)
			require.NoError(t, err)
			var got segment.MembersDiff
			if i := slices.IndexFunc(w.Segments, func(d segment.MembersDiff) bool { return d.Name == name }); i >= 0 {
				got = w.Segments[i]
			}
			wantIn, wantNew := known(entered, top)
			gotIn, gotNew := known(got.Entered, top)
			require.Equal(t, wantIn, gotIn, "seed %d, %s", seed, name)
			require.Equal(t, wantNew, gotNew, "seed %d, %s", seed, name)
			require.Equal(t, slices.Collect(left.All()), slices.Collect(got.Left.All()), "seed %d, %s", seed, name)
			moved += entered.Len() + left.Len()
			fresh += wantNew
		}
		require.NotEmpty(t, w.String())
	}
	require.Greater(t, moved, 100)
	require.Greater(t, fresh, 10)
}

// topOf gives the greatest id there is.
func topOf(t *testing.T, aud *store.Audience) (top audience.ContactID) {
	t.Helper()
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		for c, err := range r.AllContacts(t.Context(), store.ContactQuery{}) {
			if err != nil {
				return err
			}
			top = c.ID
		}
		return nil
	}))
	return top
}

func TestWhatIfRefused(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, 20, 30)
	e := openEngine(t, aud, "adult", `contact.age >= 18`)
	_, err := e.WhatIf(t.Context(), func(*store.Tx) error { return strconv.ErrRange })
	require.ErrorIs(t, err, strconv.ErrRange)
	w, err := e.WhatIf(t.Context(), func(*store.Tx) error { return nil })
	require.NoError(t, err)
	require.Empty(t, w.Segments)
	require.Zero(t, w.Contacts)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.WhatIf(ctx, func(*store.Tx) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
}

// TestWhatIfCatchesUp: what others commit in between is looked at first.
func TestWhatIfCatchesUp(t *testing.T) {
	aud := setAudience(t)
	ids := putAges(t, aud, 20, 30)
	e := openEngine(t, aud, "adult", `contact.age >= 18`)
	putAges(t, aud, 2) // u0 again, whom the engine does not know to be younger yet
	w, err := e.WhatIf(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"age": audience.IntValue(3)}})
		return err
	})
	require.NoError(t, err)
	require.Len(t, w.Segments, 1)
	require.Equal(t, ids[1:], slices.Collect(w.Segments[0].Left.All()))
	require.Equal(t, "1 contacts: 0 new, 0 gone\n  adult: 0 enter, 1 leave\n", w.String())
}
