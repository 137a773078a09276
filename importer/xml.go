package importer

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Settings of layouts of XML.
const (
	settingRecord    = "record"    // the names of the elements from the outermost to the record, with / between them
	settingNamespace = "namespace" // of the outermost element
)

// ownNamespace is that of our own exports.
const ownNamespace = "urn:audiencekit:contacts:1"

// XML is the format "xml", in UTF-8: our own exports, and files whose records
// are elements that repeat. There the elements and attributes within a record
// become columns, those within others with both names, as in address.city and
// phone.@type. Where a name comes more than once in a record its column holds
// lists. If several elements could be the records the layout asks, the setting
// "record".
//
// Namespaces do not matter but for recognising our own. A document type is
// refused, and so are entities beyond the five that XML has. What is not
// well-formed ends the file with an error that says where; everything in front
// of it is good. Rejects are records with the same names.
func XML() Format { return xmlFormat{} }

type xmlFormat struct{}

func (xmlFormat) Name() string { return "xml" }

func (f xmlFormat) Detect(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	return f.DetectAs(ctx, src, limits, nil)
}

// DetectAs is Detect when it is known which elements are the records: see
// [Choose].
func (xmlFormat) DetectAs(ctx context.Context, src Source, limits Limits, settings map[string]string) (*Layout, error) {
	limits = limits.WithDefaults()
	layout, err := findElements(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	if record, ok := settings[settingRecord]; ok {
		layout.Settings[settingRecord], layout.Questions = record, nil
	}
	t, err := openXML(ctx, src, layout, limits, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }() // it was only read
	const often = 1024
	for n := 0; ; n++ {
		if n%often == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rec, err := t.next()
		if err == nil && n == limits.Rows {
			return nil, tooManyRows(limits)
		}
		if err == nil {
			if n == 0 {
				layout.HeaderLine = rec.line
			}
			_, bad := t.fields(rec, nil)
			fatal, isFatal := errors.AsType[*fileError](bad)
			if !isFatal {
				continue
			}
			err = fatal.error
		}
		if broken, ok := errors.AsType[*brokenError](err); ok {
			layout.Notes = append(layout.Notes, Note{Code: "broken", Line: broken.line, Text: "The file cannot be read from here on: " + broken.Hint})
		} else if !errors.Is(err, io.EOF) {
			return nil, err
		}
		layout.Columns, layout.HeaderLine = t.paths.headers, max(1, layout.HeaderLine)
		if lists := t.gather.lists(t.paths.headers); lists != "" {
			layout.Settings[settingLists] = lists
		}
		return layout, nil
	}
}

func (xmlFormat) Open(ctx context.Context, src Source, layout *Layout, limits Limits) (Table, error) {
	return openXML(ctx, src, layout, limits.WithDefaults(), false)
}

func (xmlFormat) Rejects(w io.Writer, layout *Layout, secret []int) (Rejects, error) {
	return newXMLRejects(w, layout, secret)
}

// xmlTable reads elements of one name.
type xmlTable struct {
	*window
	tokens     *xmlTokens
	paths      *paths
	gather     *gather
	limits     Limits
	width      int
	own        bool
	record     string
	at         []string   // the elements in which it stands
	from       int64      // of the record
	attributes []xml.Attr // of it
}

func openXML(ctx context.Context, src Source, layout *Layout, limits Limits, open bool) (*xmlTable, error) {
	w, err := openWindow(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	t := &xmlTable{
		window: w, tokens: newXMLTokens(w, limits), limits: limits, width: len(layout.Columns),
		own: layout.Settings[settingNamespace] == ownNamespace, record: layout.Settings[settingRecord],
		gather: newGather(layout), paths: newPaths(nil, limits, true),
	}
	if !open {
		t.paths = newPaths(layout.Columns, limits, false)
	}
	return t, nil
}

func (t *xmlTable) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return rowsOf(ctx, t, t.width, t.limits)
}

// next goes into the next record.
func (t *xmlTable) next() (record, error) {
	for {
		from, line := t.tokens.offset(), t.tokens.line()
		t.tokens.allow()
		token, err := t.tokens.next()
		if err != nil {
			return record{}, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if len(t.at) == maxDepth {
				return record{}, t.tokens.broken("not so many elements within each other")
			}
			if t.at = append(t.at, e.Name.Local); strings.Join(t.at, "/") != t.record {
				continue
			}
			t.from = from
			t.attributes = e.Attr
			return record{line: line}, nil
		case xml.EndElement:
			t.at = t.at[:len(t.at)-1]
		}
	}
}

// element is one that is being read.
type element struct {
	path  *namePath
	next  int
	text  []byte
	holds bool     // other elements
	kind  CellKind // of our own elements
}

// fields reads on to the end of the record.
func (t *xmlTable) fields(_ record, row *Row) (column int, err error) {
	failed := 0
	fail := func(at int, why error) {
		if err == nil && why != nil {
			failed, err = at, why
		}
	}
	read := t.element
	if t.own {
		read = t.ownElement
	}
	stack := []element{{path: t.paths.root}}
	if !t.own {
		fail(0, t.attributesOf(&stack[0], t.attributes))
	}
	depth := 1
	for depth > 0 {
		token, broken := t.tokens.next()
		if broken != nil {
			return 0, &fileError{broken}
		}
		top := &stack[len(stack)-1]
		switch e := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				fail(0, tooDeep())
			}
			if err != nil {
				continue
			}
			top.holds = true
			child, why := read(top, e)
			fail(0, why)
			stack = append(stack, child)
		case xml.CharData:
			if err == nil {
				top.text = append(top.text, e...)
			}
		case xml.EndElement:
			if depth--; err != nil || depth == 0 {
				continue
			}
			fail(0, t.close(top, &stack[len(stack)-2]))
			stack = stack[:len(stack)-1]
		}
	}
	t.at = t.at[:len(t.at)-1]
	column, why := t.gather.flush(row, t.limits)
	fail(column, why)
	if row != nil {
		row.Bytes = t.tokens.offset() - t.from
	}
	return failed, err
}

// element goes into an element within a record.
func (t *xmlTable) element(of *element, e xml.StartElement) (element, error) {
	path, err := t.paths.child(of.path, []byte(e.Name.Local), &of.next)
	child := element{path: path}
	if err == nil {
		err = t.attributesOf(&child, e.Attr)
	}
	return child, err
}

func (t *xmlTable) attributesOf(of *element, attributes []xml.Attr) error {
	for _, a := range attributes {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || strings.HasPrefix(a.Name.Space, "http://www.w3.org/") {
			continue
		}
		path, err := t.paths.child(of.path, []byte("@"+a.Name.Local), &of.next)
		if err != nil {
			return err
		}
		column, err := t.paths.column(path)
		if err != nil {
			return err
		}
		t.gather.add(column, CellText, strings.TrimSpace(a.Value))
		of.holds = true
	}
	return nil
}

// close gives the column of an element its text.
func (t *xmlTable) close(e, of *element) error {
	if t.own {
		return t.ownClose(e, of)
	}
	text := strings.TrimSpace(string(e.text))
	if e.holds && text == "" {
		return nil
	}
	column, err := t.paths.column(e.path)
	if err == nil {
		t.gather.add(column, CellText, text)
	}
	return err
}

// broken says that the file is not well-formed.
func (x *xmlTokens) broken(hint string) error {
	return &brokenError{line: x.line(), FieldError: audience.FieldError{Path: "file", Rule: "xml", Hint: hint + ", at " + x.in.place()}}
}
