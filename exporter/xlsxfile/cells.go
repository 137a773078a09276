package xlsxfile

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/audience"
)

// styles are those of cells, by what they hold.
type styles struct{ header, instant, date, text int }

func newStyles(f *excelize.File) (styles, error) {
	instant, date := "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"
	const asText = 49 // the format @: what is typed over such a cell is text too
	var s styles
	for _, style := range []struct {
		into *int
		is   excelize.Style
	}{
		{&s.header, excelize.Style{Font: &excelize.Font{Bold: true}, NumFmt: asText}},
		{&s.instant, excelize.Style{CustomNumFmt: &instant}},
		{&s.date, excelize.Style{CustomNumFmt: &date}},
		{&s.text, excelize.Style{NumFmt: asText}},
	} {
		var err error
		if *style.into, err = f.NewStyle(&style.is); err != nil {
			return s, err
		}
	}
	return s, nil
}

// cell gives what excelize is to write; false when a text is too long. Of what
// it gets excelize makes no formula, but it cuts texts and replaces characters
// without a word.
func (e *encoder) cell(v audience.Value) (any, bool) {
	switch v.Type() {
	case audience.TypeInt:
		// Programs keep 15 digits of a number.
		const most = 999_999_999_999_999
		if n, _ := v.Int(); n >= -most && n <= most {
			return n, true
		}
	case audience.TypeDouble:
		f, _ := v.Double()
		return e.rounded(f), true
	case audience.TypeBool:
		b, _ := v.Bool()
		return b, true
	case audience.TypeTimestamp:
		at, _ := v.Timestamp()
		if serial, ok := serialOf(at.Round(time.Millisecond).In(e.opts.Local)); ok {
			if at.Nanosecond()%int(time.Millisecond) != 0 {
				e.loss.Rounded++
			}
			return excelize.Cell{StyleID: e.styles.instant, Value: serial}, true
		}
	case audience.TypeDate:
		d, _ := v.Date()
		if day, ok := dayOf(d); ok {
			return excelize.Cell{StyleID: e.styles.date, Value: day}, true
		}
	case audience.TypeString, audience.TypeStringList:
	default:
		return nil, true
	}
	text := e.text(v.Reveal())
	if short, cut := cutTo(text, excelize.TotalCellChars); cut {
		if !e.opts.CutLong {
			return nil, false
		}
		e.loss.Cut++
		text = short
	}
	return excelize.Cell{StyleID: e.styles.text, Value: text}, true
}

// rounded gives a double as a cell holds it, and counts it if that is another.
func (e *encoder) rounded(f float64) float64 {
	short := digits15(f)
	if short != f {
		e.loss.Rounded++
	}
	return short
}

// digits15 rounds to 15 digits. The library would cut the others off, which
// makes another millisecond of an instant behind the year 4637.
func digits15(f float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil { // the greatest ones are beyond all doubles when they are rounded
		return f
	}
	return short
}

// dayOf gives the number that stands for a date: the days since 30 December
// 1899. Before March 1900 programs disagree about it, and the year 9999 is their
// last.
func dayOf(d audience.Date) (int64, bool) {
	const epoch, march1900, last = 25_569, 61, 2_958_465 // 1 January 1970, 1 March 1900, 31 December 9999
	day := int64(d) + epoch
	return day, day >= march1900 && day <= last
}

// serialOf gives the number that stands for an instant, by its wall time: dayOf
// and the part of the day.
func serialOf(t time.Time) (float64, bool) {
	day, ok := dayOf(audience.DateOf(t, t.Location()))
	hour, minute, second := t.Clock()
	ofDay := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
	return digits15(float64(day) + ofDay.Hours()/24), ok
}

// text replaces what XML 1.0 cannot hold.
func (e *encoder) text(s string) string {
	bad := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if bad(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			e.loss.Replaced++
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cutTo cuts a text to at most so many characters of UTF-16, between
// characters.
func cutTo(s string, most int) (string, bool) {
	if len(s) <= most { // bytes are never fewer
		return s, false
	}
	n := 0
	for i, r := range s {
		if n += utf16.RuneLen(r); n > most {
			return s[:i], true
		}
	}
	return s, false
}
