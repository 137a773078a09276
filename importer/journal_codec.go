package importer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// errDamaged says that a record of the journal is not what was written.
var errDamaged = fmt.Errorf("importer: the journal is damaged: %w", audience.ErrInvalid)

// idVersion is a contact and the version that a batch left her with.
type idVersion struct {
	id      audience.ContactID
	version uint64
}

// packIDs writes contacts, some bytes each, ascending.
func packIDs(ids []idVersion) []byte {
	slices.SortFunc(ids, func(a, b idVersion) int { return int(int64(a.id) - int64(b.id)) })
	var out []byte
	var last audience.ContactID
	for _, c := range ids {
		out = binary.AppendUvarint(out, uint64(c.id-last))
		out = binary.AppendUvarint(out, c.version)
		last = c.id
	}
	return out
}

func unpackIDs(b []byte) ([]idVersion, error) {
	var out []idVersion
	var last uint64
	for len(b) > 0 {
		delta, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errDamaged
		}
		version, m := binary.Uvarint(b[n:])
		if last += delta; m <= 0 || last > 1<<32-1 {
			return nil, errDamaged
		}
		out = append(out, idVersion{audience.ContactID(last), version})
		b = b[n+m:]
	}
	return out, nil
}

// reason is why a row was rejected, as the journal keeps it.
type reason struct {
	Kind   string `json:"kind"` // field, conflict, denied, not-found; other
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"` // also the kind or the rule of others
	Rule   string `json:"rule,omitempty"`
	Hint   string `json:"hint,omitempty"`
	Limit  bool   `json:"limit,omitempty"`
}

// reasonOf takes an error apart, with the contact that is in the way.
func reasonOf(e *RowError) (reason, audience.ContactID) {
	r := reason{Column: e.Column}
	if f, ok := errors.AsType[*audience.FieldError](e.Err); ok {
		r.Kind, r.Path, r.Rule, r.Hint, r.Limit = "field", f.Path, f.Rule, f.Hint, f.Limit
		return r, 0
	}
	if c, ok := errors.AsType[*audience.ConflictError](e.Err); ok {
		r.Kind, r.Rule, r.Hint = "conflict", c.Kind, c.Hint
		return r, c.Contact
	}
	if d, ok := errors.AsType[*audience.DeniedError](e.Err); ok {
		r.Kind, r.Rule, r.Hint = "denied", d.Rule, d.Hint
		return r, 0
	}
	if n, ok := errors.AsType[*audience.NotFoundError](e.Err); ok {
		r.Kind, r.Rule, r.Hint = "not-found", n.Kind, n.Name
		return r, 0
	}
	r.Kind, r.Hint = "other", e.Err.Error()
	return r, 0
}

// err gives the error back.
func (r reason) err(line int, contact audience.ContactID) *RowError {
	e := &RowError{Line: line, Column: r.Column}
	switch r.Kind {
	case "field":
		e.Err = &audience.FieldError{Path: r.Path, Rule: r.Rule, Hint: r.Hint, Limit: r.Limit}
	case "conflict":
		e.Err = &audience.ConflictError{Kind: r.Rule, Contact: contact, Hint: r.Hint}
	case "denied":
		e.Err = &audience.DeniedError{Rule: r.Rule, Hint: r.Hint}
	case "not-found":
		e.Err = &audience.NotFoundError{Kind: r.Rule, Name: r.Hint}
	default:
		e.Err = errors.New(r.Hint)
	}
	return e
}

// reasons are rows and why they were rejected: each reason once, and for each
// row its number, that of the reason, the line and the contact in the way.
type reasons struct {
	Reasons []reason    `json:"reasons"`
	Rows    [][4]uint32 `json:"rows"`
}

func (r *reasons) add(n int, e *RowError) {
	why, contact := reasonOf(e)
	i := slices.Index(r.Reasons, why)
	if i < 0 {
		i = len(r.Reasons)
		r.Reasons = append(r.Reasons, why)
	}
	r.Rows = append(r.Rows, [4]uint32{uint32(n), uint32(i), uint32(e.Line), uint32(contact)})
}

// all calls yield for each row.
func (r *reasons) all(yield func(n int, e *RowError)) error {
	for _, row := range r.Rows {
		if int(row[1]) >= len(r.Reasons) {
			return errDamaged
		}
		yield(int(row[0]), r.Reasons[row[1]].err(int(row[2]), audience.ContactID(row[3])))
	}
	return nil
}

// MarshalJSON gives line, column, code and reason.
func (e *RowError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Line   int    `json:"line"`
		Column int    `json:"column,omitempty"`
		Code   string `json:"code"`
		Reason string `json:"reason"`
	}{e.Line, e.Column, e.Code(), e.Err.Error()})
}
