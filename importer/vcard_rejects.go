package importer

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// cardRejects writes cards as they came, with the reason.
type cardRejects struct {
	out    *bufio.Writer
	secret map[string]bool
	parse  cardParser
}

func newCardRejects(w io.Writer, layout *Layout, secret []int) *cardRejects {
	r := &cardRejects{out: bufio.NewWriter(w), secret: make(map[string]bool)}
	for _, i := range secret {
		if i < len(layout.Columns) {
			r.secret[layout.Columns[i]] = true
		}
	}
	return r
}

// Reject writes a card. Properties with something secret are left out, and so
// is all of a card that cannot be read if there are secrets.
func (r *cardRejects) Reject(row *Row, reason string) error {
	properties, err := r.parse.properties(row.Raw)
	end := cardEnd(row.Raw)
	if end == 0 || err != nil && len(r.secret) > 0 {
		return r.write("BEGIN:VCARD\r\nVERSION:4.0\r\n", reasonLine(reason), "END:VCARD\r\n")
	}
	if err != nil {
		return r.write(string(row.Raw[:end]), reasonLine(reason), "END:VCARD\r\n")
	}
	leave := make(map[int]bool)
	for _, c := range cardCells(properties, new(int)) {
		leave[c.property] = leave[c.property] || r.secret[c.header] || c.header == ReasonColumn
	}
	var b strings.Builder
	from := 0
	for i, p := range properties {
		if leave[i] {
			b.Write(row.Raw[from:p.from])
			from = p.to
		}
	}
	b.Write(row.Raw[from:max(end, from)])
	return r.write(b.String(), reasonLine(reason), "END:VCARD\r\n")
}

// cardEnd gives where the line END:VCARD begins, or the end of a card without.
func cardEnd(card []byte) int {
	last := bytes.TrimRight(card, " \t\r\n")
	begin := bytes.LastIndexByte(last, '\n') + 1
	if isLine(bytes.Trim(last[begin:], " \t"), "END:VCARD") {
		return begin
	}
	return len(card)
}

func reasonLine(reason string) string {
	escaped := strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\n", `\n`, "\r", "").Replace(reason)
	return ownProperty + ";NAME=" + ReasonColumn + ":" + escaped + "\r\n"
}

func (r *cardRejects) write(parts ...string) error {
	for _, p := range parts {
		if _, err := r.out.WriteString(p); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the file.
func (r *cardRejects) Close() error { return r.out.Flush() }
