package xlsxfile

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// cell is one that holds something.
type cell struct {
	column int    // from 0
	kind   string // its type in the file
	style  int
	value  string
}

// maxCells bounds the cells of a row, whatever their columns.
const maxCells = 16_384

// rows goes through the rows of a sheet that hold something, until each gives
// false. Cells are valid within the call.
func (b *book) rows(ctx context.Context, s *sheet, each func(row int, cells []cell) (bool, error)) error {
	in, err := b.part(s.file)
	if err != nil {
		return err
	}
	defer in.Close()
	d := xml.NewDecoder(in)
	r := sheetReader{book: b, decoder: d}
	for n := 0; ; n++ {
		const often = 1024
		if n%often == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		in.allow()
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return r.broken(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "row" {
			continue
		}
		if err := r.row(e); err != nil {
			return r.broken(err)
		}
		if len(r.cells) == 0 {
			continue
		}
		if more, err := each(r.at, r.cells); err != nil || !more {
			return err
		}
	}
}

// sheetReader reads the rows of one sheet.
type sheetReader struct {
	book    *book
	decoder *xml.Decoder
	at      int // the row, from 1
	cells   []cell
}

func (r *sheetReader) broken(err error) error {
	if err = badXML(err); errors.Is(err, audience.ErrLimit) {
		return err
	}
	if bad, ok := errors.AsType[*audience.FieldError](err); ok {
		return &audience.FieldError{Path: "file", Rule: bad.Rule, Hint: fmt.Sprintf("%s, behind row %d", bad.Hint, r.at)}
	}
	return err
}

// row reads the cells of a row.
func (r *sheetReader) row(e xml.StartElement) error {
	r.cells = r.cells[:0]
	r.at++
	if n, err := strconv.Atoi(attribute(e, "r")); err == nil {
		if n < r.at {
			return refuse("rows", "rows in ascending order")
		}
		r.at = n
	}
	if r.at > maxRow {
		return tooLarge("max-rows", "at most %d rows in a sheet", maxRow)
	}
	next := 0
	for {
		token, err := r.decoder.Token()
		if err != nil {
			return eofIs(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil // of the row: those of cells are read with them
		case xml.StartElement:
			if t.Name.Local != "c" {
				if err := r.decoder.Skip(); err != nil {
					return eofIs(err)
				}
				continue
			}
			c, err := r.cell(t)
			if err != nil {
				return err
			}
			if ref := attribute(t, "r"); ref != "" {
				if c.column = columnOf(ref); c.column < next {
					return refuse("cells", "cells in ascending order")
				}
			} else {
				c.column = next
			}
			next = c.column + 1
			if c.value == "" {
				continue
			}
			if len(r.cells) == maxCells {
				return tooLarge("max-columns", "at most %d cells in a row", maxCells)
			}
			r.cells = append(r.cells, c)
		}
	}
}

// cell reads what a cell holds.
func (r *sheetReader) cell(e xml.StartElement) (cell, error) {
	c := cell{kind: attribute(e, "t")}
	c.style, _ = strconv.Atoi(attribute(e, "s"))
	for {
		token, err := r.decoder.Token()
		if err != nil {
			return c, eofIs(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			return c, r.share(&c)
		case xml.StartElement:
			switch t.Name.Local {
			case "is":
				c.value, err = readText(r.decoder)
			case "v":
				c.value, err = r.text()
			default:
				err = r.decoder.Skip()
			}
			if err != nil {
				return c, eofIs(err)
			}
		}
	}
}

// text reads the text of an element that holds no others.
func (r *sheetReader) text() (string, error) {
	var text []byte
	for {
		token, err := r.decoder.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			return string(text), nil
		case xml.StartElement:
			if err := r.decoder.Skip(); err != nil {
				return "", err
			}
		}
	}
}

// share gives a cell the text that it shares with others.
func (r *sheetReader) share(c *cell) error {
	switch c.kind {
	case "s":
		if c.value == "" {
			return nil
		}
		n, err := strconv.Atoi(c.value)
		if err != nil || n < 0 || n >= len(r.book.strings) {
			return refuse("strings", "shared texts that are there")
		}
		c.value = r.book.strings[n]
	case "str":
		c.value = unescapeX(c.value)
	}
	return nil
}

// columnOf gives the column of a reference such as AB12; -1: it is none.
func columnOf(ref string) int {
	n := 0
	for i := range len(ref) {
		c := ref[i] &^ ' '
		if c < 'A' || c > 'Z' {
			break
		}
		if n = n*26 + int(c-'A') + 1; n > maxCells {
			return maxCells
		}
	}
	return n - 1
}
