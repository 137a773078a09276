package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// namespaceAnswers is that of the answers that are kept, each under a hash of
// the plan, the caller and the key.
const namespaceAnswers = "imports.answers"

// maxKeyBytes bounds an Idempotency-Key.
const maxKeyBytes = 255

// key gives the key of the record that keeps the answer to a request, "" when
// it need not be kept. The header is a structured string, which stands in
// quotes; most clients leave them out.
func (h *handler) key(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if len(key) > 1 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : len(key)-1]
	}
	plain := func(r rune) bool { return r > ' ' && r <= '~' }
	if len(values) > 1 || key == "" || len(key) > maxKeyBytes || strings.ContainsFunc(key, func(r rune) bool { return !plain(r) }) {
		return "", &requestError{
			status: http.StatusBadRequest, code: "idempotency-key",
			hint: fmt.Sprintf("one Idempotency-Key of 1 to %d visible ASCII characters", maxKeyBytes),
		}
	}
	return hash(h.plan, h.opts.Caller(r), key), nil // a caller may hold NUL: the others cannot
}

// digest is of what a request asks for.
func (r *request) digest() string {
	sum := sha256.Sum256(append([]byte(fmt.Sprintf("%t\x00", r.lines)), r.body...))
	return hex.EncodeToString(sum[:])
}

// recall gives the answer that a request got before.
func (h *handler) recall(ctx context.Context, tx *store.Tx, req *request) (*answer, bool, error) {
	if req.key == "" {
		return nil, false, nil
	}
	rec, err := tx.LoadRecord(ctx, namespaceAnswers, req.key)
	if errors.Is(err, audience.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	a := &answer{replayed: true}
	if err := json.Unmarshal(rec.Value, a); err != nil {
		return nil, false, fmt.Errorf("read an answer that was kept: %w", err)
	}
	if a.Digest != req.digest() {
		return nil, false, &requestError{status: http.StatusUnprocessableEntity, code: "idempotency-key-reused", hint: "another Idempotency-Key: this one came with another body"}
	}
	return a, true, nil
}

// raceError says that a request with the same key was faster.
type raceError struct{ error }

func (e *raceError) Unwrap() error { return e.error }

// keep keeps the answer for as long as the options say.
func (h *handler) keep(ctx context.Context, tx *store.Tx, req *request, a *answer) error {
	if req.key == "" || a.Status >= http.StatusBadRequest {
		return nil
	}
	kept := *a
	kept.Digest = req.digest()
	value, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if most := h.aud.Limits().RecordBytes; len(value) > most {
		return &requestError{status: http.StatusRequestEntityTooLarge, code: "max-answer", hint: "fewer contacts: the answer is too long to be kept for an Idempotency-Key"}
	}
	_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceAnswers, Key: req.key, Value: value, Expires: tx.At().Add(h.opts.Keep)})
	if errors.Is(err, audience.ErrConflict) {
		return &raceError{err}
	}
	return err
}

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
