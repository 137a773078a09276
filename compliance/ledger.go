package compliance

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// LedgerOptions say who keeps a ledger and for which purposes. The zero value
// knows marketing alone, by consent.
type LedgerOptions struct {
	Controller Party
	Purposes   []Purpose
}

// Ledger writes declarations of consent and refusal and proves them later. It
// is safe for concurrent use.
type Ledger struct {
	aud        *store.Audience
	controller Party
	purposes   []Purpose // in order of id
}

// NewLedger makes the ledger of an audience. Purposes that its schema does not
// declare are [audience.ErrInvalid].
func NewLedger(aud *store.Audience, opts LedgerOptions) (*Ledger, error) {
	if aud == nil {
		return nil, &audience.FieldError{Path: "aud", Rule: "empty", Hint: "an open audience"}
	}
	all, err := purposes(opts.Purposes, aud.Schema())
	if err != nil {
		return nil, err
	}
	return &Ledger{aud: aud, controller: opts.Controller, purposes: all}, nil
}

// Audience gives the audience whose ledger it is.
func (l *Ledger) Audience() *store.Audience { return l.aud }

// Controller gives who is responsible.
func (l *Ledger) Controller() Party { return l.controller }

// Purposes gives all purposes in order of their id.
func (l *Ledger) Purposes() []Purpose { return slices.Clone(l.purposes) }

// Purpose gives one purpose; [audience.ErrNotFound] when there is none of that
// id.
func (l *Ledger) Purpose(id string) (Purpose, error) {
	i := slices.IndexFunc(l.purposes, func(p Purpose) bool { return p.ID == id })
	if i < 0 {
		return Purpose{}, &audience.NotFoundError{Kind: "purpose"}
	}
	return l.purposes[i], nil
}

// Evidence is what shows that a declaration was made, beyond the record
// itself. All of it may be personal: it is sealed and kept apart from the
// ledger, which holds a salted commitment to it, and goes with the person when
// she is erased.
type Evidence struct {
	AttestedBy string            `json:"attested_by,omitempty"` // who says so, such as an operator's id
	Text       string            `json:"text,omitempty"`        // what was said or signed, when no notice holds it
	Form       string            `json:"form,omitempty"`        // id of form, page or import
	Page       string            `json:"page,omitempty"`        // where it was
	IP         string            `json:"ip,omitempty"`          // as the host wants to keep it; see web.Options
	UserAgent  string            `json:"user_agent,omitempty"`
	Language   string            `json:"language,omitempty"`
	Requested  time.Time         `json:"requested,omitzero"` // of a double opt-in: when it was asked for
	Fields     map[string]string `json:"fields,omitempty"`   // anything else
}

// IsZero reports whether there is nothing in it.
func (e *Evidence) IsZero() bool {
	return e.AttestedBy == "" && e.Text == "" && e.Form == "" && e.Page == "" && e.IP == "" && e.UserAgent == "" &&
		e.Language == "" && e.Requested.IsZero() && len(e.Fields) == 0
}

// Declaration is one thing that somebody declared.
type Declaration struct {
	Contact   audience.Ref
	Kind      audience.ConsentKind
	Scope     audience.Scope
	Acted     time.Time // when the person acted; zero: now
	Expires   time.Time // of a request or grant; zero: by the purpose's period
	Mechanism audience.Mechanism
	Notice    string // id of the notice she was shown, see PutNotice
	Source    audience.Source
	Evidence  Evidence
}

// Record appends declarations in a transaction of its own: see RecordIn.
func (l *Ledger) Record(ctx context.Context, ds ...Declaration) ([]audience.ConsentRecord, error) {
	var out []audience.ConsentRecord
	_, err := l.aud.Update(ctx, func(tx *store.Tx) (err error) {
		out, err = l.RecordIn(ctx, tx, ds...)
		return err
	})
	return out, err
}

// RecordIn appends declarations within a transaction of the audience's.
// Refused items are those of [store.Tx.Record].
func (l *Ledger) RecordIn(ctx context.Context, tx *store.Tx, ds ...Declaration) ([]audience.ConsentRecord, error) {
	writes := make([]audience.ConsentWrite, len(ds))
	for i := range ds {
		d := &ds[i]
		w := audience.ConsentWrite{
			Contact: d.Contact, Kind: d.Kind, Scope: d.Scope, Acted: d.Acted, Expires: d.Expires,
			Mechanism: d.Mechanism, Notice: d.Notice, Source: d.Source,
		}
		if !d.Evidence.IsZero() {
			b, err := json.Marshal(&d.Evidence)
			if err != nil {
				return nil, err
			}
			w.Evidence = b
		}
		writes[i] = w
	}
	return tx.Record(ctx, writes...)
}
