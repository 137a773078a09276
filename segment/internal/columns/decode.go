package columns

import (
	"encoding/binary"
	"encoding/json"
	"iter"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

const (
	headMost = 1 << 26 // bytes of a schema, and of needs
	textMost = 1 << 26 // bytes of one text
	pageMost = 1 << (32 - pageBits)
)

// Decode makes the table that [Table.Encode] wrote. The zone has to be the one
// it was made in, rules included. Whatever the bytes are, memory is taken as
// they come; what does not fit is the decoder's error, and the table is of no
// use then.
func Decode(d *checkpoint.Decoder, zone *time.Location) *Table {
	var schema audience.Schema
	var needs Needs
	for _, v := range []any{&schema, &needs} {
		if text := d.Text(headMost); d.OK() && json.Unmarshal([]byte(text), v) != nil {
			d.Fail("no schema")
		}
	}
	t := New(schema, zone, needs)
	t.presence.decode(d)
	t.lineages.decode(d)
	for _, dict := range []*dictionary{&t.texts, &t.sets} {
		dict.decode(d)
	}
	t.decodeContacts(d)
	for _, s := range t.streams {
		s.decode(d)
	}
	for _, l := range t.lists {
		l.on.decode(d)
		for range d.Uint(math.MaxUint32) {
			if !d.OK() {
				break
			}
			l.write(uint32(d.Uint(math.MaxUint32)))
		}
	}
	if t.ledger != nil {
		t.ledger.decode(d)
	}
	decodeColumn(d, t.suppressed, (*checkpoint.Decoder).Int64s)
	if d.OK() {
		t.texts.forgetUnheld()
		t.sets.forgetUnheld()
	}
	return t
}

func (t *Table) decodeContacts(d *checkpoint.Decoder) {
	for b := range t.builtins {
		decodeColumn(d, t.builtins[b].ints, (*checkpoint.Decoder).Int64s)
		t.texts.decodeCodes(d, t.builtins[b].codes)
	}
	for _, f := range t.fields {
		decodeColumn(d, f.ints, (*checkpoint.Decoder).Int64s)
		decodeColumn(d, f.floats, (*checkpoint.Decoder).Float64s)
		if f.typ == audience.TypeStringList {
			t.sets.decodeCodes(d, f.codes)
		} else {
			t.texts.decodeCodes(d, f.codes)
		}
	}
	for _, c := range t.items {
		for _, p := range c.items {
			p.in.decode(d)
		}
	}
	for _, p := range t.tags {
		p.in.decode(d)
	}
	t.sets.decodeCodes(d, t.tagSets)
}

// ones gives the bits that are set.
func ones(words []uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range words {
			for ; word != 0; word &= word - 1 {
				if !yield(w*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// decodeWords reads the words of a page, the rest are 0; nil for a page that
// has none.
func decodeWords(d *checkpoint.Decoder) *[pageWords]uint64 {
	n := int(d.Uint(pageWords))
	if n == 0 {
		return nil
	}
	words := d.Uint64s(make([]uint64, 0, n), n)
	if !d.OK() {
		return nil
	}
	if words[n-1] == 0 {
		d.Fail("a page with words that say nothing")
	}
	page := new([pageWords]uint64)
	copy(page[:], words)
	return page
}

// decodePages reads a number of pages one by one.
func decodePages[P any](d *checkpoint.Decoder, page func() *P) (pages []*P) {
	for range d.Uint(pageMost) {
		if !d.OK() {
			return nil
		}
		pages = append(pages, page())
	}
	return pages
}

func (p *Presence) decode(d *checkpoint.Decoder) {
	p.pages = decodePages(d, func() *[pageWords]uint64 {
		words := decodeWords(d)
		if words != nil {
			for _, w := range words {
				p.count += bits.OnesCount64(w)
			}
		}
		return words
	})
}

func (l *lineages) decode(d *checkpoint.Decoder) {
	for range d.Uint(math.MaxUint32) {
		winner := uint32(d.Uint(math.MaxUint32))
		for range d.Uint(math.MaxUint32) {
			m := merge{loser: uint32(d.Uint(math.MaxUint32)), at: d.Int(), seq: d.Uint(math.MaxUint64), hidden: d.Bool()}
			if !d.OK() {
				return
			}
			if !l.attach(winner, m) {
				d.Fail("a merge that cannot be")
				return
			}
		}
		if !d.OK() {
			return
		}
	}
}

func (x *dictionary) decode(d *checkpoint.Decoder) {
	n := d.Uint(math.MaxUint32)
	for i := uint64(0); i < n && d.OK(); i++ {
		if x.entries == nil {
			x.codes, x.entries = make(map[string]uint32), make([]entry, 1)
		}
		var text string
		if d.Bool() {
			text = d.Text(textMost)
			if _, twice := x.codes[text]; twice {
				d.Fail("a text twice")
				return
			}
			x.codes[text] = uint32(len(x.entries))
			x.bytes += len(text)
		}
		x.entries = append(x.entries, entry{text: text})
	}
}

// use counts one more holder of a number, false when it is nobody's.
func (x *dictionary) use(code uint32) bool {
	if code == 0 || int(code) >= len(x.entries) {
		return false
	}
	e := &x.entries[code]
	if e.refs == 0 {
		if found, ok := x.codes[e.text]; !ok || found != code {
			return false
		}
	}
	e.refs++
	return true
}

func (x *dictionary) forgetUnheld() {
	for code := len(x.entries) - 1; code > 0; code-- {
		e := &x.entries[code]
		if e.refs > 0 {
			continue
		}
		if found, ok := x.codes[e.text]; ok && found == uint32(code) {
			delete(x.codes, e.text)
			x.bytes -= len(e.text)
		}
		*e = entry{}
		x.free = append(x.free, uint32(code))
	}
}

func (x *dictionary) decodeCodes(d *checkpoint.Decoder, c *Column[uint32]) {
	if c == nil {
		return
	}
	decodeColumn(d, c, func(d *checkpoint.Decoder, into []uint32, n int) []uint32 {
		return x.useAll(d, d.Uint32s(into, n), false)
	})
}

// useAll counts the holders of numbers; 0, if it may be, is nobody's.
func (x *dictionary) useAll(d *checkpoint.Decoder, codes []uint32, none bool) []uint32 {
	for _, code := range codes {
		if (code != 0 || !none) && !x.use(code) {
			d.Fail("a number of no text")
			return nil
		}
	}
	return codes
}

// decodeColumn reads a column, which may be nil.
func decodeColumn[T comparable](d *checkpoint.Decoder, c *Column[T], get func(*checkpoint.Decoder, []T, int) []T) {
	if c == nil {
		return
	}
	var packed []T
	c.pages = decodePages(d, func() *columnPage[T] {
		known := decodeWords(d)
		if known == nil {
			return nil
		}
		p := &columnPage[T]{known: *known}
		highest := 0
		for low := range ones(known[:]) {
			p.count++
			highest = low
		}
		if packed = get(d, packed[:0], p.count); !d.OK() {
			return nil
		}
		p.values = reach(p.values, uint32(highest))
		i := 0
		for low := range ones(known[:]) {
			p.values[low] = packed[i]
			i++
		}
		return p
	})
}

// decode reads how many rows each contact of a page has, and lays them out:
// in order, so that packed rows need only to be spread. It gives how many rows
// there are.
func (b *blocks) decode(d *checkpoint.Decoder) (packed int) {
	n := int(d.Uint(pageSize))
	b.lens = d.Uints(nil, n, math.MaxUint32)
	if !d.OK() {
		return 0
	}
	b.starts = make([]uint32, n)
	used := uint64(0)
	for low, rows := range b.lens {
		_, room := roomFor(rows)
		b.starts[low] = uint32(used)
		if used += uint64(room); used > math.MaxUint32 || room < rows {
			d.Fail("too many rows")
			return 0
		}
		packed += int(rows)
	}
	if n > 0 && b.lens[n-1] == 0 {
		d.Fail("a contact without rows at the end")
	}
	b.used, b.size, b.taken = uint32(used), uint32(used), uint32(used)
	return packed
}

// spread puts packed rows where the blocks are. What the decoder could not
// read gives nothing.
func spread[T any](d *checkpoint.Decoder, b *blocks, packed []T) []T {
	if !d.OK() || len(packed) == int(b.size) {
		return slices.Clip(packed)
	}
	out := make([]T, b.size)
	at := uint32(0)
	b.eachBlock(func(from, to uint32) {
		copy(out[from:to], packed[at:])
		at += to - from
	})
	return out
}

func (s *Stream) decode(d *checkpoint.Decoder) {
	s.pages = decodePages(d, func() *streamPage { return s.decodePage(d) })
	for range d.Uint(math.MaxUint32) {
		id, n := uint32(d.Uint(math.MaxUint32)), int(d.Uint(math.MaxUint32))
		origins := d.Uint32s(nil, n)
		if d.OK() && n != s.Len(id) {
			d.Fail("origins of other events")
		}
		if !d.OK() {
			return
		}
		if s.origins == nil {
			s.origins = make(map[uint32][]uint32)
		}
		s.origins[id] = origins
	}
}

func (s *Stream) decodePage(d *checkpoint.Decoder) *streamPage {
	p := &streamPage{props: make([]propRows, len(s.props)), named: s.ids != nil}
	n := p.decode(d)
	if n == 0 {
		return nil
	}
	p.times = spread(d, &p.blocks, d.Int64s(nil, n))
	if d.OK() && !p.ascending() {
		d.Fail("events out of order")
	}
	for k := range p.props {
		r := &p.props[k]
		switch s.props[k].typ {
		case audience.TypeDouble:
			r.floats = spread(d, &p.blocks, d.Float64s(nil, n))
		case audience.TypeString:
			r.codes = spread(d, &p.blocks, s.table.texts.useAll(d, d.Uint32s(nil, n), true))
		case audience.TypeStringList:
			r.codes = spread(d, &p.blocks, s.table.sets.useAll(d, d.Uint32s(nil, n), true))
		case audience.TypeInt, audience.TypeBool, audience.TypeTimestamp, audience.TypeDate:
			r.ints = spread(d, &p.blocks, d.Int64s(nil, n))
			r.known = spread(d, &p.blocks, d.Bools(nil, n))
		default: // the schema had no such property
		}
	}
	if p.named {
		var ids []uint32
		for i := 0; i < n && d.OK(); i++ {
			ids = append(ids, s.ids.add(d.Text(textMost)))
		}
		p.ids = spread(d, &p.blocks, ids)
	}
	return p
}

// ascending reports whether the events of each contact are in order of time.
func (p *streamPage) ascending() bool {
	ok := true
	p.eachBlock(func(from, to uint32) { ok = ok && slices.IsSorted(p.times[from:to]) })
	return ok
}

// ledgerBytes is how many bytes a record has.
const ledgerBytes = 24

func (l *ledger) decode(d *checkpoint.Decoder) {
	for range d.Uint(math.MaxUint32 >> scopeShift) {
		s := audience.Scope{Channel: d.Text(textMost), Purpose: d.Text(textMost), List: d.Text(textMost)}
		if before := len(l.scopes); !d.OK() || int(l.number(s)) < before {
			d.Fail("a scope twice")
			return
		}
	}
	l.pages = decodePages(d, func() *ledgerPage {
		p := &ledgerPage{}
		n := p.decode(d)
		if n == 0 {
			return nil
		}
		var packed []ledgerRecord
		d.Rows(n, ledgerBytes, func(b []byte) {
			r := ledgerRecord{
				acted: int64(binary.LittleEndian.Uint64(b)), expires: int64(binary.LittleEndian.Uint64(b[8:])),
				seq: binary.LittleEndian.Uint32(b[16:]), what: binary.LittleEndian.Uint32(b[20:]),
			}
			if int(r.what>>scopeShift) >= len(l.scopes) {
				d.Fail("a record of no scope")
			}
			packed = append(packed, r)
		})
		if !d.OK() {
			return nil
		}
		p.records = spread(d, &p.blocks, packed)
		return p
	})
}
