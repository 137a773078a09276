package compliance

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// document is what a person gets: GDPR Art. 15(1) and (3), or Art. 20.
type document struct {
	Kind       RequestKind       `json:"kind"`
	Request    string            `json:"request"`
	Made       time.Time         `json:"made"`
	Controller Party             `json:"controller,omitzero"`
	Purposes   []documentPurpose `json:"purposes,omitempty"`
	Rights     []string          `json:"rights,omitempty"`
	Decisions  string            `json:"automated_decisions,omitempty"`
	Items      []documentItem    `json:"items"`
}

type documentPurpose struct {
	ID         string            `json:"id"`
	Title      map[string]string `json:"title,omitempty"`
	Class      Class             `json:"class"`
	Basis      map[Regime]Basis  `json:"basis,omitempty"`
	Retention  string            `json:"retention,omitempty"`
	Recipients []Party           `json:"recipients,omitempty"`
	Categories []string          `json:"categories,omitempty"`
}

type documentItem struct {
	Holder     string    `json:"holder"`
	Category   string    `json:"category"`
	Field      string    `json:"field"`
	Value      string    `json:"value"`
	At         time.Time `json:"at,omitzero"`
	Origin     Origin    `json:"origin"`
	Source     string    `json:"source,omitempty"`
	Purposes   []string  `json:"purposes,omitempty"`
	Recipients []Party   `json:"recipients,omitempty"`
}

// Access writes the answer to a proved request for access, as JSON: what is
// held of her, from every holder, with the information of GDPR Art. 15(1).
// Secrets and other people's data are left out. The request is done then; the
// answer can be written again only while she is a contact. The host sends it to
// nobody but her.
func (r *Rights) Access(ctx context.Context, id string, w io.Writer) error {
	return r.answer(ctx, id, RequestAccess, w, func(*Item) bool { return true })
}

// Portability writes the answer to a proved request for portability: what she
// provided and what was observed of her, in a form that machines read, and
// nothing that was inferred or got from others (GDPR Art. 20; WP 242).
func (r *Rights) Portability(ctx context.Context, id string, w io.Writer) error {
	return r.answer(ctx, id, RequestPortability, w, func(it *Item) bool {
		return it.Origin == OriginProvided || it.Origin == OriginObserved
	})
}

func (r *Rights) answer(ctx context.Context, id string, kind RequestKind, w io.Writer, fits func(*Item) bool) error {
	var s Subject
	q, err := r.change(ctx, id, func(tx *store.Tx, q *Request) (err error) {
		switch {
		case q.Kind != kind:
			return &audience.ConflictError{Kind: "request", Hint: "it is about " + string(q.Kind)}
		case q.State == RequestReceived || q.State == RequestRefused:
			return errState(q, "proved")
		case q.State == RequestDone:
			s, err = r.answered(ctx, &tx.Reader, q)
			return err
		}
		s, err = r.subjectOf(ctx, &tx.Reader, q)
		return err
	})
	if err != nil {
		return err
	}
	doc := document{Kind: kind, Request: q.ID, Made: r.ledger.aud.Now(), Controller: r.ledger.controller, Items: []documentItem{}}
	if kind == RequestAccess {
		doc.inform(r.ledger)
	}
	for _, h := range r.holders {
		err := h.Collect(ctx, s, func(it Item) error {
			if !it.Secret && !it.ThirdParty && fits(&it) {
				doc.add(h.Name(), &it)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if kind == RequestAccess {
		if err := r.addRequests(ctx, &doc, q.ID, &s); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&doc); err != nil {
		return err
	}
	_, err = r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		if q.State == RequestDone {
			return nil
		}
		q.close(tx, RequestDone)
		return r.ledger.audit(ctx, tx, "request."+string(kind), q.Contact, q.ID, audience.Source{})
	})
	return err
}

// answered reads who a request is about that was answered before. What was
// sealed with it is gone: of whoever is no contact it would find less than there
// is, and call that everything.
func (r *Rights) answered(ctx context.Context, rd *store.Reader, q *Request) (Subject, error) {
	if q.Contact != 0 {
		if s, err := r.subject(ctx, rd, q.Contact); !isNotFound(err) {
			return s, err
		}
	}
	return Subject{}, &audience.ConflictError{Kind: "request", Hint: "it was answered, and who is no contact is forgotten then: open another one"}
}

func (d *document) add(holder string, it *Item) {
	d.Items = append(d.Items, documentItem{
		Holder: holder, Category: it.Category, Field: it.Field, Value: it.Value.Reveal(), At: it.At, Origin: it.Origin,
		Source: it.Source, Purposes: it.Purposes, Recipients: it.Recipients,
	})
}

// inform adds what GDPR Art. 15(1) asks for beside the data.
func (d *document) inform(l *Ledger) {
	for _, p := range l.purposes {
		out := documentPurpose{
			ID: p.ID, Title: p.Title, Class: p.class(), Basis: p.Basis, Recipients: p.Recipients, Categories: p.Categories,
			Retention: "as long as the contact",
		}
		if p.Retention != (audience.Period{}) {
			out.Retention = p.Retention.String() + " after its end"
		}
		d.Purposes = append(d.Purposes, out)
	}
	d.Rights = []string{
		"rectification (Art. 16)", "erasure (Art. 17)", "restriction (Art. 18)", "portability (Art. 20)", "objection (Art. 21)",
		"withdrawal of consent at any time (Art. 7(3))", "complaint to a supervisory authority (Art. 77)",
	}
	d.Decisions = "membership in segments follows from the items by rules; no decision within the meaning of Art. 22 is made here"
}

// addRequests adds her own requests, this one among them.
func (r *Rights) addRequests(ctx context.Context, doc *document, id string, s *Subject) error {
	for q, err := range r.requestsOf(ctx, id, s) {
		if err != nil {
			return err
		}
		doc.add("requests", &Item{Category: "requests", Field: string(q.Kind), Value: audience.NewPrivate(string(q.State)), At: q.Received, Origin: OriginObserved})
	}
	return nil
}

// Rectify corrects a field in every holder that has it and can, and closes
// the request. When none has it, it is [audience.ErrNotFound].
func (r *Rights) Rectify(ctx context.Context, id, field string, value audience.Private) error {
	s, err := r.provedSubject(ctx, id, RequestRectification)
	if err != nil {
		return err
	}
	found := false
	for _, h := range r.holders {
		fixer, ok := h.(Rectifier)
		if !ok {
			continue
		}
		switch err := fixer.Rectify(ctx, s, field, value); {
		case err == nil:
			found = true
		case isNotFound(err):
		default:
			return err
		}
	}
	if !found {
		return &audience.NotFoundError{Kind: "field"}
	}
	return r.done(ctx, id, "request.rectification")
}

// Restrict restricts the processing of her data to storing it, from its commit
// on: nobody may write to her, exports through the gate leave her out and
// nothing of hers is cleaned away (GDPR Art. 18).
func (r *Rights) Restrict(ctx context.Context, id string) error {
	s, err := r.provedSubject(ctx, id, RequestRestriction)
	if err != nil {
		return err
	}
	if err := r.ledger.Restrict(ctx, audience.ID(s.Contact), audience.Source{Kind: audience.SourcePerson, Name: "rights"}, "request "+id); err != nil {
		return err
	}
	if err := r.tellRestricted(ctx, s, true); err != nil {
		return err
	}
	return r.done(ctx, id, "request.restriction")
}

// Lift ends a restriction: an operator says so and why, after the person was
// told (GDPR Art. 18(3)).
func (r *Rights) Lift(ctx context.Context, who audience.Ref, by audience.Source, why string) error {
	if err := r.ledger.Release(ctx, who, by, why); err != nil {
		return err
	}
	var s Subject
	err := r.ledger.aud.View(ctx, func(rd *store.Reader) error {
		id, err := contactOf(ctx, rd, who)
		if err != nil {
			return err
		}
		s, err = r.subject(ctx, rd, id)
		return err
	})
	if err != nil {
		return err
	}
	return r.tellRestricted(ctx, s, false)
}

func (r *Rights) tellRestricted(ctx context.Context, s Subject, on bool) error {
	for _, h := range r.holders {
		if restricter, ok := h.(Restricter); ok {
			if err := restricter.Restrict(ctx, s, on); err != nil {
				return err
			}
		}
	}
	return nil
}

// MechanismObjection is that of a withdrawal by which a person objects to
// direct marketing as a whole (GDPR Art. 21(2)).
const MechanismObjection audience.Mechanism = "objection"

// Object records her objection: a refusal of everything, on every channel.
// Only what she does herself later lifts it. It needs no proof of who asks.
// It is about marketing and ends no service message that rests on legitimate
// interest: for that the host records a withdrawal that names the purpose, as the
// preference centre does, see [Purpose.Objected].
func (r *Rights) Object(ctx context.Context, id string) error {
	q, err := r.Request(ctx, id)
	if err != nil {
		return err
	}
	if q.Kind != RequestObjection && q.Kind != RequestOptOutSale || q.State == RequestRefused {
		return errState(&q, "an objection")
	}
	scopes := []audience.Scope{{}}
	if q.Kind == RequestOptOutSale {
		scopes = nil
		for i := range r.ledger.purposes {
			if p := &r.ledger.purposes[i]; p.class() == ClassSaleShare {
				scopes = append(scopes, audience.Scope{Purpose: p.ID})
			}
		}
	}
	if len(scopes) == 0 {
		return &audience.ConflictError{Kind: "purpose", Hint: "the ledger knows no purpose of the class sale-share to refuse: declare it first"}
	}
	err = r.refuseFor(ctx, &q, scopes)
	if isNotFound(err) && q.Kind == RequestObjection {
		err = r.refuseGone(ctx, &q)
	}
	if err != nil {
		return err
	}
	return r.done(ctx, id, "request."+string(q.Kind))
}

// refuseFor records the refusals of a contact.
func (r *Rights) refuseFor(ctx context.Context, q *Request, scopes []audience.Scope) error {
	if q.Contact == 0 {
		return &audience.NotFoundError{Kind: "contact"}
	}
	for _, scope := range scopes {
		if _, err := r.ledger.Record(ctx, Declaration{
			Contact: audience.ID(q.Contact), Kind: audience.ConsentWithdrawn, Scope: scope, Acted: q.Received, Mechanism: MechanismObjection,
			Source: audience.Source{Kind: audience.SourcePerson, Name: "rights"},
		}); err != nil {
			return err
		}
	}
	return nil
}

// refuseGone holds the objection of somebody who is no contact against her
// addresses, so that she is not written to when she becomes one.
func (r *Rights) refuseGone(ctx context.Context, q *Request) error {
	_, err := r.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		s, err := r.subjectOf(ctx, &tx.Reader, q)
		if err != nil {
			return err
		}
		if len(s.Addresses) == 0 {
			return &audience.NotFoundError{Kind: "contact"}
		}
		writes := make([]store.SuppressionWrite, len(s.Addresses))
		for i, a := range s.Addresses {
			writes[i] = store.SuppressionWrite{Address: a, Reason: audience.SuppressedWithdrawn, At: q.Received, Source: audience.Source{Kind: audience.SourcePerson, Name: "rights"}}
		}
		return tx.Suppress(ctx, writes...)
	})
	return err
}

func (r *Rights) provedSubject(ctx context.Context, id string, kind RequestKind) (s Subject, err error) {
	err = r.ledger.aud.View(ctx, func(rd *store.Reader) error {
		q, _, err := loadRequest(ctx, rd, id)
		switch {
		case err != nil:
			return err
		case q.Kind != kind:
			return &audience.ConflictError{Kind: "request", Hint: "it is about " + string(q.Kind)}
		case q.State != RequestProved:
			return errState(&q, "proved")
		}
		s, err = r.subjectOf(ctx, rd, &q)
		return err
	})
	return s, err
}

func (r *Rights) done(ctx context.Context, id, action string) error {
	_, err := r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		if q.IsClosed() {
			return nil
		}
		q.close(tx, RequestDone)
		return r.ledger.audit(ctx, tx, action, q.Contact, q.ID, audience.Source{})
	})
	return err
}

// requestsOf gives a request and the others about the same person, the latest
// first.
func (r *Rights) requestsOf(ctx context.Context, id string, s *Subject) func(func(Request, error) bool) {
	return func(yield func(Request, error) bool) {
		var out []Request
		for q, err := range r.all(ctx) {
			if err != nil {
				yield(q, err)
				return
			}
			if q.ID == id || q.Contact != 0 && (q.Contact == s.Contact || slices.Contains(s.Merged, q.Contact)) {
				out = append(out, q)
			}
		}
		slices.SortFunc(out, func(a, b Request) int { return b.Received.Compare(a.Received) })
		for _, q := range out {
			if !yield(q, nil) {
				return
			}
		}
	}
}
