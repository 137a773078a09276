package columns

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// Encode writes the whole table, so that [Decode] makes it again. pause is
// called between pages, where the caller may let others read, and drafts pin
// texts; nothing else of the table may change before the end. It must not be
// doubtful.
func (t *Table) Encode(e *checkpoint.Encoder, pause func()) {
	for _, v := range []any{t.schema, t.needs} {
		text, _ := json.Marshal(v) // of plain values, which never fails
		e.Text(string(text))
	}
	t.presence.encode(e)
	t.lineages.encode(e)
	for _, d := range []*dictionary{&t.texts, &t.sets} {
		d.encode(e, pause)
	}
	for _, c := range t.builtins {
		encodeColumn(e, c.ints, (*checkpoint.Encoder).Int64s, pause)
		encodeColumn(e, c.codes, (*checkpoint.Encoder).Uint32s, pause)
	}
	for _, f := range t.fields {
		encodeColumn(e, f.ints, (*checkpoint.Encoder).Int64s, pause)
		encodeColumn(e, f.floats, (*checkpoint.Encoder).Float64s, pause)
		encodeColumn(e, f.codes, (*checkpoint.Encoder).Uint32s, pause)
	}
	for _, c := range t.items {
		encodeNamed(e, c.items, pause)
	}
	encodeNamed(e, t.tags, pause)
	encodeColumn(e, t.tagSets, (*checkpoint.Encoder).Uint32s, pause)
	for _, s := range t.streams {
		s.encode(e, pause)
	}
	for _, l := range t.lists {
		l.on.encode(e)
		e.Uint(uint64(len(l.origins)))
		for _, id := range slices.Sorted(maps.Keys(l.origins)) {
			e.Uint(uint64(id))
		}
		pause()
	}
	if t.ledger != nil {
		t.ledger.encode(e, pause)
	}
	encodeColumn(e, t.suppressed, (*checkpoint.Encoder).Int64s, pause)
}

// encodeWords writes the words of a page up to the last that is not 0.
func encodeWords(e *checkpoint.Encoder, words []uint64) {
	n := len(words)
	for n > 0 && words[n-1] == 0 {
		n--
	}
	e.Uint(uint64(n))
	e.Uint64s(words[:n])
}

func (p *Presence) encode(e *checkpoint.Encoder) {
	e.Uint(uint64(len(p.pages)))
	for _, page := range p.pages {
		if page == nil {
			e.Uint(0)
			continue
		}
		encodeWords(e, page[:])
	}
}

func encodeNamed(e *checkpoint.Encoder, in []namedPresence, pause func()) {
	for _, p := range in {
		p.in.encode(e)
		pause()
	}
}

func (l *lineages) encode(e *checkpoint.Encoder) {
	e.Uint(uint64(len(l.merges)))
	for _, winner := range slices.Sorted(maps.Keys(l.merges)) {
		e.Uint(uint64(winner))
		e.Uint(uint64(len(l.merges[winner])))
		for _, m := range l.merges[winner] {
			e.Uint(uint64(m.loser))
			e.Int(m.at)
			e.Uint(m.seq)
			e.Bool(m.hidden)
		}
	}
}

// encode writes the texts in order of their numbers. How many hold one is
// counted when the columns are read.
func (d *dictionary) encode(e *checkpoint.Encoder, pause func()) {
	n := len(d.entries)
	e.Uint(uint64(max(n, 1) - 1))
	for code := 1; code < n; code++ {
		if code%pageSize == 0 {
			pause()
		}
		held := d.entries[code].refs > 0
		e.Bool(held)
		if held {
			e.Text(d.entries[code].text)
		}
	}
	pause()
}

// encodeColumn writes a column, which may be nil: the bitmap of each page, and
// the values that there are.
func encodeColumn[T comparable](e *checkpoint.Encoder, c *Column[T], put func(*checkpoint.Encoder, []T), pause func()) {
	if c == nil {
		return
	}
	e.Uint(uint64(len(c.pages)))
	packed := make([]T, 0, pageSize)
	for i := range c.pages {
		p := c.pages[i]
		if p == nil {
			e.Uint(0)
			continue
		}
		encodeWords(e, p.known[:])
		packed = packed[:0]
		for low := range ones(p.known[:]) {
			packed = append(packed, p.values[low])
		}
		put(e, packed)
		pause()
	}
}

func (s *Stream) encode(e *checkpoint.Encoder, pause func()) {
	e.Uint(uint64(len(s.pages)))
	for i := range s.pages {
		p := s.pages[i]
		if p == nil {
			e.Uint(0)
			continue
		}
		p.encode(e)
		p.eachBlock(func(from, to uint32) { e.Int64s(p.times[from:to]) })
		for k := range p.props {
			r := &p.props[k]
			switch {
			case r.floats != nil:
				p.eachBlock(func(from, to uint32) { e.Float64s(r.floats[from:to]) })
			case r.ints != nil:
				p.eachBlock(func(from, to uint32) { e.Int64s(r.ints[from:to]) })
				p.eachBlock(func(from, to uint32) { e.Bools(r.known[from:to]) })
			case r.codes != nil:
				p.eachBlock(func(from, to uint32) { e.Uint32s(r.codes[from:to]) })
			}
		}
		if p.named {
			p.eachBlock(func(from, to uint32) {
				for _, id := range p.ids[from:to] {
					e.Text(s.ids.texts[id])
				}
			})
		}
		pause()
	}
	e.Uint(uint64(len(s.origins)))
	for _, id := range slices.Sorted(maps.Keys(s.origins)) {
		e.Uint(uint64(id))
		e.Uint(uint64(len(s.origins[id])))
		e.Uint32s(s.origins[id])
	}
}

// encode writes how many rows each contact of a page has.
func (b *blocks) encode(e *checkpoint.Encoder) {
	n := len(b.lens)
	for n > 0 && b.lens[n-1] == 0 {
		n--
	}
	e.Uint(uint64(n))
	for _, rows := range b.lens[:n] {
		e.Uint(uint64(rows))
	}
}

// eachBlock visits where the rows of each contact are.
func (b *blocks) eachBlock(visit func(from, to uint32)) {
	for low, n := range b.lens {
		if n > 0 {
			visit(b.starts[low], b.starts[low]+n)
		}
	}
}

func (l *ledger) encode(e *checkpoint.Encoder, pause func()) {
	e.Uint(uint64(len(l.scopes)))
	for _, s := range l.scopes {
		for _, part := range []string{s.Channel, s.Purpose, s.List} {
			e.Text(part)
		}
	}
	e.Uint(uint64(len(l.pages)))
	for i := range l.pages {
		p := l.pages[i]
		if p == nil {
			e.Uint(0)
			continue
		}
		p.encode(e)
		p.eachBlock(func(from, to uint32) {
			for _, r := range p.records[from:to] {
				e.Int64s([]int64{r.acted, r.expires})
				e.Uint32s([]uint32{r.seq, r.what})
			}
		})
		pause()
	}
}
