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
	IP         string    `json:"ip,omitempty"`          // as the host wants to keep it; see web.Options
	UserAgent  string    `json:"user_agent,omitempty"`
	Language   string    `json:"language,omitempty"`
	Requested  time.Time `json:"requested,omitzero"` // of a double opt-in: when it was asked for
	// Address is the keyed hash of the address that a grant or request was made
	// for: the contact's primary one at that time, which the ledger writes here.
	Address string            `json:"address,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"` // anything else
}

// IsZero reports whether there is nothing in it.
func (e *Evidence) IsZero() bool {
	return e.AttestedBy == "" && e.Text == "" && e.Form == "" && e.Page == "" && e.IP == "" && e.UserAgent == "" &&
		e.Language == "" && e.Requested.IsZero() && e.Address == "" && len(e.Fields) == 0
}

// ErrEvidenceGone says that a record had evidence, and that it, or the key it
// was sealed under, was destroyed: the person was erased. It is
// [audience.ErrNotFound] as well.
var ErrEvidenceGone = fmt.Errorf("compliance: the evidence was destroyed with its key: %w", audience.ErrNotFound)

// sealedMark begins sealed evidence; text never begins with NUL.
const sealedMark = "\x00ak1"

// sealer seals evidence within one transaction, making each contact's key once.
type sealer struct {
	l    *Ledger
	tx   *store.Tx
	keys map[audience.ContactID]cipher.AEAD
}

func (l *Ledger) newSealer(tx *store.Tx) *sealer {
	return &sealer{l: l, tx: tx, keys: make(map[audience.ContactID]cipher.AEAD)}
}

// seal gives evidence as it is stored; nil without keys.
func (s *sealer) seal(ctx context.Context, id audience.ContactID, e *Evidence) ([]byte, error) {
	if s.l.aud.Keys().IsZero() {
		return nil, nil
	}
	key, ok := s.keys[id]
	if !ok {
		var err error
		if key, err = s.l.dataKey(ctx, s.tx, id); err != nil {
			return nil, err
		}
		s.keys[id] = key
	}
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return sealBytes(key, sealedMark, plain, s.l.bound("evidence", id)), nil
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
	plain, ok := openBytes(key, sealedMark, kept, l.bound("evidence", record.Contact))
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

// commitAddress notes in evidence which address a grant or request is for
// (GDPR Art. 5(1)(d)): consent given for one address is none for another.
func (l *Ledger) commitAddress(ctx context.Context, tx *store.Tx, id audience.ContactID, e *Evidence) error {
	e.Address = ""
	c, err := tx.Contact(ctx, audience.ID(id))
	if errors.Is(err, audience.ErrNotFound) || err == nil && len(c.Addresses) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if h, ok := l.aud.Keys().AddressHash(l.aud.Name(), c.Addresses[0]); ok {
		e.Address = h.Key + ":" + hex.EncodeToString(h.Sum[:])
	}
	return nil
}

// For reports whether evidence names an address as the one that consent was
// given for. Evidence that names none is for none.
func (e *Evidence) For(aud *store.Audience, a audience.Address) bool {
	for _, h := range aud.Keys().AddressHashes(aud.Name(), a) {
		if e.Address == h.Key+":"+hex.EncodeToString(h.Sum[:]) {
			return true
		}
	}
	return false
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
