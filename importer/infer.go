package importer

import (
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Inference finds the type of a column from all of its cells. The zero
// Inference has seen none. Empty cells say nothing, and a column of nothing
// else is text.
//
//	int        every cell matches -?(0|[1-9][0-9]*) and fits 64 bits
//	double     every cell matches -?(0|[1-9][0-9]*)(\.[0-9]+)?
//	bool       every cell is true or false, in any case
//	date       every cell is a date as YYYY-MM-DD
//	timestamp  every cell is an instant as RFC 3339
//	string     anything else
//
// A day written YYYYMMDD is a number: a column of them needs its type in the
// header. 007 is text, and so is a column with a whole number too long to be kept
// exactly: an id must not lose its digits.
type Inference struct {
	seen                               bool
	fraction                           bool // a cell has a fraction
	long                               bool // a whole part is not exact as a double
	notNumber, notBool, notDate, notAt bool
}

// exactDouble is the greatest n for which all integers up to n are doubles.
const exactDouble = 1 << 53

// Add takes one cell into account.
func (i *Inference) Add(cell string) {
	if cell == "" || i.settled() {
		return
	}
	i.seen = true
	if !i.notNumber {
		i.addNumber(cell)
	}
	i.notBool = i.notBool || !strings.EqualFold(cell, "true") && !strings.EqualFold(cell, "false")
	if !i.notDate {
		_, err := audience.ParseDate(cell)
		i.notDate = err != nil
	}
	if !i.notAt {
		_, err := audience.ParseInstant(cell)
		i.notAt = err != nil
	}
}

func (i *Inference) addNumber(cell string) {
	kind := numberKind(cell)
	if kind == noNumber {
		i.notNumber = true
		return
	}
	i.fraction = i.fraction || kind == fraction
	whole, _, _ := strings.Cut(cell, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		i.notNumber = true // it does not fit 64 bits
		return
	}
	i.long = i.long || n > exactDouble || n < -exactDouble
}

func (i *Inference) settled() bool { return i.notNumber && i.notBool && i.notDate && i.notAt }

// Type gives the type of the column.
func (i *Inference) Type() audience.Type {
	switch {
	case !i.seen:
		return audience.TypeString
	case !i.notNumber && !i.fraction:
		return audience.TypeInt
	case !i.notNumber && !i.long:
		return audience.TypeDouble
	case !i.notBool:
		return audience.TypeBool
	case !i.notDate:
		return audience.TypeDate
	case !i.notAt:
		return audience.TypeTimestamp
	}
	return audience.TypeString
}

// Fit reports whether every cell can be read as a value of the type. It knows
// of the forms that inference looks for alone: neither of lists nor of days
// written YYYYMMDD, which are numbers.
func (i *Inference) Fit(t audience.Type) bool {
	found := i.Type()
	switch {
	case !i.seen, found == t, t == audience.TypeString:
		return true
	case t == audience.TypeDouble:
		return found == audience.TypeInt && !i.long
	case t == audience.TypeTimestamp:
		return found == audience.TypeDate
	}
	return false
}

type numeral uint8

const (
	noNumber numeral = iota
	integer          // -?(0|[1-9][0-9]*)
	fraction         // the same, then \.[0-9]+
)

// numberKind says which of the two grammars a cell matches.
func numberKind(cell string) numeral {
	whole, decimals, point := strings.Cut(strings.TrimPrefix(cell, "-"), ".")
	switch {
	case !isDigits(whole) || len(whole) > 1 && whole[0] == '0':
		return noNumber
	case !point:
		return integer
	case !isDigits(decimals):
		return noNumber
	}
	return fraction
}

func isExponent(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return isDigits(s)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
