package csvimport

import (
	"context"
	"iter"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
)

// Contacts imports a file of contacts. Before the first row is written the
// whole file is read once for the types of its columns, and the custom fields
// that it brings are declared; a file with created_at is read once more for the
// last that is said of each contact. The created_at of contacts that were there
// before the import stays.
//
// The error is of the file as a whole: a header without the columns that must
// be there, a limit, a cancelled ctx, a failing store. Bad rows are no error:
// see the report, which is never nil.
func Contacts(ctx context.Context, aud *store.Audience, src importer.Source, opts importer.Options) (*importer.Report, error) {
	opts.Limits = opts.Limits.WithDefaults()
	f := &file{src: src, layout: contactLayout(), limits: opts.Limits, names: aud.Limits()}
	s, err := f.survey(ctx, "")
	if err != nil {
		return &importer.Report{}, err
	}
	var p *contactPlan
	if _, err := aud.Update(ctx, func(tx *store.Tx) error {
		p = newContactPlan(s, tx)
		return tx.Declare(ctx, p.brings)
	}); err != nil {
		return &importer.Report{}, err
	}
	if s.head.has(colCreatedAt) {
		if p.births, err = findBirths(p.contacts(ctx, f), p.limits); err != nil {
			return &importer.Report{}, err
		}
	}
	report, err := importer.Contacts(ctx, aud, p.contacts(ctx, f), opts)
	report.Columns = append(s.head.notices, p.notices...)
	return report, err
}

// contactPlan knows how to read the cells of a row.
type contactPlan struct {
	survey   *survey
	custom   []column // with the types that count
	notices  []*importer.RowError
	brings   audience.Schema
	births   *births // nil while they are being found, and without created_at
	calendar audience.Calendar
	limits   audience.Limits
}

func newContactPlan(s *survey, tx *store.Tx) *contactPlan {
	p := &contactPlan{survey: s, calendar: audience.NewCalendar(tx.Zone()), limits: tx.Audience().Limits()}
	schema := tx.Schema()
	for i, c := range s.head.custom() {
		declared, known := schema.FieldNamed(c.name)
		said := c.typ
		switch {
		case known && declared.Owner != "":
			p.notice(c, "owner", "a field that imports may write; this one is written by "+declared.Owner+" only")
			continue
		case known:
			c.typ = declared.Type
			if said != 0 && said != c.typ {
				p.notice(c, "type", "the declared type "+c.typ.String()+", as which the column is read")
			}
		case said == 0:
			c.typ = s.types[i].Type()
		}
		if !known {
			p.brings.Fields = append(p.brings.Fields, audience.Field{Name: c.name, Type: c.typ})
		}
		p.custom = append(p.custom, c)
	}
	return p
}

func (p *contactPlan) notice(c column, rule, hint string) {
	p.notices = append(p.notices, &importer.RowError{
		Line: p.survey.head.line, Column: c.index + 1,
		Err: &audience.FieldError{Path: "fields." + c.name, Rule: rule, Hint: hint},
	})
}

// contactCells are the cells of a row, in the order of their columns.
type contactCells struct {
	Email      string `csv:"email"`
	ExternalID string `csv:"external_id"`
	FirstName  string `csv:"first_name"`
	LastName   string `csv:"last_name"`
	Phone      string `csv:"phone"`
	Tags       string `csv:"tags"`
	CreatedAt  string `csv:"created_at"`
	Status     string `csv:"status"`
	custom     []string
	taken      int
}

// UnmarshalCSVWithFields takes the next cell. It goes by order, not by name:
// what gocsv makes of names is a setting of the whole process.
func (c *contactCells) UnmarshalCSVWithFields(_, cell string) error {
	known := [...]*string{&c.Email, &c.ExternalID, &c.FirstName, &c.LastName, &c.Phone, &c.Tags, &c.CreatedAt, &c.Status}
	if c.taken < len(known) {
		*known[c.taken] = cell
	} else {
		c.custom = append(c.custom, cell)
	}
	c.taken++
	return nil
}

// contacts reads the rows of the file.
func (p *contactPlan) contacts(ctx context.Context, f *file) iter.Seq2[*importer.Contact, error] {
	return rowsOf(ctx, f, p.survey, []string{colEmail, colExternalID, colFirstName, colLastName, colPhone, colTags, colCreatedAt, colStatus}, p.custom, p.contact)
}

// contact reads one row.
func (p *contactPlan) contact(rec *record, cells *contactCells) (*importer.Contact, *importer.RowError) {
	out := &importer.Contact{Line: rec.line, Bytes: rec.bytes}
	refuse := func(name string, err error) (*importer.Contact, *importer.RowError) {
		return nil, p.survey.head.refuse(rec, name, err)
	}
	w := &out.Write
	if strings.Trim(cells.Email, " \t") != "" {
		a, err := audience.ParseAddress(cells.Email)
		if err != nil {
			return refuse(colEmail, err)
		}
		w.Email = a
	}
	if id := strings.Trim(cells.ExternalID, " \t"); id != "" {
		w.External = []audience.ExternalID{audience.External(audience.HostSystem, id)}
	}
	if len(w.External) == 0 && w.Email.IsZero() {
		return refuse("", &audience.FieldError{Path: "row", Rule: "empty", Hint: "an email or an external_id"})
	}
	w.FirstName, w.LastName = audience.NewPrivate(cells.FirstName), audience.NewPrivate(cells.LastName)
	w.Phone = audience.NewPrivate(cells.Phone)
	tags, ok := importer.ParseList(cells.Tags)
	if !ok {
		return refuse(colTags, tagsError())
	}
	w.SetTags = tags
	if cell := strings.Trim(cells.CreatedAt, " \t"); cell != "" {
		at, ok := importer.ParseInstant(cell, p.calendar)
		if !ok {
			return refuse(colCreatedAt, instantError(colCreatedAt))
		}
		w.CreatedAt = at
	}
	if cell := strings.Trim(cells.Status, " \t"); cell != "" {
		status, err := audience.ParseStatus(cell)
		if err != nil {
			return refuse(colStatus, statusError())
		}
		out.Status = status
	}
	for i, c := range p.custom {
		v, err := importer.ParseValue(c.typ, cells.custom[i], "fields."+c.name, p.calendar)
		if err != nil {
			return refuse(c.name, err)
		}
		if !v.IsZero() {
			if w.Set == nil {
				w.Set = make(map[string]audience.Value, len(p.custom))
			}
			w.Set[c.name] = v
		}
	}
	if err := w.Check(p.limits); err != nil {
		return refuse("", err)
	}
	if p.births != nil {
		w.CreatedAt = p.births.of(w)
	}
	return out, nil
}

func tagsError() error {
	return &audience.FieldError{Path: colTags, Rule: "type", Hint: "tags between commas; quotes around a tag that holds one, doubled inside"}
}

func statusError() error {
	return &audience.FieldError{Path: colStatus, Rule: "unknown", Hint: "subscribed, pending, unsubscribed, bounced, complained or none"}
}

func instantError(path string) error {
	const hint = "an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999"
	return &audience.FieldError{Path: path, Rule: "type", Hint: hint}
}
