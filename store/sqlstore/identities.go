package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

type identityStatements struct {
	find, lock, remove *statement
	add                *insertion
}

func newIdentityStatements(c *catalog) identityStatements {
	byKey := keyed{table: "identities", columns: "ident, contact", column: "ident", kind: "text", where: "audience = ? AND kind = ?"}
	return identityStatements{
		find:   c.add(byIdentity, "find identities", byKey.find(c.dialect, "")),
		lock:   c.points(byIdentity, "lock identities", byKey.find(c.dialect, c.dialect.lock)),
		remove: c.add(byIdentity, "remove identities", byKey.remove(c.dialect)),
		add: c.insert(insertion{
			name: "add identities", key: byIdentity, table: "identities", keys: []string{"audience", "kind", "ident"},
			columns:  []column{{"audience", intColumn}, {"kind", textColumn}, {"ident", textColumn}, {"contact", intColumn}},
			existing: compete,
		}),
	}
}

// identityKey is an identity as it is stored.
type identityKey struct{ kind, ident string }

func keyOf(i audience.Identity) identityKey { return identityKey{i.Kind(), i.Key()} }

func (a identityKey) compare(b identityKey) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.ident, b.ident))
}

// byKind gives keys in order, each once, in lists of one kind that fit into a
// statement.
func byKind(keys []identityKey, give func(kind string, idents []string) error) error {
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, identityKey.compare)
	sorted = slices.Compact(sorted)
	for len(sorted) > 0 {
		kind := sorted[0].kind
		var idents []string
		for len(sorted) > 0 && sorted[0].kind == kind {
			idents, sorted = append(idents, sorted[0].ident), sorted[1:]
		}
		for part := range parts(idents) {
			if err := give(kind, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// holders finds who holds identities.
func (s *session) holders(ctx context.Context, st *statement, keys []identityKey) (map[identityKey]audience.ContactID, error) {
	out := make(map[identityKey]audience.ContactID, len(keys))
	return out, byKind(keys, func(kind string, idents []string) error {
		return s.query(ctx, st, func(row *sql.Rows) error {
			var ident string
			var contact int64
			err := row.Scan(&ident, &contact)
			out[identityKey{kind, ident}] = audience.ContactID(contact)
			return err
		}, textList(idents), s.p.id, kind)
	})
}

// Resolve gives the contact that holds each identity.
func (r *reader) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	keys := make([]identityKey, len(identities))
	for i, identity := range identities {
		keys[i] = keyOf(identity)
	}
	return r.resolve(ctx, keys)
}

// resolve gives the contact that holds each key. Batches are large, and most of
// one is unknown when contacts come in: so it looks for the place of what is
// found rather than to remember it by its text.
func (s *session) resolve(ctx context.Context, keys []identityKey) ([]audience.ContactID, error) {
	out := make([]audience.ContactID, len(keys))
	order := make([]int32, len(keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return keys[a].compare(keys[b]) })
	for len(order) > 0 {
		part := order[:nextKeys(keys, order)]
		order = order[len(part):]
		kind := keys[part[0]].kind
		idents, places := identsOf(keys, part)
		next := 0
		if err := s.query(ctx, s.p.store.sql.identities.find, func(row *sql.Rows) error {
			var ident sql.RawBytes
			var contact int64
			if err := row.Scan(&ident, &contact); err != nil {
				return err
			}
			k, found := identPlace(idents, ident, next)
			if !found {
				return errors.New("an identity that was not asked for")
			}
			next = k + 1
			for i := places[k]; i < len(part) && keys[part[i]].ident == idents[k]; i++ {
				out[part[i]] = audience.ContactID(contact)
			}
			return nil
		}, idents, s.p.id, kind); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nextKeys gives how many of the first keys, in order, are of one kind and go
// into one statement. A key that comes again does so in the next one, too, when
// the statement ends between the two.
func nextKeys(keys []identityKey, order []int32) int {
	n := 1
	for n < min(len(order), listItems) && keys[order[n]].kind == keys[order[0]].kind {
		n++
	}
	return n
}

// identsOf gives the idents of keys, in order, each once, and where each of them
// begins.
func identsOf(keys []identityKey, order []int32) (idents textList, places []int) {
	idents, places = make(textList, 0, len(order)), make([]int, 0, len(order))
	for i, k := range order {
		if n := len(idents); n == 0 || idents[n-1] != keys[k].ident {
			idents, places = append(idents, keys[k].ident), append(places, i)
		}
	}
	return idents, places
}

// identPlace finds an ident among those asked for. Databases mostly give them in
// order, so it looks at the next one first. It compares without making a string
// of the bytes.
func identPlace(idents textList, ident []byte, next int) (int, bool) {
	if next < len(idents) && idents[next] == string(ident) {
		return next, true
	}
	return slices.BinarySearchFunc(idents, ident, func(a string, b []byte) int {
		switch {
		case a == string(b):
			return 0
		case a < string(b):
			return -1
		default:
			return 1
		}
	})
}

// Resolve gives the contact that holds each identity, and remembers who holds
// none: these can be claimed without looking again, since who is faster is found
// out then.
func (w *writer) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	out, err := w.reader.Resolve(ctx, identities)
	for i, contact := range out {
		if contact == 0 {
			w.free[keyOf(identities[i])] = true
		}
	}
	return out, err
}

// ClaimIdentities gives identities to contacts. What nobody shall hold gets a
// row that is removed at once: its key stays taken until the transaction ends,
// and whoever claims it meanwhile waits.
func (w *writer) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	sorted, err := w.sortClaims(claims)
	if err != nil {
		return err
	}
	var keys []identityKey // of which it is not known that nobody holds them
	for i := range sorted {
		if !w.free[sorted[i].identityKey] {
			keys = append(keys, sorted[i].identityKey)
		}
	}
	lock := w.p.store.sql.identities.lock
	if w.joined && w.p.store.dialect.kind == MySQL { // which locks the gap where there is no row; adding finds out who came first
		lock = w.p.store.sql.identities.find
	}
	holders, err := w.holders(ctx, lock, keys)
	if err != nil {
		return err
	}
	free := sorted[:0]
	var nobodys []identityKey
	for _, c := range sorted {
		holder := holders[c.identityKey]
		if holder != 0 && holder != c.contact {
			return held(holder)
		}
		if c.contact == 0 {
			w.free[c.identityKey] = true
			nobodys = append(nobodys, c.identityKey)
		} else {
			delete(w.free, c.identityKey)
		}
		if holder == 0 && (c.contact != 0 || !w.p.store.dialect.oneWriter) {
			free = append(free, c)
		}
	}
	if err := w.add(ctx, w.p.store.sql.identities.add, len(free), func(i int, values []any) {
		values[0], values[1], values[2], values[3] = w.p.id, free[i].kind, free[i].ident, int64(free[i].contact)
	}); err != nil || w.p.store.dialect.oneWriter {
		return err
	}
	return w.removeIdentities(ctx, nobodys)
}

// claimed is an identity, and who is to hold it.
type claimed struct {
	identityKey
	contact audience.ContactID
}

// sortClaims gives claims in the order in which everybody waits for each other,
// each once, and refuses those that the database has no room for and one
// identity for two contacts.
func (w *writer) sortClaims(claims []store.Claim) ([]claimed, error) {
	out := make([]claimed, len(claims))
	for i := range claims {
		c := claimed{keyOf(claims[i].Identity), claims[i].Contact}
		if err := cmp.Or(w.checkKey("identity", c.ident, longestKey), w.checkKey("identity.kind", c.kind, kindBytes)); err != nil {
			return nil, err
		}
		out[i] = c
	}
	slices.SortFunc(out, func(a, b claimed) int { return a.compare(b.identityKey) })
	for i := 1; i < len(out); i++ {
		if out[i].identityKey == out[i-1].identityKey && out[i].contact != out[i-1].contact {
			return nil, held(out[i-1].contact)
		}
	}
	return slices.Compact(out), nil
}

func held(by audience.ContactID) error {
	return wrap(&audience.ConflictError{Kind: "identity", Contact: by, Hint: "it belongs to that contact; release it or merge the two"})
}

// ReleaseIdentities takes identities from the contacts that hold them.
func (w *writer) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	keys := make([]identityKey, len(claims))
	for i, claim := range claims {
		keys[i] = keyOf(claim.Identity)
	}
	holders, err := w.holders(ctx, w.p.store.sql.identities.lock, keys)
	if err != nil {
		return err
	}
	theirs := keys[:0]
	for _, claim := range claims {
		if key := keyOf(claim.Identity); claim.Contact != 0 && holders[key] == claim.Contact {
			theirs = append(theirs, key)
		}
	}
	return w.removeIdentities(ctx, theirs)
}

func (w *writer) removeIdentities(ctx context.Context, keys []identityKey) error {
	return byKind(keys, func(kind string, idents []string) error {
		_, err := w.exec(ctx, w.p.store.sql.identities.remove, textList(idents), w.p.id, kind)
		return err
	})
}
