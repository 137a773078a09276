package importer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

const escapeHint = `escapes that JSON has, such as \n and \u00e9, and surrogates in pairs`

// unescapeJSON adds what a string of JSON says to dst; false: it has an escape
// that JSON does not know, or half a surrogate pair.
func unescapeJSON(dst, raw []byte) ([]byte, bool) {
	for {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			return append(dst, raw...), true
		}
		dst = append(dst, raw[:at]...)
		raw = raw[at+1:]
		if len(raw) == 0 {
			return dst, false
		}
		c := raw[0]
		raw = raw[1:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, rest, ok := unescapeRune(raw)
			if !ok {
				return dst, false
			}
			dst, raw = utf8.AppendRune(dst, r), rest
		default:
			return dst, false
		}
	}
}

// unescapeRune reads what follows \u, of a pair both halves.
func unescapeRune(raw []byte) (r rune, rest []byte, ok bool) {
	r, raw, ok = fourHex(raw)
	if !ok || !utf16.IsSurrogate(r) {
		return r, raw, ok
	}
	raw, ok = bytes.CutPrefix(raw, []byte(`\u`))
	if !ok {
		return 0, raw, false
	}
	low, raw, ok := fourHex(raw)
	r = utf16.DecodeRune(r, low)
	return r, raw, ok && r != utf8.RuneError
}

func fourHex(raw []byte) (rune, []byte, bool) {
	const digits = 4
	if len(raw) < digits {
		return 0, raw, false
	}
	var unit [2]byte
	_, err := hex.Decode(unit[:], raw[:digits])
	return rune(binary.BigEndian.Uint16(unit[:])), raw[digits:], err == nil
}
