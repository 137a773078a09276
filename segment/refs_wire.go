package segment

import (
	"math"
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// encode writes what contacts are found by. Who was merged is in the columns.
func (x *refIndex) encode(e *checkpoint.Encoder) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e.Uint(uint64(x.names.count))
	x.names.all(func(id uint32, n refNames) {
		e.Uint(uint64(id))
		for _, texts := range [][]string{n.keys, n.addresses} {
			e.Uint(uint64(len(texts)))
			for _, s := range texts {
				e.Text(s)
			}
		}
	})
}

// savedNames are those of a contact, as they were read.
type savedNames struct {
	id uint32
	refNames
}

// decodeNames reads what encode wrote. What does not fit is the decoder's
// error. It comes in pieces, none of which has to be moved while it grows.
func decodeNames(d *checkpoint.Decoder) (out [][]savedNames) {
	const piece = 1 << 10
	var r nameReader
	for range d.Uint(math.MaxUint32) {
		n := savedNames{id: uint32(d.Uint(math.MaxUint32)), refNames: refNames{keys: r.read(d), addresses: r.read(d)}}
		if !d.OK() {
			return nil
		}
		if k := len(out); k == 0 || len(out[k-1]) == piece {
			out = append(out, make([]savedNames, 0, piece))
		}
		last := &out[len(out)-1]
		*last = append(*last, n)
	}
	return out
}

// nameReader reads names so that neighbours share memory: one by one they would
// cost more to collect than to read.
type nameReader struct {
	texts []string
	bytes []byte
	ends  []int
}

func (r *nameReader) read(d *checkpoint.Decoder) []string {
	const most, together = 1 << 16, 256 // bytes of one, names in one piece of memory
	r.bytes, r.ends = r.bytes[:0], r.ends[:0]
	for range d.Uint(math.MaxUint32) {
		r.bytes = d.AppendText(r.bytes, most)
		if !d.OK() {
			return nil
		}
		r.ends = append(r.ends, len(r.bytes))
	}
	if len(r.ends) == 0 {
		return nil
	}
	if cap(r.texts)-len(r.texts) < len(r.ends) {
		r.texts = make([]string, 0, max(together, len(r.ends)))
	}
	text, from, start := string(r.bytes), 0, len(r.texts)
	for _, end := range r.ends {
		r.texts = append(r.texts, text[from:end])
		from = end
	}
	return slices.Clip(r.texts[start:])
}

// fill makes an index that is empty find contacts by the names that were read.
func (x *refIndex) fill(names [][]savedNames) {
	count := 0
	for _, piece := range names {
		count += len(piece)
	}
	x.byKey = make(map[string]uint32, count)
	if x.kinds == RefAddresses {
		x.byAdr = make(map[string]uint32, count)
	}
	for _, piece := range names {
		for _, n := range piece {
			x.names.set(n.id, n.refNames)
			for _, key := range n.keys {
				x.byKey[key] = n.id
			}
			for _, a := range n.addresses {
				x.byAdr[a] = n.id
			}
		}
	}
}
