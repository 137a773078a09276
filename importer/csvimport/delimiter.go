package csvimport

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// sampleRows is how many rows have to agree on a dialect.
const sampleRows = 100

// sample is the beginning of a file.
type sample struct {
	text   []byte
	whole  bool // it is the whole file
	line   int  // of the file, on which text begins
	limits importer.Limits
}

// reading is a sample read with one delimiter and one quote.
type reading struct {
	delimiter, quote byte
	records          []record
	width            int     // cells of most rows
	full             int     // line of the first row of that width
	share            float64 // of the rows that have that width; 0 when it is 1
}

// read reads the sample.
func (s *sample) read(delimiter, quote byte) (*reading, error) {
	out := &reading{delimiter: delimiter, quote: quote}
	r := newDialectReader(bytes.NewReader(s.text), s.limits, delimiter, quote)
	r.line = s.line
	for len(out.records) < sampleRows {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			if !s.whole && len(out.records) > 1 { // the last one is cut off
				out.records = out.records[:len(out.records)-1]
			}
			break
		}
		if err != nil {
			return nil, err
		}
		if !isBlank(&rec) {
			out.records = append(out.records, rec)
		}
	}
	out.measure(s.limits.Columns)
	return out, nil
}

// measure finds the width that most rows have; of two the larger one.
func (r *reading) measure(columns int) {
	count := make(map[int]int)
	for _, rec := range r.records {
		width := len(rec.cells)
		if isRule(rec.bad, "max-columns") { // it has that delimiter, and often
			width = columns + 1
		}
		count[width]++
	}
	delete(count, 0) // bad rows
	for width, n := range count {
		if best := count[r.width]; n > best || n == best && width > r.width {
			r.width = width
		}
	}
	if r.width < 2 {
		return
	}
	r.share = float64(count[r.width]) / float64(len(r.records))
	for _, rec := range r.records {
		if len(rec.cells) == r.width {
			r.full = rec.line
			return
		}
	}
}

// better reports whether r is the better reading of the two: more rows of the
// same width, of which the first comes as early. That is the header, which has
// the delimiter too.
func (r *reading) better(o *reading) bool {
	const late = 0.7
	mine, others := r.share, o.share
	switch {
	case r.full > o.full && others > 0:
		mine *= late
	case r.full < o.full && mine > 0:
		others *= late
	}
	return mine > others || mine == others && r.width > o.width
}

// rivals reports whether a file could as well be read as o says.
func (r *reading) rivals(o *reading) bool {
	return o != r && o.share >= 0.8*r.share && o.share > 0 && o.full <= r.full
}

// delimiters are those in use; the first one is that of a file of one column.
func delimiters() []byte { return []byte(",;\t|") }

// rareDelimiters are never taken without a question.
func rareDelimiters() []byte { return []byte(":^~+#!?") }

// readings finds how the sample is best read, and what is to be asked. Of
// delimiter and quote what is not 0 is known.
func (s *sample) best(delimiter byte, quote *byte) (*reading, []importer.Question, error) {
	mark := byte('"')
	if quote != nil {
		mark = *quote
	}
	var asks []importer.Question
	best, ask, err := s.byDelimiter(delimiter, mark)
	if err != nil {
		return nil, nil, err
	}
	if quote == nil {
		other, askQuote, err := s.byQuote(best, delimiter)
		if err != nil {
			return nil, nil, err
		}
		if askQuote != nil {
			asks = append(asks, *askQuote)
			best, ask, err = s.byDelimiter(delimiter, other)
			if err != nil {
				return nil, nil, err
			}
		}
	}
	if ask != nil {
		asks = append(asks, *ask)
	}
	return best, asks, nil
}

func (s *sample) byDelimiter(known, quote byte) (*reading, *importer.Question, error) {
	candidates := delimiters()
	if known != 0 {
		candidates = []byte{known}
	}
	all, best, err := s.readAll(candidates, quote)
	if err != nil || known != 0 {
		return best, nil, err
	}
	options := []string{delimiterName(best.delimiter)}
	for _, o := range all {
		if best.rivals(o) {
			options = append(options, delimiterName(o.delimiter))
		}
	}
	if best.share == 0 {
		_, rare, err := s.readAll(rareDelimiters(), quote)
		if err != nil {
			return nil, nil, err
		}
		if alone := len(rare.records) == 1 && (len(best.records) == 0 || best.records[0].bad == nil); rare.share == 1 && !alone {
			options = []string{delimiterName(rare.delimiter), delimiterName(best.delimiter)}
			best = rare
		}
	}
	if len(options) == 1 {
		return best, nil, nil
	}
	return best, &importer.Question{
		ID: setDelimiter, Options: options, Assumed: options[0],
		Text: "The rows can be divided into cells in more than one way. What stands between two cells?",
	}, nil
}

func (s *sample) readAll(delimiters []byte, quote byte) (all []*reading, best *reading, err error) {
	for _, d := range delimiters {
		r, err := s.read(d, quote)
		if err != nil {
			return nil, nil, err
		}
		if all = append(all, r); best == nil || r.better(best) {
			best = r
		}
	}
	return all, best, nil
}

func isRule(bad *importer.RowError, rule string) bool {
	var field *audience.FieldError
	return bad != nil && errors.As(bad, &field) && field.Rule == rule
}

// byQuote finds whether cells are quoted in another way than with double
// quotes, which always is a question.
func (s *sample) byQuote(usual *reading, delimiter byte) (byte, *importer.Question, error) {
	single, double, wrong, cells := 0, 0, 0, 0
	for _, rec := range usual.records {
		if isRule(rec.bad, "quote") {
			wrong++
		}
		double += bytes.Count(rec.raw, []byte(`"`))
		for _, c := range rec.cells {
			if c = strings.Trim(c, " "); c == "" {
				continue
			}
			if cells++; len(c) > 1 && c[0] == '\'' && c[len(c)-1] == '\'' {
				single++
			}
		}
	}
	var other byte
	switch {
	case double == 0 && cells > 1 && 3*single >= cells:
		other = '\''
	case 5*wrong > len(usual.records):
		plain, _, err := s.byDelimiter(delimiter, 0)
		if err != nil {
			return 0, nil, err
		}
		if plain.share < 0.9 || wrong < 2 {
			return '"', nil, nil
		}
	default:
		return '"', nil, nil
	}
	options := []string{quoteName(other), `"`}
	return other, &importer.Question{
		ID: setQuote, Options: options, Assumed: options[0],
		Text: "The cells do not seem to be quoted with double quotes. What stands around a cell that holds a delimiter?",
	}, nil
}
