package importer

import (
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// dateFacts finds out how the days of a column are written.
type dateFacts struct {
	cells    int // that are days in one order or the other
	none     int // that say there is none
	others   int // that are no days
	yearless int // of these: a day and a month alone
	beyond   bool

	timed, zoned   int
	ordered        int // whose order is not plain
	notDMY, notMDY bool
	ownForm        int

	unix, serials, compact int // numbers that could be seconds, serial numbers, YYYYMMDD
}

// daysLookedFor is how many cells that are no days end the search when there
// were no more that are.
const daysLookedFor = 1_000

func (f *dateFacts) add(cell string) {
	if f.beyond {
		return
	}
	if noDay(cell) {
		f.none++
		return
	}
	if isNumeral(cell) {
		if _, ok := parseUnix(cell); ok {
			f.unix++
		}
		if _, ok := parseExcel(cell); ok {
			f.serials++
		}
		if _, ok := parseMoment(cell, ""); ok {
			f.compact++
		}
		f.others++
		return
	}
	m, isDMY := parseMoment(cell, formatDMY)
	isMDY := isDMY
	if m.ordered {
		var other moment
		if other, isMDY = parseMoment(cell, formatMDY); !isDMY {
			m = other
		}
	}
	if !isDMY && !isMDY {
		f.others++
		if isYearless(cell) {
			f.yearless++
		}
		f.beyond = f.others > daysLookedFor && f.others > f.cells
		return
	}
	f.cells++
	f.notDMY, f.notMDY = f.notDMY || !isDMY, f.notMDY || !isMDY
	if m.ordered {
		f.ordered++
	}
	if m.timed {
		f.timed++
	}
	if m.zoned {
		f.zoned++
	}
	if _, hint := parseTyped(audience.TypeTimestamp, cell, audience.Calendar{}); hint == "" {
		f.ownForm++
	}
}

// isYearless reports days such as --03-07 and 4/12.
func isYearless(cell string) bool {
	s := scanner{text: strings.TrimPrefix(cell, "--")}
	first, ok := s.number(1, 2)
	_, between := s.separator()
	second, okSecond := s.number(1, 2)
	return ok && between && okSecond && s.text == "" && first >= 1 && first <= 31 && second >= 1 && second <= 31
}

// isNumeral reports digits with at most one point among them: 31.12.2020 is no
// number.
func isNumeral(cell string) bool {
	points := 0
	for i := range len(cell) {
		switch c := cell[i]; {
		case c == '.' && points == 0:
			points++
		case c < '0' || c > '9':
			return false
		}
	}
	return true
}

// days are what a column's dates are known to be.
type days struct {
	format  string   // "" for our own form
	options []string // more than one: the order is open
	timed   bool
	local   bool // some have a time of day and no zone
	whole   bool // every cell is one
}

// of tells how the days of a column with so many cells are written. Numbers
// are days only if dated, which the header says. It reports false if there
// are none.
func (f *dateFacts) of(cells int, dated bool) (days, bool) {
	d := days{timed: f.timed > 0, local: f.timed > f.zoned}
	if f.cells == 0 {
		if !dated || cells == 0 {
			return d, false
		}
		switch cells - f.none {
		case f.unix:
			return days{format: formatUnix, timed: true, whole: true}, true
		case f.serials:
			return days{format: formatExcel, whole: true}, true
		case f.compact:
			return days{whole: true}, true
		}
		return d, false
	}
	d.whole = f.cells+f.none == cells
	switch {
	case f.yearless > 0: // birthdays, some with a year
		return d, false
	case f.ordered == 0 && f.ownForm == f.cells && f.none == 0:
	case f.ordered == 0:
		d.format = formatYMD
	case !f.notDMY && !f.notMDY:
		d.format, d.options = formatDMY, []string{formatDMY, formatMDY}
	case !f.notDMY:
		d.format = formatDMY
	case !f.notMDY:
		d.format = formatMDY
	default:
		return d, false // both orders in one column
	}
	return d, true
}
