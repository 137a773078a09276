package rowcodec

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// sharedText is the size up to which the texts of a blob share one copy of it.
// It is one allocation instead of one per text, but who keeps one text keeps
// all; in larger blobs every text is its own.
const sharedText = 4 << 10

// prepared is how many items a slice has room for at first, however many are
// said to come.
const prepared = 64

// decoder reads b. After the first damage everything it gives is zero.
type decoder struct {
	row     string
	b       []byte
	at      int
	copied  string // of b, once a text was read and b is not large
	last    int64
	origins []*audience.Provenance
	err     *DamageError
}

// open begins a blob.
func open(row string, b []byte) decoder {
	d := decoder{row: row, b: b}
	if v := d.byte(); d.err == nil && v != version1 {
		d.err = &DamageError{Row: row, Version: v}
	}
	return d
}

// close gives the error of the blob: there must be nothing left of it.
func (d *decoder) close() error {
	if d.err == nil && d.at != len(d.b) {
		d.fail()
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

func (d *decoder) ok() bool   { return d.err == nil }
func (d *decoder) more() bool { return d.err == nil && d.at < len(d.b) }
func (d *decoder) left() int  { return len(d.b) - d.at }

func (d *decoder) fail() {
	if d.err == nil {
		d.err = &DamageError{Row: d.row, Offset: d.at}
	}
}

func (d *decoder) byte() byte {
	if d.err != nil || d.at >= len(d.b) {
		d.fail()
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

func (d *decoder) bool() bool {
	v := d.byte()
	if v > 1 {
		d.fail()
	}
	return v == 1
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	if d.at < len(d.b) && d.b[d.at] < 0x80 {
		d.at++
		return uint64(d.b[d.at-1])
	}
	n, size := binary.Uvarint(d.b[d.at:])
	if size <= 0 || d.b[d.at+size-1] == 0 { // cut, too large, or longer than it has to be
		d.fail()
		return 0
	}
	d.at += size
	return n
}

func (d *decoder) int() int64 { return unzigzag(d.uint()) }

func (d *decoder) uint32() uint32 {
	n := d.uint()
	if n > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(n)
}

// bytes gives the next n bytes, which are the blob's own.
func (d *decoder) bytes(n uint64) []byte {
	if d.err != nil || n > uint64(d.left()) {
		d.fail()
		return nil
	}
	d.at += int(n)
	return d.b[d.at-int(n) : d.at]
}

func (d *decoder) text() string {
	b := d.bytes(d.uint())
	if len(b) == 0 {
		return ""
	}
	if len(d.b) > sharedText {
		return string(b)
	}
	if d.copied == "" {
		d.copied = string(d.b)
	}
	return d.copied[d.at-len(b) : d.at]
}

func (d *decoder) hash() (h [32]byte) {
	copy(h[:], d.bytes(32))
	return h
}

// count begins a slice whose items have at least so many bytes each; -1 for
// nil.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n == 0 {
		return -1
	}
	if n-1 > uint64(d.left()/least) {
		d.fail()
		return -1
	}
	return int(n - 1)
}

// items gives an empty slice for count's n, or nil.
func items[T any](n int) []T {
	if n < 0 {
		return nil
	}
	return make([]T, 0, min(n, prepared))
}

func (d *decoder) time() time.Time {
	n := d.uint()
	if n == 0 {
		return time.Time{}
	}
	us := d.last + unzigzag(n-1)
	if us <= minMicros || us > maxMicros {
		d.fail()
		return time.Time{}
	}
	d.last = us
	return audience.FromMicros(us)
}

func (d *decoder) source() audience.Source {
	return audience.Source{Kind: audience.SourceKind(d.byte()), Name: d.text(), Actor: d.text()}
}

func (d *decoder) origin() *audience.Provenance {
	switch n := d.uint(); {
	case n == 0:
		return nil
	case n == 1:
		p := &audience.Provenance{Source: d.source(), At: d.time()}
		d.origins = append(d.origins, p)
		return p
	case n-2 < uint64(len(d.origins)):
		return d.origins[n-2]
	default:
		d.fail()
		return nil
	}
}
