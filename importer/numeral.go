package importer

import (
	"strconv"
	"strings"
)

// The forms of numbers besides our own; see [Column].
const (
	formatPoint = "point" // 1,234.50
	formatComma = "comma" // 1.234,50
)

// parseDecimal reads a number whose decimals stand behind the mark, a point or
// a comma, and whose thousands may be set apart by the other one, by spaces
// or by apostrophes, with a sign or code of a currency before or behind it.
func parseDecimal(cell, form string) (float64, bool) {
	s := trimCurrency(cell)
	mark, other := byte('.'), byte(',')
	if form == formatComma {
		mark, other = ',', '.'
	}
	var buf [40]byte
	out := buf[:0]
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		out, s = append(out, '-'), trimCurrency(rest)
	}
	whole, decimals, has := strings.Cut(s, string(mark))
	if len(s) > 32 || has && !isDigits(decimals) {
		return 0, false
	}
	out, ok := appendGroups(out, whole, other)
	if !ok {
		return 0, false
	}
	if has {
		out = append(append(out, '.'), decimals...)
	}
	f, err := strconv.ParseFloat(string(out), 64)
	return f, err == nil
}

// appendGroups adds the digits of a whole number: all of them, or in groups of
// three behind the first of up to three.
func appendGroups(out []byte, s string, between byte) ([]byte, bool) {
	at := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if at < 0 {
		return append(out, s...), s != "" && (len(s) == 1 || s[0] != '0')
	}
	gap := gapAt(s, at, between)
	if at == 0 || at > 3 || s[0] == '0' || gap == "" {
		return out, false
	}
	out = append(out, s[:at]...)
	for s = s[at:]; s != ""; {
		rest, ok := strings.CutPrefix(s, gap)
		if !ok || len(rest) < 3 || !isDigits(rest[:3]) {
			return out, false
		}
		out, s = append(out, rest[:3]...), rest[3:]
	}
	return out, true
}

// gapAt gives what sets thousands apart at a place, "" for nothing that does.
func gapAt(s string, at int, between byte) string {
	for _, gap := range []string{string(between), " ", "'", "\u00a0", "\u202f", "\u2019"} {
		if strings.HasPrefix(s[at:], gap) {
			return gap
		}
	}
	return ""
}

// trimCurrency takes the sign or code of a currency off one end.
func trimCurrency(s string) string {
	if s != "" && isDigits(s[:1]) && isDigits(s[len(s)-1:]) {
		return s // no sign has digits
	}
	for _, sign := range []string{
		"$", "€", "£", "¥", "₹", "zł", "kr", "EUR", "USD", "GBP", "PLN", "SEK", "NOK", "DKK", "CHF", "CAD", "AUD", "US$",
	} {
		if rest, ok := strings.CutPrefix(s, sign); ok {
			return strings.TrimLeft(rest, " \u00a0\u202f")
		}
		if rest, ok := strings.CutSuffix(s, sign); ok {
			return strings.TrimRight(rest, " \u00a0\u202f")
		}
	}
	return s
}

// decimalFacts finds out how the numbers of a column are written.
type decimalFacts struct {
	notPoint, notComma bool
	open               bool // a cell is a number in both forms, and another one in each
	separated          bool // a cell has something between its digits that our own form does not know
	seen               bool
}

func (d *decimalFacts) add(cell string) {
	if d.notPoint && d.notComma {
		return
	}
	d.seen = true
	if numberKind(cell) == integer { // the same in both forms
		return
	}
	point, isPoint := parseDecimal(cell, formatPoint)
	comma, isComma := parseDecimal(cell, formatComma)
	d.notPoint, d.notComma = d.notPoint || !isPoint, d.notComma || !isComma
	d.open = d.open || isPoint && isComma && point != comma
	d.separated = d.separated || numberKind(cell) == noNumber
}

// form gives the form of the numbers. settled is false when it cannot be told;
// found is false when they are no numbers, or written as our own are.
func (d *decimalFacts) form() (form string, settled, found bool) {
	switch {
	case !d.seen, !d.separated, d.notPoint && d.notComma:
		return "", false, false
	case !d.notComma && !d.notPoint:
		return formatPoint, false, d.open
	case !d.notPoint:
		return formatPoint, !d.open, true
	}
	// 1,5 and 2,7 may be pairs of things as well.
	return formatComma, false, true
}

// parseYes reads a word that means yes or no.
func parseYes(cell string) (yes, ok bool) {
	if len(cell) == 0 || len(cell) > 8 {
		return false, false
	}
	var buf [8]byte
	switch string(appendLower(buf[:0], cell)) {
	case "yes", "y", "true", "t", "1", "on", "x", "ja", "oui", "si", "s\u00ed", "sim", "tak":
		return true, true
	case "no", "n", "false", "f", "0", "off", "nein", "non", "nej", "nie", "nao", "n\u00e3o":
		return false, true
	}
	return false, false
}

// appendLower lower-cases ASCII.
func appendLower(out []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		out = append(out, c)
	}
	return out
}
