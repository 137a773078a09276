package pdfreport

import (
	"strconv"
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/text/unicode/norm"
)

// box stands for characters that no font has; the fonts inside have it.
const box = '\u25A1'

// fonts finds a font for each character: those inside first, then the host's.
type fonts struct {
	all     []*trueType
	added   []bool            // to the document
	chain   [2][]int          // fonts to try, for regular and for bold
	known   [2]map[rune]glyph // found before
	missing int               // characters of the report that became boxes
}

// glyph is how a character is set.
type glyph struct {
	font  int // -1: by none
	width int // thousandths of the size
}

func loadFonts(hosts [][]byte) (*fonts, error) {
	f := &fonts{known: [2]map[rune]glyph{{}, {}}, chain: [2][]int{{0}, {1}}}
	for i, data := range append([][]byte{goregular.TTF, gobold.TTF}, hosts...) {
		const inside = 2
		t, err := parseTrueType(i-inside, data)
		if err != nil {
			return nil, err
		}
		f.all = append(f.all, t)
		if i >= inside {
			f.chain[0], f.chain[1] = append(f.chain[0], i), append(f.chain[1], i)
		}
	}
	f.added = make([]bool, len(f.all))
	return f, nil
}

// find gives how a character is set.
func (f *fonts) find(r rune, bold bool) glyph {
	weight := 0
	if bold {
		weight = 1
	}
	if g, ok := f.known[weight][r]; ok {
		return g
	}
	found := glyph{font: -1}
	for _, i := range f.chain[weight] {
		if g := f.all[i].glyphOf(r); g != 0 && f.all[i].drawable(g) {
			found = glyph{font: i, width: f.all[i].width(g)}
			break
		}
	}
	f.known[weight][r] = found
	return found
}

// width measures a clean text.
func (f *fonts) width(s string, st style) float64 {
	sum := 0
	for _, r := range s {
		sum += f.find(r, st.bold).width
	}
	return float64(sum) * st.size / 1000
}

// clean makes a text one that the fonts can set: composed, without what is
// invisible, with boxes for what no font has, which are counted. Line breaks
// stay.
func (f *fonts) clean(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s // as most are
	}
	var b strings.Builder
	for _, r := range norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD")) {
		switch {
		case r == '\n', r == '\u2028', r == '\u2029':
			b.WriteByte('\n')
		case unicode.IsControl(r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cf, unicode.Variation_Selector): // joiners, directions, soft hyphens, tags
		case f.sets(r):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == '\u2010' || r == '\u2011':
			b.WriteByte('-')
		default:
			b.WriteRune(box)
			f.missing++
		}
	}
	return b.String()
}

func (f *fonts) sets(r rune) bool { return f.find(r, false).font >= 0 && f.find(r, true).font >= 0 }

// use makes a font the current one of the document, which gets it when it is
// first needed.
func (f *fonts) use(pdf *fpdf.Fpdf, i int, size float64) {
	family := "f" + strconv.Itoa(i)
	if !f.added[i] {
		pdf.AddUTF8FontFromBytes(family, "", f.all[i].data)
		f.added[i] = true
	}
	pdf.SetFont(family, "", size)
}
