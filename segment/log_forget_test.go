package segment

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestErasingTakesTransitionsOutAndDeletingKeepsThem(t *testing.T) {
	f := newLogFixture(t, 3)
	ann, bea, eve := f.ids[0], f.ids[1], f.ids[2]
	f.append(f.tick(in("vip", ann), in("vip", bea), in("vip", eve)))
	f.delete(bea)
	f.erase(eve)

	want := f.after(0, 10)
	require.Len(t, want, 2)
	require.Equal(t, []uint64{1, 2}, []uint64{want[0].Number, want[1].Number})
	require.Equal(t, []uint32{ann, bea}, f.members("vip", f.at()))
	for _, rec := range f.records(spaceMoves) {
		require.NotEqual(t, audience.ContactID(eve), rec.Contact)
	}
	f.erase(bea) // who was deleted can still be erased
	require.Equal(t, []uint32{ann}, f.members("vip", f.at()))

	f.append(f.tick(out("vip", ann)))
	require.Equal(t, uint64(4), f.stand().number, "numbers are not given again")
	require.Equal(t, []uint64{1, 4}, []uint64{f.after(0, 10)[0].Number, f.after(0, 10)[1].Number})
	require.Equal(t, uint64(4), f.after(1, 1)[0].Number)
}

// The writer is behind the feed: it writes of somebody who is erased already,
// and learns of it with the tick of her erasure.
func TestErasureThatTheWriterDoesNotKnowYet(t *testing.T) {
	f := newLogFixture(t, 3)
	winner, loser, other := f.ids[0], f.ids[1], f.ids[2]
	f.append(f.tick(in("vip", winner), in("vip", loser), in("vip", other)))
	f.update(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(audience.ContactID(winner)), audience.ID(audience.ContactID(loser)), audience.Source{})
	})
	merged := f.tick(out("vip", loser), in("new", winner), in("new", other))
	f.erase(winner)
	require.Equal(t, []uint32{other}, f.members("vip", f.at()), "both are gone at once")

	f.append(merged)
	erasure := f.tick(out("vip", winner), out("new", winner))
	erasure.erased = []uint32{winner, loser}
	f.append(erasure)
	for _, rec := range f.records(spaceMoves) {
		require.Contains(t, []audience.ContactID{audience.ContactID(other), 0}, rec.Contact)
	}
	left := f.after(0, 10)
	require.Equal(t, []uint64{3, 5, 7, 8}, numbersOf(left), "of hers only what she leaves by it")
	require.Equal(t, []bool{true, true, false, false}, enteredOf(left))

	again := f.tick(in("late", winner), in("late", other))
	again.erased = erasure.erased
	f.append(again)
	require.Equal(t, []uint32{other}, f.members("late", f.at()), "not even in the tick itself")
	require.Equal(t, uint64(9), f.stand().number, "what is not written has no number")
}

func enteredOf(moves []Transition) (out []bool) {
	for _, m := range moves {
		out = append(out, m.Entered)
	}
	return out
}

func numbersOf(moves []Transition) (out []uint64) {
	for _, m := range moves {
		out = append(out, m.Number)
	}
	return out
}

func TestKeyframesForget(t *testing.T) {
	for _, tt := range []struct {
		name   string
		forget func(f *logFixture, erased []uint32)
	}{
		{"with the tick", func(f *logFixture, erased []uint32) {
			tk := f.tick()
			tk.erased = erased
			f.append(tk)
		}},
		{"told", func(f *logFixture, erased []uint32) {
			contacts := []audience.ContactID{audience.ContactID(f.ids[3])} // who is not erased stays
			for _, id := range erased {
				contacts = append(contacts, audience.ContactID(id))
			}
			require.NoError(f.t, f.log.forget(f.t.Context(), contacts))
		}},
		{"not told whom", func(f *logFixture, _ []uint32) { require.NoError(f.t, f.log.forgetAnybody(f.t.Context())) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newLogFixture(t, 10)
			f.log.frameEvery = 4
			for _, id := range f.ids {
				f.append(f.tick(in("vip", id), in("all", id)))
				f.later(time.Second)
			}
			only := f.ids[4]
			f.append(f.tick(in("only", only), in("z", f.ids[3])))
			f.later(time.Second)
			require.NoError(t, f.log.maintain(t.Context()))
			require.Len(t, f.records(spaceFrames), 5)
			require.NotEmpty(t, f.heldInPages(only))
			kept := f.heldInPages(f.ids[3])

			f.erase(only, f.ids[9])
			want := slices.Concat(f.ids[:4], f.ids[5:9])
			require.Equal(t, want, f.members("vip", f.at()), "reading leaves her out before keyframes have forgotten")
			sets, err := f.log.foldAll(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, slices.Collect(sets["all"].All()))
			require.NotContains(t, sets, "only")

			require.NotEmpty(t, f.heldInPages(only))
			tt.forget(f, []uint32{only, f.ids[9]})
			// Broken off at every point, it goes on the next time.
			for i := 1; ; i++ {
				n := f.failing(func(update int) (error, bool) {
					if update == i {
						return errFlaky, false
					}
					return nil, false
				}, func() { _ = f.log.maintain(t.Context()) })
				if n < i {
					break
				}
				f.acquire(f.log)
			}
			require.Empty(t, f.heldInPages(only))
			require.Empty(t, f.heldInPages(f.ids[9]))
			require.Equal(t, kept, f.heldInPages(f.ids[3]))
			require.Empty(t, f.records(spaceForget))
			require.Equal(t, want, f.members("vip", f.at()))
		})
	}
}

// A second forget after the first: the queue goes on.
func TestForgettingTwice(t *testing.T) {
	f := newLogFixture(t, 3)
	f.log.frameEvery = 1
	f.append(f.tick(in("vip", f.ids[0]), in("vip", f.ids[1]), in("vip", f.ids[2])))
	require.NoError(t, f.log.maintain(t.Context()))
	for _, id := range f.ids[:2] {
		f.erase(id)
		tk := f.tick()
		tk.erased = []uint32{id}
		f.append(tk, tk) // told twice
		require.NoError(t, f.log.maintain(t.Context()))
		require.Empty(t, f.heldInPages(id))
		require.Equal(t, f.log.head.Queued, f.log.head.Forgotten)
	}
	require.Len(t, f.heldInPages(f.ids[2]), 1)
}

func TestKeyframesStayFewAndSpread(t *testing.T) {
	f := newLogFixture(t, 1)
	f.log.frameEvery, f.log.frames = 2, 5
	var at []time.Time
	for i := range 100 {
		m := in("vip", f.ids[0])
		m.entered = i%2 == 0
		f.append(f.tick(m))
		at = append(at, f.at())
		f.later(time.Second)
		if i%3 == 0 {
			require.NoError(t, f.log.maintain(t.Context()))
		}
	}
	frames := f.records(spaceFrames)
	require.Len(t, frames, 5)
	require.Equal(t, numberKey(2), frames[0].Key, "the first")
	require.Equal(t, numberKey(100), frames[4].Key, "and the last")
	for i, rec := range frames[1:] {
		var a, b logFrame
		require.NoError(t, errors.Join(decodeState(frames[i].Value, "", &a), decodeState(rec.Value, "", &b)))
		require.Less(t, b.Number-a.Number, uint64(60), "no gap swallows the others")
	}
	for _, rec := range f.records(spacePages) {
		require.True(t, slices.ContainsFunc(frames, func(f store.Record) bool { return rec.Key[:16] == f.Key }))
	}
	for i, t0 := range at {
		require.Len(t, f.members("vip", t0), 1-i%2)
		require.Len(t, f.members("vip", t0.Add(-time.Microsecond)), i%2)
	}
	require.Empty(t, f.members("vip", at[0].Add(-time.Hour)))
}

// Keyframes that would take more than the log do not come as often.
func TestKeyframesTakeNoMoreThanTheLog(t *testing.T) {
	f := newLogFixture(t, 0)
	f.log.frameEvery = 10
	f.log.head.FrameBytes = 100 * moveBytes
	require.Equal(t, uint64(100), f.log.frameStep())
	f.log.head.FrameBytes = 0
	require.Equal(t, uint64(10), f.log.frameStep())
}

func TestKeyframesOfManyPages(t *testing.T) {
	f := newLogFixture(t, 66_000)
	f.log.frameEvery = 60_000
	var moves []move
	for _, id := range f.ids {
		if moves = append(moves, in("all", id)); id%3 == 0 {
			moves = append(moves, in("third", id))
		}
	}
	f.append(f.tick(moves...))
	require.NoError(t, f.log.maintain(t.Context()))
	require.Len(t, f.records(spaceFrames), 1)
	f.later(time.Second)
	last := f.ids[len(f.ids)-1]
	f.append(f.tick(out("all", last), in("edge", 65_535), in("edge", 65_536)))
	f.erase(65_536, 30)
	var all, third []uint32
	for _, id := range f.ids {
		if id == 65_536 || id == 30 {
			continue
		}
		if id != last {
			all = append(all, id)
		}
		if id%3 == 0 {
			third = append(third, id)
		}
	}
	require.Equal(t, all, f.members("all", f.at()))
	require.Equal(t, third, f.members("third", f.at()))
	require.Equal(t, []uint32{65_535}, f.members("edge", f.at()))
	sets, err := f.log.foldAll(t.Context())
	require.NoError(t, err)
	require.Equal(t, all, slices.Collect(sets["all"].All()))
	require.Equal(t, third, slices.Collect(sets["third"].All()))
	require.Equal(t, []uint32{65_535}, slices.Collect(sets["edge"].All()))
	require.Len(t, sets, 3)
}
