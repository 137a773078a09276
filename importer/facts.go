package importer

import (
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// columnFacts is what one pass over all cells of a column finds out, in memory
// that does not grow with their number.
type columnFacts struct {
	cells int // that hold something
	longs int // longer than anything but text
	kinds uint8

	plain     Inference // our own forms
	dates     dateFacts
	decimals  decimalFacts
	items     itemFacts
	addresses addressFacts
	members   *memberFacts // of cells that are JSON objects

	yes, no    int // cells that mean it, in words
	notYesNo   bool
	notBits    bool // a cell is neither 0 nor 1
	guarded    int  // cells with an apostrophe in front of a digit or a sign
	apostrophe int  // others with an apostrophe in front
	hashes     int  // cells that look like hashes of passwords, or like tokens

	words     map[string]int // how often each stands there, lower-cased; nil once there are too many
	manyWords bool
}

// Bounds of what is kept of a column.
const (
	maxWords     = 24
	maxWordBytes = 40
	maxTypeBytes = 64 // longer cells are text, or items
)

func (f *columnFacts) add(cell string, kind CellKind) {
	if kind == CellAbsent {
		return
	}
	cell = trimBlanks(cell)
	if cell == "" {
		return
	}
	f.cells++
	f.kinds |= 1 << kind
	f.addresses.add(cell)
	f.addMembers(cell)
	f.addSigns(cell)
	f.addWord(cell)
	if kind != CellList { // which has commas
		f.items.add(cell)
	}
	if len(cell) > maxTypeBytes {
		f.longs++
		return
	}
	if kind == CellString || kind == CellList { // "30" is no number there
		f.plain.notNumber, f.plain.notBool = true, true
		f.decimals.notPoint, f.decimals.notComma = true, true
		f.notBits = true
	}
	f.plain.Add(cell)
	f.decimals.add(cell)
	f.dates.add(cell)
	f.addYesNo(cell)
}

func (f *columnFacts) addYesNo(cell string) {
	f.notBits = f.notBits || cell != "0" && cell != "1"
	if f.notYesNo {
		return
	}
	yes, ok := parseYes(cell)
	switch {
	case !ok:
		f.notYesNo = true
	case yes:
		f.yes++
	default:
		f.no++
	}
}

func (f *columnFacts) addMembers(cell string) {
	if f.members == nil {
		if cell[0] != '{' {
			return
		}
		f.members = &memberFacts{others: f.cells - 1}
	}
	f.members.add(cell)
}

// isObjects reports cells that are JSON objects, nearly all of them: the
// others are mistakes.
func (f *columnFacts) isObjects() bool {
	return f.members != nil && f.members.objects > f.members.others
}

func (f *columnFacts) addSigns(cell string) {
	switch cell[0] {
	case '\'':
		if unguarded(cell) != cell {
			f.guarded++
		} else {
			f.apostrophe++
		}
	case '$', '{', 'p', 's', 'e':
		if looksSecret(cell) {
			f.hashes++
		}
	}
}

// looksSecret knows the beginnings of password hashes and of tokens.
func looksSecret(cell string) bool {
	const least = 20
	if len(cell) < least || strings.IndexByte(cell, ' ') >= 0 {
		return false
	}
	for _, begin := range []string{
		"$2a$", "$2b$", "$2y$", "$2x$", "$argon2", "$P$", "$H$", "$S$", "$1$", "$5$", "$6$", "$y$", "$pbkdf2", "$scrypt",
		"pbkdf2_", "{SSHA", "{SHA", "{bcrypt}", "sha1$", "sha256$", "sk_live_", "sk_test_", "pk_live_", "eyJ",
	} {
		if strings.HasPrefix(cell, begin) {
			return true
		}
	}
	return false
}

func (f *columnFacts) addWord(cell string) {
	if f.manyWords {
		return
	}
	word := strings.ToLower(cell)
	if len(word) > maxWordBytes || len(f.words) == maxWords && f.words[word] == 0 {
		f.words, f.manyWords = nil, true
		return
	}
	if f.words == nil {
		f.words = make(map[string]int)
	}
	f.words[word]++
}

// wordsAmong reports whether every cell is one of the words.
func (f *columnFacts) wordsAmong(words map[string]audience.Status) bool {
	if f.cells == 0 || f.manyWords {
		return false
	}
	known := foldWords(words)
	for w := range f.words {
		if _, ok := known[w]; !ok {
			return false
		}
	}
	return true
}

// refuses reports whether one of its words says that somebody refused.
func (f *columnFacts) refuses(words map[string]audience.Status) bool {
	known := foldWords(words)
	for w := range f.words {
		if known[w].IsRefusal() {
			return true
		}
	}
	return false
}

// isYesNo reports a column of yes and no. Without one of both it might be
// anything: NO is a country too. Bits are so only where something else says
// it.
func (f *columnFacts) isYesNo(bits bool) bool {
	switch {
	case f.cells == 0, f.longs > 0, f.notYesNo:
		return false
	case !f.notBits:
		return bits
	}
	return bits || f.yes > 0 && f.no > 0 || f.plain.Type() == audience.TypeBool
}

// unguarded takes off the apostrophe that makes a spreadsheet keep a number as
// it is written.
func unguarded(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("0123456789=+-@\t\r", cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}
