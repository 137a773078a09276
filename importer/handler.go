package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// HandlerOptions are how contacts are taken over HTTP. The zero HandlerOptions
// are safe.
type HandlerOptions struct {
	// Plan says what requests may do, as it does for files: its modes, tags,
	// lists and its Attestation, without which nobody becomes subscribed by a
	// request. Job names the source in the provenance. Layout, Mapping, Answers
	// and Duplicates are not looked at.
	Plan Plan
	// Gate can be stricter about consent.
	Gate Gate
	// NewFields lets requests bring custom fields that the schema does not
	// have, with the type of their first value. Else they are refused.
	NewFields bool
	// MaxBytes bounds the body of a request; default 8 MiB.
	MaxBytes int64
	// MaxItems bounds the contacts of a request; default 1,000, and at most
	// what a batch of the audience may hold.
	MaxItems int
	// Keep is how long answers are kept for their Idempotency-Key; default 24
	// hours.
	Keep time.Duration
	// Caller names who sends a request, after the host has authenticated it:
	// keys of different callers are different keys. Nil: all are one.
	Caller func(*http.Request) string
}

// Handler gives the host's programs an API for contacts: POST and PUT create
// and change them, by the rules of imports. The host mounts it where it likes,
// behind its own authentication: the handler asks nobody who they are, and
// sends no headers for other origins.
//
// The body is one contact, an array of contacts, or, as application/x-ndjson,
// one contact a line, with any of these members:
//
//	{"external_id":"u1","external":{"crm":"7"},"email":"","other_emails":[],"first_name":"","last_name":"","phone":"",
//	 "tags":["vip"],"lists":["panel"],"status":"subscribed","acted_at":"2026-03-01T12:00:00Z","evidence":{"form":"footer"},
//	 "created_at":"2026-03-01T12:00:00Z","fields":{"score":2.5,"zip":"007"}}
//
// Values have the type of their field: a number is no text. Instants are RFC
// 3339 or a day, dates YYYY-MM-DD. A member that is null or "" says that nothing
// is known, which clears a field if the plan's Blanks say so. Other members are
// refused.
//
// One contact is answered with 201 (created) or 200, several with 200 and what
// became of each, in order; the good ones go in whatever becomes of the others:
//
//	{"outcome":"created","contact":7}
//	{"created":1,"updated":0,"skipped":0,"suppressed":0,"rejected":1,"items":[
//	  {"index":0,"outcome":"created","contact":7},
//	  {"index":1,"outcome":"rejected","error":{"code":"syntax","path":"email","hint":"..."}}]}
//
// Everything is one transaction. What is wrong with a request as a whole, or
// with its one contact, is problem details (RFC 9457) with the member code:
// 400 for a body that cannot be read, 405, 413, 415, 422 for a bad contact, 403
// and 409 for one that a rule or another contact stands against, 503 for trying
// again later. No answer repeats values of the request.
//
// A request with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)
// is answered once: the same key with the same body gets the first answer
// again, with Idempotency-Replayed: true, and another body is 422. The answer
// is kept in the transaction that it tells of, for the plan and the caller. Answers to requests of which
// nothing was written are not kept.
//
// The error is of the options: a plan that cannot be used.
func Handler(aud *store.Audience, opts HandlerOptions) (http.Handler, error) {
	const maxBytes, maxItems, keep = 8 << 20, 1000, 24 * time.Hour
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = maxBytes
	}
	if opts.MaxItems <= 0 {
		opts.MaxItems = maxItems
	}
	if opts.Keep <= 0 {
		opts.Keep = keep
	}
	if opts.Caller == nil {
		opts.Caller = func(*http.Request) string { return "" }
	}
	limits := Limits{Bytes: opts.MaxBytes}.in(aud)
	opts.MaxItems = min(opts.MaxItems, limits.BatchRows)
	limits.Rows, limits.BatchRows = opts.MaxItems, opts.MaxItems
	h := &handler{aud: aud, opts: opts, limits: limits, plan: hash(opts.Plan.Job, planHash(&opts.Plan))}
	if err := newRunner(aud, &opts.Plan, &Options{Gate: opts.Gate}).check(); err != nil {
		return nil, err
	}
	return h, nil
}

type handler struct {
	aud    *store.Audience
	opts   HandlerOptions
	limits Limits
	plan   string // a hash of it: another plan does something else with the same request
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := h.answer(w, r)
	if err != nil {
		if errors.Is(r.Context().Err(), context.Canceled) {
			return // nobody waits for an answer
		}
		a = h.problem(err)
	}
	a.send(w)
}

// answer reads a request and does what it asks for.
func (h *handler) answer(w http.ResponseWriter, r *http.Request) (*answer, error) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, &requestError{status: http.StatusMethodNotAllowed, code: "method", hint: "POST or PUT"}
	}
	lines, err := isLines(r.Header)
	if err != nil {
		return nil, err
	}
	key, err := h.key(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.opts.MaxBytes))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &requestError{status: http.StatusRequestEntityTooLarge, code: "max-bytes", hint: fmt.Sprintf("a body of at most %d bytes", h.opts.MaxBytes)}
	}
	if err != nil {
		return nil, &requestError{status: http.StatusBadRequest, code: "body", hint: "a body that can be read to its end"}
	}
	req := &request{key: key, body: body, lines: lines}
	if !lines && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		req.single = true
	}
	return h.write(r.Context(), req)
}

// request is one that can be read.
type request struct {
	key    string // of the record that keeps its answer; "": it has none
	body   []byte
	lines  bool
	single bool
}

// isLines tells from the type of the body whether it is one contact a line.
func isLines(header http.Header) (bool, error) {
	unknown := &requestError{status: http.StatusUnsupportedMediaType, code: "content-type", hint: "application/json or application/x-ndjson, in UTF-8 and not compressed"}
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false, unknown
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return false, unknown
	}
	switch kind {
	case "application/json":
		return false, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return true, nil
	}
	return false, unknown
}

// write brings in what a request holds.
func (h *handler) write(ctx context.Context, req *request) (*answer, error) {
	items, err := h.read(ctx, req)
	if err != nil {
		return nil, err
	}
	var good []*Contact
	for i := range items {
		if items[i].contact != nil {
			good = append(good, items[i].contact)
		}
	}
	var a *answer
	for range 2 { // a request with the same key may have been faster: then its answer is there
		_, err = h.aud.Update(ctx, func(tx *store.Tx) error {
			var known bool
			if a, known, err = h.recall(ctx, tx, req); err != nil || known {
				return err
			}
			var results []RowResult
			if len(good) > 0 {
				if results, _, err = Write(ctx, tx, good, &h.opts.Plan, Options{Gate: h.opts.Gate, Limits: h.limits}); err != nil {
					return err
				}
			}
			a = h.told(req, items, results)
			return h.keep(ctx, tx, req, a)
		})
		if _, raced := errors.AsType[*raceError](err); !raced {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// told makes the answer.
func (h *handler) told(req *request, items []incoming, results []RowResult) *answer {
	told := batchAnswer{Items: make([]itemAnswer, len(items))}
	for i, it := range items {
		out := &told.Items[i]
		out.Index = i
		var bad error = it.bad
		if it.contact != nil {
			r := results[0]
			results = results[1:]
			out.Contact, out.Outcome, out.Reason = r.Contact, r.Outcome.String(), r.Skip.String()
			if bad = nil; r.Err != nil {
				bad = r.Err
			}
		}
		if bad != nil {
			out.Outcome, out.Error, out.why = "rejected", describe(bad), bad
		}
		told.count(out.Outcome)
	}
	if req.single {
		return singleAnswer(told.Items[0])
	}
	return newAnswer(http.StatusOK, told)
}

// requestError is what is wrong with a request as a whole.
type requestError struct {
	status     int
	code, hint string
}

func (e *requestError) Error() string { return e.code + ": " + e.hint }

// Is answers the categories.
func (e *requestError) Is(target error) bool { return target == audience.ErrInvalid }
