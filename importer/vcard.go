package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// VCard is the format "vcard": files of any number of cards of the versions
// 3.0 (RFC 2426), 4.0 (RFC 6350) and, as far as they are simple, 2.1, in UTF-8.
// A card becomes a row:
//
//	UID          external_id
//	EMAIL        email; further ones other_emails. The preferred one is first
//	N            last_name, first_name, additional_names, prefix, suffix
//	FN           full_name, unless it says what other columns say
//	TEL          phone; further ones other_phones
//	CATEGORIES   tags
//	BDAY         birthday; a whole day as YYYY-MM-DD, others such as --04-15 as they stand
//	ORG          company, department, unit
//	ADR          post_office_box, address_2, street, city, region, zip, country; further ones other_addresses
//
// Others become columns of their name in lower case, such as note, and lists
// where a card has several. X-AUDIENCEKIT, with which our exports write what vCard
// does not know, becomes the column that it names. Pictures, sounds and keys are
// passed over, which a note of the layout says.
//
// A card that cannot be read costs itself alone. Rejects are the cards as they
// came with the reason as X-AUDIENCEKIT.
func VCard() Format { return cardFormat{} }

type cardFormat struct{}

func (cardFormat) Name() string { return "vcard" }

func (f cardFormat) Detect(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	limits = limits.WithDefaults()
	t, err := openCards(ctx, src, &Layout{}, limits, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }() // it was only read
	if c, err := firstByte(t.window); err != nil || c != 'B' && c != 'b' {
		return nil, firstOf(err, unsupported("no BEGIN:VCARD at the beginning"))
	}
	layout := &Layout{Format: f.Name()}
	const often = 1024
	for n := 0; ; n++ {
		if n%often == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rec, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, err
		case n == 0 && errors.Is(rec.bad, errOutside()):
			return nil, unsupported("no BEGIN:VCARD at the beginning")
		case n == limits.Rows:
			return nil, tooManyRows(limits)
		case layout.HeaderLine == 0:
			layout.HeaderLine = rec.line
		}
		if rec.bad != nil {
			continue
		}
		_, bad := t.fields(rec, nil)
		if fatal, ok := errors.AsType[*fileError](bad); ok {
			return nil, fatal.error
		}
	}
	if layout.HeaderLine == 0 {
		return nil, unsupported("no BEGIN:VCARD")
	}
	layout.Columns = t.paths.headers
	if lists := t.gather.lists(layout.Columns); lists != "" {
		layout.Settings = map[string]string{settingLists: lists}
	}
	if t.media > 0 {
		layout.Notes = append(layout.Notes, Note{Code: "media", Text: fmt.Sprintf("%d pictures, sounds or keys are passed over.", t.media)})
	}
	return layout, nil
}

func (cardFormat) Open(ctx context.Context, src Source, layout *Layout, limits Limits) (Table, error) {
	return openCards(ctx, src, layout, limits.WithDefaults(), false)
}

func (cardFormat) Rejects(w io.Writer, layout *Layout, secret []int) (Rejects, error) {
	return newCardRejects(w, layout, secret), nil
}

// cardTable reads cards.
type cardTable struct {
	*window
	paths  *paths
	gather *gather
	limits Limits
	width  int
	card   []byte
	media  int
	parse  cardParser
}

func openCards(ctx context.Context, src Source, layout *Layout, limits Limits, open bool) (*cardTable, error) {
	w, err := openWindow(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	return &cardTable{window: w, paths: newPaths(slices.Clip(layout.Columns), limits, open), gather: newGather(layout), limits: limits, width: len(layout.Columns)}, nil
}

func (t *cardTable) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return rowsOf(ctx, t, t.width, t.limits)
}

func cardError(hint string) error {
	return &audience.FieldError{Path: "row", Rule: "vcard", Hint: hint}
}

// outsideError is of lines that are in no card.
type outsideError struct{}

func (outsideError) Error() string { return "row: vcard: a line BEGIN:VCARD" }

// Is answers the category.
func (outsideError) Is(target error) bool {
	return target == audience.ErrInvalid || target == outsideError{}
}

func errOutside() error { return outsideError{} }

// next gives the text of the next card, from BEGIN to END, or a run of lines
// that are in none.
func (t *cardTable) next() (record, error) {
	rec := record{line: t.line}
	from := t.offset
	t.card = t.card[:0]
	for within, outside := false, false; ; {
		line, long, err := t.peekLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return rec, err
		}
		text := bytes.Trim(line, " \t\r\n")
		begins := isLine(text, "BEGIN:VCARD")
		switch {
		case within && (err != nil || begins):
			rec.bad = firstOf(rec.bad, cardError("a line END:VCARD at the end of the card"))
		case err != nil && outside, outside && begins:
			rec.bad = errOutside()
		case err != nil:
			return rec, err
		default:
			t.take(len(line))
			switch {
			case !within && !outside && len(text) == 0:
				rec.line, from = t.line, t.offset
				continue
			case !within && begins:
				within = true
			case !within:
				outside = true
				continue
			}
			if long || len(t.card)+len(line) > t.limits.RecordBytes {
				rec.bad = tooLong(t.limits)
			}
			if rec.bad == nil {
				t.card = append(t.card, line...)
			}
			if !isLine(text, "END:VCARD") {
				continue
			}
		}
		if rec.text = t.card; errors.Is(rec.bad, audience.ErrLimit) {
			rec.text = nil
		}
		rec.bytes = t.offset - from
		return rec, nil
	}
}

func isLine(text []byte, word string) bool {
	return len(text) == len(word) && strings.EqualFold(string(text), word)
}

// peekLine gives the next line with its end, or as much of it as may be kept:
// then long is true, and the rest comes as lines of their own.
func (t *cardTable) peekLine() (line []byte, long bool, err error) {
	for searched := 0; ; {
		b := t.bytes()
		if at := bytes.IndexByte(b[searched:], '\n'); at >= 0 {
			return b[:searched+at+1], false, nil
		}
		if len(b) > t.limits.RecordBytes {
			return b, true, nil
		}
		searched = len(b)
		if t.fill() {
			continue
		}
		if err := t.failure(); err != nil {
			return nil, false, err
		}
		if len(b) == 0 {
			return nil, false, io.EOF
		}
		return t.bytes(), false, nil
	}
}

// fields reads a card.
func (t *cardTable) fields(rec record, row *Row) (column int, err error) {
	if row != nil {
		row.Raw = bytes.Clone(rec.text)
	}
	properties, err := t.parse.properties(rec.text)
	if err != nil {
		return 0, err
	}
	cells := cardCells(properties, &t.media)
	for _, c := range cells {
		path, why := t.paths.child(t.paths.root, []byte(c.header), new(int))
		if why == nil {
			column, why = t.paths.column(path)
		}
		switch {
		case why != nil:
			err = firstOf(err, why)
		case c.mention:
			t.gather.mention(column, c.kind)
		default:
			t.gather.add(column, c.kind, c.text)
		}
	}
	column, why := t.gather.flush(row, t.limits)
	switch {
	case err != nil:
		return 0, err
	case why == nil && len(cells) > 0 && !slices.ContainsFunc(cells, func(c cardCell) bool { return c.header != ReasonColumn }):
		return 0, noRowError{}
	}
	return column, why
}
