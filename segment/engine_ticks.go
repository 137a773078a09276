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
	moves int // in the queue
	base  int // of them, those of a restart, which no limit forbids
	limit int // of moves, 0: maxQueuedMoves

	// missed says that erasures may not be in the ticks that cover them.
	missed bool

	// gap is set when the queue does not say how the members became what they
	// are, as of the tick gapAt: the log continues with the difference. That is
	// when it had to be forgotten, and when another engine applied segments: they
	// came into force there earlier than here.
	gap   bool
	gapAt tick
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
	if t.moves-t.base > cmp.Or(t.limit, maxQueuedMoves) {
		t.forget(n)
	}
}

// forget empties the queue and notes what it does not tell any more.
func (t *ticks) forget(n tick) {
	t.queue, t.moves, t.base = nil, 0, 0
	t.lose(n)
}

// restart begins the queue with what leads the log on from where it stands,
// however much that is. missed says that it may cover erasures.
func (t *ticks) restart(n tick, missed bool) {
	*t = ticks{queue: []tick{n}, limit: t.limit, missed: t.missed || missed}
	t.moves = len(n.moves) + len(n.erased)
	t.base = t.moves
}

// erase has the last ticks in which contacts left anything cover their
// erasure. Of those who never left, nothing is known outside.
func (t *ticks) erase(contacts map[uint32]bool) {
	for i := len(t.queue) - 1; i >= 0 && len(contacts) > 0; i-- {
		n := &t.queue[i]
		for _, m := range n.moves {
			if !m.entered && contacts[m.contact] {
				delete(contacts, m.contact)
				n.erased = append(n.erased, m.contact)
				t.moves++
			}
		}
	}
}

// lose notes that the queue does not tell how the members became what they are
// after a tick.
func (t *ticks) lose(n tick) { t.gap, t.gapAt = true, tick{at: n.at, position: n.position} }

// regain ends the gap when the log is behind it.
func (t *ticks) regain(stand logStand) {
	if t.gap && t.gapAt.isIn(stand) {
		t.gap, t.gapAt = false, tick{}
	}
}

// drop forgets the first n, which are in the log now.
func (t *ticks) drop(n int) {
	for _, done := range t.queue[:n] {
		t.moves -= len(done.moves) + len(done.erased)
	}
	if n > 0 {
		t.base = 0
	}
	t.queue = slices.Delete(t.queue, 0, n)
	if len(t.queue) == 0 {
		t.queue = nil
	}
}

// relation compares where a tick is in the feed with where the log stands:
// below 0 when the log is further, 0 when it is there.
func (n *tick) relation(stand logStand) int {
	own, _ := n.position.Numbers(n.position.Incarnation())
	logged, err := stand.position.Numbers(n.position.Incarnation())
	if err != nil || len(own) != len(logged) {
		return 1 // of another life of the store, or before the first commit
	}
	relation := 0
	for i := range own { // one per shard, none goes back along the feed
		switch {
		case own[i] > logged[i]:
			return 1
		case own[i] < logged[i]:
			relation = -1
		}
	}
	return relation
}

// written gives how many ticks the log has for certain. Positions tell, since
// one commit may be dated differently by two engines: by the clock of each, if
// that was further already. Ticks of the log's position and instant may be in
// it or not.
func (t *ticks) written(stand logStand) int {
	n := 0
	for n < len(t.queue) && t.queue[n].isIn(stand) {
		n++
	}
	return n
}

// isIn reports whether the log has a tick for certain.
func (n *tick) isIn(stand logStand) bool {
	r := n.relation(stand)
	return r < 0 || r == 0 && n.at < stand.at
}

// places gives after how many ticks of the queue the log may stand, the
// likeliest first.
func (t *ticks) places(stand logStand) []int {
	const most = 16
	first := t.written(stand)
	end := first
	for end < len(t.queue) && t.queue[end].relation(stand) == 0 && t.queue[end].at == stand.at {
		end++
	}
	out := []int{end}
	for i := first; i < end && len(out) < most; i++ {
		out = append(out, i)
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
