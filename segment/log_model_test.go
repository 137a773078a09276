package segment

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// logModel is the log as anybody would write it.
type logModel struct {
	*logFixture
	r      *rand.Rand
	all    []Transition // as written
	erased map[uint32]bool
	first  uint64   // the first that is kept
	untold []uint32 // erased, and no tick has said so yet
	ends   []uint64 // of batches, ascending
	gone   map[uint32]bool
}

// kept gives what can be read.
func (m *logModel) kept() (out []Transition) {
	for _, t := range m.all {
		if t.Number >= m.first && !m.erased[uint32(t.Contact)] {
			out = append(out, t)
		}
	}
	return out
}

func (m *logModel) membersAt(segment string, at time.Time) []uint32 {
	set := map[uint32]bool{}
	for _, t := range m.all {
		if t.Segment == segment && !t.At.After(at) {
			set[uint32(t.Contact)] = t.Entered
		}
	}
	var out []uint32
	for id, in := range set {
		if in && !m.erased[id] {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (m *logModel) pick() uint32 { return m.ids[m.r.IntN(len(m.ids))] }

// randomTicks makes ticks of random moves; some of them change nothing, as
// when what came before was erased.
func (m *logModel) randomTicks() {
	var ticks []tick
	number := m.stand().number
	batch := false
	for range 1 + m.r.IntN(3) {
		if m.r.IntN(4) > 0 {
			m.later(time.Duration(m.r.IntN(30)) * time.Hour)
		}
		seen := map[move]bool{}
		var moves []move
		for range m.r.IntN(6) {
			mv := in([]string{"a", "b", "c"}[m.r.IntN(3)], m.pick())
			if seen[mv] || m.gone[mv.contact] {
				continue
			}
			seen[mv] = true
			mv.entered = m.r.IntN(2) == 0
			moves = append(moves, mv)
		}
		tk := m.tick(moves...)
		if m.r.IntN(3) == 0 {
			tk.erased, m.untold = m.untold, nil
		}
		ticks = append(ticks, tk)
	}
	m.append(ticks...)
	for _, tk := range ticks {
		for _, mv := range tk.moves {
			if slices.ContainsFunc(ticks, func(tk tick) bool { return slices.Contains(tk.erased, mv.contact) }) {
				continue
			}
			number++
			batch = true
			m.all = append(m.all, Transition{
				Number: number, Segment: mv.segment, Contact: audience.ContactID(mv.contact),
				Entered: mv.entered, At: audience.FromMicros(tk.at), Causes: mv.causes,
			})
		}
	}
	if batch {
		m.ends = append(m.ends, number)
	}
}

func (m *logModel) step() {
	switch k := m.r.IntN(20); {
	case k < 10:
		m.randomTicks()
	case k == 10:
		if id := m.pick(); !m.gone[id] {
			m.erase(id)
			m.gone[id], m.erased[id] = true, true
			m.untold = append(m.untold, id)
		}
	case k == 11:
		if id := m.pick(); !m.gone[id] {
			m.delete(id)
			m.gone[id] = true
		}
	case k == 12: // who was deleted is erased later
		if id := m.pick(); m.gone[id] && !m.erased[id] {
			m.erase(id)
			m.erased[id] = true
			m.untold = append(m.untold, id)
		}
	case k == 13: // written of the erased before their erasure is known
		if len(m.untold) > 0 {
			id := m.untold[0]
			m.append(m.tick(in("a", id)))
			m.untold = m.untold[1:]
			tk := m.tick()
			tk.erased = []uint32{id}
			m.append(tk)
			number := m.stand().number
			m.all = append(m.all, Transition{Number: number, Segment: "a", Contact: audience.ContactID(id), At: m.at()})
			m.ends = append(m.ends, number)
		}
	case k == 14:
		before := m.r.Uint64N(uint64(len(m.all)) + 2)
		require.NoError(m.t, m.log.trim(m.t.Context(), before))
		for _, end := range m.ends {
			if end < before {
				m.first = max(m.first, end+1)
			}
		}
		require.Equal(m.t, m.first, m.stand().first)
	case k == 15: // another process takes over
		m.later(2 * logTTL)
		m.log = m.open()
		m.log.frameEvery, m.log.frames = 7, 3
		m.acquire(m.log)
	case k == 16: // at some point it ends
		at := 1 + m.r.IntN(5)
		m.failing(func(update int) (error, bool) {
			if update >= at {
				return errFlaky, false
			}
			return nil, false
		}, func() { _ = m.log.maintain(m.t.Context()) })
		m.acquire(m.log)
	default:
		require.NoError(m.t, m.log.maintain(m.t.Context()))
	}
}

func (m *logModel) check() {
	ctx := m.t.Context()
	kept := m.kept()
	number := m.first - 1 + m.r.Uint64N(uint64(len(m.all))+2-m.first+1)
	limit := 1 + m.r.IntN(10)
	var want []Transition
	for _, t := range kept {
		if t.Number > number && len(want) < limit {
			want = append(want, t)
		}
	}
	require.Equal(m.t, want, m.after(number, limit))

	at := m.at().Add(time.Duration(m.r.IntN(3)-1) * time.Microsecond)
	if len(m.all) > 0 {
		at = m.all[m.r.IntN(len(m.all))].At.Add(time.Duration(m.r.IntN(3)-1) * time.Microsecond)
	}
	for _, segment := range []string{"a", "b", "c"} {
		got, err := m.log.membersAt(ctx, segment, at)
		if m.first > 1 && at.Before(m.all[m.first-2].At) {
			require.ErrorIs(m.t, err, audience.ErrPositionGone)
			continue
		}
		require.NoError(m.t, err)
		require.Equal(m.t, m.membersAt(segment, at), slices.Collect(got.ids.All()), "%s at %s", segment, at)

		to := at.Add(time.Duration(m.r.IntN(100)) * time.Hour)
		g, err := m.log.growth(ctx, segment, at, to)
		require.NoError(m.t, err)
		require.Equal(m.t, g.MembersTo-g.MembersFrom, g.Entered-g.Left)
		require.Len(m.t, m.membersAt(segment, at), g.MembersFrom)
		require.Len(m.t, m.membersAt(segment, to), g.MembersTo)
	}
	sets, err := m.log.foldAll(ctx)
	require.NoError(m.t, err)
	for _, segment := range []string{"a", "b", "c"} {
		require.Equal(m.t, m.membersAt(segment, audience.MaxInstant()), slices.Collect(sets[segment].All()))
	}
}

func TestLogIsItsModel(t *testing.T) {
	for seed := range uint64(20) {
		f := newLogFixture(t, 12)
		f.log.frameEvery, f.log.frames = 7, 3
		m := &logModel{logFixture: f, r: rand.New(rand.NewPCG(seed, 3)), erased: map[uint32]bool{}, gone: map[uint32]bool{}, first: 1}
		var delivered []uint64
		for range 80 {
			m.step()
			m.check()
		}
		// In the end everything that may be forgotten is.
		tk := m.tick()
		tk.erased = m.untold
		m.append(tk)
		require.NoError(t, m.log.maintain(t.Context()))
		for id := range m.erased {
			require.Empty(t, m.heldInPages(id))
		}
		require.Empty(t, m.records(spaceForget))
		kept := numbersOf(m.kept())
		if len(kept) == 0 {
			continue
		}
		err := m.log.follow(t.Context(), "mail", FollowOptions{FromStart: true, Batch: 5}, func(_ context.Context, moves []Transition) error {
			if delivered = append(delivered, numbersOf(moves)...); delivered[len(delivered)-1] == kept[len(kept)-1] {
				return errStop
			}
			return nil
		})
		require.ErrorIs(t, err, errStop)
		require.Equal(t, kept, delivered)
	}
}
