package importer

import (
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// The forms of days and instants besides our own; see [Column].
const (
	formatDMY   = "dmy"
	formatMDY   = "mdy"
	formatYMD   = "ymd"
	formatUnix  = "unix"
	formatExcel = "excel"
)

// moment is a day, maybe with a time of it, as a cell says it.
type moment struct {
	day     audience.Date
	timed   bool
	seconds int // of the day, as a clock on the wall shows them
	micros  int
	zoned   bool // the cell names an offset from UTC
	offset  int  // in seconds, to the east
	ordered bool // the order of day and month is not plain from the cell
}

// parseMoment reads a day that is written with its year of four digits first
// (2026-01-31, 2026/1/31, 20260131), with the name of its month in English (31
// Jan 2026, January 31, 2026), or, in the order dmy or mdy, with its year last
// (31.01.2026, 1/31/2026). Behind it may stand a time of 24 or of 12 hours with
// AM or PM, and behind that Z, UTC, GMT or an offset.
func parseMoment(cell, order string) (moment, bool) {
	s := scanner{text: cell}
	m, ok := s.date(order)
	if !ok {
		return m, false
	}
	if s.text == "" {
		return m, true
	}
	return m, s.time(&m) && s.zone(&m)
}

// at gives the instant. What has no offset is read in the zone of the clock; a
// day is its first instant there.
func (m moment) at(calendar audience.Calendar, zone *time.Location) (time.Time, bool) {
	const daySeconds = 24 * 60 * 60
	if !m.timed {
		return calendar.StartOfDate(m.day)
	}
	at := time.Unix(int64(m.day)*daySeconds+int64(m.seconds)-int64(m.offset), int64(m.micros)*1000).UTC()
	if !m.zoned && zone != nil && zone != time.UTC {
		year, month, day := at.Date()
		hour, minute, second := at.Clock()
		at = time.Date(year, month, day, hour, minute, second, at.Nanosecond(), zone)
	}
	at, err := audience.Instant(at)
	return at, err == nil
}

// scanner takes parts off the front of a text.
type scanner struct{ text string }

// number takes digits, from least to most of them.
func (s *scanner) number(least, most int) (n int, ok bool) {
	i := 0
	for i < len(s.text) && i < most && s.text[i] >= '0' && s.text[i] <= '9' {
		n = n*10 + int(s.text[i]-'0')
		i++
	}
	if i < least {
		return 0, false
	}
	s.text = s.text[i:]
	return n, true
}

func (s *scanner) take(c byte) bool {
	if s.text == "" || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

// separator takes one of the characters between the numbers of a day.
func (s *scanner) separator() (byte, bool) {
	if s.text == "" {
		return 0, false
	}
	switch c := s.text[0]; c {
	case '-', '/', '.':
		s.text = s.text[1:]
		return c, true
	}
	return 0, false
}

func (s *scanner) date(order string) (moment, bool) {
	digits := 0
	for digits < len(s.text) && s.text[digits] >= '0' && s.text[digits] <= '9' {
		digits++
	}
	switch digits {
	case 8:
		year, _ := s.number(4, 4)
		month, _ := s.number(2, 2)
		day, _ := s.number(2, 2)
		return dayOf(year, month, day)
	case 4:
		return s.yearFirst()
	case 0:
		return s.monthFirst()
	case 1, 2:
		return s.yearLast(order)
	}
	return moment{}, false
}

func (s *scanner) yearFirst() (moment, bool) {
	year, _ := s.number(4, 4)
	between, ok := s.separator()
	month, okMonth := s.number(1, 2)
	again := s.take(between)
	day, okDay := s.number(1, 2)
	if !ok || !okMonth || !again || !okDay {
		return moment{}, false
	}
	return dayOf(year, month, day)
}

func (s *scanner) yearLast(order string) (moment, bool) {
	first, _ := s.number(1, 2)
	between, ok := s.separator()
	if !ok && !s.take(' ') {
		return moment{}, false
	}
	if month, named := s.month(); named { // 31 Jan 2026, 31-Jan-2026
		if ok && !s.take(between) || !ok && !s.take(' ') {
			return moment{}, false
		}
		year, okYear := s.number(4, 4)
		if !okYear {
			return moment{}, false
		}
		return dayOf(year, month, first)
	}
	second, okSecond := s.number(1, 2)
	again := s.take(between)
	year, okYear := s.number(4, 4)
	if !ok || !okSecond || !again || !okYear {
		return moment{}, false
	}
	var m moment
	switch order {
	case formatDMY:
		m, ok = dayOf(year, second, first)
	case formatMDY:
		m, ok = dayOf(year, first, second)
	default:
		return moment{}, false
	}
	m.ordered = true
	return m, ok
}

// monthFirst reads Jan 31 2026 and January 31, 2026.
func (s *scanner) monthFirst() (moment, bool) {
	month, ok := s.month()
	if !ok || !s.take(' ') {
		return moment{}, false
	}
	day, ok := s.number(1, 2)
	s.take(',')
	if !ok || !s.take(' ') {
		return moment{}, false
	}
	year, ok := s.number(4, 4)
	if !ok {
		return moment{}, false
	}
	return dayOf(year, month, day)
}

// month takes the English name of a month, whole or its first three letters.
func (s *scanner) month() (int, bool) {
	n := 0
	for n < len(s.text) && (s.text[n]|0x20 >= 'a' && s.text[n]|0x20 <= 'z') {
		n++
	}
	if n < 3 || n > len("september") {
		return 0, false
	}
	for month := time.January; month <= time.December; month++ {
		name := month.String()
		if strings.EqualFold(s.text[:n], name) || strings.EqualFold(s.text[:n], name[:3]) {
			s.text = s.text[n:]
			return int(month), true
		}
	}
	return 0, false
}

func dayOf(year, month, day int) (moment, bool) {
	d, err := audience.NewDate(year, time.Month(month), day)
	return moment{day: d}, err == nil
}

// time takes a T, a space or a comma and a space, and the time of day.
func (s *scanner) time(m *moment) bool {
	if s.take(',') && !s.take(' ') || s.text == "" {
		return false
	}
	if !s.take('T') {
		s.take(' ')
	}
	hour, ok := s.number(1, 2)
	if !ok || !s.take(':') {
		return false
	}
	minute, ok := s.number(2, 2)
	if !ok {
		return false
	}
	second := 0
	if s.take(':') {
		if second, ok = s.number(2, 2); !ok {
			return false
		}
		if s.take('.') && !s.fraction(m) {
			return false
		}
	}
	if hour, ok = s.half(hour); !ok || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	m.timed, m.seconds = true, (hour*60+minute)*60+second
	return true
}

// fraction takes the digits behind the point; those beyond microseconds are
// cut off.
func (s *scanner) fraction(m *moment) bool {
	scale := 100_000
	n := 0
	for ; n < len(s.text) && s.text[n] >= '0' && s.text[n] <= '9'; n++ {
		m.micros += int(s.text[n]-'0') * scale
		scale /= 10
	}
	s.text = s.text[n:]
	return n > 0
}

// half takes AM or PM.
func (s *scanner) half(hour int) (int, bool) {
	rest := strings.TrimPrefix(s.text, " ")
	if len(rest) < 2 || rest[1]|0x20 != 'm' || rest[0]|0x20 != 'a' && rest[0]|0x20 != 'p' {
		return hour, true
	}
	s.text = rest[2:]
	if hour < 1 || hour > 12 {
		return 0, false
	}
	hour %= 12
	if rest[0]|0x20 == 'p' {
		hour += 12
	}
	return hour, true
}

// zone takes Z, UTC, GMT or an offset, behind which UTC may stand once more,
// and must come to the end.
func (s *scanner) zone(m *moment) bool {
	for range 2 {
		rest := strings.TrimPrefix(s.text, " ")
		switch {
		case s.text == "":
			return true
		case rest == "Z", rest == "UTC", rest == "GMT":
			if m.offset != 0 {
				return false
			}
			m.zoned = true
			return true
		case rest == "" || rest[0] != '+' && rest[0] != '-' || m.zoned:
			return false
		}
		s.text = rest[1:]
		hours, ok := s.number(2, 2)
		s.take(':')
		minutes, okMinutes := s.number(2, 2)
		if !ok || !okMinutes || hours > 23 || minutes > 59 {
			return false
		}
		m.zoned, m.offset = true, (hours*60+minutes)*60
		if rest[0] == '-' {
			m.offset = -m.offset
		}
	}
	return s.text == ""
}

// noDay reports the ways in which programs write that there is no day.
func noDay(cell string) bool {
	switch cell {
	case "0/0/00", "0/0/0000", "00/00/0000", "00.00.0000", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z":
		return true
	}
	return false
}

// parseUnix reads seconds since 1970.
func parseUnix(cell string) (moment, bool) {
	const daySeconds = 24 * 60 * 60
	if !isDigits(cell) || len(cell) < 9 || len(cell) > 10 {
		return moment{}, false
	}
	s := scanner{text: cell}
	n, _ := s.number(9, 10)
	return moment{day: audience.Date(n / daySeconds), timed: true, seconds: n % daySeconds, zoned: true}, true
}

// The days of serial numbers that are taken for days: 1 January 1955 and 2119.
const (
	firstSerial = 20_090
	lastSerial  = 79_990
)

// parseExcel reads the days since 30 December 1899 that spreadsheets count in,
// with the time of day as a fraction, which is cut to whole seconds.
func parseExcel(cell string) (moment, bool) {
	const epoch, daySeconds = -25_569, 24 * 60 * 60 // 1899-12-30
	whole, decimals, has := strings.Cut(cell, ".")
	if len(whole) != 5 || !isDigits(whole) || has && !isDigits(decimals) {
		return moment{}, false
	}
	s := scanner{text: whole}
	n, _ := s.number(5, 5)
	if n < firstSerial || n > lastSerial {
		return moment{}, false
	}
	m := moment{day: audience.Date(n + epoch), timed: has}
	fraction, scale := 0.0, 0.1
	for _, c := range decimals[:min(len(decimals), 12)] {
		fraction += float64(c-'0') * scale
		scale /= 10
	}
	const half = 0.5 // a second of rounding: 10:00:00 is 0.416666...
	m.seconds = min(int(fraction*daySeconds+half), daySeconds-1)
	return m, true
}
