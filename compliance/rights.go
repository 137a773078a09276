package compliance

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// RightsOptions say who holds data, beside the audience.
type RightsOptions struct {
	// Holders are the host's own tables and services. Names are unique.
	Holders []Holder
	// Workday says which days are working days; nil: Monday to Friday.
	Workday func(audience.Date) bool
	// KeepFor is how long closed requests are kept; zero: 24 months (11 CCR
	// 7101).
	KeepFor audience.Period
}

// Rights answers what people may ask of whoever holds their data: access,
// portability, rectification, restriction, objection and erasure (GDPR Art. 15
// to 21, and the like). It is safe for concurrent use.
type Rights struct {
	ledger  *Ledger
	holders []Holder // the audience last: the others may need it to find their own
	workday func(audience.Date) bool
	keepFor audience.Period
}

// NewRights makes the rights of a ledger's audience.
func NewRights(l *Ledger, opts RightsOptions) (*Rights, error) {
	if l == nil {
		return nil, &audience.FieldError{Path: "ledger", Rule: "empty", Hint: "a ledger"}
	}
	if l.aud.Keys().IsZero() {
		return nil, &audience.DeniedError{Rule: "key", Hint: "rights need store.Options.Keys: without them nobody who was erased stays erased"}
	}
	r := &Rights{ledger: l, workday: opts.Workday, keepFor: opts.KeepFor}
	if r.keepFor == (audience.Period{}) {
		r.keepFor, _ = audience.ParsePeriod("24mo")
	}
	r.holders = append(slices.Clone(opts.Holders), &audienceHolder{ledger: l})
	names := make(map[string]bool)
	for i, h := range r.holders {
		if h == nil || h.Name() == "" || names[h.Name()] {
			return nil, &audience.FieldError{Path: fmt.Sprintf("holders[%d]", i), Rule: "unique", Hint: "a holder with a name of its own"}
		}
		names[h.Name()] = true
	}
	return r, nil
}

// Open takes a request in. It arrived at an instant, from which deadlines
// count; zero: now.
//
// Somebody who is no contact any more can ask for access, portability and
// erasure and, by her address, object: she is named by the id that she had, or by
// an address or external id. By an address deleted contacts are found whose
// evidence names it last; without evidence only what is held against the address
// itself, or by another holder, can be found by it. Somebody of whom no holder
// has anything is [audience.ErrNotFound]: to say so is the answer then, never
// "done". To find that out holders are asked before it is proved who asks;
// nothing that they say leaves.
func (r *Rights) Open(ctx context.Context, kind RequestKind, regime Regime, who audience.Ref, arrived time.Time) (Request, error) {
	gone, err := r.ifGone(ctx, kind, who)
	if err != nil {
		return Request{}, err
	}
	var q Request
	_, err = r.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		s, err := r.lockSubject(ctx, tx, who, gone)
		if err != nil {
			return err
		}
		if arrived.IsZero() || arrived.After(tx.At()) {
			arrived = tx.At()
		}
		due, err := DeadlinesOf(regime, kind, audience.DateOf(arrived, tx.Zone()), r.workday)
		if err != nil {
			return err
		}
		q = Request{
			ID: rand.Text(), Kind: kind, Regime: regime, Contact: s.Contact, Received: audience.FromMicros(audience.Micros(arrived)),
			State: RequestReceived, Due: due,
		}
		// She may be deleted before it is answered.
		if q.secret.Sealed, err = r.ledger.sealSubject(q.ID, &s); err != nil {
			return err
		}
		return r.saveRequest(ctx, tx, &q, 0)
	})
	return q, err
}

// ifGone finds whom a Ref names that names no contact; nil when it names one.
func (r *Rights) ifGone(ctx context.Context, kind RequestKind, who audience.Ref) (*Subject, error) {
	there := false
	err := r.ledger.aud.View(ctx, func(rd *store.Reader) error {
		ids, err := rd.Resolve(ctx, who)
		there = err == nil && ids[0] != 0
		return err
	})
	switch {
	case err != nil || there:
		return nil, err
	case !kind.known(): // which is said when it is opened
		return &Subject{}, nil
	case !kind.mayBeGone():
		return nil, &audience.NotFoundError{Kind: "contact"}
	}
	s, err := r.identify(ctx, who)
	return &s, err
}

// lockSubject gives whom a request is about. A contact is held, so that no rule
// deletes her while her request is written down.
func (r *Rights) lockSubject(ctx context.Context, tx *store.Tx, who audience.Ref, gone *Subject) (Subject, error) {
	ids, err := tx.Resolve(ctx, who)
	switch {
	case err != nil:
		return Subject{}, err
	case ids[0] == 0 && gone == nil: // deleted since we looked
		return Subject{}, fmt.Errorf("compliance: the contact was deleted meanwhile: %w", audience.ErrRetryable)
	case ids[0] == 0:
		return *gone, nil
	}
	if _, err := tx.Lock(ctx, ids[0]); err != nil {
		return Subject{}, err
	}
	return r.subject(ctx, &tx.Reader, ids[0])
}

// openOwn opens a request of the host's own, which nobody has to prove.
func (r *Rights) openOwn(ctx context.Context, tx *store.Tx, id audience.ContactID) (string, error) {
	due, err := DeadlinesOf(RegimeGDPR, RequestErasure, audience.DateOf(tx.At(), tx.Zone()), r.workday)
	if err != nil {
		return "", err
	}
	q := Request{
		ID: rand.Text(), Kind: RequestErasure, Regime: RegimeGDPR, Contact: id, Received: tx.At(), Proved: tx.At(), State: RequestProved, Due: due,
	}
	return q.ID, r.saveRequest(ctx, tx, &q, 0)
}

// Request gives a request.
func (r *Rights) Request(ctx context.Context, id string) (q Request, err error) {
	err = r.ledger.aud.View(ctx, func(rd *store.Reader) error {
		q, _, err = loadRequest(ctx, rd, id)
		return err
	})
	return q, err
}

// Due gives the open requests that have to be answered by the end of a day,
// in no order.
func (r *Rights) Due(ctx context.Context, by audience.Date) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		for q, err := range r.all(ctx) {
			if err == nil && (q.IsClosed() || q.DueBy() > by) {
				continue
			}
			if !yield(q, err) {
				return
			}
		}
	}
}

// all gives every request that is kept, in no order; at most one error, last.
func (r *Rights) all(ctx context.Context) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		for after := ""; ; {
			var page []store.Record
			err := r.ledger.aud.View(ctx, func(rd *store.Reader) (err error) {
				page, err = rd.Records(ctx, namespaceRequests, "", after, batch)
				return err
			})
			for i := 0; err == nil && i < len(page); i++ {
				after = page[i].Key
				var q Request
				if q, err = parseRequest(page[i].Value); err == nil && !yield(q, nil) {
					return
				}
			}
			if err != nil {
				yield(Request{}, err)
				return
			}
			if len(page) < batch {
				return
			}
		}
	}
}

func isNotFound(err error) bool { return errors.Is(err, audience.ErrNotFound) }

const (
	codeLife  = 24 * time.Hour
	codeTries = 5
)

// Challenge gives a code for the host to send to the contact's own address, or
// to the address by which a request of somebody who is no contact was opened:
// who has it controls the mailbox, which is proof enough of who asks where
// nothing but mail is at stake (GDPR Art. 12(6)). It holds for 24 hours and
// five tries; an earlier one is over.
func (r *Rights) Challenge(ctx context.Context, id string) (code string, err error) {
	code = rand.Text()
	_, err = r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		if q.State != RequestReceived {
			return errState(q, "received")
		}
		q.secret.Code, q.secret.CodeEnds, q.secret.Tries = codeHash(q.ID, code), tx.At().Add(codeLife), 0
		return nil
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

func codeHash(id, code string) [32]byte {
	return sha256.Sum256([]byte("audiencekit request code 1\x00" + id + "\x00" + strings.ToUpper(strings.TrimSpace(code))))
}

// Prove takes the code back. A wrong one, or one that is over, is
// [audience.ErrDenied].
func (r *Rights) Prove(ctx context.Context, id, code string) (Request, error) {
	right := false
	q, err := r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		right = false
		if q.State != RequestReceived {
			return errState(q, "received")
		}
		hash := codeHash(q.ID, code)
		right = q.secret.Tries < codeTries && tx.At().Before(q.secret.CodeEnds) && subtle.ConstantTimeCompare(hash[:], q.secret.Code[:]) == 1
		q.secret.Tries++
		if right {
			q.prove(tx)
		}
		return nil
	})
	if err == nil && !right {
		return Request{}, &audience.DeniedError{Rule: "code", Hint: "the code is not right, or it is over: ask for another one"}
	}
	return q, err
}

// Attest says that the host has proved by other means who asks, and who of
// the host's people says so.
func (r *Rights) Attest(ctx context.Context, id string, by audience.Source) (Request, error) {
	if by.Actor == "" {
		return Request{}, &audience.FieldError{Path: "by.actor", Rule: "empty", Hint: "the id of the operator who has checked it"}
	}
	return r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		if q.State != RequestReceived {
			return errState(q, "received")
		}
		q.prove(tx)
		return r.ledger.audit(ctx, tx, "request.attested", q.Contact, q.ID, by)
	})
}

func (q *Request) prove(tx *store.Tx) {
	q.State, q.Proved = RequestProved, tx.At()
	q.secret.Code, q.secret.CodeEnds, q.secret.Tries = [32]byte{}, time.Time{}, 0
}

// Extend takes the longer deadline, which has to be said to the person by
// Due.ExtendBy, with the reason.
func (r *Rights) Extend(ctx context.Context, id, why string) (Request, error) {
	return r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		switch {
		case strings.TrimSpace(why) == "":
			return &audience.FieldError{Path: "why", Rule: "empty", Hint: "the reason, which she has to be told (GDPR Art. 12(3))"}
		case q.IsClosed():
			return errState(q, "open")
		case q.Due.Extended == 0 || audience.DateOf(tx.At(), tx.Zone()) > q.Due.ExtendBy:
			return &audience.DeniedError{Rule: "deadline", Hint: "it cannot be extended, or not any more"}
		}
		q.Extended, q.Why = true, why
		return nil
	})
}

// Refuse closes a request without doing what it asks, for a reason, which she
// has to be told with her right to complain (GDPR Art. 12(4)).
func (r *Rights) Refuse(ctx context.Context, id, why string, by audience.Source) (Request, error) {
	return r.change(ctx, id, func(tx *store.Tx, q *Request) error {
		if strings.TrimSpace(why) == "" {
			return &audience.FieldError{Path: "why", Rule: "empty", Hint: "the reason, which she has to be told (GDPR Art. 12(4))"}
		}
		if q.IsClosed() || q.State == RequestPartly {
			return errState(q, "received or proved")
		}
		q.Why = why
		q.close(tx, RequestRefused)
		return r.ledger.audit(ctx, tx, "request.refused", q.Contact, q.ID, by)
	})
}

func (q *Request) close(tx *store.Tx, state RequestState) {
	q.State, q.Closed, q.secret.Sealed = state, tx.At(), nil
	q.secret.Code = [32]byte{}
}

func errState(q *Request, want string) error {
	return &audience.ConflictError{Kind: "request", Hint: "it is " + string(q.State) + ", and has to be " + want}
}
