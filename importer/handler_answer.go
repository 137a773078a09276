package importer

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// answer is what a request gets. It can be kept.
type answer struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	// Digest is of the request.
	Digest   string `json:"digest,omitempty"`
	replayed bool
	header   http.Header
}

func newAnswer(status int, body any) *answer {
	text, _ := json.Marshal(body) // it holds strings and numbers only
	return &answer{Status: status, Body: text}
}

func (a *answer) send(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if a.Status >= http.StatusBadRequest {
		h.Set("Content-Type", "application/problem+json")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	if a.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	maps.Copy(h, a.header)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // who asked may be gone
}

// batchAnswer tells of several contacts.
type batchAnswer struct {
	Created    int          `json:"created"`
	Updated    int          `json:"updated"`
	Skipped    int          `json:"skipped"`
	Suppressed int          `json:"suppressed"`
	Rejected   int          `json:"rejected"`
	Items      []itemAnswer `json:"items"`
}

func (b *batchAnswer) count(outcome string) {
	switch outcome {
	case Created.String():
		b.Created++
	case Updated.String():
		b.Updated++
	case Skipped.String():
		b.Skipped++
	case Suppressed.String():
		b.Suppressed++
	default:
		b.Rejected++
	}
}

// itemAnswer tells of one contact.
type itemAnswer struct {
	Index   int                `json:"index"`
	Outcome string             `json:"outcome"`
	Reason  string             `json:"reason,omitempty"` // of one that was skipped
	Contact audience.ContactID `json:"contact,omitempty"`
	Error   *fault             `json:"error,omitempty"`

	why error
}

// fault says what is wrong, without the value that is.
type fault struct {
	Code    string             `json:"code"`
	Path    string             `json:"path,omitempty"`
	Hint    string             `json:"hint,omitempty"`
	Contact audience.ContactID `json:"contact,omitempty"` // that is in the way
}

func describe(err error) *fault {
	f := &fault{Code: (&RowError{Err: err}).Code()}
	if row, ok := errors.AsType[*RowError](err); ok {
		f.Code = row.Code()
	}
	if e, ok := errors.AsType[*audience.FieldError](err); ok {
		f.Path, f.Hint = e.Path, e.Hint
	}
	if e, ok := errors.AsType[*audience.ConflictError](err); ok {
		f.Hint, f.Contact = e.Hint, e.Contact
	}
	if e, ok := errors.AsType[*audience.DeniedError](err); ok {
		f.Hint = e.Hint
	}
	return f
}

// singleAnswer tells of the one contact of a request.
func singleAnswer(it itemAnswer) *answer {
	if it.why != nil {
		return newProblem(httpStatus(it.why), it.Error)
	}
	status := http.StatusOK
	if it.Outcome == Created.String() {
		status = http.StatusCreated
	}
	return newAnswer(status, struct {
		Outcome string             `json:"outcome"`
		Reason  string             `json:"reason,omitempty"`
		Contact audience.ContactID `json:"contact,omitempty"`
	}{it.Outcome, it.Reason, it.Contact})
}

// httpStatus gives the status for what is wrong with a contact.
func httpStatus(err error) int {
	switch {
	case errors.Is(err, audience.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, audience.ErrDenied):
		return http.StatusForbidden
	}
	return http.StatusUnprocessableEntity
}

// newProblem is problem details (RFC 9457).
func newProblem(status int, f *fault) *answer {
	return newAnswer(status, struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		*fault
	}{"about:blank", http.StatusText(status), status, f.Hint, f})
}

// problem is the answer to a request of which nothing was written.
func (h *handler) problem(err error) *answer {
	if e, ok := errors.AsType[*requestError](err); ok {
		a := newProblem(e.status, &fault{Code: e.code, Hint: e.hint})
		if e.status == http.StatusMethodNotAllowed {
			a.header = http.Header{"Allow": {"POST, PUT"}}
		}
		return a
	}
	if errors.Is(err, audience.ErrRetryable) || errors.Is(err, audience.ErrClosed) || isTimeout(err) {
		a := newProblem(http.StatusServiceUnavailable, &fault{Code: "busy", Hint: "the same request later"})
		a.header = http.Header{"Retry-After": {"1"}}
		return a
	}
	h.aud.Logger().Error("importer: request failed", slog.String("error", err.Error()))
	return newProblem(http.StatusInternalServerError, &fault{Code: "internal", Hint: "nothing was written"})
}
