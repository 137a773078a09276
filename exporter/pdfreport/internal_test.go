package pdfreport

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/gofont/gomono"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

func TestScale(t *testing.T) {
	tests := []struct {
		low, high float64
		want      []string
	}{
		{0, 100, []string{"0", "20", "40", "60", "80", "100"}},
		{0, 7, []string{"0", "2", "4", "6", "8"}},
		{-3, 7, []string{"−4", "−2", "0", "2", "4", "6", "8"}},
		{0.1, 0.35, []string{"0.10", "0.15", "0.20", "0.25", "0.30", "0.35"}},
		{9_990, 10_010, []string{"9\u00A0990", "9\u00A0995", "10\u00A0000", "10\u00A0005", "10\u00A0010"}},
		{5, 5, []string{"2", "3", "4", "5", "6", "7", "8"}},
		{0, 0, []string{"−1.0", "−0.5", "0.0", "0.5", "1.0"}},
		{0, 1e-9, []string{"0", "2e-10", "4e-10", "6e-10", "8e-10", "1e-09"}},
	}
	for _, tt := range tests {
		s := newScale(tt.low, tt.high)
		var got []string
		for i := range s.ticks {
			got = append(got, s.label(i))
		}
		require.Equal(t, tt.want, got, "%v to %v", tt.low, tt.high)
	}
}

// TestScaleHolds: whatever the values, they lie on their scale, which has a
// few ticks.
func TestScaleHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		a := (random.Float64() - 0.5) * math.Pow(10, float64(random.IntN(320)-310))
		b := a + (random.Float64()-0.5)*math.Pow(10, float64(random.IntN(320)-310))
		if random.IntN(4) == 0 {
			b = 0
		}
		low, high := min(a, b), max(a, b)
		s := newScale(low, high)
		require.True(t, s.ticks >= 2 && s.ticks <= 9, "%v to %v: %d ticks", low, high, s.ticks)
		require.True(t, s.at(low) >= -1e-6 && s.at(high) <= 1+1e-6, "%v to %v: %+v", low, high, s)
	}
}

func TestWrap(t *testing.T) {
	f, err := loadFonts(nil)
	require.NoError(t, err)
	st := style{10, false, ink}
	width := f.width("a line so wide", st)
	tests := []struct{ text, want string }{
		{"", ""},
		{"short", "short"},
		{"a line so wide", "a line so wide"},
		{"a line so wide that it breaks", "a line so wide|that it breaks"},
		{"one\ntwo\n", "one|two|"},
		{"averyveryverylongword", "averyveryver|ylongword"},
		{"ann.smith@example.com", "ann.smith@|example.com"},
		{"twenty-three-four", "twenty-|three-four"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, strings.Join(f.wrap(tt.text, st, width), "|"))
	}
}

// TestWrapLosesNothing: lines have room, and all of the text but spaces.
func TestWrapLosesNothing(t *testing.T) {
	f, err := loadFonts(nil)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	letters := []rune("abcmi  -/@Żя日\n□")
	for range 1_000 {
		text := make([]rune, random.IntN(60))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		clean, st, width := f.clean(string(text)), style{9, random.IntN(2) == 0, ink}, 1+random.Float64()*80
		lines := f.wrap(clean, st, width)
		squeeze := func(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }
		require.Equal(t, squeeze(clean), squeeze(strings.Join(lines, "")))
		for _, line := range lines {
			require.True(t, f.width(line, st) <= width+1e-6 || utf8.RuneCountInString(strings.TrimSpace(line)) == 1, "%q in %v", line, width)
			short, cut := f.shorten(line, st, width)
			require.Equal(t, cut, short != line)
			require.True(t, !cut || strings.HasSuffix(short, "…"))
		}
	}
}

func TestVisual(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"from the left", "abc (1)", "abc (1)"},
		{"from the right", "אבג", "גבא"},
		{"brackets", "א(ב)", "(ב)א"},
		{"a word within", "abc אבג def", "abc גבא def"},
		{"a word and a number", "אבג 123", "123 גבא"},
		{"a number first", "123 אבג", "גבא 123"},
		{"Latin within", "אבג abc דה", "הד abc גבא"},
		{"nothing strong", "12", "12"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, visual(tt.line), tt.name)
	}
}

func TestShare(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 1_000 {
		n := 1 + random.IntN(exporter.MaxTableColumns)
		want, least := make([]float64, n), make([]float64, n)
		for i := range want {
			want[i], least[i] = random.Float64()*260, random.Float64()*90
		}
		all, sum := 100+random.Float64()*600, 0.0
		for _, width := range share(all, want, least) {
			require.Positive(t, width)
			sum += width
		}
		require.InDelta(t, all, sum, 1e-6)
	}
}

// TestPanicIsAnError: whatever the PDF library does, the host goes on.
func TestPanicIsAnError(t *testing.T) {
	_, err := render(nil, &exporter.Report{}, &Options{})
	var broken *RenderError
	require.ErrorAs(t, err, &broken)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.ErrorContains(t, err, "pdf: the PDF library panicked: runtime error")
	require.Equal(t, "the PDF library panicked", reason("jane@example.com"), "what it says may hold a text")
}

// TestInsideFonts: the fonts inside have the box, and agree on what they have.
func TestInsideFonts(t *testing.T) {
	f, err := loadFonts(nil)
	require.NoError(t, err)
	require.True(t, f.sets(box))
	have := 0
	for r := rune(0); r <= 0xFFFF; r++ {
		regular, bold := f.find(r, false), f.find(r, true)
		if (regular.font >= 0) != (bold.font >= 0) {
			t.Fatalf("%U is in one of them only", r)
		}
		if regular.font >= 0 {
			have++
		}
	}
	require.Greater(t, have, 600)
}

// TestWidthsAreThePDFLibrarys: what is measured is what is drawn.
func TestWidthsAreThePDFLibrarys(t *testing.T) {
	f, err := loadFonts([][]byte{gomono.TTF})
	require.NoError(t, err)
	pdf := fpdf.New("P", "pt", "A4", "")
	pdf.AddPage()
	for i := range f.all {
		f.use(pdf, i, 1000)
		for r := rune(' '); r <= 0xFFFF; r++ {
			glyph := f.all[i].glyphOf(r)
			if drawn := pdf.GetStringSymbolWidth(string(r)); glyph != 0 && drawn != f.all[i].width(glyph) {
				t.Fatalf("font %d %U: %d, not %d", i, r, f.all[i].width(glyph), drawn)
			}
		}
	}
	require.NoError(t, pdf.Error())
}
