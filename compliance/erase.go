package compliance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// EraseReport says what an erasure did. It holds no personal data.
type EraseReport struct {
	Request  string        `json:"request"`
	Complete bool          `json:"complete"` // false while a holder failed or a recipient has not answered
	Holders  []HolderState `json:"holders"`
	Waiting  []Party       `json:"waiting,omitempty"` // recipients to be told (GDPR Art. 17(2), 19)
	At       time.Time     `json:"at"`
}

// HolderState is what one holder did.
type HolderState struct {
	Holder  string      `json:"holder"`
	Already bool        `json:"already,omitempty"` // it had done its part before
	Removed int         `json:"removed"`
	Kept    []Retention `json:"kept,omitempty"`
	Err     error       `json:"-"` // why it failed
	Failed  bool        `json:"failed,omitempty"`
}

// WriteText writes the report for a person to read.
func (r *EraseReport) WriteText(w io.Writer) error {
	state := "incomplete"
	if r.Complete {
		state = "complete"
	}
	if _, err := fmt.Fprintf(w, "erasure %s: %s, %s\n", r.Request, state, r.At.Format(time.RFC3339)); err != nil {
		return err
	}
	for _, h := range r.Holders {
		word := fmt.Sprintf("%d removed", h.Removed)
		switch {
		case h.Failed:
			word = "failed"
		case h.Already:
			word = "done before"
		}
		if _, err := fmt.Fprintf(w, "  %-20s %s\n", h.Holder, word); err != nil {
			return err
		}
		for _, k := range h.Kept {
			if _, err := fmt.Fprintf(w, "  %-20s keeps %s: %s\n", "", k.What, k.Basis); err != nil {
				return err
			}
		}
	}
	for _, p := range r.Waiting {
		if _, err := fmt.Fprintf(w, "  %-20s has to be told\n", p.ID); err != nil {
			return err
		}
	}
	return nil
}

// Erase does what a proved request for erasure asks: every holder removes what
// it has of the person, the audience last. A holder that fails keeps the
// request open, while the others have done their part; to call Erase again
// goes on with those that are missing, and changes nothing when none is. The
// error is that of ours alone: what failed is in the report.
func (r *Rights) Erase(ctx context.Context, id string) (EraseReport, error) {
	q, s, err := r.beginErase(ctx, id)
	if err != nil {
		return EraseReport{}, err
	}
	out := EraseReport{Request: q.ID, At: r.ledger.aud.Now(), Waiting: q.Waiting}
	if q.State == RequestDone {
		out.Complete = true
		for _, h := range r.holders {
			out.Holders = append(out.Holders, HolderState{Holder: h.Name(), Already: true})
		}
		return out, nil
	}
	for _, h := range r.holders {
		if slices.Contains(q.Done, h.Name()) {
			out.Holders = append(out.Holders, HolderState{Holder: h.Name(), Already: true})
			continue
		}
		done, err := h.Erase(ctx, s)
		state := HolderState{Holder: h.Name(), Removed: done.Removed, Kept: done.Kept, Err: err, Failed: err != nil}
		out.Holders = append(out.Holders, state)
		if err != nil {
			continue
		}
		if q, err = r.holderDone(ctx, id, h.Name(), done.Notified); err != nil {
			return out, err
		}
	}
	q, err = r.endErase(ctx, id)
	out.Complete, out.Waiting = q.State == RequestDone, q.Waiting
	return out, err
}

// beginErase keeps, sealed in the request, who she is: once the audience has
// forgotten her nobody else could say it to a holder that failed. It also
// writes her into the register of erasures.
func (r *Rights) beginErase(ctx context.Context, id string) (q Request, s Subject, err error) {
	q, err = r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		switch {
		case q.Kind != RequestErasure:
			return &audience.ConflictError{Kind: "request", Hint: "it is about " + string(q.Kind)}
		case q.State == RequestDone:
			return nil
		case q.State == RequestPartly && len(q.secret.Sealed) == 0:
			return nil // every holder is done
		case q.State == RequestPartly:
			s, _, err = r.ledger.openSubject(q)
			return err
		case q.State != RequestProved:
			return errState(q, "proved")
		}
		if s, err = r.subjectOf(ctx, &tx.Reader, q); err != nil {
			return err
		}
		q.State, q.Contact = RequestPartly, s.Contact
		for i := range r.ledger.purposes {
			for _, p := range r.ledger.purposes[i].Recipients {
				q.wait(p)
			}
		}
		if q.secret.Sealed, err = r.ledger.sealSubject(q.ID, &s); err != nil {
			return err
		}
		if err := r.register(ctx, tx, &s); err != nil {
			return err
		}
		return r.ledger.audit(ctx, tx, "erasure.begun", q.Contact, q.ID, audience.Source{})
	})
	return q, s, err
}

func (q *Request) wait(p Party) {
	if !slices.ContainsFunc(q.Waiting, func(o Party) bool { return o.ID == p.ID }) {
		q.Waiting = append(q.Waiting, p)
	}
}

func (r *Rights) holderDone(ctx context.Context, id, name string, notified []Party) (Request, error) {
	return r.change(ctx, id, func(_ *store.Tx, q *Request) error {
		if !slices.Contains(q.Done, name) {
			q.Done = append(q.Done, name)
		}
		for _, p := range notified {
			q.wait(p)
		}
		return nil
	})
}

func (r *Rights) endErase(ctx context.Context, id string) (Request, error) {
	return r.change(ctx, id, func(tx *store.Tx, q *Request) error { return r.closeIfComplete(ctx, tx, q) })
}

func (r *Rights) closeIfComplete(ctx context.Context, tx *store.Tx, q *Request) error {
	if q.State != RequestPartly {
		return nil
	}
	for _, h := range r.holders {
		if !slices.Contains(q.Done, h.Name()) {
			return nil
		}
	}
	q.secret.Sealed = nil // nobody has to be told who she is any more
	if len(q.Waiting) > 0 {
		return nil
	}
	q.close(tx, RequestDone)
	return r.ledger.audit(ctx, tx, "erasure.done", q.Contact, q.ID, audience.Source{})
}

// Acknowledge says that a recipient has been told and has answered.
func (r *Rights) Acknowledge(ctx context.Context, id, recipient string) (Request, error) {
	return r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		i := slices.IndexFunc(q.Waiting, func(p Party) bool { return p.ID == recipient })
		if i < 0 {
			return &audience.NotFoundError{Kind: "recipient"}
		}
		q.Waiting = slices.Delete(q.Waiting, i, i+1)
		return r.closeIfComplete(ctx, tx, q)
	})
}

// sealedSubject is a subject as it is kept while an erasure is under way.
type sealedSubject struct {
	Contact   audience.ContactID   `json:"contact"`
	Merged    []audience.ContactID `json:"merged,omitempty"`
	Addresses [][2]string          `json:"addresses,omitempty"` // as written and its compare form
	External  [][2]string          `json:"external,omitempty"`  // system and id
}

const sealedSubjectPurpose = "audience/compliance/request/v1"

// sealSubject seals who a request is about.
func (l *Ledger) sealSubject(request string, s *Subject) ([]byte, error) {
	plain := sealedSubject{Contact: s.Contact, Merged: s.Merged}
	for _, a := range s.Addresses {
		plain.Addresses = append(plain.Addresses, [2]string{a.Reveal(), a.Canonical()})
	}
	for _, x := range s.External {
		plain.External = append(plain.External, [2]string{x.System, x.ID.Reveal()})
	}
	b, err := json.Marshal(&plain)
	if err != nil {
		return nil, err
	}
	keys := l.aud.Keys()
	secret, ok := keys.Derive(keys.Primary(), sealedSubjectPurpose)
	if !ok {
		return nil, &audience.DeniedError{Rule: "key", Hint: "an erasure needs store.Options.Keys"}
	}
	key, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	return sealBytes(key, "", b, l.boundToRequest(request)), nil
}

func (l *Ledger) boundToRequest(id string) []byte { return []byte(l.aud.Name() + "\x00" + id) }

// openSubject opens it under any key that the audience has, and tells which.
func (l *Ledger) openSubject(q *Request) (s Subject, under string, err error) {
	keys := l.aud.Keys()
	for _, id := range keys.IDs() {
		secret, _ := keys.Derive(id, sealedSubjectPurpose)
		key, err := newAEAD(secret)
		if err != nil {
			return Subject{}, "", err
		}
		b, ok := openBytes(key, "", q.secret.Sealed, l.boundToRequest(q.ID))
		if !ok {
			continue
		}
		var plain sealedSubject
		if err := json.Unmarshal(b, &plain); err != nil {
			break
		}
		s, err = plain.subject()
		return s, id, err
	}
	return Subject{}, "", &audience.DeniedError{Rule: "key", Hint: "the key under which the request was sealed is missing"}
}

func (p *sealedSubject) subject() (Subject, error) {
	s := Subject{Contact: p.Contact, Merged: p.Merged}
	for _, a := range p.Addresses {
		restored, err := audience.RestoreAddress(a[0], a[1])
		if err != nil {
			return Subject{}, err
		}
		s.Addresses = append(s.Addresses, restored)
	}
	for _, x := range p.External {
		s.External = append(s.External, audience.External(x[0], x[1]))
	}
	return s, nil
}

// namespaceErased is that of the register of erasures.
const namespaceErased = "compliance/erased"

// erasedPerson is one line of the register: enough to find her in a database
// that was restored from a backup, and nothing that says who she is.
type erasedPerson struct {
	Contact audience.ContactID `json:"contact,omitempty"`
	Created time.Time          `json:"created,omitzero"` // a restored counter may give the id to somebody else
	Hashes  []string           `json:"hashes,omitempty"`
	At      time.Time          `json:"at"`
}

// key names the entry: an id may be given to somebody else in a restored
// database.
func (e *erasedPerson) key() string {
	return fmt.Sprintf("%s/%d", e.Contact, audience.Micros(e.Created))
}

func (r *Rights) register(ctx context.Context, tx *store.Tx, s *Subject) error {
	hashes := r.ledger.hashesOf(s.Addresses)
	for _, id := range append([]audience.ContactID{s.Contact}, s.Merged...) {
		created, err := createdAt(ctx, &tx.Reader, id)
		if err != nil {
			return err
		}
		if created.IsZero() {
			continue
		}
		if err := keepErased(ctx, tx, &erasedPerson{Contact: id, Created: created, Hashes: hashes, At: tx.At()}); err != nil {
			return err
		}
	}
	return nil // of whoever was no contact the tombstones are in the register
}

// createdAt gives when somebody became a contact who is one or was deleted;
// zero of anybody else, and of whoever was merged into another one.
func createdAt(ctx context.Context, rd *store.Reader, id audience.ContactID) (time.Time, error) {
	if id == 0 {
		return time.Time{}, nil
	}
	c, err := rd.Contact(ctx, audience.ID(id))
	switch {
	case isNotFound(err):
	case err != nil || c.ID != id:
		return time.Time{}, err
	default:
		return c.CreatedAt, nil
	}
	as, err := rd.DeletedAs(ctx, id)
	if err != nil || as.Contact != id {
		return time.Time{}, err
	}
	return as.Created, nil
}
