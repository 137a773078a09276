package segment

import (
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/store"
)

// encode writes ticks, so that decodeTicks makes them again.
func (t *ticks) encode(e *checkpoint.Encoder) {
	names := map[string]uint64{}
	var position store.Position
	e.Bool(t.gap)
	e.Uint(uint64(len(t.queue)))
	for i := range t.queue {
		n := &t.queue[i]
		e.Int(n.at)
		e.Bool(n.position != position)
		if n.position != position {
			position = n.position
			e.Text(position.String())
		}
		e.Uint(uint64(len(n.moves)))
		for _, m := range n.moves {
			name, known := names[m.segment]
			if !known {
				name = uint64(len(names))
				names[m.segment] = name
			}
			e.Uint(name)
			if !known {
				e.Text(m.segment)
			}
			e.Uint(uint64(m.contact))
			e.Bool(m.entered)
			e.Uint(uint64(m.causes))
		}
		e.Uint(uint64(len(n.erased)))
		for _, id := range n.erased {
			e.Uint(uint64(id))
		}
	}
}

// decodeTicks reads what encode wrote. What does not fit is the decoder's
// error.
func decodeTicks(d *checkpoint.Decoder) (t ticks) {
	const nameMost, positionMost = 1 << 16, 1 << 17
	var names []string
	var position store.Position
	t.gap = d.Bool()
	for range d.Uint(math.MaxUint32) {
		n := tick{at: d.Int()}
		if d.Bool() {
			var err error
			if position, err = store.ParsePosition(d.Text(positionMost)); err != nil {
				d.Fail("no position")
			}
		}
		n.position = position
		for range d.Uint(maxQueuedMoves) {
			m := move{}
			k := d.Uint(uint64(len(names)))
			if d.OK() && int(k) == len(names) {
				names = append(names, d.Text(nameMost))
			}
			if !d.OK() {
				return t
			}
			m.segment = names[k]
			m.contact, m.entered, m.causes = uint32(d.Uint(math.MaxUint32)), d.Bool(), Causes(d.Uint(uint64(causesAll)))
			n.moves = append(n.moves, m)
		}
		for range d.Uint(maxQueuedMoves) {
			if !d.OK() {
				return t
			}
			n.erased = append(n.erased, uint32(d.Uint(math.MaxUint32)))
		}
		if d.OK() && (len(t.queue) > 0 && n.at < t.queue[len(t.queue)-1].at || n.at > audience.Micros(audience.MaxInstant())) {
			d.Fail("ticks out of order")
		}
		if !d.OK() {
			return t
		}
		t.queue = append(t.queue, n)
		t.moves += len(n.moves) + len(n.erased)
	}
	return t
}
