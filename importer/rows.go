package importer

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// readEnv is what the reading of rows needs to know of an audience.
type readEnv struct {
	schema   audience.Schema // with the fields that the mapping brings
	zone     *time.Location  // in which times without a zone are read; nil is UTC
	calendar audience.Calendar
	limits   audience.Limits
}

// newReadEnv makes the environment of an audience with the schema, which need
// not have the fields that the mapping brings yet.
func newReadEnv(schema audience.Schema, zone *time.Location, limits audience.Limits) readEnv {
	return readEnv{schema: schema, zone: zone, calendar: audience.NewCalendar(zone), limits: limits.WithDefaults()}
}

// contactsOf reads the rows of a table as contacts, in order, as the plan's
// mapping and answers say. A [*RowError] is a row that cannot be used; the
// Contact beside it holds what is known of the row for the file of rejected
// ones, its Row. Any other error is the last. Contacts are of room, to which
// they may be given back.
func contactsOf(ctx context.Context, table Table, plan *Plan, env readEnv, room *contactRoom) iter.Seq2[*Contact, error] {
	return func(yield func(*Contact, error) bool) {
		mapping := plan.Mapping.answered(plan.Answers)
		r, err := compile(&mapping, plan, env)
		if err != nil {
			yield(nil, err)
			return
		}
		r.room = room
		for row, err := range table.Rows(ctx) {
			bad, isBad := errors.AsType[*RowError](err)
			switch {
			case isBad:
				c := &Contact{Line: bad.Line, Row: row}
				if row != nil {
					c.Bytes = row.Bytes
				}
				if !yield(c, err) {
					return
				}
				continue
			case err != nil:
				yield(nil, err)
				return
			}
			c, bad := r.read(row)
			if bad != nil {
				if !yield(&Contact{Line: row.Line, Bytes: row.Bytes, Row: row}, bad) {
					return
				}
				continue
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// rowReader reads rows by a mapping that was compiled once. It is for one
// pass.
type rowReader struct {
	columns []cellReader
	fields  int // how many custom fields there may be
	status  audience.Status
	limits  audience.Limits
	mapping *Mapping
	blanks  bool // tell which cells are empty

	row  draft
	room *contactRoom
}

// cellReader puts the cell of one column into a draft.
type cellReader struct {
	index int
	blank string // the field that an empty cell is about; "" for none
	read  func(d *draft, cell string, kind CellKind) error
}

// draft is a contact that is being read.
type draft struct {
	*Contact
	full      string          // name
	bound     audience.Status // what evidence allows the status to be
	bounded   bool            // there is such evidence
	refusedAt time.Time       // when she refused
	grantedAt time.Time       // when she consented
	fields    int             // room for custom fields
	facts     []Fact          // evidence
	said      audience.Status // the strictest standing of the cells
}

func (r *rowReader) read(row *Row) (*Contact, *RowError) {
	c := r.room.take()
	if bad := r.readInto(c, row); bad != nil {
		r.room.giveBack(c)
		return nil, bad
	}
	return c, nil
}

// readInto reads a row into an empty contact.
func (r *rowReader) readInto(c *Contact, row *Row) *RowError {
	c.Line, c.Bytes, c.Row = row.Line, row.Bytes, row
	d := &r.row
	*d = draft{Contact: c, fields: r.fields, said: r.status}
	for i := range r.columns {
		col := &r.columns[i]
		if col.index >= len(row.Cells) {
			continue
		}
		kind := row.Kind(col.index)
		if kind == CellAbsent {
			continue
		}
		cell := row.Cells[col.index]
		if cell == "" {
			if r.blanks && col.blank != "" {
				c.Blank = append(c.Blank, col.blank)
			}
			continue
		}
		if err := col.read(d, cell, kind); err != nil {
			return &RowError{Line: row.Line, Column: col.index + 1, Err: err}
		}
	}
	if err := d.finish(); err != nil {
		return &RowError{Line: row.Line, Err: err}
	}
	fields := c.Write.Set
	c.Write.Set = nil // checked one by one
	err := c.Write.Check(r.limits)
	c.Write.Set = fields
	if err != nil {
		return &RowError{Line: row.Line, Column: r.columnOf(err), Err: err}
	}
	return nil
}

// finish settles what follows from several cells.
func (d *draft) finish() error {
	w := &d.Write
	if d.full != "" && w.FirstName.IsZero() && w.LastName.IsZero() {
		first, last := splitName(d.full)
		w.FirstName, w.LastName = audience.NewPrivate(first), audience.NewPrivate(last)
	}
	if w.Email.IsZero() && len(w.Addresses) > 0 {
		w.Email, w.Addresses = w.Addresses[0], w.Addresses[1:]
	}
	if len(w.Addresses) > 0 { // a column in front of the primary one may have it too
		w.Addresses = slices.DeleteFunc(w.Addresses, w.Email.Equal)
	}
	if w.Email.IsZero() && len(w.External) == 0 {
		return &audience.FieldError{Path: "row", Rule: "empty", Hint: "an address or an external id"}
	}
	d.Status = d.said
	if d.bounded && (d.Status != audience.StatusNone || d.bound.IsRefusal()) {
		d.Status = stricter(d.Status, d.bound)
	}
	switch {
	case d.Status.IsRefusal():
		d.Acted = d.refusedAt
	case d.Status != audience.StatusNone:
		d.Acted = d.grantedAt
	}
	d.Evidence = d.facts
	return nil
}

// splitName splits a name at its last space.
func splitName(full string) (first, last string) {
	if at := strings.LastIndexByte(full, ' '); at > 0 {
		return strings.TrimRight(full[:at], " \t"), full[at+1:]
	}
	return full, ""
}

// columnOf gives the column, from 1, that an error of a write is about; 0 if it
// cannot be told.
func (r *rowReader) columnOf(err error) int {
	field, ok := errors.AsType[*audience.FieldError](err)
	if !ok {
		return 0
	}
	for i := range r.mapping.Columns {
		if c := r.mapping.Columns[i].effective(); c.Target.isAbout(field.Path) {
			return c.Index + 1
		}
	}
	return 0
}

// isAbout reports whether a target is what a path of a write names.
func (t Target) isAbout(path string) bool {
	switch t {
	case TargetEmail:
		return path == "email" || strings.HasPrefix(path, "addresses")
	case TargetAddress:
		return strings.HasPrefix(path, "addresses")
	case TargetExternalID:
		return strings.HasPrefix(path, "external")
	case TargetFirstName, TargetFullName:
		return path == "first_name"
	case TargetLastName:
		return path == "last_name"
	case TargetPhone:
		return path == "phone"
	case TargetTags, TargetTag:
		return path == "tags"
	case TargetCreatedAt:
		return path == "created_at"
	default:
		return false
	}
}
