package pdfreport_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// font is Go Regular, to be spoiled.
type font []byte

func newFont() font { return bytes.Clone(goregular.TTF) }

// entry gives the place of a table's entry in the list of tables.
func (f font) entry(name string) int {
	for at := 12; ; at += 16 {
		if string(f[at:at+4]) == name {
			return at
		}
	}
}

// table gives the place of a table.
func (f font) table(name string) int { return int(binary.BigEndian.Uint32(f[f.entry(name)+8:])) }

func (f font) put(at, v int) { binary.BigEndian.PutUint16(f[at:], uint16(v)) }

func (f font) get(at int) int { return int(binary.BigEndian.Uint16(f[at:])) }

// unicode gives the place of the table of characters that counts.
func (f font) unicode() int {
	cmap := f.table("cmap")
	for n := range f.get(cmap + 2) {
		at := cmap + 4 + 8*n
		offset := cmap + int(binary.BigEndian.Uint32(f[at+4:]))
		if f.get(at) == 0 && f.get(offset) == 4 || f.get(at) == 3 && f.get(at+2) == 1 && f.get(offset) == 4 {
			return offset
		}
	}
	panic("no table of characters")
}

// glyph gives the place of a glyph.
func (f font) glyph(n int) int {
	loca, glyf := f.table("loca"), f.table("glyf")
	if f.get(f.table("head")+50) == 1 {
		return glyf + int(binary.BigEndian.Uint32(f[loca+4*n:]))
	}
	return glyf + 2*f.get(loca+2*n)
}

// TestFontsRefused: fonts that the PDF library would choke on, print about or
// follow without end are refused by number and reason.
func TestFontsRefused(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f font) []byte
		want  string
	}{
		{"nothing", func(font) []byte { return nil }, "format"},
		{"a text", func(font) []byte { return []byte("this is no font at all") }, "format"},
		{"a collection", func(f font) []byte { copy(f, "ttcf"); return f }, "collection"},
		{"PostScript outlines", func(f font) []byte { copy(f, "OTTO"); return f }, "outlines"},
		{"for the web", func(f font) []byte { copy(f, "wOF2"); return f }, "format"},
		{"too large", func(font) []byte { return make([]byte, 64<<20+1) }, "max-bytes"},
		{"colors", func(f font) []byte { copy(f[f.entry("cvt "):], "CBDT"); return f }, "color"},
		{"no embedding", func(f font) []byte { f.put(f.table("OS/2")+8, 2); return f }, "licence"},
		{"cut off", func(f font) []byte { return f[:len(f)/2] }, "damaged"},
		{"cut off in the list", func(f font) []byte { return f[:40] }, "damaged"},
		{"no outlines", func(f font) []byte { copy(f[f.entry("glyf"):], "none"); return f }, "damaged"},
		{"no characters", func(f font) []byte { f.put(f.table("cmap")+2, 0); return f }, "characters"},
		{"characters out of order", func(f font) []byte { f.put(f.unicode()+14, 0xFFFF); return f }, "characters"},
		{"characters without end", func(f font) []byte { f.put(f.unicode()+6, 0xFFFE); return f }, "characters"},
		{"an unknown form of places", func(f font) []byte { f.put(f.table("head")+50, 7); return f }, "damaged"},
		{"no size", func(f font) []byte { f.put(f.table("head")+18, 0); return f }, "damaged"},
		{"more widths than glyphs", func(f font) []byte { f.put(f.table("hhea")+34, 0xFFFF); return f }, "damaged"},
		{"no widths", func(f font) []byte { f.put(f.table("hhea")+34, 0); return f }, "damaged"},
		{"a glyph outside", func(f font) []byte { f.put(f.table("loca"), 0xFFFF); f.put(f.table("loca")+2, 0); return f }, "damaged"},
		{"a glyph made of itself", func(f font) []byte {
			at := f.glyph(0)
			f.put(at, 0xFFFF)  // of parts
			f.put(at+10, 1<<5) // more of them
			f.put(at+12, 0)    // itself
			return f
		}, "damaged"},
	}
	silent := captureStdout(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := pdfreport.Write(&b, exporter.Report{Title: "T"}, pdfreport.Options{Fonts: [][]byte{newFont(), tt.spoil(newFont())}})
			var refused *audience.FieldError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "fonts[1]", refused.Path)
			require.Equal(t, tt.want, refused.Rule)
			require.Zero(t, b.Len())
		})
	}
	require.Empty(t, silent())
}

// captureStdout gives a function that ends the capture and tells what was
// printed.
func captureStdout(t *testing.T) func() string {
	t.Helper()
	before := os.Stdout
	r, w, err := os.Pipe()
	require.NoError(t, err)
	os.Stdout = w
	t.Cleanup(func() { os.Stdout = before })
	return func() string {
		os.Stdout = before
		require.NoError(t, w.Close())
		printed, err := io.ReadAll(r)
		require.NoError(t, err)
		return string(printed)
	}
}

// TestFontsNames: what the PDF library prints about names is not read.
func TestFontsNames(t *testing.T) {
	silent := captureStdout(t)
	f := newFont()
	f.put(f.table("name"), 1) // a format that it does not know
	moveCharacters(t, f, '日', 'Ж')
	before := bytes.Clone(f)
	stats, err := pdfreport.Write(io.Discard, exporter.Report{Title: "日"}, pdfreport.Options{Fonts: [][]byte{f}})
	require.NoError(t, err)
	require.Zero(t, stats.Missing, "the font is used")
	require.Empty(t, silent())
	require.Equal(t, before, []byte(f), "the host's bytes are the host's")
}

// TestFontsOddGlyph: a glyph that cannot be drawn is one that is not there;
// others are.
func TestFontsOddGlyph(t *testing.T) {
	f := newFont()
	moveCharacters(t, f, '日', 'Ж')
	_, stats := write(t, exporter.Report{Title: "日"}, pdfreport.Options{Fonts: [][]byte{f}})
	require.Zero(t, stats.Missing, "it has one")

	for n := range f.get(f.table("maxp") + 4) {
		at := f.glyph(n)
		if n == 0 || f.glyph(n+1)-at < 16 {
			continue
		}
		f.put(at, 0xFFFF)
		f.put(at+10, 1<<5)
		f.put(at+12, n)
	}
	pages, stats := write(t, exporter.Report{Title: "日"}, pdfreport.Options{Fonts: [][]byte{f}})
	require.Equal(t, 1, stats.Missing)
	require.True(t, strings.HasPrefix(body(pages), "□"))
}

// moveCharacters gives the font a character, with the glyph of another one.
func moveCharacters(t *testing.T, f font, to, from uint16) {
	t.Helper()
	at := f.unicode()
	segments := f.get(at+6) / 2
	last := 0 // the first segment behind the character
	for f.get(at+16+2*segments+2*last) <= int(to) {
		last++
	}
	start, end := at+16+2*segments+2*last, at+14+2*last
	// It becomes one of the character alone, mapped to what from has.
	f.put(start, int(to))
	f.put(end, int(to))
	f.put(at+16+6*segments+2*last, 0)
	f.put(at+16+4*segments+2*last, glyphOf(t, f, from)-int(to))
}

func glyphOf(t *testing.T, f font, r uint16) int {
	t.Helper()
	at := f.unicode()
	segments := f.get(at+6) / 2
	for s := range segments {
		start, end := f.get(at+16+2*segments+2*s), f.get(at+14+2*s)
		if int(r) < start || int(r) > end {
			continue
		}
		delta, place := f.get(at+16+4*segments+2*s), at+16+6*segments+2*s
		if offset := f.get(place); offset != 0 {
			return (f.get(place+offset+2*(int(r)-start)) + delta) & 0xFFFF
		}
		return (int(r) + delta) & 0xFFFF
	}
	t.Fatal("no such character")
	return 0
}
