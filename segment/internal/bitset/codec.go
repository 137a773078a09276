package bitset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// The portable format of Roaring bitmaps: a cookie, keys with cardinalities,
// offsets, containers. A container is a sorted array up to arrayMost ids, a
// bitmap above, or runs where they are smaller.
const (
	cookieNoRuns = 12346
	cookieRuns   = 12347
	arrayMost    = 4096
	bitmapSize   = PageSize / 8
	runsMost     = (bitmapSize - 2) / 4 // more would be larger than a bitmap
	offsetsFrom  = 4                    // containers; below, a bitmap with runs has no offsets
)

// ErrMalformed says that bytes are not what MarshalTo wrote.
var ErrMalformed = errors.New("malformed set")

// MarshalTo writes the set: four bytes of length, least significant first,
// then as many bytes. Equal sets give equal bytes.
func (s Set) MarshalTo(w io.Writer) error {
	bitmap := s.bitmap
	if bitmap == nil {
		bitmap = roaring.New()
	}
	size := bitmap.GetSerializedSizeInBytes()
	if size > math.MaxUint32 { // cannot be: 65,536 containers take at most 8,204 bytes each
		return fmt.Errorf("a set of %d bytes is too large to write", size)
	}
	out := bytes.NewBuffer(make([]byte, 0, 4+size))
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(size)))
	if _, err := bitmap.WriteTo(out); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}

// ReadSet reads what MarshalTo wrote and no byte more. The bytes need not be
// trusted: everything is checked, memory is taken as the bytes come, and an id
// above last is refused, so that a set takes no more than about an eighth of a
// byte for every id up to it. The error is ErrMalformed, or the reader's own
// (io.ErrUnexpectedEOF when it ends too early).
func ReadSet(r io.Reader, last uint32) (Set, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Set{}, noEOF(err)
	}
	size := int64(binary.LittleEndian.Uint32(head[:]))
	pages := int64(last>>pageBits) + 1
	if most := 8 + pages/8 + pages*(8+bitmapSize); size > most {
		return Set{}, fmt.Errorf("%w: %d bytes, at most %d are expected", ErrMalformed, size, most)
	}
	var payload bytes.Buffer
	if _, err := io.CopyN(&payload, r, size); err != nil {
		return Set{}, noEOF(err)
	}
	p := parser{rest: payload.Bytes()}
	p.bitmap(last)
	if p.wrong != "" {
		return Set{}, fmt.Errorf("%w: %s", ErrMalformed, p.wrong)
	}
	bitmap := roaring.New()
	if _, err := bitmap.ReadFrom(bytes.NewReader(payload.Bytes())); err != nil {
		return Set{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	s := newSet(bitmap)
	if s.length != p.ids {
		return Set{}, fmt.Errorf("%w: %d ids instead of %d", ErrMalformed, s.length, p.ids)
	}
	return s, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func containerSize(ids int) int {
	if ids > arrayMost {
		return bitmapSize
	}
	return 2 * ids
}

// parser walks over the portable format. The bitmap library believes its
// input: order, cardinalities and offsets are checked here, before it sees it.
type parser struct {
	rest  []byte
	read  int
	ids   int
	wrong string // what was found first; nothing is read after it
}

func (p *parser) fail(what string) {
	if p.wrong == "" {
		p.wrong = what
	}
	p.rest = nil
}

// next gives n bytes, zeros when they are missing. n is at most 256 KiB.
func (p *parser) next(n int) []byte {
	if n > len(p.rest) {
		p.fail("too short")
		return make([]byte, n)
	}
	out := p.rest[:n]
	p.rest, p.read = p.rest[n:], p.read+n
	return out
}

func (p *parser) u16() int { return int(binary.LittleEndian.Uint16(p.next(2))) }

func (p *parser) u32() int64 { return int64(binary.LittleEndian.Uint32(p.next(4))) }

func (p *parser) bitmap(last uint32) {
	cookie, containers := p.u32(), int64(0)
	var runs []byte
	switch {
	case cookie == cookieNoRuns:
		containers = p.u32()
	case cookie&0xffff == cookieRuns:
		containers = cookie>>16 + 1
	default:
		p.fail("no cookie")
	}
	if containers > int64(last>>pageBits)+1 {
		p.fail("too many containers")
	}
	if p.wrong != "" {
		return
	}
	n := int(containers)
	if cookie != cookieNoRuns {
		runs = p.next((n + 7) / 8)
	}
	keys, before := p.next(4*n), -1
	var offsets []byte
	if runs == nil || n >= offsetsFrom {
		offsets = p.next(4 * n)
	}
	for i := 0; i < n && p.wrong == ""; i++ {
		key := int(binary.LittleEndian.Uint16(keys[4*i:]))
		count := int(binary.LittleEndian.Uint16(keys[4*i+2:])) + 1
		if key <= before {
			p.fail("containers out of order")
		}
		if offsets != nil && int64(binary.LittleEndian.Uint32(offsets[4*i:])) != int64(p.read) {
			p.fail("wrong offset")
		}
		before = key
		highest := p.container(count, runs != nil && runs[i/8]>>(i%8)&1 != 0)
		if uint64(key)<<pageBits+uint64(highest) > uint64(last) {
			p.fail("id too high")
		}
		p.ids += count
	}
	if len(p.rest) > 0 {
		p.fail("bytes after the end")
	}
}

// container reads one and gives its highest id.
func (p *parser) container(count int, runs bool) int {
	switch {
	case runs:
		return p.runs(count)
	case count > arrayMost:
		return p.words(count)
	}
	before := -1
	for content := p.next(2 * count); len(content) > 0; content = content[2:] {
		low := int(binary.LittleEndian.Uint16(content))
		if low <= before {
			p.fail("ids out of order")
		}
		before = low
	}
	return before
}

func (p *parser) words(count int) int {
	highest, found := 0, 0
	content := p.next(bitmapSize)
	for i := range PageWords {
		if w := binary.LittleEndian.Uint64(content[8*i:]); w != 0 {
			found += bits.OnesCount64(w)
			highest = 64*i + 63 - bits.LeadingZeros64(w)
		}
	}
	if found != count {
		p.fail("wrong cardinality")
	}
	return highest
}

// runs reads pairs of a start and a length less one, which must not touch.
func (p *parser) runs(count int) int {
	n := p.u16()
	if n == 0 || n > runsMost {
		p.fail("wrong number of runs")
		return 0
	}
	end, found := -2, 0
	for content := p.next(4 * n); len(content) > 0; content = content[4:] {
		start := int(binary.LittleEndian.Uint16(content))
		length := int(binary.LittleEndian.Uint16(content[2:]))
		if start <= end+1 || start+length > lowMask {
			p.fail("runs out of order")
		}
		end = start + length
		found += length + 1
	}
	if found != count {
		p.fail("wrong cardinality")
	}
	return end
}
