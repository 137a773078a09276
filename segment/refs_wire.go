package segment

import (
	"math"

	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// encode writes what contacts are found by. Who was merged is in the columns.
func (x *refIndex) encode(e *checkpoint.Encoder) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e.Uint(uint64(len(x.names)))
	for id, n := range x.names {
		e.Uint(uint64(id))
		for _, texts := range [][]string{n.keys, n.addresses} {
			e.Uint(uint64(len(texts)))
			for _, s := range texts {
				e.Text(s)
			}
		}
	}
}

// decode reads what encode wrote into an index that is empty. What does not
// fit is the decoder's error.
func (x *refIndex) decode(d *checkpoint.Decoder, table *columns.Table) {
	x.loadMerges(table)
	count := d.Uint(math.MaxUint32)
	room := int(min(count, uint64(table.Len())))
	x.names, x.byKey = make(map[uint32]refNames, room), make(map[string]uint32, room)
	if x.kinds == RefAddresses {
		x.byAdr = make(map[string]uint32, room)
	}
	for range count {
		id := uint32(d.Uint(math.MaxUint32))
		n := refNames{keys: decodeNames(d, id, x.byKey), addresses: decodeNames(d, id, x.byAdr)}
		if !d.OK() {
			return
		}
		x.names[id] = n
	}
}

func decodeNames(d *checkpoint.Decoder, id uint32, into map[string]uint32) (names []string) {
	const most = 1 << 16 // bytes of one
	for range d.Uint(math.MaxUint32) {
		name := d.Text(most)
		if !d.OK() {
			return nil
		}
		names = append(names, name)
		into[name] = id
	}
	return names
}
