package csvimport

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
)

// Events imports a file of events about contacts that are there already. It
// reads the file twice, as imports of contacts do, and declares every column as a
// property of every type in the file: with the type that its header says, else
// that of the property of the same name of another type in the file if all cells
// fit it, else the one that fits all cells. Declared properties keep their type.
func Events(ctx context.Context, aud *store.Audience, src importer.Source, opts importer.Options) (*importer.Report, error) {
	opts.Limits = opts.Limits.WithDefaults()
	f := &file{src: src, layout: eventLayout(), limits: opts.Limits, names: aud.Limits()}
	s, err := f.survey(ctx, colType)
	if err != nil {
		return &importer.Report{}, err
	}
	var p *eventPlan
	if _, err := aud.Update(ctx, func(tx *store.Tx) error {
		p = newEventPlan(s, tx)
		return tx.Declare(ctx, p.brings)
	}); err != nil {
		return &importer.Report{}, err
	}
	report, err := importer.Events(ctx, aud, p.events(ctx, f), opts)
	report.Columns = s.head.notices
	return report, err
}

// eventPlan knows how to read the cells of a row.
type eventPlan struct {
	survey   *survey
	custom   []column
	paths    []string                   // of the custom columns, for errors
	types    map[string][]audience.Type // by event type: those of the custom columns
	brings   audience.Schema
	calendar audience.Calendar
	limits   audience.Limits
}

func newEventPlan(s *survey, tx *store.Tx) *eventPlan {
	p := &eventPlan{
		survey: s, custom: s.head.custom(), types: make(map[string][]audience.Type),
		calendar: audience.NewCalendar(tx.Zone()), limits: tx.Audience().Limits(),
	}
	schema := tx.Schema()
	for i, c := range p.custom {
		p.paths = append(p.paths, "props."+c.name)
		if c.typ == 0 {
			p.custom[i].typ = s.propType(&schema, c.name, &s.types[i])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.kinds)) {
		kind, _ := schema.EventNamed(name)
		brings := audience.EventType{Name: name}
		types := make([]audience.Type, len(p.custom))
		for i, c := range p.custom {
			declared, known := kind.PropNamed(c.name)
			if types[i] = declared.Type; !known {
				types[i] = c.typ
				brings.Props = append(brings.Props, audience.Prop{Name: c.name, Type: c.typ})
			}
		}
		p.types[name] = types
		p.brings.Events = append(p.brings.Events, brings)
	}
	return p
}

// propType gives the type of a column for the event types that do not declare
// it: what other types in the file declare, when they agree and every cell fits,
// so that one column has one type; else the one that fits all cells.
func (s *survey) propType(schema *audience.Schema, name string, cells *importer.Inference) audience.Type {
	var declared audience.Type
	for kind := range s.kinds {
		known, _ := schema.EventNamed(kind)
		p, ok := known.PropNamed(name)
		if ok && declared != 0 && p.Type != declared {
			return cells.Type()
		}
		if ok {
			declared = p.Type
		}
	}
	if declared != 0 && cells.Fit(declared) {
		return declared
	}
	return cells.Type()
}

// eventCells are the cells of a row, in the order of their columns.
type eventCells struct {
	ExternalID string `csv:"external_id"`
	Email      string `csv:"email"`
	Type       string `csv:"type"`
	Time       string `csv:"time"`
	ID         string `csv:"id"`
	custom     []string
	taken      int
}

// UnmarshalCSVWithFields takes the next cell, by order and not by name.
func (c *eventCells) UnmarshalCSVWithFields(_, cell string) error {
	known := [...]*string{&c.ExternalID, &c.Email, &c.Type, &c.Time, &c.ID}
	if c.taken < len(known) {
		*known[c.taken] = cell
	} else {
		c.custom = append(c.custom, cell)
	}
	c.taken++
	return nil
}

// events reads the rows of the file.
func (p *eventPlan) events(ctx context.Context, f *file) iter.Seq2[*importer.Event, error] {
	return rowsOf(ctx, f, p.survey, []string{colExternalID, colEmail, colType, colTime, colID}, p.custom, p.event)
}

// event reads one row.
func (p *eventPlan) event(rec *record, cells *eventCells) (*importer.Event, *importer.RowError) {
	out := &importer.Event{Line: rec.line, Bytes: rec.bytes, ExternalID: audience.NewPrivate(strings.Trim(cells.ExternalID, " \t"))}
	refuse := func(name string, err error) (*importer.Event, *importer.RowError) {
		return nil, p.survey.head.refuse(rec, name, err)
	}
	w := &out.Write
	if strings.Trim(cells.Email, " \t") != "" {
		a, err := audience.ParseAddress(cells.Email)
		if err != nil {
			return refuse(colEmail, err)
		}
		out.Email, w.Contact = a, audience.AddressRef(a)
	}
	if !out.ExternalID.IsZero() {
		w.Contact = audience.Key(out.ExternalID.Reveal())
	}
	if w.Contact.IsZero() {
		return refuse("", &audience.FieldError{Path: "row", Rule: "empty", Hint: "an external_id or an email"})
	}
	at, ok := importer.ParseInstant(strings.Trim(cells.Time, " \t"), p.calendar)
	if !ok {
		return refuse(colTime, instantError(colTime))
	}
	w.Type, w.Time, w.ID = strings.Trim(cells.Type, " \t"), at, strings.Trim(cells.ID, " \t")
	types, ok := p.types[w.Type]
	if !ok {
		err := audience.CheckName(colType, w.Type, p.limits)
		if err == nil {
			err = changedError()
		}
		return refuse(colType, err)
	}
	for i, c := range p.custom {
		v, err := importer.ParseValue(types[i], cells.custom[i], p.paths[i], p.calendar)
		if err != nil {
			return refuse(c.name, err)
		}
		if !v.IsZero() {
			if w.Props == nil {
				w.Props = make(map[string]audience.Value, len(p.custom))
			}
			w.Props[c.name] = v
		}
	}
	if err := w.Check(p.limits); err != nil {
		return refuse("", err)
	}
	return out, nil
}

func instantError(path string) error {
	const hint = "an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999"
	return &audience.FieldError{Path: path, Rule: "type", Hint: hint}
}
