package compliance

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Namespaces of the records of requests, and of those that are open, which are
// few: whom they are about has to be found for every rule that deletes.
const (
	namespaceRequests = "compliance/requests"
	namespaceOpen     = "compliance/requests-open"
)

// RequestState is how far a request is.
type RequestState string

// The states.
const (
	RequestReceived RequestState = "received" // who asks is not proved yet
	RequestProved   RequestState = "proved"   // it can be worked on
	RequestPartly   RequestState = "partly"   // begun; something failed, or a recipient has not answered
	RequestDone     RequestState = "done"
	RequestRefused  RequestState = "refused"
)

// Request is what one person asked for. It holds no clear data of hers, and is
// kept after she is erased: to show that it was answered, and when (11 CCR
// 7101).
type Request struct {
	ID       string             `json:"id"`
	Kind     RequestKind        `json:"kind"`
	Regime   Regime             `json:"regime"`
	Contact  audience.ContactID `json:"contact"`
	Received time.Time          `json:"received"`
	Proved   time.Time          `json:"proved,omitzero"`
	Closed   time.Time          `json:"closed,omitzero"`
	State    RequestState       `json:"state"`
	Due      Deadlines          `json:"due"`
	Why      string             `json:"why,omitempty"`      // of an extension or refusal, in the host's words
	Extended bool               `json:"extended,omitempty"` // Due.Extended counts
	Done     []string           `json:"done,omitempty"`     // holders that have done their part
	Waiting  []Party            `json:"waiting,omitempty"`  // recipients who have not answered

	secret requestSecret
}

// requestSecret is what of a request nobody gets to see.
type requestSecret struct {
	// Code is the hash of the code that proves control of the mailbox.
	Code     [32]byte  `json:"code,omitzero"`
	CodeEnds time.Time `json:"code_ends,omitzero"`
	Tries    int       `json:"tries,omitempty"`
	// Sealed has what an erasure needs to go on after a failure. It goes when
	// the request is closed.
	Sealed []byte `json:"sealed,omitempty"`
}

// storedRequest is a request as a record holds it.
type storedRequest struct {
	Request
	Secret requestSecret `json:"secret,omitzero"`
}

// IsClosed reports whether nothing is left to do.
func (r *Request) IsClosed() bool { return r.State == RequestDone || r.State == RequestRefused }

// DueBy gives the day by whose end it has to be answered.
func (r *Request) DueBy() audience.Date {
	if r.Extended {
		return r.Due.Extended
	}
	return r.Due.Due
}

// loadRequest reads a request.
func loadRequest(ctx context.Context, r *store.Reader, id string) (Request, uint64, error) {
	rec, err := r.LoadRecord(ctx, namespaceRequests, id)
	if errors.Is(err, audience.ErrNotFound) {
		return Request{}, 0, &audience.NotFoundError{Kind: "request"}
	}
	if err != nil {
		return Request{}, 0, err
	}
	q, err := parseRequest(rec.Value)
	return q, rec.Version, err
}

func parseRequest(b []byte) (Request, error) {
	var stored storedRequest
	if err := json.Unmarshal(b, &stored); err != nil {
		return Request{}, &audience.ConflictError{Kind: "request", Hint: "the record cannot be read"}
	}
	stored.secret = stored.Secret
	return stored.Request, nil
}

// saveRequest writes a request. A closed one goes after the time for which
// requests are kept.
func (r *Rights) saveRequest(ctx context.Context, tx *store.Tx, q *Request, version uint64) error {
	b, err := json.Marshal(&storedRequest{Request: *q, Secret: q.secret})
	if err != nil {
		return err
	}
	rec := store.Record{Namespace: namespaceRequests, Key: q.ID, Value: b, Version: version}
	if q.IsClosed() {
		calendar := audience.NewCalendar(time.UTC)
		if until, ok := calendar.Ahead(q.Closed, r.keepFor); ok {
			rec.Expires = until
		}
	}
	if _, err = tx.SaveRecord(ctx, rec); err != nil {
		return err
	}
	return markOpen(ctx, tx, q)
}

// openRequest is what is known of a request while it is open.
type openRequest struct {
	ID      string             `json:"-"`
	Kind    RequestKind        `json:"kind"`
	Contact audience.ContactID `json:"contact"`
}

// markOpen keeps the list of open requests.
func markOpen(ctx context.Context, tx *store.Tx, q *Request) error {
	rec, err := tx.LoadRecord(ctx, namespaceOpen, q.ID)
	known := err == nil
	switch {
	case err != nil && !isNotFound(err):
		return err
	case q.IsClosed() && known:
		return tx.DeleteRecord(ctx, namespaceOpen, q.ID, rec.Version)
	case q.IsClosed() || known || q.Contact == 0:
		return nil
	}
	b, err := json.Marshal(&openRequest{Kind: q.Kind, Contact: q.Contact})
	if err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceOpen, Key: q.ID, Value: b})
	return err
}

// openRequests gives for each contact who has any an open request, by whom she is
// now.
func openRequests(ctx context.Context, r *store.Reader) (map[audience.ContactID]openRequest, error) {
	var all []openRequest
	for after := ""; ; {
		page, err := r.Records(ctx, namespaceOpen, "", after, batch)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			after = rec.Key
			q := openRequest{ID: rec.Key}
			if err := json.Unmarshal(rec.Value, &q); err != nil {
				return nil, &audience.ConflictError{Kind: "request", Hint: "the record cannot be read"}
			}
			all = append(all, q)
		}
		if len(page) < batch {
			break
		}
	}
	refs := make([]audience.Ref, len(all))
	for i := range all {
		refs[i] = audience.ID(all[i].Contact)
	}
	now, err := r.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	out := make(map[audience.ContactID]openRequest, len(all))
	for i, id := range now {
		if id != 0 {
			out[id] = all[i]
		}
	}
	return out, nil
}

// change loads a request, changes it and stores it in one transaction.
func (r *Rights) change(ctx context.Context, id string, fn func(tx *store.Tx, q *Request) error) (Request, error) {
	var out Request
	_, err := r.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		q, version, err := loadRequest(ctx, &tx.Reader, id)
		if err != nil {
			return err
		}
		if err := fn(tx, &q); err != nil {
			return err
		}
		out = q
		return r.saveRequest(ctx, tx, &q, version)
	})
	return out, err
}
