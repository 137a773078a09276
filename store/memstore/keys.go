package memstore

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"strings"
	"unique"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The keys of the trees. Texts compare by bytes everywhere.

type idKey audience.ContactID

func (a idKey) compare(b idKey) int { return cmp.Compare(a, b) }

type numberKey uint64

func (a numberKey) compare(b numberKey) int { return cmp.Compare(a, b) }

// numberedKey is the place of something numbered under a contact.
type numberedKey struct {
	contact audience.ContactID
	number  uint64
}

func (a numberedKey) compare(b numberedKey) int {
	if a.contact != b.contact {
		return cmp.Compare(a.contact, b.contact)
	}
	return cmp.Compare(a.number, b.number)
}

// identityKey is an identity with its place in the table of them.
type identityKey struct {
	hash uint64
	kind unique.Handle[string] // few, so each is kept once
	key  string
}

// identityKeys makes keys. It remembers the last kinds: asking for the handle
// of a text takes longer than hashing an identity.
type identityKeys struct {
	p       *partition
	names   [4]string
	handles [4]unique.Handle[string]
	next    int
}

func (ks *identityKeys) of(i audience.Identity) identityKey {
	kind, key := i.Kind(), i.Key()
	return identityKey{hash: ks.p.hashOf(kind, key), kind: ks.handle(kind), key: key}
}

func (ks *identityKeys) handle(kind string) unique.Handle[string] {
	for n := range ks.names {
		if ks.names[n] == kind && kind != "" {
			return ks.handles[n]
		}
	}
	n := ks.next % len(ks.names)
	ks.names[n], ks.handles[n] = kind, unique.Make(kind)
	ks.next++
	return ks.handles[n]
}

// hashOf is keyed, so that nobody can choose identities that collide.
func (p *partition) hashOf(kind, key string) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(kind)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(key)
	return h.Sum64()
}

func compareHandles(a, b unique.Handle[string]) int {
	if a == b {
		return 0
	}
	return strings.Compare(a.Value(), b.Value())
}

// eventKey orders the events of one contact.
type eventKey struct {
	kind unique.Handle[string] // the event type; few, so each is kept once
	at   int64                 // microseconds
	id   string
}

func (a eventKey) compare(b eventKey) int {
	if a.kind != b.kind {
		return compareHandles(a.kind, b.kind)
	}
	if a.at != b.at {
		return cmp.Compare(a.at, b.at)
	}
	return strings.Compare(a.id, b.id)
}

type textKey string

func (a textKey) compare(b textKey) int { return strings.Compare(string(a), string(b)) }

// memberKey orders the members of a list, membershipKey the lists of a
// contact.
type memberKey struct {
	list   string
	origin audience.ContactID
}

func (a memberKey) compare(b memberKey) int {
	if c := strings.Compare(a.list, b.list); c != 0 {
		return c
	}
	return cmp.Compare(a.origin, b.origin)
}

type membershipKey struct {
	origin audience.ContactID
	list   string
}

func (a membershipKey) compare(b membershipKey) int {
	if a.origin != b.origin {
		return cmp.Compare(a.origin, b.origin)
	}
	return strings.Compare(a.list, b.list)
}

type suppressionKey struct {
	hash   audience.AddressHash
	reason audience.SuppressionReason
}

func (a suppressionKey) compare(b suppressionKey) int {
	if c := strings.Compare(a.hash.Key, b.hash.Key); c != 0 {
		return c
	}
	if c := bytes.Compare(a.hash.Sum[:], b.hash.Sum[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.reason, b.reason)
}

type recordKey struct {
	namespace string
	key       string
}

func keyOf(r *store.Record) recordKey { return recordKey{r.Namespace, r.Key} }

func (a recordKey) compare(b recordKey) int {
	if c := strings.Compare(a.namespace, b.namespace); c != 0 {
		return c
	}
	return strings.Compare(a.key, b.key)
}

// ownedKey finds the records of a contact.
type ownedKey struct {
	contact audience.ContactID
	record  recordKey
}

func (a ownedKey) compare(b ownedKey) int {
	if a.contact != b.contact {
		return cmp.Compare(a.contact, b.contact)
	}
	return a.record.compare(b.record)
}
