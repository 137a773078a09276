package importer

import (
	"strings"
	"unicode"

	"github.com/audiencekit/audiencekit/audience"
)

// parseAddresses reads the addresses of a cell, the first of which is the
// primary one. It takes off what certainly is not part of an address: a link's
// mailto:, the name in front of <jane@example.com>, invisible characters and
// spaces at the ends. The error is that of the first address that is none.
func parseAddresses(cell string) (first audience.Address, further []audience.Address, err error) {
	first, err = audience.ParseAddress(cell)
	if err == nil {
		return first, nil, nil
	}
	pieces := addressPieces(cell)
	if len(pieces) == 0 {
		return audience.Address{}, nil, nil
	}
	for i, piece := range pieces {
		a, err := audience.ParseAddress(bareAddress(piece))
		switch {
		case err != nil:
			return audience.Address{}, nil, err
		case i == 0:
			first = a
		default:
			further = append(further, a)
		}
	}
	return first, further, nil
}

// addressPieces splits a cell with several addresses. A piece without an @
// belongs to the one behind it: the comma in Doe, Jane <jane@example.com>.
func addressPieces(cell string) []string {
	var pieces []string
	from := 0
	for i := 0; i < len(cell); i++ {
		width := 0
		switch {
		case strings.HasPrefix(cell[i:], " ::: "):
			width = len(" ::: ")
		case cell[i] == ',', cell[i] == ';', cell[i] == '\n':
			width = 1
		default:
			continue
		}
		if strings.IndexByte(cell[from:i], '@') < 0 && trimAddress(cell[from:i]) != "" {
			continue
		}
		pieces = appendPiece(pieces, cell[from:i])
		from = i + width
		i = from - 1
	}
	return appendPiece(pieces, cell[from:])
}

func appendPiece(pieces []string, piece string) []string {
	if piece = trimAddress(piece); piece != "" {
		pieces = append(pieces, piece)
	}
	return pieces
}

// trimAddress takes off spaces of any kind and characters that show nothing.
func trimAddress(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	})
}

// bareAddress takes the address out of Jane <jane@example.com> and
// mailto:jane@example.com?subject=hello.
func bareAddress(s string) string {
	if open := strings.LastIndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") {
		s = trimAddress(s[open+1 : len(s)-1])
	}
	const scheme = "mailto:"
	if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s, _, _ = strings.Cut(s[len(scheme):], "?")
	}
	return s
}

// addressFacts counts the addresses of a column.
type addressFacts struct {
	cells   int // that are addresses
	cleaned int // of these, after something was taken off or several were split
	looked  int // cells that were parsed
}

// addressesLooked is how many cells of a column are parsed before an @ is
// enough.
const addressesLooked = 10_000

func (f *addressFacts) add(cell string) {
	at := strings.IndexByte(cell, '@')
	if at <= 0 || at == len(cell)-1 {
		return
	}
	if f.looked == addressesLooked {
		f.cells++
		return
	}
	f.looked++
	if _, err := audience.ParseAddress(cell); err == nil {
		f.cells++
		return
	}
	if first, _, err := parseAddresses(cell); err == nil && !first.IsZero() {
		f.cells++
		f.cleaned++
	}
}
