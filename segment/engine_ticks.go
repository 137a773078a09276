package segment

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// ticks are those that are not in the log yet, in order.
type ticks struct {
	queue []tick
	moves int  // in the queue
	gap   bool // the queue had to be forgotten: the log continues with the difference
}

// maxQueuedMoves bounds the queue of an engine that nobody lets write: some 40
// MB.
const maxQueuedMoves = 1_000_000

func (t *ticks) add(n tick) {
	if len(n.moves) == 0 && len(n.erased) == 0 {
		if k := len(t.queue); k > 0 && len(t.queue[k-1].moves) == 0 && len(t.queue[k-1].erased) == 0 {
			t.queue[k-1] = n // only where it stands matters
			return
		}
	}
	t.queue = append(t.queue, n)
	t.moves += len(n.moves) + len(n.erased)
	if t.moves > maxQueuedMoves {
		t.queue, t.moves, t.gap = nil, 0, true
	}
}

// drop forgets the first n, which are in the log now.
func (t *ticks) drop(n int) {
	for _, done := range t.queue[:n] {
		t.moves -= len(done.moves) + len(done.erased)
	}
	t.queue = slices.Delete(t.queue, 0, n)
	if len(t.queue) == 0 {
		t.queue = nil
	}
}

// after gives how many ticks are before an instant.
func (t *ticks) after(at int64) int {
	n := 0
	for n < len(t.queue) && t.queue[n].at < at {
		n++
	}
	return n
}

// places gives after how many ticks of the queue the log may stand, the
// likeliest first. Commits are told by their positions: a commit that is
// applied again, by an engine that started from a checkpoint, may be dated
// before the tick of it in the log, which was dated by a clock that was
// further. Where no position tells, such as when the log was written by an
// engine that let other deadlines happen between the same commits, the instant
// does.
func (t *ticks) places(stand logStand) (out []int) {
	const most = 16 // of one instant
	first, known := 0, false
	for i := range t.queue {
		if n := &t.queue[i]; n.position == stand.position {
			if !known {
				first, known = i, true
			}
			if n.at <= stand.at {
				first = i + 1
			}
		}
	}
	if known {
		out = append(out, first)
	}
	for i := t.after(stand.at); i <= len(t.queue) && len(out) < most; i++ {
		if !known || i != first {
			out = append(out, i)
		}
		if i < len(t.queue) && t.queue[i].at > stand.at {
			break
		}
	}
	return out
}

// leavesErased appends what contacts leave by their erasure in the ticks after
// the first ones: the log says it, and nothing else of them.
func (t *ticks) leavesErased(first int, into []move) []move {
	for _, n := range t.queue[first:] {
		for _, m := range n.moves {
			if !m.entered && slices.Contains(n.erased, m.contact) {
				into = append(into, m)
			}
		}
	}
	return into
}

// notBefore dates no tick before an instant.
func (t *ticks) notBefore(at int64) {
	for i := range t.queue {
		t.queue[i].at = max(t.queue[i].at, at)
	}
}

// differences gives what segments gain and lose from one core to the next, in
// order of segment and contact.
func differences(from, to *live.Core) []move {
	sets := map[string][2]*bitset.Frozen{}
	for i, core := range []*live.Core{from, to} {
		for _, s := range core.Segments() {
			pair := sets[s.Name()]
			pair[i] = s.Freeze()
			sets[s.Name()] = pair
		}
	}
	var out []move
	for name, pair := range sets {
		for i := range pair {
			if pair[i] == nil {
				pair[i] = &bitset.Frozen{}
			}
		}
		out = differ(out, name, pair[0], pair[1], CauseRebuild)
	}
	sortMoves(out)
	return out
}

func sortMoves(moves []move) {
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.contact, b.contact))
	})
}

// differ appends what a segment gains and loses.
func differ(out []move, name string, from, to *bitset.Frozen, causes Causes) []move {
	var before, after bitset.Words
	for page := range max(from.Pages(), to.Pages()) {
		old, now := from.Page(page, &before), to.Page(page, &after)
		for i := range bitset.PageWords {
			var a, b uint64
			if old != nil {
				a = old[i]
			}
			if now != nil {
				b = now[i]
			}
			for rest := a ^ b; rest != 0; rest &= rest - 1 {
				bit := bits.TrailingZeros64(rest)
				out = append(out, move{
					segment: name, contact: uint32(page<<16 | i<<6 | bit), entered: b&(1<<bit) != 0, causes: causes,
				})
			}
		}
	}
	return out
}
