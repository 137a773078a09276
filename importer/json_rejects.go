package importer

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
)

// jsonStyle is what stands around and between the records of a file.
type jsonStyle uint8

const (
	jsonLines jsonStyle = iota
	jsonArray
)

// jsonRejects writes records as they came, with the reason as a member.
type jsonRejects struct {
	out    *bufio.Writer
	style  jsonStyle
	end    string
	parse  jsonRecord
	secret []int
	reason int // the column of earlier reasons, -1: there is none
	began  bool
}

func newJSONRejects(w io.Writer, layout *Layout, secret []int, style jsonStyle) (*jsonRejects, error) {
	limits := Limits{Columns: max(1, len(layout.Columns))}.WithDefaults()
	r := &jsonRejects{
		out: bufio.NewWriter(w), style: style, secret: secret, reason: slices.Index(layout.Columns, ReasonColumn),
		parse: jsonRecord{paths: newPaths(slices.Clip(layout.Columns), limits, false), limits: limits, want: true},
	}
	if style == jsonLines {
		return r, nil
	}
	begin := "["
	r.end = "\n]\n"
	if member, ok := layout.Settings[settingMember]; ok {
		name, err := json.Marshal(member)
		if err != nil {
			return nil, err
		}
		begin, r.end = "{"+string(name)+":[", "\n]}\n"
	}
	_, err := r.out.WriteString(begin)
	return r, err
}

// Reject writes a record with the reason, or, if it is no object, the reason
// above it.
func (r *jsonRejects) Reject(row *Row, reason string) error {
	text, err := json.Marshal(reason)
	if err != nil {
		return err
	}
	if _, err := r.parse.read(row.Raw, nil); err == nil {
		return r.write(r.mended(row.Raw, text))
	}
	if err := r.write(append(append([]byte(`{"`+ReasonColumn+`":`), text...), '}')); err != nil || len(r.secret) > 0 || len(row.Raw) == 0 {
		return err
	}
	return r.write(row.Raw)
}

// mended gives a record without what is secret and with the reason.
func (r *jsonRejects) mended(raw, reason []byte) []byte {
	out := make([]byte, 0, len(raw)+len(reason)+len(ReasonColumn)+len(`,"":`))
	from, said := 0, false
	for _, s := range r.parse.spans {
		var instead []byte
		switch {
		case s.column == r.reason:
			instead, said = reason, true
		case slices.Contains(r.secret, s.column):
			instead = []byte("null")
		default:
			continue
		}
		out = append(append(out, raw[from:s.from]...), instead...)
		from = s.to
	}
	end := r.parse.at - 1 // the closing brace
	out = append(out, raw[from:end]...)
	if said {
		return append(out, '}')
	}
	if !emptyObject(raw) {
		out = append(out, ',')
	}
	return append(append(append(out, `"`+ReasonColumn+`":`...), reason...), '}')
}

// emptyObject reports whether an object that was read has no members.
func emptyObject(raw []byte) bool { return !slices.Contains(raw, '"') }

func (r *jsonRejects) write(record []byte) error {
	if r.style == jsonArray {
		separator := "\n"
		if r.began {
			separator = ",\n"
		}
		if _, err := r.out.WriteString(separator); err != nil {
			return err
		}
	}
	r.began = true
	if _, err := r.out.Write(record); err != nil {
		return err
	}
	if r.style == jsonLines {
		return r.out.WriteByte('\n')
	}
	return nil
}

// Close ends the file.
func (r *jsonRejects) Close() error {
	if _, err := r.out.WriteString(r.end); err != nil {
		return err
	}
	return r.out.Flush()
}
