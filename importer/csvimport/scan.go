package csvimport

import (
	"bytes"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// scan is where the record at the start of the buffer ends.
type scan struct {
	more   bool // the buffer ends within the record, which may go on
	length int  // in bytes, with the line end
	ending int  // bytes of the line end
	lines  int  // that it takes

	why    error // it is not well-formed
	column int   // where, from 1
	resync bool  // how it goes on is not known: read on behind its first line
}

// refuse keeps the first reason.
func (s *scan) refuse(column int, rule, hint string, limit bool) {
	if s.why == nil {
		s.why = &audience.FieldError{Path: "row", Rule: rule, Hint: hint, Limit: limit}
		s.column = column
	}
}

// scan finds the cells of the record at the start of the buffer, and its end.
// Line ends are LF, CRLF and CR.
func (r *reader) scan() scan {
	b := r.buf[r.start:r.end]
	r.cells, r.doubled = r.cells[:0], false
	s := scan{lines: 1}
	for at := 0; ; {
		var open bool
		if at < len(b) && b[at] == r.quote && r.quote != 0 {
			at, open = r.quoted(&s, b, at+1)
		} else {
			at, open = r.plain(&s, b, at)
		}
		switch {
		case s.resync:
			return s
		case open && !r.eof:
			return scan{more: true}
		case open:
			s.refuse(len(r.cells)+1, "quote", "a closing quote", false)
			s.resync = true
			return s
		case len(r.cells) > r.limits.Columns:
			s.refuse(0, "max-columns", fmt.Sprintf("at most %d cells", r.limits.Columns), true)
			r.cells = r.cells[:r.limits.Columns]
		}
		switch {
		case at == len(b) && !r.eof:
			return scan{more: true}
		case at < len(b) && b[at] == r.delimiter:
			at++
			continue
		}
		return r.finish(s, b, at)
	}
}

// finish ends the record at a line end or at the end of the file.
func (r *reader) finish(s scan, b []byte, at int) scan {
	switch {
	case at == len(b):
	case b[at] == '\n':
		s.ending = 1
	case at+1 == len(b) && !r.eof: // CR: does a LF follow?
		return scan{more: true}
	case at+1 < len(b) && b[at+1] == '\n':
		s.ending = 2
	default:
		s.ending = 1
	}
	s.length = at + s.ending
	return s
}

// plain takes the cell that begins at from, without quotes, and gives where it
// ends. Spaces before an opening quote do not count.
func (r *reader) plain(s *scan, b []byte, from int) (at int, open bool) {
	for at, first := from, true; ; at, first = at+1, false {
		for at < len(b) && !r.ends[b[at]] {
			at++
		}
		if at == len(b) || b[at] != r.quote {
			r.cells = append(r.cells, cell{from: from, to: at})
			return at, false
		}
		if first && len(bytes.TrimLeft(b[from:at], " ")) == 0 {
			return r.quoted(s, b, at+1)
		}
		s.refuse(len(r.cells)+1, "quote", "quotes around the whole cell, doubled inside", false)
	}
}

// quoted takes the cell whose opening quote is in front of from, and gives
// where it ends; open when the buffer ends before its closing quote. Spaces
// behind that do not count.
func (r *reader) quoted(s *scan, b []byte, from int) (at int, open bool) {
	c := cell{from: from}
	for at = from; ; {
		i := bytes.IndexByte(b[at:], r.quote)
		if i < 0 {
			s.lines += lineEnds(b[at:])
			s.resync = r.tooLong(s)
			return len(b), true
		}
		s.lines += lineEnds(b[at : at+i])
		if r.tooLong(s) {
			s.resync = true
			return at, true
		}
		at += i + 1
		switch {
		case at == len(b) && !r.eof:
			return at, true // doubled or closing
		case at < len(b) && b[at] == r.quote:
			c.doubled, r.doubled = true, true
			at++
			continue
		}
		c.to = at - 1
		for at < len(b) && b[at] == ' ' {
			at++
		}
		if at == len(b) && !r.eof {
			return at, true
		}
		if at < len(b) && b[at] != r.delimiter && b[at] != '\n' && b[at] != '\r' {
			s.refuse(len(r.cells)+1, "quote", "a delimiter or the end of the line behind a closing quote; quotes inside are doubled", false)
			s.resync = true
			return at, true
		}
		r.cells = append(r.cells, c)
		return at, false
	}
}

func (r *reader) tooLong(s *scan) bool {
	if s.lines <= r.limits.RecordLines {
		return false
	}
	s.refuse(len(r.cells)+1, "max-lines", fmt.Sprintf("a row of at most %d lines; is a quote not closed?", r.limits.RecordLines), true)
	return true
}

// lineEnds counts LF, CRLF and CR.
func lineEnds(b []byte) int {
	const short = 32
	if len(b) < short && !hasLineEnd(b) {
		return 0
	}
	n := bytes.Count(b, []byte("\n"))
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\r')
		if i < 0 {
			return n
		}
		at += i + 1
		if at == len(b) || b[at] != '\n' {
			n++
		}
	}
}

func hasLineEnd(b []byte) bool {
	for _, c := range b {
		if c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}
