package csvimport

import (
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/importer"
)

// damaged stands in decoded text where the file has none: it is not UTF-8, so
// that the cell it is in is refused.
const damaged = 0xff

// decoder gives a file as UTF-8, in memory that does not depend on its size,
// and counts what it reads. UTF-8 goes through as it is.
type decoder struct {
	src    io.Reader
	limits importer.Limits
	check  func() error // before each read: whether to go on
	read   int64        // bytes of the file
	// decode appends the text of src and tells how much of src that is; at the
	// end it is all.
	decode func(out, src []byte, end bool) ([]byte, int)

	in  []byte // read and not decoded
	out []byte // decoded and not given yet
	buf []byte // of out
	err error
}

func newDecoder(src io.Reader, encoding string, limits importer.Limits) *decoder {
	d := &decoder{src: src, limits: limits, check: func() error { return nil }}
	switch encoding {
	case encUTF16LE:
		d.decode = decodeLittleEndian
	case encUTF16BE:
		d.decode = decodeBigEndian
	case encWindows:
		d.decode = decodeWindows
	}
	return d
}

// Read gives text.
func (d *decoder) Read(p []byte) (int, error) {
	if d.decode == nil {
		return d.take(p)
	}
	for len(d.out) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if d.in == nil {
			d.in = make([]byte, 0, 8<<10)
		}
		n, err := d.take(d.in[len(d.in):cap(d.in)])
		d.in, d.err = d.in[:len(d.in)+n], err
		var used int
		d.buf, used = d.decode(d.buf[:0], d.in, errors.Is(err, io.EOF))
		d.out, d.in = d.buf, append(d.in[:0], d.in[used:]...)
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// take reads bytes of the file.
func (d *decoder) take(p []byte) (int, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	n, err := d.src.Read(p)
	if d.read += int64(n); d.read > d.limits.Bytes {
		return 0, tooLarge(d.limits)
	}
	return n, err
}

// text decodes all of src.
func text(src []byte, encoding string) []byte {
	d := newDecoder(nil, encoding, importer.Limits{})
	if d.decode == nil {
		return src
	}
	out, _ := d.decode(nil, src, true)
	return out
}

func decodeLittleEndian(out, src []byte, end bool) ([]byte, int) {
	return decodeUTF16(out, src, end, 0, 1)
}

func decodeBigEndian(out, src []byte, end bool) ([]byte, int) {
	return decodeUTF16(out, src, end, 1, 0)
}

// decodeUTF16 reads units whose lower byte is at low and whose higher one is
// at high. A surrogate alone and half a unit are damaged.
func decodeUTF16(out, src []byte, end bool, low, high int) ([]byte, int) {
	unit := func(at int) rune { return rune(src[at+low]) | rune(src[at+high])<<8 }
	at := 0
	for ; at+1 < len(src); at += 2 {
		r := unit(at)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case !utf16.IsSurrogate(r):
			out = utf8.AppendRune(out, r)
		case at+3 < len(src):
			pair := utf16.DecodeRune(r, unit(at+2))
			if pair == utf8.RuneError {
				out = append(out, damaged)
				continue
			}
			out = utf8.AppendRune(out, pair)
			at += 2
		case !end:
			return out, at
		default:
			out = append(out, damaged)
		}
	}
	if end && at < len(src) {
		return append(out, damaged), len(src)
	}
	return out, at
}

// decodeWindows reads Windows-1252. Its five bytes that mean nothing are
// damaged: a file that has them is written in another encoding.
func decodeWindows(out, src []byte, _ bool) ([]byte, int) {
	for _, b := range src {
		switch r := windowsRune(b); {
		case b < utf8.RuneSelf:
			out = append(out, b)
		case r == 0:
			out = append(out, damaged)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out, len(src)
}

// windowsRune gives the character of a byte, 0 when there is none.
func windowsRune(b byte) rune {
	const from, to = 0x80, 0xa0
	if b < from || b >= to {
		return rune(b)
	}
	return [to - from]rune{
		'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
		0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
	}[b-from]
}

// fileBytes tells how many bytes of a file decoded text took.
func fileBytes(decoded []byte, encoding string) int64 {
	switch encoding {
	case encWindows:
		return int64(utf8.RuneCount(decoded))
	case encUTF16LE, encUTF16BE:
		n := 2 * utf8.RuneCount(decoded)
		for _, b := range decoded {
			if b >= 0xf0 && b != damaged { // a pair of surrogates
				n += 2
			}
		}
		return int64(n)
	default:
		return int64(len(decoded))
	}
}
