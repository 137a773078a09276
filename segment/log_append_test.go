package segment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestLogNumbersInOrder(t *testing.T) {
	f := newLogFixture(t, 1_300)
	require.Equal(t, uint64(0), f.stand().number)
	require.Empty(t, f.after(0, 0))

	first := f.tick(in("vip", f.ids[1]), in("all", f.ids[2]), in("all", f.ids[0]))
	f.later(time.Second)
	var many []move
	for _, id := range f.ids {
		many = append(many, in("big", id), in("bigger", id))
	}
	second := f.tick(many...)
	f.later(time.Second)
	third := f.tick(out("vip", f.ids[1]))
	f.append(first, second, third)

	var want []Transition
	for _, tk := range []tick{first, second, third} {
		for _, m := range tk.moves {
			want = append(want, Transition{
				Number: uint64(len(want) + 1), Segment: m.segment, Contact: audience.ContactID(m.contact),
				Entered: m.entered, At: audience.FromMicros(tk.at), Causes: m.causes,
			})
		}
	}
	require.Equal(t, "all", want[0].Segment)
	require.Equal(t, want, f.after(0, 10_000))
	for _, rec := range f.records(spaceBatches) {
		h, err := decodeBatchHeader(1, rec.Value)
		require.NoError(t, err)
		require.LessOrEqual(t, h.count, uint64(batchMoves))
	}
	for _, limit := range []int{1, 7, 999, 1_000, 1_001} {
		for _, number := range []uint64{0, 1, 2, 998, 999, 1_000, 1_001, 2_600, 2_603} {
			got := f.after(number, limit)
			require.Equal(t, want[number:min(number+uint64(limit), uint64(len(want)))], got, "%d after %d", limit, number)
		}
	}
	require.Empty(t, f.after(uint64(len(want)), 10))
	require.Empty(t, f.after(1<<63, 10))

	s := f.stand()
	require.Equal(t, logStand{number: uint64(len(want)), first: 1, position: third.position, at: third.at}, s)
	f.later(time.Hour)
	quiet := f.tick()
	f.append(quiet)
	require.Equal(t, quiet.at, f.stand().at, "a tick without moves counts")
	require.Equal(t, s.number, f.stand().number)
	require.NoError(t, f.log.appendTicks(t.Context(), nil))
}

func TestManyLongNamesMakeMoreBatches(t *testing.T) {
	f := newLogFixture(t, 1)
	var moves []move
	for i := range 500 {
		moves = append(moves, in(fmt.Sprintf("%s%03d", strings.Repeat("x", 190), i), f.ids[0]))
	}
	f.append(f.tick(moves...))
	require.Len(t, f.after(0, 500), 500)
	require.Greater(t, len(f.records(spaceBatches)), 2)
	for _, rec := range f.records(spaceBatches) {
		require.Less(t, len(rec.Value), logRecordBytes)
	}
}

func TestAppendRefusesWhatWouldBeWrongForGood(t *testing.T) {
	f := newLogFixture(t, 2)
	f.append(f.tick(in("vip", f.ids[0])))
	good := f.tick(in("vip", f.ids[1]))
	tests := []struct {
		name  string
		ticks func() []tick
	}{
		{"before the log", func() []tick { return []tick{{at: good.at - 1}} }},
		{"before the tick before", func() []tick { return []tick{{at: good.at + 1}, {at: good.at}} }},
		{"beyond all time", func() []tick { return []tick{{at: audience.Micros(audience.MaxInstant()) + 1}} }},
		{"name", func() []tick { return []tick{{at: good.at, moves: []move{in("a/b", 1)}}} }},
		{"nobody", func() []tick { return []tick{{at: good.at, moves: []move{in("a", 0)}}} }},
		{"no cause", func() []tick { return []tick{{at: good.at, moves: []move{{segment: "a", contact: 1}}}} }},
		{"twice", func() []tick { return []tick{{at: good.at, moves: []move{in("a", 1), out("a", 1)}}} }},
		{"segments out of order", func() []tick { return []tick{{at: good.at, moves: []move{in("b", 1), in("a", 2)}}} }},
		{"contacts out of order", func() []tick { return []tick{{at: good.at, moves: []move{in("a", 2), in("a", 1)}}} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, f.log.appendTicks(t.Context(), append([]tick{good}, tt.ticks()...)), audience.ErrInvalid)
			require.Equal(t, uint64(1), f.stand().number)
		})
	}
}

func TestLogNeedsRoomForItsRecords(t *testing.T) {
	for name, limits := range map[string]audience.Limits{"values": {RecordBytes: 1_000}, "keys": {KeyBytes: 100}} {
		t.Run(name, func(t *testing.T) {
			f := newLogFixture(t, 0)
			aud, err := store.Open(t.Context(), f.adapter, "small", store.Options{Limits: limits})
			require.NoError(t, err)
			_, err = newTransitionLog(aud)
			require.ErrorIs(t, err, audience.ErrLimit)
		})
	}
}

// A holder that stood still while its lease ended and another one took over
// still believes that it may write.
func TestStaleHolderWritesNothing(t *testing.T) {
	f := newLogFixture(t, 3)
	a, b := f.log, f.open()
	f.append(f.tick(in("vip", f.ids[0])))

	until, err := b.acquire(t.Context(), logTTL)
	require.ErrorIs(t, err, audience.ErrConflict)
	require.Equal(t, f.at().Add(logTTL), until, "when to try again")
	f.later(logTTL - time.Microsecond)
	_, err = b.acquire(t.Context(), logTTL)
	require.ErrorIs(t, err, audience.ErrConflict)
	require.ErrorIs(t, b.appendTicks(t.Context(), []tick{f.tick(in("vip", f.ids[1]))}), audience.ErrConflict)
	f.later(time.Microsecond)
	f.acquire(b)

	before := len(f.records(spaceMoves))
	for _, tt := range []struct {
		name  string
		write func() error
	}{
		{"append", func() error { return a.appendTicks(t.Context(), []tick{f.tick(in("vip", f.ids[1]))}) }},
		{"renew", func() error { return second(a.renew(t.Context())) }},
		{"forget", func() error { return a.forget(t.Context(), []audience.ContactID{1}) }},
		{"trim", func() error { return a.trim(t.Context(), 2) }},
		{"release", func() error { return a.release(t.Context()) }},
		{"acquire", func() error { return second(a.acquire(t.Context(), logTTL)) }},
	} {
		err := tt.write()
		require.ErrorIs(t, err, audience.ErrConflict, tt.name)
		if tt.name != "acquire" {
			require.ErrorContains(t, err, "taken over", tt.name)
		}
	}
	h := f.head()
	require.Equal(t, uint64(2), h.Fence)
	require.Equal(t, b.holder, h.Holder)
	require.Len(t, f.records(spaceMoves), before)
	require.Equal(t, uint64(1), f.stand().number)

	require.NoError(t, b.appendTicks(t.Context(), []tick{f.tick(in("vip", f.ids[2]))}))
	require.Equal(t, uint64(2), f.stand().number)
	require.NoError(t, b.release(t.Context()))
	require.NoError(t, b.release(t.Context()), "nothing to give back")
	require.ErrorIs(t, b.appendTicks(t.Context(), []tick{f.tick()}), audience.ErrConflict)
	require.ErrorIs(t, b.maintain(t.Context()), audience.ErrConflict)
	f.acquire(a)
	f.append(f.tick(in("vip", f.ids[1])))
	require.Equal(t, []uint32{f.ids[0], f.ids[1], f.ids[2]}, f.members("vip", f.at()))
}

func TestLeaseThatExpiredStandsUntilItIsTaken(t *testing.T) {
	f := newLogFixture(t, 1)
	f.later(time.Hour)
	f.append(f.tick(in("vip", f.ids[0])))
	_, err := f.open().acquire(t.Context(), time.Hour)
	require.ErrorIs(t, err, audience.ErrConflict, "writing renews it")
	f.later(logTTL)
	until, err := f.log.renew(t.Context())
	require.NoError(t, err)
	require.Equal(t, f.at().Add(logTTL), until)
}

// A connection that breaks at the wrong moment leaves the writer not knowing.
func TestCommitWithoutAcknowledgement(t *testing.T) {
	f := newLogFixture(t, 2)
	ticks := []tick{f.tick(in("vip", f.ids[0]))}
	f.failing(func(int) (error, bool) { return errFlaky, true }, func() {
		require.ErrorIs(t, f.log.appendTicks(t.Context(), ticks), errFlaky)
	})
	require.ErrorContains(t, f.log.appendTicks(t.Context(), ticks), "moved on", "not twice")
	f.acquire(f.log)
	s := f.stand()
	require.Equal(t, uint64(1), s.number)
	require.Equal(t, ticks[0].position, s.position, "so the writer knows that it was written")
	f.append(f.tick(in("vip", f.ids[1])))
	require.Len(t, f.after(0, 10), 2)
}

func TestAppendIsAllOrNothing(t *testing.T) {
	f := newLogFixture(t, 2)
	f.failing(func(int) (error, bool) { return errFlaky, false }, func() {
		require.ErrorIs(t, f.log.appendTicks(t.Context(), []tick{f.tick(in("vip", f.ids[0]))}), errFlaky)
	})
	require.Zero(t, f.stand().number)
	f.append(f.tick(in("vip", f.ids[1])))
	require.Len(t, f.after(0, 10), 1)
}

func TestNewerFormatsAreRefused(t *testing.T) {
	for _, space := range []string{spaceState, spaceBatches, spaceMoves, spaceFrames, spacePages, spaceFollowers} {
		t.Run(space, func(t *testing.T) {
			f := newLogFixture(t, 1)
			f.log.frameEvery = 1
			f.append(f.tick(in("vip", f.ids[0])))
			require.NoError(t, f.log.maintain(t.Context()))
			f.append(f.tick(out("vip", f.ids[0])))
			stop := errors.New("stop")
			follow := func() error {
				return f.log.follow(t.Context(), "x", FollowOptions{FromStart: true}, func(context.Context, []Transition) error { return stop })
			}
			require.ErrorIs(t, follow(), stop)
			f.update(func(tx *store.Tx) error {
				for _, rec := range f.records(space) {
					if rec.Value[0] == '{' {
						rec.Value = []byte(strings.Replace(string(rec.Value), `"v":1`, `"v":2`, 1))
					} else {
						rec.Value[0] = 2
					}
					if _, err := tx.SaveRecord(t.Context(), rec); err != nil {
						return err
					}
				}
				return nil
			})
			_, now := f.log.membersNow(t.Context(), "vip")
			_, all := f.log.foldAll(t.Context())
			require.ErrorIs(t, errors.Join(now, all, follow()), audience.ErrUnsupported)
		})
	}
}
