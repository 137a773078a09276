package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
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
	held, err := r.holders(ctx, r.p.store.sql.identities.find, keys)
	if err != nil {
		return nil, err
	}
	out := make([]audience.ContactID, len(keys))
	for i, key := range keys {
		out[i] = held[key]
	}
	return out, nil
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
	wanted := make(map[identityKey]audience.ContactID, len(claims))
	keys := make([]identityKey, 0, len(claims))
	for _, claim := range claims {
		key := keyOf(claim.Identity)
		if err := cmp.Or(w.checkKey("identity", key.ident, longestKey), w.checkKey("identity.kind", key.kind, kindBytes)); err != nil {
			return err
		}
		if other, twice := wanted[key]; twice && other != claim.Contact {
			return held(other)
		}
		wanted[key] = claim.Contact
		if !w.free[key] {
			keys = append(keys, key)
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
	free := make([]identityKey, 0, len(wanted))
	var nobodys []identityKey
	for key, contact := range wanted {
		if holder := holders[key]; holder != 0 && holder != contact {
			return held(holder)
		}
		w.free[key] = contact == 0
		if contact == 0 {
			nobodys = append(nobodys, key)
		}
		if holders[key] == 0 && (contact != 0 || !w.p.store.dialect.oneWriter) {
			free = append(free, key)
		}
	}
	slices.SortFunc(free, identityKey.compare) // the order in which everybody waits for each other
	if err := w.add(ctx, w.p.store.sql.identities.add, len(free), func(i int, values []any) {
		values[0], values[1], values[2], values[3] = w.p.id, free[i].kind, free[i].ident, int64(wanted[free[i]])
	}); err != nil || w.p.store.dialect.oneWriter {
		return err
	}
	return w.removeIdentities(ctx, nobodys)
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
