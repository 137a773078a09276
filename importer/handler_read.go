package importer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// incoming is one contact of a request, or what is wrong with it.
type incoming struct {
	contact *Contact
	bad     *RowError
}

// read reads the contacts of a request. An error is of the request.
func (h *handler) read(ctx context.Context, req *request) ([]incoming, error) {
	content := req.body
	if req.single {
		content = append(append([]byte("["), content...), ']')
	}
	src := Bytes("request", content)
	columns, err := h.columns(ctx, src, req.lines)
	if err != nil {
		return nil, asRequestError(err)
	}
	table, err := h.table(ctx, src, req.lines, &Layout{Columns: columns}, false)
	if err != nil {
		return nil, asRequestError(err)
	}
	defer func() { _ = table.Close() }() // it was only read
	reader := &contactReader{handler: h, schema: h.aud.Schema(), calendar: audience.NewCalendar(h.aud.Zone()), columns: columns}
	var items []incoming
	for row, err := range table.Rows(ctx) {
		bad, isBad := errors.AsType[*RowError](err)
		if err != nil && !isBad {
			return nil, asRequestError(err)
		}
		it := incoming{bad: bad}
		if !isBad {
			it.contact, it.bad = reader.contact(row, len(items)+1)
		}
		items = append(items, it)
	}
	switch {
	case req.single && len(items) != 1:
		return nil, &requestError{status: http.StatusBadRequest, code: "json", hint: "one object, or an array of them"}
	case len(items) == 0:
		return nil, &requestError{status: http.StatusUnprocessableEntity, code: "empty", hint: "at least one contact"}
	}
	return items, nil
}

type jsonSource interface {
	Table
	survey(ctx context.Context, each func(record, error) error) error
	names() []string
}

func (h *handler) table(ctx context.Context, src Source, lines bool, layout *Layout, open bool) (jsonSource, error) {
	if lines {
		return openNDJSON(ctx, src, layout, h.limits, open)
	}
	return openJSON(ctx, src, layout, h.limits, open)
}

// columns finds the names of all contacts of a request.
func (h *handler) columns(ctx context.Context, src Source, lines bool) ([]string, error) {
	table, err := h.table(ctx, src, lines, &Layout{}, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }() // it was only read
	if err := table.survey(ctx, func(record, error) error { return nil }); err != nil {
		return nil, err
	}
	return table.names(), nil
}

// asRequestError gives the status for a body that cannot be read.
func asRequestError(err error) error {
	field, ok := errors.AsType[*audience.FieldError](err)
	switch {
	case ok && field.Limit:
		return &requestError{status: http.StatusRequestEntityTooLarge, code: field.Rule, hint: field.Hint}
	case ok:
		return &requestError{status: http.StatusBadRequest, code: field.Rule, hint: field.Hint}
	case errors.Is(err, audience.ErrUnsupported):
		return &requestError{status: http.StatusBadRequest, code: "encoding", hint: "UTF-8"}
	}
	return err
}

// contactReader reads contacts of one request.
type contactReader struct {
	*handler
	schema   audience.Schema
	calendar audience.Calendar
	columns  []string
}

// cellOf is one value of a contact.
type cellOf struct {
	path string
	kind CellKind
	text string
}

// contact reads one. n is its number, from 1.
func (r *contactReader) contact(row *Row, n int) (*Contact, *RowError) {
	c := &Contact{Line: n, Bytes: row.Bytes}
	for i, path := range r.columns {
		cell := cellOf{path: path, kind: row.Kind(i), text: row.Cells[i]}
		if cell.kind == CellAbsent {
			continue
		}
		if err := r.member(c, cell); err != nil {
			return nil, &RowError{Line: n, Err: err}
		}
	}
	w := &c.Write
	if w.Email.IsZero() && len(w.External) == 0 && len(w.Addresses) == 0 {
		return nil, &RowError{Line: n, Err: &audience.FieldError{Path: "email", Rule: "empty", Hint: "an email or an external_id"}}
	}
	if err := w.Check(r.aud.Limits()); err != nil {
		return nil, &RowError{Line: n, Err: err}
	}
	return c, nil
}

// member reads one value.
func (r *contactReader) member(c *Contact, cell cellOf) error {
	w := &c.Write
	switch cell.path {
	case "external_id":
		return cell.str(func(s string) error {
			w.External = append(w.External, audience.External(audience.HostSystem, s))
			return nil
		})
	case "email":
		return cell.str(func(s string) (err error) {
			w.Email, err = audience.ParseAddress(s)
			return err
		})
	case "other_emails":
		return cell.list(func(items []string) error {
			for _, s := range items {
				a, err := audience.ParseAddress(s)
				if err != nil {
					return err
				}
				w.Addresses = append(w.Addresses, a)
			}
			return nil
		})
	case "first_name":
		return cell.name(c, &w.FirstName)
	case "last_name":
		return cell.name(c, &w.LastName)
	case "phone":
		return cell.name(c, &w.Phone)
	case "tags":
		if cell.text == "" {
			c.Blank = append(c.Blank, cell.path)
		}
		return cell.list(func(items []string) error {
			w.SetTags = items
			return nil
		})
	case "lists":
		return cell.list(func(items []string) error {
			c.Lists = items
			return nil
		})
	case "status":
		return cell.str(func(s string) (err error) {
			if c.Status, err = audience.ParseStatus(s); err != nil {
				err = &audience.FieldError{Path: cell.path, Rule: "unknown", Hint: "subscribed, pending, unsubscribed, bounced, complained or none"}
			}
			return err
		})
	case "acted_at":
		return cell.str(func(s string) (err error) {
			c.Acted, err = r.instant(cell.path, s)
			return err
		})
	case "created_at":
		return cell.str(func(s string) (err error) {
			w.CreatedAt, err = r.instant(cell.path, s)
			return err
		})
	}
	if system, ok := strings.CutPrefix(cell.path, "external."); ok {
		return cell.str(func(s string) error {
			w.External = append(w.External, audience.External(system, s))
			return nil
		})
	}
	if name, ok := strings.CutPrefix(cell.path, "evidence."); ok {
		return cell.str(func(s string) error {
			c.Evidence = append(c.Evidence, Fact{Name: name, Text: s})
			return nil
		})
	}
	if name, ok := strings.CutPrefix(cell.path, "fields."); ok {
		return r.field(c, name, cell)
	}
	return &audience.FieldError{Path: shownPath(cell.path), Rule: "unknown", Hint: "only members that contacts have; custom ones are within fields"}
}

// shownPath gives the name of a member if it looks like a name that people
// choose for fields; else it may be somebody's data.
func shownPath(path string) string {
	const most = 64
	plain := func(r rune) bool { return r == '_' || r == '.' || r >= 'a' && r <= 'z' }
	if len(path) > most || strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }) {
		return "contact"
	}
	return path
}

func (r *contactReader) instant(path, text string) (time.Time, error) {
	at, ok := ParseInstant(text, r.calendar)
	if !ok {
		return at, &audience.FieldError{Path: path, Rule: "type", Hint: instantHint}
	}
	return at, nil
}

// field reads a custom field, as a value of its type.
func (r *contactReader) field(c *Contact, name string, cell cellOf) error {
	f, known := r.schema.FieldNamed(name)
	switch {
	case !known && !r.opts.NewFields:
		return &audience.FieldError{Path: shownPath(cell.path), Rule: "unknown", Hint: "a custom field that the audience has"}
	case cell.kind == CellText: // null
		c.Blank = append(c.Blank, name)
		return nil
	case !known:
		f.Type = typeOf(cell)
	}
	if !fits(f.Type, cell.kind) {
		return &audience.FieldError{Path: shownPath(cell.path), Rule: "type", Hint: "a value of the type " + f.Type.String()}
	}
	v, err := ParseValue(f.Type, cell.text, shownPath(cell.path), r.calendar)
	if err != nil {
		return err
	}
	if v.IsZero() && cell.kind == CellList {
		v = audience.StringListValue()
	}
	if v.IsZero() {
		c.Blank = append(c.Blank, name)
		return nil
	}
	if c.Write.Set == nil {
		c.Write.Set = make(map[string]audience.Value)
	}
	c.Write.Set[name] = v
	return nil
}

// typeOf gives the type that a value brings for a new field.
func typeOf(cell cellOf) audience.Type {
	switch {
	case cell.kind == CellNumber && !strings.ContainsAny(cell.text, ".eE"):
		return audience.TypeInt
	case cell.kind == CellNumber:
		return audience.TypeDouble
	case cell.kind == CellBool:
		return audience.TypeBool
	case cell.kind == CellList:
		return audience.TypeStringList
	}
	return audience.TypeString
}

// fits reports whether a kind of JSON value may stand for a type.
func fits(t audience.Type, kind CellKind) bool {
	switch t {
	case audience.TypeInt, audience.TypeDouble:
		return kind == CellNumber
	case audience.TypeBool:
		return kind == CellBool
	case audience.TypeStringList:
		return kind == CellList
	default:
		return kind == CellString
	}
}

// str reads a text; null and "" say nothing.
func (c cellOf) str(set func(string) error) error {
	switch {
	case c.kind == CellText, c.kind == CellString && c.text == "":
		return nil
	case c.kind != CellString:
		return &audience.FieldError{Path: shownPath(c.path), Rule: "type", Hint: "a string"}
	}
	err := set(c.text)
	if field, ok := errors.AsType[*audience.FieldError](err); ok {
		named := *field
		named.Path = shownPath(c.path)
		return &named
	}
	return err
}

// name reads a text that can be blank.
func (c cellOf) name(to *Contact, set *audience.Private) error {
	if c.text == "" && c.kind != CellList {
		to.Blank = append(to.Blank, c.path)
	}
	return c.str(func(s string) error {
		*set = audience.NewPrivate(s)
		return nil
	})
}

// list reads an array of strings; null says nothing.
func (c cellOf) list(set func([]string) error) error {
	if c.kind == CellText || c.kind == CellList && c.text == "" {
		return nil
	}
	items, ok := ParseList(c.text)
	if c.kind != CellList || !ok {
		return &audience.FieldError{Path: c.path, Rule: "type", Hint: "an array of strings"}
	}
	return set(items)
}
