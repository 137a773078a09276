package compliance

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Evidence is what shows that a declaration was made, beyond the record
// itself. All of it may be personal: it is sealed under a key of the contact's
// and kept apart from the ledger, which holds a salted commitment to it. With
// the key it goes when she is erased, and the ledger still verifies.
type Evidence struct {
	AttestedBy string    `json:"attested_by,omitempty"` // who says so, such as an operator's id
	Text       string    `json:"text,omitempty"`        // what was said or signed, when no notice holds it
	Form       string    `json:"form,omitempty"`        // id of form, page or import
	Page       string    `json:"page,omitempty"`        // where it was
	IP         string    `json:"ip,omitempty"`          // as the host wants to keep it; see KeepIP of package compliance/web
	UserAgent  string    `json:"user_agent,omitempty"`
	Language   string    `json:"language,omitempty"`
	Requested  time.Time `json:"requested,omitzero"` // of a double opt-in: when it was asked for
	// Address is a hash, under the contact's own key, of the address that a grant
	// or request was made for: her primary one at that time. The ledger writes
	// it: see [Ledger.GivenFor].
	Address string            `json:"address,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"` // anything else
}

// IsZero reports whether there is nothing in it.
func (e *Evidence) IsZero() bool {
	return e.AttestedBy == "" && e.Text == "" && e.Form == "" && e.Page == "" && e.IP == "" && e.UserAgent == "" &&
		e.Language == "" && e.Requested.IsZero() && e.Address == "" && len(e.Fields) == 0
}

// ErrEvidenceGone says that a record had evidence, and that it, or the key it
// was sealed under, was destroyed: the person was erased, or a rule of retention
// let it go once consent had ended. It is [audience.ErrNotFound] as well.
var ErrEvidenceGone = fmt.Errorf("compliance: the evidence was destroyed: %w", audience.ErrNotFound)

// sealedMark begins sealed evidence; text never begins with NUL.
const sealedMark = "\x00ak1"

// sealer seals evidence within one transaction, making each contact's key once.
type sealer struct {
	l    *Ledger
	tx   *store.Tx
	keys map[audience.ContactID]dataKey
}

func (l *Ledger) newSealer(tx *store.Tx) *sealer {
	return &sealer{l: l, tx: tx, keys: make(map[audience.ContactID]dataKey)}
}

// seal gives evidence as it is stored; nil without keys.
func (s *sealer) seal(ctx context.Context, id audience.ContactID, e *Evidence) ([]byte, error) {
	if s.l.aud.Keys().IsZero() {
		return nil, nil
	}
	key, err := s.key(ctx, id)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return sealBytes(key.aead, sealedMark, plain, s.l.bound("evidence", id)), nil
}

func (s *sealer) key(ctx context.Context, id audience.ContactID) (dataKey, error) {
	key, ok := s.keys[id]
	if ok {
		return key, nil
	}
	key, err := s.l.dataKey(ctx, s.tx, id)
	if err == nil {
		s.keys[id] = key
	}
	return key, err
}

// bound is what a sealed text is bound to: it opens nowhere else.
func (l *Ledger) bound(what string, id audience.ContactID) []byte {
	return fmt.Appendf(nil, "audiencekit %s 1\x00%s\x00%d", what, l.aud.Name(), uint32(id))
}

func sealBytes(key cipher.AEAD, mark string, plain, bound []byte) []byte {
	out := append(make([]byte, 0, len(mark)+12+len(plain)+16), mark...)
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	out = append(out, nonce[:]...)
	return key.Seal(out, nonce[:], plain, bound)
}

func openBytes(key cipher.AEAD, mark string, sealed, bound []byte) ([]byte, bool) {
	rest := sealed[min(len(mark), len(sealed)):]
	if len(rest) < 12 {
		return nil, false
	}
	plain, err := key.Open(nil, rest[:12], rest[12:], bound)
	return plain, err == nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Evidence opens the evidence of a ledger record. What was recorded around the
// ledger, such as by an import, is given as Text. A record without evidence is
// [audience.ErrNotFound], one whose evidence was destroyed [ErrEvidenceGone],
// and evidence that is not what was sealed [audience.ErrConflict].
func (l *Ledger) Evidence(ctx context.Context, record audience.ConsentRecord) (Evidence, error) {
	var out Evidence
	err := l.aud.View(ctx, func(r *store.Reader) (err error) {
		out, err = l.evidenceIn(ctx, r, record)
		return err
	})
	return out, err
}

func (l *Ledger) evidenceIn(ctx context.Context, r *store.Reader, record audience.ConsentRecord) (Evidence, error) {
	kept, err := r.Evidence(ctx, record)
	switch {
	case errors.Is(err, audience.ErrNotFound) && record.HasEvidence():
		return Evidence{}, ErrEvidenceGone
	case err != nil:
		return Evidence{}, err
	case !strings.HasPrefix(string(kept), sealedMark):
		return plainEvidence(kept), nil
	}
	key, err := l.openKey(ctx, r, record.Contact)
	if errors.Is(err, audience.ErrNotFound) {
		return Evidence{}, ErrEvidenceGone
	}
	if err != nil {
		return Evidence{}, err
	}
	plain, ok := openBytes(key.aead, sealedMark, kept, l.bound("evidence", record.Contact))
	var out Evidence
	if !ok || json.Unmarshal(plain, &out) != nil {
		return Evidence{}, &audience.ConflictError{Kind: "evidence", Contact: record.Contact, Hint: "the evidence does not open under the contact's key"}
	}
	return out, nil
}

func plainEvidence(b []byte) Evidence {
	if !utf8.Valid(b) {
		return Evidence{Text: hex.EncodeToString(b)}
	}
	return Evidence{Text: string(b)}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
