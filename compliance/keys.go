package compliance

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// wrapPurpose is what the keys that wrap data keys are derived for.
const wrapPurpose = "audience/compliance/evidence/v1"

// KeyStore keeps the wrapped keys of evidence, one for each contact, where the
// backups of the audience's database do not reach: destroying a key there
// destroys the evidence for good. What it keeps is of no use without the host's
// keys. Its methods are safe for concurrent use; audience is the audience's
// name.
type KeyStore interface {
	// Load gives the wrapped key, [audience.ErrNotFound] when there is none.
	Load(ctx context.Context, audience string, contact audience.ContactID) ([]byte, error)
	// Save stores a wrapped key in place of old, which is nil when there must
	// be none; [audience.ErrConflict] when there is another one.
	Save(ctx context.Context, audience string, contact audience.ContactID, wrapped, old []byte) error
	// Destroy removes keys for good; those that do not exist are no error.
	Destroy(ctx context.Context, audience string, contacts ...audience.ContactID) error
}

// DestroyKeys destroys the keys of contacts' evidence in the host's key store,
// as part of their erasure; it is to be called with the ids of everybody merged
// into them as well. Keys in the database go with [store.Tx.Erase]: without a
// key store there is nothing to do.
func (l *Ledger) DestroyKeys(ctx context.Context, contacts ...audience.ContactID) error {
	if l.keys == nil || len(contacts) == 0 {
		return nil
	}
	return l.keys.Destroy(ctx, l.aud.Name(), contacts...)
}

// dataKey is the key of a contact's evidence.
type dataKey struct {
	aead   cipher.AEAD
	secret []byte
}

func newDataKey(secret []byte) (dataKey, error) {
	aead, err := newAEAD(secret)
	return dataKey{aead, secret}, err
}

// loadWrapped gives the wrapped key of a contact, and the record it is in when
// it is in the database.
func (l *Ledger) loadWrapped(ctx context.Context, r *store.Reader, id audience.ContactID) ([]byte, store.Record, error) {
	if l.keys != nil {
		wrapped, err := l.keys.Load(ctx, l.aud.Name(), id)
		return wrapped, store.Record{}, err
	}
	rec, err := r.LoadRecord(ctx, store.NamespaceEvidenceKeys, id.String())
	return rec.Value, rec, err
}

// openKey gives the data key of a contact, [audience.ErrNotFound] when there is
// none.
func (l *Ledger) openKey(ctx context.Context, r *store.Reader, id audience.ContactID) (dataKey, error) {
	wrapped, _, err := l.loadWrapped(ctx, r, id)
	if err != nil {
		return dataKey{}, err
	}
	key, err := l.unwrap(id, wrapped)
	if err != nil {
		return dataKey{}, err
	}
	return newDataKey(key)
}

// dataKey gives the data key of a contact, making it when there is none.
func (l *Ledger) dataKey(ctx context.Context, tx *store.Tx, id audience.ContactID) (dataKey, error) {
	key, err := l.openKey(ctx, &tx.Reader, id)
	if !errors.Is(err, audience.ErrNotFound) {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // it never fails
	wrapped, err := l.wrap(id, fresh)
	if err != nil {
		return dataKey{}, err
	}
	if l.keys == nil {
		_, err = tx.SaveRecord(ctx, store.Record{Namespace: store.NamespaceEvidenceKeys, Key: id.String(), Value: wrapped, Contact: id})
	} else {
		err = l.keys.Save(ctx, l.aud.Name(), id, wrapped, nil)
		if errors.Is(err, audience.ErrConflict) { // somebody was faster
			return l.openKey(ctx, &tx.Reader, id)
		}
	}
	if errors.Is(err, audience.ErrConflict) {
		return dataKey{}, errors.Join(audience.ErrRetryable, err)
	}
	if err != nil {
		return dataKey{}, err
	}
	return newDataKey(fresh)
}

// wrap seals a data key under the primary key, whose id stands in front.
func (l *Ledger) wrap(id audience.ContactID, key []byte) ([]byte, error) {
	keys := l.aud.Keys()
	outer, ok := keys.Derive(keys.Primary(), wrapPurpose)
	if !ok {
		return nil, &audience.DeniedError{Rule: "key", Hint: "sealing evidence needs Options.Keys"}
	}
	aead, err := newAEAD(outer)
	if err != nil {
		return nil, err
	}
	return sealBytes(aead, keys.Primary()+"\x00", key, l.bound("data key", id)), nil
}

func (l *Ledger) unwrap(id audience.ContactID, wrapped []byte) ([]byte, error) {
	name := wrappedUnder(wrapped)
	outer, ok := l.aud.Keys().Derive(name, wrapPurpose)
	if !ok {
		return nil, &audience.DeniedError{Rule: "key", Hint: "the key that evidence is sealed under is not among Options.Keys"}
	}
	aead, err := newAEAD(outer)
	if err != nil {
		return nil, err
	}
	key, ok := openBytes(aead, name+"\x00", wrapped, l.bound("data key", id))
	if !ok {
		return nil, &audience.ConflictError{Kind: "evidence", Contact: id, Hint: "the contact's key does not open"}
	}
	return key, nil
}

// wrappedUnder gives the id of the key that a data key is wrapped under.
func wrappedUnder(wrapped []byte) string {
	name, _, _ := strings.Cut(string(wrapped), "\x00")
	return name
}
