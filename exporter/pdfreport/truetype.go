package pdfreport

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// maxFontBytes bounds a font; those with all of Chinese have some 20 MB.
const maxFontBytes = 64 << 20

// trueType reads of a font what laying out needs, and checks what the PDF
// library would stumble over: it prints about fonts that it does not like and
// follows parts of glyphs without end. Where both read the same table both
// have to choose alike, or texts would be measured by other glyphs than are
// drawn.
type trueType struct {
	tables     map[string][]byte
	unitsPerEm int
	glyphs     int
	metrics    int // glyphs with a width of their own, the last one's holds for the rest
	longLoca   bool
	cmap       []byte // the subtable, of format 4, and what follows
	segments   int    // in it
	data       []byte // for the PDF library, which writes into it
}

// fontError says that the font at index i of the options is refused.
func fontError(i int, rule, hint string) error {
	return &audience.FieldError{Path: fmt.Sprintf("fonts[%d]", i), Rule: rule, Hint: hint, Limit: rule == "max-bytes"}
}

// parseTrueType checks font i. It copies data.
func parseTrueType(i int, data []byte) (*trueType, error) {
	if len(data) > maxFontBytes {
		return nil, fontError(i, "max-bytes", fmt.Sprintf("at most %d bytes", maxFontBytes))
	}
	t := &trueType{data: slices.Clone(data), tables: map[string][]byte{}}
	if len(data) < 12 {
		return nil, fontError(i, "format", "a TrueType font (.ttf)")
	}
	switch string(data[:4]) {
	case "\x00\x01\x00\x00", "true":
	case "ttcf":
		return nil, fontError(i, "collection", "one font of the collection as a file of its own")
	case "OTTO":
		return nil, fontError(i, "outlines", "TrueType outlines (.ttf), not those of PostScript")
	default:
		return nil, fontError(i, "format", "a TrueType font (.ttf), not compressed")
	}
	for n := range int(binary.BigEndian.Uint16(data[4:])) {
		entry := 12 + 16*n
		if entry+16 > len(data) {
			return nil, fontError(i, "damaged", "a whole list of tables")
		}
		offset, size := int(binary.BigEndian.Uint32(data[entry+8:])), int(binary.BigEndian.Uint32(data[entry+12:]))
		if offset > len(data) || size > len(data)-offset {
			return nil, fontError(i, "damaged", "tables within the file")
		}
		t.tables[string(data[entry:entry+4])] = t.data[offset : offset+size]
	}
	if rule, hint := t.check(); rule != "" {
		return nil, fontError(i, rule, hint)
	}
	// The names in a font are not needed, and some would be printed about.
	copy(t.tables["name"], []byte{0, 0, 0, 0})
	return t, nil
}

// check gives the rule that the font breaks, if any, and what is expected.
func (t *trueType) check() (rule, hint string) {
	for _, name := range []string{"CBDT", "sbix", "COLR", "SVG "} {
		if _, ok := t.tables[name]; ok {
			return "color", "a font without colors or pictures"
		}
	}
	for name, least := range map[string]int{
		"head": 54, "hhea": 36, "maxp": 6, "hmtx": 4, "loca": 4, "glyf": 0, "cmap": 4, "post": 32, "name": 6,
	} {
		if table, ok := t.tables[name]; !ok || len(table) < least {
			return "damaged", "the tables that every TrueType font has"
		}
	}
	if os2, ok := t.tables["OS/2"]; ok {
		if len(os2) < 78 || u16(os2, 0) > 1 && len(os2) < 90 {
			return "damaged", "a whole table OS/2"
		}
		if may := u16(os2, 8); may == 0x0002 || may&0x0300 != 0 {
			return "licence", "a font whose licence allows that parts of it are embedded"
		}
	}
	t.unitsPerEm, t.glyphs, t.metrics = u16(t.tables["head"], 18), u16(t.tables["maxp"], 4), u16(t.tables["hhea"], 34)
	locaFormat := u16(t.tables["head"], 50)
	t.longLoca = locaFormat == 1
	entry := 2
	if t.longLoca {
		entry = 4
	}
	switch {
	case t.unitsPerEm < 16 || t.unitsPerEm > 16_384 || t.glyphs == 0 || t.metrics == 0 || t.metrics > t.glyphs,
		locaFormat > 1, u16(t.tables["head"], 52) != 0, u16(t.tables["hhea"], 32) != 0,
		len(t.tables["hmtx"]) < 2*t.metrics+2*t.glyphs, len(t.tables["loca"]) < entry*(t.glyphs+1):
		return "damaged", "tables that fit each other"
	}
	for g := range t.glyphs {
		if from, to := t.place(g), t.place(g+1); to < from || to > len(t.tables["glyf"]) {
			return "damaged", "glyphs within their table"
		}
	}
	if !t.findCmap() {
		return "characters", "a table of Unicode characters (cmap of format 4)"
	}
	if zero := t.glyphOf(0); !t.drawable(0) || !t.drawable(zero) { // which are always embedded
		return "damaged", "glyphs made of few parts"
	}
	return "", ""
}

func u16(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }

// place gives where a glyph begins in its table.
func (t *trueType) place(glyph int) int {
	if t.longLoca {
		return int(binary.BigEndian.Uint32(t.tables["loca"][4*glyph:]))
	}
	return 2 * u16(t.tables["loca"], 2*glyph)
}

// findCmap finds the table of characters that the PDF library takes and checks
// that its segments ascend, so that reading all of it has an end.
func (t *trueType) findCmap() bool {
	cmap := t.tables["cmap"]
	for n := range u16(cmap, 2) {
		entry := 4 + 8*n
		if entry+8 > len(cmap) {
			return false
		}
		platform, encoding, offset := u16(cmap, entry), u16(cmap, entry+2), int(binary.BigEndian.Uint32(cmap[entry+4:]))
		if platform != 0 && (platform != 3 || encoding != 1) {
			continue
		}
		if offset+14 > len(cmap) {
			return false
		}
		if u16(cmap, offset) != 4 {
			continue
		}
		t.cmap, t.segments = cmap[offset:], u16(cmap, offset+6)/2
		if t.segments == 0 || 16+8*t.segments > len(t.cmap) {
			return false
		}
		before := -1
		for s := range t.segments {
			start, end := t.segment(s)
			if start <= before || end < start {
				return false
			}
			before = end
		}
		return true
	}
	return false
}

// segment gives the first and the last character of a segment.
func (t *trueType) segment(s int) (start, end int) {
	return u16(t.cmap, 16+2*t.segments+2*s), u16(t.cmap, 14+2*s)
}

// glyphOf gives the glyph of a character, 0 when there is none.
func (t *trueType) glyphOf(r rune) int {
	if r < 0 || r > 0xFFFF {
		return 0
	}
	low, high := 0, t.segments
	for low < high {
		if mid := (low + high) / 2; u16(t.cmap, 14+2*mid) < int(r) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == t.segments {
		return 0
	}
	start, _ := t.segment(low)
	if int(r) < start {
		return 0
	}
	delta, at := u16(t.cmap, 16+4*t.segments+2*low), 16+6*t.segments+2*low
	offset := u16(t.cmap, at)
	if offset == 0 {
		return t.known((int(r) + delta) & 0xFFFF)
	}
	if at += offset + 2*(int(r)-start); at >= u16(t.cmap, 2) || at+2 > len(t.cmap) {
		return 0
	}
	if glyph := u16(t.cmap, at); glyph != 0 {
		return t.known((glyph + delta) & 0xFFFF)
	}
	return 0
}

func (t *trueType) known(glyph int) int {
	if glyph >= t.glyphs {
		return 0
	}
	return glyph
}

// width gives the width of a glyph in thousandths of the size.
func (t *trueType) width(glyph int) int {
	units := u16(t.tables["hmtx"], 4*min(glyph, t.metrics-1))
	if units >= 1<<15 {
		return 0
	}
	return (units*1000 + t.unitsPerEm/2) / t.unitsPerEm
}

// drawable reports whether a glyph is made of few parts, none of which is
// itself.
func (t *trueType) drawable(glyph int) bool {
	parts := 200
	return t.follow(glyph, 8, &parts)
}

// follow goes through the parts of a glyph, no deeper than depth.
func (t *trueType) follow(glyph, depth int, parts *int) bool {
	const (
		words, more                = 1 << 0, 1 << 5
		scale, scaleXY, scaleTwice = 1 << 3, 1 << 6, 1 << 7
	)
	if *parts--; *parts < 0 || depth < 0 || glyph >= t.glyphs {
		return false
	}
	outline := t.tables["glyf"][t.place(glyph):t.place(glyph+1)]
	switch {
	case len(outline) == 0:
		return true
	case len(outline) < 10:
		return false
	case u16(outline, 0) < 1<<15: // a count of contours, negative for a glyph of parts
		return true
	}
	for at := 10; ; {
		if at+4 > len(outline) {
			return false
		}
		flags := u16(outline, at)
		if !t.follow(u16(outline, at+2), depth-1, parts) {
			return false
		}
		at += 6
		if flags&words != 0 {
			at += 2
		}
		switch {
		case flags&scale != 0:
			at += 2
		case flags&scaleXY != 0:
			at += 4
		case flags&scaleTwice != 0:
			at += 8
		}
		if flags&more == 0 {
			return true
		}
	}
}
