package segment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestGrowth(t *testing.T) {
	f := newLogFixture(t, 4)
	ann, bea, eve, joe := f.ids[0], f.ids[1], f.ids[2], f.ids[3]
	start := f.at()
	f.append(f.tick(in("vip", ann), in("vip", bea), in("vip", joe), in("other", ann)))
	f.later(time.Hour)
	f.append(f.tick(out("vip", ann), in("vip", eve)))
	f.later(time.Hour)
	f.append(f.tick(in("vip", ann)))
	f.later(time.Hour)
	f.append(f.tick(out("vip", ann), out("vip", bea), out("other", ann)))

	growth := func(from, to time.Time) Growth {
		g, err := f.log.growth(t.Context(), "vip", from, to)
		require.NoError(t, err)
		return g
	}
	g := growth(start, f.at())
	require.Equal(t, Growth{From: start, To: f.at(), MembersFrom: 3, MembersTo: 2, Entered: 2, Left: 3}, g)
	require.InDelta(t, 1, g.Churn(), 0)
	require.Equal(t, Growth{From: start.Add(-1000), To: start, MembersTo: 3, Entered: 3}, growth(start.Add(-1000), start))
	require.Zero(t, growth(start.Add(-1000), start).Churn())
	require.Equal(t, Growth{From: start, To: start, MembersFrom: 3, MembersTo: 3}, growth(start, start))
	require.Equal(t, 2, growth(start, audience.MaxInstant()).MembersTo)

	f.erase(joe)
	require.Equal(t, Growth{From: start, To: f.at(), MembersFrom: 2, MembersTo: 1, Entered: 2, Left: 3}, growth(start, f.at()))

	for name, err := range map[string]error{
		"backwards": second(f.log.growth(t.Context(), "vip", f.at(), start)),
		"name":      second(f.log.growth(t.Context(), "no name", start, start)),
		"days":      second(f.log.growthByDay(t.Context(), "other", 10, 9)),
		"too many":  second(f.log.growthByDay(t.Context(), "vip", 0, maxGrowthDays)),
		"the end":   second(f.log.growthByDay(t.Context(), "vip", 1<<31-2, 1<<31-1)),
		"all days":  second(f.log.growthByDay(t.Context(), "vip", -1<<31, 1<<31-1)),
	} {
		require.ErrorIs(t, err, audience.ErrInvalid, name)
	}
}

func second[T any](_ T, err error) error { return err }

// The days are those of the audience's zone: the one on which its clocks are
// put forward has 23 hours.
func TestGrowthByDay(t *testing.T) {
	f := newLogFixture(t, 4)
	berlin := f.aud.Zone()
	move := func(at time.Time, moves ...move) {
		f.now.Store(audience.Micros(at))
		f.append(f.tick(moves...))
	}
	move(time.Date(2026, 3, 28, 23, 59, 59, 999_999_000, berlin), in("vip", f.ids[0]))
	move(time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), in("vip", f.ids[1]), in("vip", f.ids[2]))
	move(time.Date(2026, 3, 29, 23, 59, 59, 0, berlin), out("vip", f.ids[0]), in("vip", f.ids[3]))
	move(time.Date(2026, 3, 30, 0, 0, 0, 0, berlin), out("vip", f.ids[1]))

	first, err := audience.NewDate(2026, 3, 27)
	require.NoError(t, err)
	points, err := f.log.growthByDay(t.Context(), "vip", first, first+4)
	require.NoError(t, err)
	require.Equal(t, []GrowthPoint{
		{Day: first},
		{Day: first + 1, Members: 1, Entered: 1},
		{Day: first + 2, Members: 3, Entered: 3, Left: 1},
		{Day: first + 3, Members: 2, Left: 1},
		{Day: first + 4, Members: 2},
	}, points)
}
