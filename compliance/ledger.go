package compliance

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
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
	// Keys keeps the keys of evidence outside the audience's database, so that
	// no backup of that brings back what was erased; nil keeps them in the
	// database.
	Keys KeyStore
	// Signer signs seals for whoever does not have the host's keys; an Ed25519
	// key. Nil: seals carry a MAC under the host's keys alone.
	Signer crypto.Signer
}

// Ledger writes declarations of consent and refusal and proves them later. It
// is safe for concurrent use.
type Ledger struct {
	aud        *store.Audience
	controller Party
	purposes   []Purpose // in order of id
	keys       KeyStore  // nil: in the database
	signer     crypto.Signer
}

// NewLedger makes the ledger of an audience. Purposes that its schema does not
// declare are [audience.ErrInvalid], and so is a signer of another kind than
// Ed25519.
func NewLedger(aud *store.Audience, opts LedgerOptions) (*Ledger, error) {
	if aud == nil {
		return nil, &audience.FieldError{Path: "aud", Rule: "empty", Hint: "an open audience"}
	}
	all, err := purposes(opts.Purposes, aud.Schema())
	if err != nil {
		return nil, err
	}
	if opts.Signer != nil {
		if _, ok := opts.Signer.Public().(ed25519.PublicKey); !ok {
			return nil, &audience.FieldError{Path: "signer", Rule: "type", Hint: "an Ed25519 key"}
		}
	}
	return &Ledger{aud: aud, controller: opts.Controller, purposes: all, keys: opts.Keys, signer: opts.Signer}, nil
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
	Retracts  uint64 // see [audience.ConsentWrite.Retracts]
}

// ErrNotAffirmed is the refusal of a grant by a mechanism that is no consent:
// silence, a box that was ticked before, consent bundled with something else
// (GDPR Art. 4(11) and recital 32; CJEU C-673/17 Planet49). It is
// [audience.ErrDenied] as well.
var ErrNotAffirmed = fmt.Errorf("compliance: not an affirmative act: %w", audience.ErrDenied)

// Record appends declarations in a transaction of its own: see RecordIn. What
// was refused as [ErrNotAffirmed] is kept as a fact, see [Ledger.Attempts].
// The error of a single declaration is that of the item.
func (l *Ledger) Record(ctx context.Context, ds ...Declaration) ([]audience.ConsentRecord, error) {
	var out []audience.ConsentRecord
	var refused error
	_, err := l.aud.Update(ctx, func(tx *store.Tx) (err error) {
		refused = nil
		if out, err = l.RecordIn(ctx, tx, ds...); errors.Is(err, ErrNotAffirmed) {
			refused, err = err, nil // what was attempted is kept
		}
		return err
	})
	if err == nil {
		err = refused
	}
	if batch, ok := errors.AsType[*audience.BatchError](err); ok && len(ds) == 1 && len(batch.Items) == 1 {
		err = batch.Items[0].Err
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RecordIn appends declarations within a transaction of the audience's, all or
// none. Evidence is sealed under the contact's key. Refused items
// are those of [store.Tx.Record], and:
//
//   - [ErrNotAffirmed] for a grant whose mechanism is no consent. Then nothing
//     but the attempts is written, which stay if the caller commits.
//   - [audience.ErrDenied] for a grant of marketing or tracking without a known
//     notice that covers the purpose (GDPR Art. 7(1), 13; R-GDPR-11), unless it
//     is attested, verbal or on paper with its text in the evidence.
//
// A grant or request without an end ends with the period of its purpose.
// Without the host's keys nothing can be sealed: then the evidence of a refusal
// is left out, since refusals are never refused.
func (l *Ledger) RecordIn(ctx context.Context, tx *store.Tx, ds ...Declaration) ([]audience.ConsentRecord, error) {
	if limit := l.aud.Limits().BatchItems; len(ds) > limit {
		return nil, &audience.FieldError{Path: "batch", Rule: "max-items", Hint: fmt.Sprintf("at most %d items", limit), Limit: true}
	}
	refs := make([]audience.Ref, len(ds))
	for i := range ds {
		refs[i] = ds[i].Contact
	}
	ids, err := tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	if err := holdGiving(ctx, tx, ids, ds); err != nil {
		return nil, err
	}
	if err := l.keepAttempts(ctx, tx, ids, ds); err != nil {
		return nil, err
	}
	if err := l.checkNotices(ctx, &tx.Reader, tx.At(), ds); err != nil {
		return nil, err
	}
	writes := make([]audience.ConsentWrite, len(ds))
	s := l.newSealer(tx)
	for i := range ds {
		if writes[i], err = l.write(ctx, s, ids[i], &ds[i]); err != nil {
			return nil, err
		}
	}
	out, err := tx.Record(ctx, writes...)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if len(writes[i].Evidence) > 0 && out[i].Contact != ids[i] && out[i].Retracts == 0 {
			return nil, fmt.Errorf("contact %s was merged meanwhile: %w", ids[i], audience.ErrRetryable)
		}
	}
	return out, nil
}

// holdGiving locks whoever grants or requests something: the evidence says for
// which address, and that has to be hers until it is recorded.
func holdGiving(ctx context.Context, tx *store.Tx, ids []audience.ContactID, ds []Declaration) error {
	var giving []audience.ContactID
	for i := range ds {
		if (ds[i].Kind == audience.ConsentGranted || ds[i].Kind == audience.ConsentRequested) && ids[i] != 0 {
			giving = append(giving, ids[i])
		}
	}
	_, err := tx.Lock(ctx, giving...)
	return err
}

// write makes the store's write of a declaration.
func (l *Ledger) write(ctx context.Context, s *sealer, id audience.ContactID, d *Declaration) (audience.ConsentWrite, error) {
	w := audience.ConsentWrite{
		Contact: d.Contact, Kind: d.Kind, Scope: d.Scope, Acted: d.Acted, Expires: l.end(s.tx, d),
		Mechanism: d.Mechanism, Notice: d.Notice, Source: d.Source, Retracts: d.Retracts,
	}
	if d.Kind == audience.ConsentRetracted {
		id, _ = d.Contact.ContactID() // the chain it goes to
	}
	evidence := d.Evidence
	if d.Kind == audience.ConsentGranted && evidence.IsZero() {
		return w, nil // which the store refuses
	}
	if (d.Kind == audience.ConsentGranted || d.Kind == audience.ConsentRequested) && id != 0 {
		if err := s.commitAddress(ctx, id, &evidence); err != nil {
			return w, err
		}
	}
	if evidence.IsZero() || id == 0 {
		if !d.Evidence.IsZero() { // nobody's: the store says so
			w.Evidence = []byte{0}
		}
		return w, nil
	}
	var err error
	w.Evidence, err = s.seal(ctx, id, &evidence)
	return w, err
}

// end gives when a declaration ends: as it says, else by its purpose's period.
func (l *Ledger) end(tx *store.Tx, d *Declaration) time.Time {
	if !d.Expires.IsZero() || d.Kind != audience.ConsentGranted && d.Kind != audience.ConsentRequested {
		return d.Expires
	}
	p, err := l.Purpose(l.purposeOf(d.Scope))
	if err != nil || p.Period == (audience.Period{}) {
		return time.Time{}
	}
	from := tx.At()
	if !d.Acted.IsZero() && d.Acted.Before(from) {
		from = d.Acted
	}
	end, _ := audience.NewCalendar(tx.Zone()).Ahead(from, p.Period)
	return end
}

// purposeOf gives the purpose of a scope: its own, that of its list, else
// marketing.
func (l *Ledger) purposeOf(s audience.Scope) string {
	if s.Purpose == "" && s.List != "" {
		schema := l.aud.Schema()
		if list, ok := schema.ListNamed(s.List); ok {
			s.Purpose = list.Purpose
		}
	}
	return cmp.Or(s.Purpose, audience.PurposeMarketing)
}

// needsConsent reports whether a grant for a scope is consent that has to be
// informed: to marketing or tracking, and to whatever is not known.
func (l *Ledger) needsConsent(s audience.Scope) bool {
	p, err := l.Purpose(l.purposeOf(s))
	return err != nil || p.class() == ClassMarketing || p.class() == ClassTracking
}
