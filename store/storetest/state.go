package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// universe is what a furnished partition was furnished with: enough to read
// all of it.
type universe struct {
	ids        []audience.ContactID
	identities []audience.Identity
	hashes     []audience.AddressHash
	lists      []string
	namespaces []string
	keys       []store.EventKey
}

// merge adds what another universe has.
func (u universe) merge(o universe) universe {
	u.ids = append(u.ids, o.ids...)
	u.identities = append(u.identities, o.identities...)
	u.hashes = append(u.hashes, o.hashes...)
	u.keys = append(u.keys, o.keys...)
	return u
}

// reading gathers lines of text until the first error.
type reading struct {
	lines []string
	err   error
}

func gather[T any](g *reading, name string, text func(*T) string, rows []T, err error) {
	if g.err != nil {
		return
	}
	if err != nil {
		g.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	g.lines = append(g.lines, name+":")
	g.lines = append(g.lines, texts(rows, text)...)
}

func idText(id *audience.ContactID) string { return id.String() }

// state reads everything of a universe as text, by every read there is. With
// versions false the versions of records are left out, which depend on what
// else was written.
func state(ctx context.Context, r store.ReadRoles, u universe, versions bool) ([]string, error) {
	const all = 10_000
	g := &reading{}
	contacts, err := r.Contacts(ctx, u.ids)
	gather(g, "Contacts", contactText, contacts, err)
	contacts, err = r.ContactsAfter(ctx, 0, all)
	gather(g, "ContactsAfter", contactText, contacts, err)
	ids, err := r.Resolve(ctx, u.identities)
	gather(g, "Resolve", idText, ids, err)
	ids, err = r.Redirect(ctx, u.ids)
	gather(g, "Redirect", idText, ids, err)
	events, err := r.Events(ctx, store.EventQuery{Origins: u.ids, Retracted: true})
	gather(g, "Events", eventText, events, err)
	var counts []store.EventCountKey
	for _, id := range u.ids {
		counts = append(counts, store.EventCountKey{Origin: id, Type: "visit"})
	}
	n, err := r.EventCounts(ctx, counts)
	gather(g, "EventCounts", func(n *int) string { return strconv.Itoa(*n) }, n, err)
	for _, key := range u.keys { // one by one, since their order is open
		events, err = r.EventsByKey(ctx, []store.EventKey{key})
		gather(g, "EventsByKey", eventText, events, err)
	}
	ledger, err := r.Ledger(ctx, u.ids)
	gather(g, "Ledger", consentText, ledger, err)
	ledger, err = r.LedgerHeads(ctx, u.ids)
	gather(g, "LedgerHeads", consentText, ledger, err)
	ledger, err = r.LedgerHeadsAfter(ctx, 0, 10_000)
	ledger = slices.DeleteFunc(ledger, func(r audience.ConsentRecord) bool { return !slices.Contains(u.ids, r.Contact) })
	gather(g, "LedgerHeadsAfter", consentText, ledger, err)
	merges, err := r.Merges(ctx, u.ids)
	gather(g, "Merges", mergeText, merges, err)
	restOfState(ctx, g, r, u, versions)
	return g.lines, g.err
}

func restOfState(ctx context.Context, g *reading, r store.ReadRoles, u universe, versions bool) {
	const all = 10_000
	members, err := r.Memberships(ctx, u.ids)
	gather(g, "Memberships", membershipText, members, err)
	for _, list := range u.lists {
		members, err = r.MembersAfter(ctx, list, 0, all)
		gather(g, "MembersAfter", membershipText, members, err)
	}
	for _, hash := range u.hashes {
		found, err := r.Suppressions(ctx, []audience.AddressHash{hash})
		gather(g, "Suppressions", suppressionText, found, err)
	}
	suppressions, err := r.SuppressionsAfter(ctx, audience.Suppression{}, all)
	gather(g, "SuppressionsAfter", suppressionText, suppressions, err)
	keys, err := r.SuppressionKeys(ctx)
	gather(g, "SuppressionKeys", func(s *string) string { return *s }, keys, err)
	for _, namespace := range u.namespaces {
		records, err := r.RecordsAfter(ctx, namespace, "", "", all, start())
		if !versions {
			for i := range records {
				records[i].Version = 0
			}
		}
		gather(g, "RecordsAfter", recordText, records, err)
	}
}

// state reads in a snapshot of its own.
func (k *kit) state(p store.Partition, u universe) (lines []string) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		var err error
		lines, err = state(k.ctx, r, u, true)
		require.NoError(k, err)
	})
	return lines
}

// furnish writes some of everything, for n new contacts, and logs a change of
// each. Every text it writes has the tag in it.
func furnish(ctx context.Context, w store.WriteRoles, audienceName, tag string, n int, at time.Time) (universe, error) {
	u := universe{lists: []string{"gold"}, namespaces: []string{"caps"}}
	ids, err := addContacts(ctx, w, n)
	if err != nil {
		return u, err
	}
	u.ids = ids
	f := furnishing{universe: &u, audience: audienceName, tag: tag, at: at}
	for i, id := range ids {
		f.add(i, id)
	}
	return u, f.write(ctx, w)
}

// furnishing is what furnish is about to write.
type furnishing struct {
	*universe
	audience     string
	tag          string
	at           time.Time
	claims       []store.Claim
	events       []audience.Event
	members      []store.Membership
	ledger       []audience.ConsentRecord
	suppressions []audience.Suppression
	records      []store.Record
	changes      []store.Change
}

func (f *furnishing) add(i int, id audience.ContactID) {
	name := fmt.Sprintf("%s-%d", f.tag, i)
	identity := audience.ExternalIdentity(audience.External(audience.HostSystem, name))
	f.identities = append(f.identities, identity)
	f.claims = append(f.claims, store.Claim{Identity: identity, Contact: id})
	e := event(id, "visit", name, f.at)
	f.events = append(f.events, e)
	f.keys = append(f.keys, store.EventKey{Origin: id, ID: name})
	f.members = append(f.members, store.Membership{List: "gold", Origin: id, At: f.at, Source: source()})
	record := linked(f.audience, id, nil, audience.ConsentWithdrawn, f.at)
	f.ledger = append(f.ledger, record)
	hash := audience.AddressHash{Key: "k1"}
	copy(hash.Sum[:], name)
	f.hashes = append(f.hashes, hash)
	f.suppressions = append(f.suppressions, audience.Suppression{Hash: hash, Reason: audience.SuppressedManually, At: f.at, Source: source()})
	f.records = append(f.records, store.Record{Namespace: "caps", Key: name, Value: []byte(f.tag), Contact: id})
	f.changes = append(f.changes, store.Change{Kind: store.ChangeEvent, Contact: id, Event: &e, Source: source()})
}

func (f *furnishing) write(ctx context.Context, w store.WriteRoles) error {
	for _, write := range []func() error{
		func() error { return w.ClaimIdentities(ctx, f.claims) },
		func() error { return w.PutEvents(ctx, f.events) },
		func() error { return w.AddMembers(ctx, f.members) },
		func() error { return w.AppendLedger(ctx, f.ledger) },
		func() error { return w.PutSuppressions(ctx, f.suppressions) },
		func() error { _, err := w.PutRecords(ctx, f.records, start()); return err },
		func() error { return w.AppendChanges(ctx, f.at, f.changes) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	if len(f.ids) < 2 {
		return nil
	}
	return w.PutMerge(ctx, store.Merge{
		Loser: f.ids[0], Winner: f.ids[1], At: f.at, LoserRow: plainContact(f.ids[0], 1), Identities: f.identities[:1], Source: source(),
	})
}

// furnished commits what furnish writes.
func (k *kit) furnished(p store.Partition, tag string, n int) (u universe) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) (err error) {
		u, err = furnish(k.ctx, w, mainAudience, tag, n, k.clock.Now())
		return err
	})
	return u
}
