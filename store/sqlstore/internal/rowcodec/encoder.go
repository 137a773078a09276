package rowcodec

import (
	"encoding/binary"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// version1 begins every blob.
const version1 = 1

// The instants of the library, audience.MinInstant and audience.MaxInstant.
const (
	minMicros = -62_135_596_800_000_000
	maxMicros = 253_402_300_799_999_999
)

// manyOrigins is how many provenances are found faster by looking at each than
// with a map.
const manyOrigins = 32

// encoder appends to b.
type encoder struct {
	b       []byte
	last    int64 // the instant before, which the next one is told from
	origins []*audience.Provenance
	numbers map[originKey]int // of the origins, once there are many
}

type originKey struct {
	source audience.Source
	at     int64
}

func (e *encoder) byte(n byte)     { e.b = append(e.b, n) }
func (e *encoder) uint(n uint64)   { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)     { e.uint(zigzag(n)) }
func (e *encoder) text(s string)   { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) hash(h [32]byte) { e.b = append(e.b, h[:]...) }

func (e *encoder) bool(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

// count begins a slice of n items.
func (e *encoder) count(n int, isNil bool) {
	if isNil {
		e.uint(0)
	} else {
		e.uint(uint64(n) + 1)
	}
}

func (e *encoder) time(t time.Time) {
	us := instantOf(t)
	if us == minMicros { // the zero Time
		e.uint(0)
		return
	}
	e.uint(zigzag(us-e.last) + 1)
	e.last = us
}

func (e *encoder) source(s audience.Source) {
	e.byte(byte(s.Kind))
	e.text(s.Name)
	e.text(s.Actor)
}

// origin writes 0 for none, 1 and a provenance that is new in the row, or 2
// plus the number of one that came before.
func (e *encoder) origin(p *audience.Provenance) {
	if p == nil {
		e.uint(0)
		return
	}
	if i := e.originNumber(p); i >= 0 {
		e.uint(uint64(i) + 2)
		return
	}
	e.uint(1)
	e.source(p.Source)
	e.time(p.At)
	e.origins = append(e.origins, p)
	if e.numbers != nil {
		e.numbers[keyOf(p)] = len(e.origins) - 1
	}
}

func (e *encoder) originNumber(p *audience.Provenance) int {
	if e.numbers == nil && len(e.origins) >= manyOrigins {
		e.numbers = make(map[originKey]int, 2*manyOrigins)
		for i, known := range e.origins {
			e.numbers[keyOf(known)] = i
		}
	}
	if e.numbers != nil {
		if i, ok := e.numbers[keyOf(p)]; ok {
			return i
		}
		return -1
	}
	for i, known := range e.origins {
		if known == p || instantOf(known.At) == instantOf(p.At) && known.Source == p.Source {
			return i
		}
	}
	return -1
}

// noOrigins begins another contact.
func (e *encoder) noOrigins() {
	e.origins = e.origins[:0]
	e.numbers = nil
}

func keyOf(p *audience.Provenance) originKey { return originKey{p.Source, instantOf(p.At)} }

// instantOf gives the microseconds of an instant; what nothing above lets
// through is cut to the edge of the range.
func instantOf(t time.Time) int64 { return min(max(audience.Micros(t), minMicros), maxMicros) }

func zigzag(n int64) uint64   { return uint64(n)<<1 ^ uint64(n>>63) }
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }
