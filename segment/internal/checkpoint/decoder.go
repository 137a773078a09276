package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Decoder reads what an [Encoder] sealed. After the first error everything it
// gives is zero, and [Decoder.Err] tells. It reads no byte beyond the last
// chunk. Memory is taken as the bytes come, whatever lengths say.
type Decoder struct {
	src  io.Reader
	seal *seal
	buf  []byte // the chunk that is read
	rest []byte // of it
	end  bool   // it is the last
	err  error
}

// NewDecoder reads the preamble. keyOf gives the key of an id, false when
// there is none.
//
// Errors: [ErrFormat] for what is not a checkpoint of this format, [ErrKey],
// [ErrTruncated], the reader's.
func NewDecoder(src io.Reader, keyOf func(id string) ([]byte, bool)) (*Decoder, error) {
	d := &Decoder{src: src}
	preamble := make([]byte, len(magic)+3, len(magic)+3+keyIDMost+nonceSize)
	if err := d.fill(preamble); err != nil {
		return nil, err
	}
	if string(preamble[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: no checkpoint", ErrFormat)
	}
	if f := binary.LittleEndian.Uint16(preamble[len(magic):]); f != Format {
		return nil, fmt.Errorf("%w: %d instead of %d", ErrFormat, f, Format)
	}
	n := int(preamble[len(magic)+2])
	preamble = preamble[:len(preamble)+n+nonceSize]
	if err := d.fill(preamble[len(magic)+3:]); err != nil {
		return nil, err
	}
	key, ok := keyOf(string(preamble[len(magic)+3 : len(magic)+3+n]))
	if !ok {
		return nil, ErrKey
	}
	d.seal = newSeal(key, preamble)
	return d, nil
}

func (d *Decoder) fill(into []byte) error {
	_, err := io.ReadFull(d.src, into)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

// chunk reads and checks the next chunk.
func (d *Decoder) chunk() {
	if d.err != nil {
		return
	}
	if d.end {
		d.Fail("it says less than it should")
		return
	}
	var head [headSize]byte
	if err := d.fill(head[:]); err != nil {
		d.stop(err)
		return
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if head[0] > last || n > chunkSize || n == 0 && head[0] == more {
		d.Fail("no chunk")
		return
	}
	d.buf = slices.Grow(d.buf[:0], int(n)+macSize)[:int(n)+macSize]
	if err := d.fill(d.buf); err != nil {
		d.stop(err)
		return
	}
	payload := d.buf[:n]
	if !equal(d.seal.next(head[:], payload), d.buf[n:]) {
		d.Fail("the seal does not fit")
		return
	}
	d.rest, d.end = payload, head[0] == last
}

func (d *Decoder) stop(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// Fail makes it an error that something is not as it has to be.
func (d *Decoder) Fail(what string) { d.stop(fmt.Errorf("%w: %s", ErrDamaged, what)) }

// Err gives what went wrong first, nil for nothing.
func (d *Decoder) Err() error { return d.err }

// OK reports whether nothing went wrong so far.
func (d *Decoder) OK() bool { return d.err == nil }

// Close wants everything to have been read, and gives what went wrong.
func (d *Decoder) Close() error {
	if !d.AtEnd() {
		d.Fail("it says more than it should")
	}
	return d.err
}

// ready sees to it that there is a byte, and reports whether there is.
func (d *Decoder) ready() bool {
	for d.err == nil && len(d.rest) == 0 {
		d.chunk()
	}
	return d.err == nil
}

func (d *Decoder) byte() byte {
	if !d.ready() {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// Uint reads a number that is at most limit.
func (d *Decoder) Uint(limit uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if size > 0 {
		d.rest = d.rest[size:]
	} else {
		n = d.slowUint()
	}
	if n > limit {
		d.Fail("a number is too high")
		return 0
	}
	return n
}

// slowUint reads a number that lies in two chunks.
func (d *Decoder) slowUint() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := d.byte()
		if shift == 63 && b > 1 {
			d.Fail("a number is too long")
			return 0
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

// Uints reads n numbers, each at most limit, and appends them; none after an
// error.
func (d *Decoder) Uints(into []uint32, n int, limit uint32) []uint32 {
	for n > 0 && d.ready() {
		k := 0
		for k < n && k < len(d.rest) && d.rest[k] < 0x80 && uint32(d.rest[k]) <= limit {
			into = append(into, uint32(d.rest[k]))
			k++
		}
		d.rest = d.rest[k:]
		if n -= k; n > 0 {
			into = append(into, uint32(d.Uint(uint64(limit))))
			n--
		}
	}
	if d.err != nil {
		return into[:0]
	}
	return into
}

// AppendText reads a text of at most limit bytes and appends it; nothing after
// an error.
func (d *Decoder) AppendText(into []byte, limit int) []byte {
	return d.append(into, int(d.Uint(uint64(limit))))
}

func (d *Decoder) append(into []byte, n int) []byte {
	before := len(into)
	for n > 0 && d.ready() {
		k := min(n, len(d.rest))
		into = append(into, d.rest[:k]...)
		d.rest = d.rest[k:]
		n -= k
	}
	if d.err != nil {
		return into[:before]
	}
	return into
}

// Int reads a signed number.
func (d *Decoder) Int() int64 {
	n := d.Uint(math.MaxUint64)
	return int64(n>>1) ^ -int64(n&1)
}

// Bool reads a yes or no.
func (d *Decoder) Bool() bool {
	b := d.byte()
	if b > 1 {
		d.Fail("neither yes nor no")
	}
	return b == 1
}

// Text reads a text of at most limit bytes.
func (d *Decoder) Text(limit int) string {
	n := int(d.Uint(uint64(limit)))
	if n <= len(d.rest) {
		s := string(d.rest[:n])
		d.rest = d.rest[n:]
		return s
	}
	return string(d.append(nil, n))
}

// Read reads bytes as they are, as an [io.Reader].
// It never gives an end: who reads in this way knows how much there is.
func (d *Decoder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !d.ready() {
		return 0, d.err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// gather reads n values of a size and appends them, with memory for as many as
// are there.
func gather[T any](d *Decoder, into []T, n, size int, get func([]byte) T, all func([]T, []byte)) []T {
	for n > 0 && d.ready() {
		if len(d.rest) < size { // one that lies in two chunks
			var b [8]byte
			for i := range size {
				b[i] = d.byte()
			}
			into = append(into, get(b[:]))
			n--
			continue
		}
		k := min(n, len(d.rest)/size)
		block := d.rest[:k*size]
		d.rest = d.rest[k*size:]
		n -= k
		into = slices.Grow(into, k)[:len(into)+k]
		all(into[len(into)-k:], block)
	}
	if d.err != nil {
		return into[:0]
	}
	return into
}

// Int64s reads n numbers and appends them; none after an error.
func (d *Decoder) Int64s(into []int64, n int) []int64 {
	return gather(d, into, n, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }, func(into []int64, b []byte) {
		for i := range into {
			into[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	})
}

// Uint64s reads n numbers and appends them; none after an error.
func (d *Decoder) Uint64s(into []uint64, n int) []uint64 {
	return gather(d, into, n, 8, binary.LittleEndian.Uint64, func(into []uint64, b []byte) {
		for i := range into {
			into[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	})
}

// Float64s reads n numbers and appends them; none after an error.
func (d *Decoder) Float64s(into []float64, n int) []float64 {
	return gather(d, into, n, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }, func(into []float64, b []byte) {
		for i := range into {
			into[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	})
}

// Uint32s reads n numbers and appends them; none after an error.
func (d *Decoder) Uint32s(into []uint32, n int) []uint32 {
	return gather(d, into, n, 4, binary.LittleEndian.Uint32, func(into []uint32, b []byte) {
		for i := range into {
			into[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
	})
}

// Bools reads n times yes or no and appends them; none after an error.
func (d *Decoder) Bools(into []bool, n int) []bool {
	for n > 0 && d.ready() {
		k := min(n, len(d.rest))
		into = slices.Grow(into, k)
		for _, b := range d.rest[:k] {
			if b > 1 {
				d.Fail("neither yes nor no")
				return into[:0]
			}
			into = append(into, b == 1)
		}
		d.rest = d.rest[k:]
		n -= k
	}
	if d.err != nil {
		return into[:0]
	}
	return into
}

// rowMost is how many bytes a row of [Decoder.Rows] has at most.
const rowMost = 32

// Rows reads n rows of a size of at most 32 bytes each. Their bytes are valid
// until the next row. After an error there are no more.
func (d *Decoder) Rows(n, size int, row func(b []byte)) {
	for n > 0 && d.ready() {
		if len(d.rest) < size { // one that lies in two chunks
			var b [rowMost]byte
			for i := range size {
				b[i] = d.byte()
			}
			if d.err == nil {
				row(b[:size])
			}
			n--
			continue
		}
		k := min(n, len(d.rest)/size)
		block := d.rest[:k*size]
		d.rest = d.rest[k*size:]
		n -= k
		for ; len(block) > 0 && d.err == nil; block = block[size:] {
			row(block[:size])
		}
	}
}

// AtEnd reports whether everything was read, or something went wrong.
func (d *Decoder) AtEnd() bool {
	for d.err == nil && !d.end && len(d.rest) == 0 {
		d.chunk()
	}
	return len(d.rest) == 0
}
