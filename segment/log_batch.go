package segment

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Bounds of one batch. They keep every record of it below 64 KiB.
const (
	batchFormat    = 1
	batchMoves     = 1_000
	batchNameBytes = 32 << 10
	logRecordBytes = 64 << 10 // what the log needs of Limits.RecordBytes
	logKeyBytes    = 256      // and of Limits.KeyBytes
)

// Namespaces of the log. What names one contact is in the first, under her,
// so that erasing her takes it out; nothing else names anybody but the pages
// of keyframes and the queue of whom they have to forget.
const (
	spaceMoves     = store.NamespaceTransitions
	spaceBatches   = "transitions.batches"
	spaceState     = "transitions.state"
	spaceFrames    = "transitions.frames"
	spacePages     = "transitions.pages"
	spaceForget    = "transitions.forget"
	spaceFollowers = "transitions.followers"
)

// batchHeader is what the transitions of a batch share.
type batchHeader struct {
	batch uint64
	first uint64 // the number of its first transition
	count uint64 // as written: some may have been erased since
	names []string
	ats   []int64 // of its ticks, never decreasing
}

func (h *batchHeader) last() uint64   { return h.first + h.count - 1 }
func (h *batchHeader) lastAt() int64  { return h.ats[len(h.ats)-1] }
func (h *batchHeader) firstAt() int64 { return h.ats[0] }

// batchEntry is one transition within a batch.
type batchEntry struct {
	offset  uint64 // to the batch's first number
	tick    uint64 // index in ats
	segment uint64 // index in names
	entered bool
	causes  Causes
}

func numberKey(n uint64) string { return fmt.Sprintf("%016x", n) }

func moveKey(batch uint64, contact uint32) string { return fmt.Sprintf("%016x/%08x", batch, contact) }

func (h *batchHeader) encode() []byte {
	b := binary.AppendUvarint([]byte{batchFormat}, h.first)
	b = binary.AppendUvarint(b, h.count)
	b = binary.AppendUvarint(b, uint64(len(h.names)))
	for _, name := range h.names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	b = binary.AppendUvarint(b, uint64(len(h.ats)))
	b = binary.AppendVarint(b, h.ats[0])
	for i, at := range h.ats[1:] {
		b = binary.AppendUvarint(b, uint64(at)-uint64(h.ats[i]))
	}
	return b
}

func decodeBatchHeader(batch uint64, b []byte) (*batchHeader, error) {
	const what = "batch"
	if len(b) == 0 {
		return nil, errDamaged(what)
	}
	if b[0] != batchFormat {
		return nil, errNewer(what)
	}
	w := wire{rest: b[1:]}
	h := &batchHeader{batch: batch, first: w.number(math.MaxUint64 - batchMoves), count: w.number(batchMoves)}
	for range w.number(batchMoves) {
		name := w.text(maxNameBytes)
		if rule, _ := checkName(name); w.bad || rule != "" {
			return nil, errDamaged(what)
		}
		h.names = append(h.names, name)
	}
	ticks := w.number(batchMoves)
	at := w.signed()
	for i := range ticks {
		if i > 0 {
			next := int64(uint64(at) + w.number(math.MaxUint64))
			if next < at {
				w.bad = true
			}
			at = next
		}
		if w.bad {
			break
		}
		h.ats = append(h.ats, at)
	}
	if !w.done() || h.first == 0 || h.count == 0 || ticks == 0 || len(h.names) == 0 ||
		h.firstAt() < audience.Micros(audience.MinInstant()) || h.lastAt() > audience.Micros(audience.MaxInstant()) {
		return nil, errDamaged(what)
	}
	return h, nil
}

func encodeEntries(entries []batchEntry) []byte {
	b := binary.AppendUvarint([]byte{batchFormat}, uint64(len(entries)))
	var before uint64
	for _, e := range entries {
		b = binary.AppendUvarint(b, e.offset-before)
		before = e.offset
		b = binary.AppendUvarint(b, e.tick)
		side := uint64(0)
		if e.entered {
			side = 1
		}
		b = binary.AppendUvarint(b, e.segment<<1|side)
		b = binary.AppendUvarint(b, uint64(e.causes))
	}
	return b
}

// decodeEntries reads one contact's transitions in a batch, in order.
func (h *batchHeader) decodeEntries(b []byte, contact uint32, into []Transition) ([]Transition, error) {
	const what = "moves"
	if len(b) == 0 {
		return nil, errDamaged(what)
	}
	if b[0] != batchFormat {
		return nil, errNewer(what)
	}
	w := wire{rest: b[1:]}
	var offset uint64
	for i := range w.number(h.count) {
		step := w.number(h.count)
		offset += step
		tick := w.number(uint64(len(h.ats)) - 1)
		name := w.number(uint64(len(h.names))<<1 - 1)
		causes := Causes(w.number(math.MaxUint16))
		if w.bad || offset >= h.count || i > 0 && step == 0 {
			return nil, errDamaged(what)
		}
		into = append(into, Transition{
			Number: h.first + offset, Segment: h.names[name>>1], Contact: audience.ContactID(contact), Entered: name&1 == 1,
			At: audience.FromMicros(h.ats[tick]), Causes: causes,
		})
	}
	if !w.done() {
		return nil, errDamaged(what)
	}
	return into, nil
}

// contactOfKey gives whose record it is. The leaving of a contact by her
// erasure is filed under nobody, so that erasing does not take it out.
func contactOfKey(batch uint64, key string) (uint32, bool) {
	text, ok := strings.CutPrefix(key, numberKey(batch)+"/")
	n, err := strconv.ParseUint(text, 16, 32)
	return uint32(n), ok && err == nil && n != 0 && key == moveKey(batch, uint32(n))
}

// decodeBatch puts the transitions of a batch together from the records of
// its contacts, in order of their numbers.
func (h *batchHeader) decodeBatch(records []store.Record) ([]Transition, error) {
	out := make([]Transition, 0, min(h.count, batchMoves))
	for i := range records {
		r := &records[i]
		contact, ok := contactOfKey(h.batch, r.Key)
		if !ok || r.Contact != 0 && uint32(r.Contact) != contact {
			return nil, errDamaged("moves")
		}
		var err error
		if out, err = h.decodeEntries(r.Value, contact, out); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b Transition) int { return cmp.Compare(a.Number, b.Number) })
	for i := 1; i < len(out); i++ {
		if out[i].Number == out[i-1].Number {
			return nil, errDamaged("moves")
		}
	}
	return out, nil
}

// batchPlan collects the transitions of one batch.
type batchPlan struct {
	header    batchHeader
	nameBytes int
	nameAt    map[string]uint64
	entries   map[uint32][]batchEntry
	contacts  []uint32 // keys of entries in order of their first
	erased    map[uint32]bool
}

func newBatchPlan(batch, first uint64) *batchPlan {
	return &batchPlan{
		header: batchHeader{batch: batch, first: first},
		nameAt: make(map[string]uint64), entries: make(map[uint32][]batchEntry),
	}
}

// fits reports whether the batch has room for one more transition.
func (p *batchPlan) fits(m *move) bool {
	if _, known := p.nameAt[m.segment]; !known && p.nameBytes+len(m.segment) > batchNameBytes {
		return false
	}
	return p.header.count < batchMoves
}

func (p *batchPlan) add(at int64, newTick bool, m *move) {
	h := &p.header
	if newTick || len(h.ats) == 0 {
		h.ats = append(h.ats, at)
	}
	name, known := p.nameAt[m.segment]
	if !known {
		name = uint64(len(h.names))
		p.nameAt[m.segment] = name
		h.names = append(h.names, m.segment)
		p.nameBytes += len(m.segment)
	}
	if p.entries[m.contact] == nil {
		p.contacts = append(p.contacts, m.contact)
	}
	p.entries[m.contact] = append(p.entries[m.contact], batchEntry{
		offset: h.count, tick: uint64(len(h.ats) - 1), segment: name, entered: m.entered, causes: m.causes,
	})
	h.count++
}

// leavesErased files what a contact leaves by her erasure under nobody.
func (p *batchPlan) leavesErased(contact uint32) {
	if p.erased == nil {
		p.erased = map[uint32]bool{}
	}
	p.erased[contact] = true
}

// records gives what the batch is stored as.
func (p *batchPlan) records() []store.Record {
	out := make([]store.Record, 0, 1+len(p.contacts))
	out = append(out, store.Record{Namespace: spaceBatches, Key: numberKey(p.header.batch), Value: p.header.encode()})
	for _, contact := range p.contacts {
		whose := audience.ContactID(contact)
		if p.erased[contact] {
			whose = 0
		}
		out = append(out, store.Record{
			Namespace: spaceMoves, Key: moveKey(p.header.batch, contact), Contact: whose, Value: encodeEntries(p.entries[contact]),
		})
	}
	return out
}
