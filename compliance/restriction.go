package compliance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Restrict restricts the processing of a contact's data to storing it (GDPR
// Art. 18), from its commit until [Ledger.Release]. The reason may be empty; it
// is kept as sealed evidence.
func (l *Ledger) Restrict(ctx context.Context, ref audience.Ref, source audience.Source, reason string) error {
	_, err := l.Record(ctx, Declaration{Contact: ref, Kind: audience.ConsentRestricted, Source: source, Evidence: Evidence{Text: reason}})
	return err
}

// Release ends a restriction. It needs a source with an actor and a reason, else
// it is [audience.ErrDenied]; telling the person before it is the host's duty
// (GDPR Art. 18(3)).
func (l *Ledger) Release(ctx context.Context, ref audience.Ref, source audience.Source, reason string) error {
	_, err := l.Record(ctx, Declaration{Contact: ref, Kind: audience.ConsentReleased, Source: source, Evidence: Evidence{Text: reason}})
	return err
}

// Relation is what ties a person to the host, from which some rules derive that
// she may be written to without consent: implied consent (CASL s. 10(9), (10))
// and the soft opt-in (ePrivacy Directive Art. 13(2), PECR reg. 22(3)). Each
// condition of these is a member: what is not set does not hold.
type Relation struct {
	Kind             audience.Mechanism `json:"-"`                          // purchase, inquiry, membership, contract, donation or published-address
	At               time.Time          `json:"-"`                          // when it began or was last renewed; zero: now
	Ends             time.Time          `json:"-"`                          // of a membership or contract; zero: not known
	Entity           string             `json:"entity,omitempty"`           // id of the Party that she dealt with
	Category         string             `json:"category,omitempty"`         // of the products or services
	ObtainedBySale   bool               `json:"obtained_by_sale,omitempty"` // the address was obtained in the context of a sale
	OptOutOffered    bool               `json:"opt_out_offered,omitempty"`  // a free opt-out was offered when it was
	Charity          bool               `json:"charity,omitempty"`          // for a charitable purpose (PECR reg. 22(3A))
	RoleRelevant     bool               `json:"role_relevant,omitempty"`    // a published address whose role the message is about
	NoSolicitation   bool               `json:"no_solicitation,omitempty"`  // she stated that she wants no such messages
	Source           audience.Source    `json:"-"`
	Note             string             `json:"note,omitempty"`
	ReferenceID      string             `json:"reference,omitempty"` // of an order, contract or form
	FactsUnavailable bool               `json:"-"`                   // reading only: the facts were destroyed or cannot be opened
}

// relationField is the field of the evidence that holds the facts.
const relationField = "relation"

// Relate records a relation. Nobody becomes mailable by it: what it permits, and
// for how long, is for the rules of a [Gate] to say.
func (l *Ledger) Relate(ctx context.Context, ref audience.Ref, r Relation) error {
	facts, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	_, err = l.Record(ctx, Declaration{
		Contact: ref, Kind: audience.ConsentRelation, Mechanism: r.Kind, Acted: r.At, Expires: r.Ends, Source: r.Source,
		Evidence: Evidence{Fields: map[string]string{relationField: string(facts)}},
	})
	return err
}

// Relations gives the relations of a contact and of those merged into her, the
// latest first; those that were taken back are left out.
func (l *Ledger) Relations(ctx context.Context, ref audience.Ref) ([]Relation, error) {
	var out []Relation
	err := l.aud.View(ctx, func(r *store.Reader) error {
		ids, err := r.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		if ids[0] == 0 {
			return &audience.NotFoundError{Kind: "contact"}
		}
		out, err = l.RelationsIn(ctx, r, ids[0])
		return err
	})
	return out, err
}

// RelationsIn is [Ledger.Relations] in a snapshot or transaction.
func (l *Ledger) RelationsIn(ctx context.Context, r *store.Reader, id audience.ContactID) ([]Relation, error) {
	h, err := r.History(ctx, audience.ID(id))
	if err != nil {
		return nil, err
	}
	var records []audience.ConsentRecord
	resolved := h.Resolved()
	everyRecord(resolved, func(x *audience.ConsentRecord) {
		if x.Kind == audience.ConsentRelation && !tookBack(&h, x) {
			records = append(records, *x)
		}
	})
	slices.SortStableFunc(records, func(a, b audience.ConsentRecord) int {
		return cmp.Or(b.Acted.Compare(a.Acted), cmp.Compare(a.Contact, b.Contact), cmp.Compare(b.Seq, a.Seq))
	})
	out := make([]Relation, len(records))
	for i := range records {
		if out[i], err = l.relation(ctx, r, records[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tookBack reports whether a record was taken back.
func tookBack(h *audience.History, x *audience.ConsentRecord) (found bool) {
	everyRecord(h, func(r *audience.ConsentRecord) {
		found = found || r.Kind == audience.ConsentRetracted && r.Contact == x.Contact && r.Retracts == x.Seq
	})
	return found
}

func (l *Ledger) relation(ctx context.Context, r *store.Reader, rec audience.ConsentRecord) (Relation, error) {
	out := Relation{Kind: rec.Mechanism, At: rec.Acted, Ends: rec.Expires, Source: rec.Source}
	if !rec.HasEvidence() {
		out.FactsUnavailable = true
		return out, nil
	}
	e, err := l.evidenceIn(ctx, r, rec)
	switch {
	case errors.Is(err, audience.ErrNotFound), errors.Is(err, audience.ErrConflict):
		out.FactsUnavailable = true
		return out, nil
	case err != nil:
		return Relation{}, err
	}
	out.FactsUnavailable = json.Unmarshal([]byte(e.Fields[relationField]), &out) != nil
	return out, nil
}
