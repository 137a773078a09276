package audience

import (
	"cmp"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"log/slog"
	"slices"
	"sync"
)

// minKeyBytes is the size of a SHA-256 block's security: shorter keys weaken
// the hash.
const minKeyBytes = 32

// Keys are the secret keys of a host, by key id. New hashes are made under
// the primary key; the others still find what was hashed under them. The
// zero Keys have none: then consent and suppressions cannot be stored. Keys
// never print.
type Keys struct {
	// Two pointers, because fmt shows what a pointer to a struct points to
	// when it cannot call Format and the verb is not for pointers.
	handle **keyRing
}

type keyRing struct {
	primary string
	secrets []namedSecret // sorted by id
}

type namedSecret struct {
	id     string
	secret []byte
	macs   *sync.Pool // of *addressMAC under the key derived for address hashes, which are made by the million
}

// addressMAC is a keyed hash and a place for the message.
type addressMAC struct {
	hash    hash.Hash
	message []byte
}

const addressPurpose = "audience/compliance/suppression/v1"

// NewKeys makes keys from secrets of at least 32 random bytes each, by key
// id. The primary id must be among them. The secrets are copied.
func NewKeys(primary string, secrets map[string][]byte) (Keys, error) {
	ring := &keyRing{primary: primary}
	for id, secret := range secrets {
		if err := CheckName("keys", id, Limits{}); err != nil {
			return Keys{}, err
		}
		if len(secret) < minKeyBytes {
			return Keys{}, &FieldError{Path: "keys." + id, Rule: "min-length", Hint: fmt.Sprintf("at least %d bytes", minKeyBytes)}
		}
		sub, err := derive(secret, addressPurpose)
		if err != nil {
			return Keys{}, err
		}
		ring.secrets = append(ring.secrets, namedSecret{id, slices.Clone(secret), &sync.Pool{
			New: func() any { return &addressMAC{hash: hmac.New(sha256.New, sub)} },
		}})
	}
	slices.SortFunc(ring.secrets, func(a, b namedSecret) int { return cmp.Compare(a.id, b.id) })
	k := Keys{handle: &ring}
	if !k.Has(primary) {
		return Keys{}, &FieldError{Path: "keys", Rule: "primary", Hint: "a primary id that is among the keys"}
	}
	return k, nil
}

// IsZero reports whether there are no keys.
func (k Keys) IsZero() bool { return k.handle == nil }

// ring gives an empty one when there are no keys.
func (k Keys) ring() *keyRing {
	if k.handle == nil {
		return &keyRing{}
	}
	return *k.handle
}

// Has reports whether there is a key of that id.
func (k Keys) Has(id string) bool { return k.find(id) != nil }

// Primary gives the id of the key that new hashes are made under, or "".
func (k Keys) Primary() string { return k.ring().primary }

// IDs gives the ids of all keys, sorted.
func (k Keys) IDs() []string {
	var out []string
	for _, s := range k.ring().secrets {
		out = append(out, s.id)
	}
	return out
}

func (k Keys) find(id string) *namedSecret {
	secrets := k.ring().secrets
	for i := range secrets {
		if secrets[i].id == id {
			return &secrets[i]
		}
	}
	return nil
}

func derive(secret []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
}

// Derive gives a 32-byte key for one purpose from the key of that id
// (HKDF-SHA256, RFC 5869, empty salt, the purpose as info), or false when
// there is no such key. Different purposes give unrelated keys.
func (k Keys) Derive(id, purpose string) ([]byte, bool) {
	s := k.find(id)
	if s == nil {
		return nil, false
	}
	sub, err := derive(s.secret, purpose)
	return sub, err == nil
}

// Format prints how many keys there are, never a key.
func (k Keys) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%d keys", len(k.IDs())) }

// LogValue logs what Format prints.
func (k Keys) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// MarshalJSON gives what Format prints.
func (k Keys) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", fmt.Sprint(k)), nil }

// AddressHash is the keyed hash of an address within an audience. It is
// comparable. Without the key nothing can be learned from it; with the key it
// is still personal data of the host.
type AddressHash struct {
	Key string   // the key id
	Sum [32]byte // HMAC-SHA256
}

// Format prints the id of the key, never the hash: it is a person's for
// whoever has the key.
func (h AddressHash) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(h.mask())) }

// LogValue logs what Format prints.
func (h AddressHash) LogValue() slog.Value { return slog.StringValue(h.mask()) }

func (h AddressHash) mask() string { return "address hash under key " + h.Key }

// AddressHash gives the hash under the primary key; false without keys or
// address.
//
// The message is audience, 0, "email", 0, canonical address; the key is
// derived for the purpose "audience/compliance/suppression/v1".
func (k Keys) AddressHash(audience string, a Address) (AddressHash, bool) {
	if k.IsZero() || a.IsZero() {
		return AddressHash{}, false
	}
	return k.find(k.Primary()).hash(audience, a), true
}

// AddressHashes gives the hashes under every key, the primary first: what a
// lookup has to try. It is empty without keys or address.
func (k Keys) AddressHashes(audience string, a Address) []AddressHash {
	if k.IsZero() || a.IsZero() {
		return nil
	}
	ring := k.ring()
	out := make([]AddressHash, 1, len(ring.secrets))
	out[0] = k.find(ring.primary).hash(audience, a)
	for i := range ring.secrets {
		if s := &ring.secrets[i]; s.id != ring.primary {
			out = append(out, s.hash(audience, a))
		}
	}
	return out
}

func (s *namedSecret) hash(audience string, a Address) AddressHash {
	mac := s.macs.Get().(*addressMAC) //nolint:forcetypeassert // nothing else is in it
	mac.message = append(mac.message[:0], audience...)
	mac.message = append(mac.message, "\x00email\x00"...)
	mac.message = append(mac.message, a.Canonical()...)
	mac.hash.Reset()
	mac.hash.Write(mac.message)
	mac.message = mac.hash.Sum(mac.message[:0])
	h := AddressHash{Key: s.id, Sum: [32]byte(mac.message)}
	s.macs.Put(mac)
	return h
}
