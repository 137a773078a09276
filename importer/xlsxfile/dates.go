package xlsxfile

import (
	"archive/zip"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"time"
)

// dateFormat says what a number format shows of a number.
type dateFormat uint8

const (
	noDate dateFormat = iota
	dayFormat
	clockFormat // a time of day, or hours
	wallFormat  // a day and a time
)

// days1904 is how many days the calendar of 1904 begins later.
const days1904 = 1462

// readStyles finds out which styles show numbers as dates.
func (b *book) readStyles(f *zip.File) error {
	custom := make(map[string]string)
	within := false
	return b.eachElement(f, func(_ *xml.Decoder, e xml.StartElement) error {
		const most = 1 << 16
		switch e.Name.Local {
		case "numFmt":
			if len(custom) < most {
				custom[attribute(e, "numFmtId")] = attribute(e, "formatCode")
			}
		case "cellXfs":
			within = true
		case "cellStyles", "dxfs", "cellStyleXfs":
			within = false
		case "xf":
			if within && len(b.formats) < most {
				id := attribute(e, "numFmtId")
				if code, ok := custom[id]; ok {
					b.formats = append(b.formats, formatOf(code))
				} else {
					b.formats = append(b.formats, builtIn(id))
				}
			}
		}
		return nil
	})
}

// builtIn is of the formats that are known by number (ECMA-376, 18.8.30).
func builtIn(id string) dateFormat {
	n, err := strconv.Atoi(id)
	switch {
	case err != nil:
		return noDate
	case n >= 14 && n <= 17, n >= 27 && n <= 31, n == 36, n >= 50 && n <= 54, n == 57, n == 58:
		return dayFormat
	case n >= 18 && n <= 21, n >= 32 && n <= 35, n >= 45 && n <= 47, n == 55, n == 56:
		return clockFormat
	case n == 22:
		return wallFormat
	}
	return noDate
}

// formatOf reads a format code such as yyyy-mm-dd hh:mm. Its first section
// counts; what is in quotes, in brackets or behind a backslash is no code, but
// for hours that run on, [h].
func formatOf(code string) dateFormat {
	var day, clock, minutes bool
	code = strings.ToLower(code)
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"', '[':
			closing := byte('"')
			if c == '[' {
				closing = ']'
			}
			length := strings.IndexByte(code[i+1:], closing)
			if length < 0 {
				return noDate
			}
			inner := code[i+1 : i+1+length]
			clock = clock || c == '[' && inner != "" && strings.Trim(inner, "hms") == ""
			i += length + 1
		case '\\', '_', '*':
			i++
		case ';':
			i = len(code)
		case 'y', 'd':
			day = true
		case 'h', 's':
			clock = true
		case 'm':
			minutes = true // or months
		case '#', '?', '@':
			return noDate
		case '0':
			if !clock { // else fractions of seconds
				return noDate
			}
		case 'g':
			if strings.HasPrefix(code[i:], "general") {
				return noDate
			}
		}
	}
	switch {
	case day && clock:
		return wallFormat
	case clock:
		return clockFormat
	case day, minutes:
		return dayFormat
	}
	return noDate
}

// wallTime gives the wall time that a number stands for, in UTC, to the
// millisecond: programs keep 15 digits of it, which is no more. False: there is
// none.
func wallTime(serial float64, from int) (time.Time, bool) {
	const last = 2_958_466 // 1 January 10000
	if math.IsNaN(serial) || serial < 0 || serial+float64(from) >= last {
		return time.Time{}, false
	}
	days := int(serial)
	if from == 0 && days < 60 { // there was no 29 February 1900, which they count
		days++
	}
	const day = 24 * 60 * 60 * 1000
	ms := math.Round((serial - math.Floor(serial)) * day)
	return time.Date(1899, 12, 30+from+days, 0, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond), true
}

// timeText gives the cell of a number that is shown as a date; false: it is a
// number.
func (t *table) timeText(f dateFormat, value string) (text string, plain, ok bool) {
	serial, err := strconv.ParseFloat(value, 64)
	at, good := wallTime(serial, t.book.from)
	if f == noDate || err != nil || !good {
		return "", false, false
	}
	switch {
	case f == clockFormat && serial < 1:
		return at.Format("15:04:05"), true, true
	case f == clockFormat: // hours that run on
		return "", false, false
	case f == dayFormat && serial == math.Floor(serial):
		return at.Format(time.DateOnly), false, true
	case t.opts.Zone != nil:
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), t.opts.Zone)
		return at.UTC().Format(time.RFC3339Nano), false, true
	}
	return at.Format("2006-01-02 15:04:05.999"), true, true
}
