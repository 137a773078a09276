package dbtest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// trace is one way in which a value may stand somewhere.
type trace struct {
	of, form string
	bytes    []byte
}

func (x *trace) String() string { return x.of + " as " + x.form }

// tracesOf gives the ways in which a text may stand somewhere.
func tracesOf(of, text string) []trace {
	var out []trace
	add := func(form string, b []byte) {
		known := func(x trace) bool { return bytes.Equal(x.bytes, b) }
		if !slices.ContainsFunc(out, known) {
			out = append(out, trace{of, form, b})
		}
	}
	for _, c := range []struct{ name, text string }{
		{"", text}, {" in lower case", strings.ToLower(text)}, {" in upper case", strings.ToUpper(text)},
	} {
		raw := []byte(c.text)
		add("raw"+c.name, raw)
		add("JSON"+c.name, jsonText(c.text, true))
		add("JSON without HTML"+c.name, jsonText(c.text, false))
		add("ASCII"+c.name, []byte(strings.Trim(strconv.QuoteToASCII(c.text), `"`)))
		var le, be []byte
		for _, unit := range utf16.Encode([]rune(c.text)) {
			le = binary.LittleEndian.AppendUint16(le, unit)
			be = binary.BigEndian.AppendUint16(be, unit)
		}
		add("UTF-16LE"+c.name, le)
		add("UTF-16BE"+c.name, be)
		add("hexadecimal"+c.name, []byte(hex.EncodeToString(raw)))
		add("HEXADECIMAL"+c.name, []byte(strings.ToUpper(hex.EncodeToString(raw))))
		add("query"+c.name, []byte(url.QueryEscape(c.text)))
		add("path"+c.name, []byte(url.PathEscape(c.text)))
		for offset := range 3 {
			for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				add(fmt.Sprintf("%s at %d%s", name, offset, c.name), inBase64(encoding, raw, offset))
			}
		}
	}
	return out
}

func jsonText(text string, html bool) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	_ = e.Encode(text)
	return bytes.Trim(bytes.TrimSpace(b.Bytes()), `"`)
}

// inBase64 gives what is the same of a text in base64 whatever stands in front
// of it and behind, at an offset of bytes.
func inBase64(e *base64.Encoding, raw []byte, offset int) []byte {
	all := []byte(e.EncodeToString(append(make([]byte, offset), raw...)))
	begin := (offset*8 + 5) / 6
	end := (offset + len(raw)) * 8 / 6
	return all[begin:end]
}

// numberTraces gives the ways in which eight bytes that stand for a number may
// be stored, and its text.
func numberTraces(of, text string, bits uint64) []trace {
	return []trace{
		{of, "text", []byte(text)},
		{of, "little endian", binary.LittleEndian.AppendUint64(nil, bits)},
		{of, "big endian", binary.BigEndian.AppendUint64(nil, bits)},
		{of, "varint", binary.AppendUvarint(nil, bits)},
		{of, "signed varint", binary.AppendVarint(nil, int64(bits))},
		{of, "swapped varint", binary.AppendUvarint(nil, swapped(bits))},
	}
}

func swapped(bits uint64) uint64 {
	return binary.BigEndian.Uint64(binary.LittleEndian.AppendUint64(nil, bits))
}

func intTraces(of string, n int64) []trace {
	return numberTraces(of, strconv.FormatInt(n, 10), uint64(n))
}

func doubleTraces(of string, f float64) []trace {
	return numberTraces(of, strconv.FormatFloat(f, 'f', -1, 64), math.Float64bits(f))
}

func instantTraces(of string, at time.Time) []trace {
	out := intTraces(of, audience.Micros(at))
	return append(out, trace{of, "RFC 3339", []byte(at.UTC().Format(time.RFC3339Nano))})
}

// found gives the traces that are in any of the dumps, with where.
func found(dumps map[string][]byte, traces []trace) (out []string) {
	for name, b := range dumps {
		for i := range traces {
			if bytes.Contains(b, traces[i].bytes) {
				out = append(out, traces[i].String()+" in "+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestTracesAreFound is the test of the scanner: every form is found wherever
// it stands, and none in what is like it.
func TestTracesAreFound(t *testing.T) {
	const text = `Xavérie "Qorl" <xq+news@mail.example>`
	seen := make(map[string]bool)
	for _, x := range tracesOf("text", text) {
		require.Greater(t, len(x.bytes), 20, x.String())
		seen[x.form] = true
		dump := append(append(bytes.Repeat([]byte{0, 255, 'x'}, 999), x.bytes...), 7)
		require.Contains(t, found(map[string][]byte{"dump": dump}, []trace{x}), x.String()+" in dump")
		dump[2997+len(x.bytes)/2] ^= 1
		require.Empty(t, found(map[string][]byte{"dump": dump}, []trace{x}), x.String())
	}
	require.Greater(t, len(seen), 30)
	for before := range 7 { // base64 of a text that has it somewhere
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("p", before) + text + "and more"))
		require.NotEmpty(t, found(map[string][]byte{"dump": []byte(whole)}, tracesOf("text", text)), before)
	}
	one, err := json.Marshal(map[string]string{"a": text})
	require.NoError(t, err)
	require.NotEmpty(t, found(map[string][]byte{"dump": one}, tracesOf("text", text)))
}
