package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Merge makes one contact of two. The loser's id goes on naming her, as the
// winner; her addresses and external ids become further ones of the winner.
// Her events, ledger and lists count as the winner's and keep the id they
// were written under, so that [Tx.Unmerge] is exact. Of equal event ids the
// higher revision counts, on a tie the winner's; of consent the worse
// standing counts until she acts again. The winner's names, fields and tags
// stay as they are.
//
// Errors: [audience.ErrNotFound]; [audience.ErrConflict] when both are the
// same contact already; [audience.ErrLimit] when the winner would have too
// many identities.
func (tx *Tx) Merge(ctx context.Context, winner, loser audience.Ref, source audience.Source) error {
	if err := source.Check("source", tx.audience.limits); err != nil {
		return err
	}
	ids, rows, err := tx.resolvePair(ctx, winner, loser)
	if err != nil {
		return err
	}
	w, l := rows[ids[0]], rows[ids[1]]
	heads, err := tx.roles.LedgerHeads(ctx, []audience.ContactID{w.ID, l.ID})
	if err != nil {
		return err
	}
	for i := range heads {
		tx.notBefore(heads[i].Recorded)
	}
	m := Merge{Loser: l.ID, Winner: w.ID, At: tx.at, LoserRow: *l, Identities: l.Identities(), Source: source}
	for i := range heads {
		if heads[i].Contact == w.ID {
			m.WinnerSeq = heads[i].Seq
		}
	}
	after := withIdentities(*w, *l)
	if limit := tx.audience.limits.Identities; len(after.Addresses)+len(after.External) > limit {
		return &audience.FieldError{Path: "identities", Rule: "max-items", Hint: fmt.Sprintf("at most %d", limit), Limit: true}
	}
	after.Version, after.UpdatedAt = w.Version+1, tx.at
	return tx.whole(func() error { return tx.storeMerge(ctx, m, ContactRow{Contact: &after, Expect: w.Version}) })
}

func (tx *Tx) storeMerge(ctx context.Context, m Merge, winner ContactRow) error {
	before, err := tx.counting(ctx, m.Winner, m.Loser)
	if err != nil {
		return err
	}
	if err := tx.write.PutMerge(ctx, m); err != nil {
		return err
	}
	if err := tx.write.DeleteContacts(ctx, []audience.ContactID{m.Loser}); err != nil {
		return err
	}
	if err := tx.write.PutContacts(ctx, []ContactRow{winner}); err != nil {
		return err
	}
	if err := tx.move(ctx, m.Identities, m.Loser, m.Winner); err != nil {
		return err
	}
	after, err := tx.counting(ctx, m.Winner)
	if err != nil {
		return err
	}
	change := Change{
		Kind: ChangeMerge, Contact: m.Winner, Other: m.Loser, MergedAt: m.At, WinnerSeq: m.WinnerSeq,
		Events: eventsMinus(before, after), After: winner.Contact, Source: m.Source,
	}
	return tx.logSuppressed(ctx, change)
}

// counting gives the events of contacts that count, of those merged into them
// too.
func (tx *Tx) counting(ctx context.Context, ids ...audience.ContactID) ([]audience.Event, error) {
	l, err := tx.lineages(ctx, ids)
	if err != nil {
		return nil, err
	}
	byContact, err := tx.eventsOf(ctx, l, nil)
	if err != nil {
		return nil, err
	}
	var out []audience.Event
	for _, id := range ids {
		out = append(out, byContact[id]...)
	}
	return out, nil
}

// eventsMinus gives the events of a that are not in b.
func eventsMinus(a, b []audience.Event) []audience.Event {
	in := make(map[EventKey]bool, len(b))
	for i := range b {
		in[EventKey{Origin: b[i].Origin, ID: b[i].ID}] = true
	}
	var out []audience.Event
	for _, e := range a {
		if !in[EventKey{Origin: e.Origin, ID: e.ID}] {
			out = append(out, e)
		}
	}
	return out
}

// resolvePair locks two different contacts.
func (tx *Tx) resolvePair(ctx context.Context, winner, loser audience.Ref) ([]audience.ContactID, map[audience.ContactID]*audience.Contact, error) {
	ids, err := tx.Resolve(ctx, winner, loser)
	if err != nil {
		return nil, nil, err
	}
	rows, err := tx.lockResolved(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for i, ref := range []audience.Ref{winner, loser} {
		if _, ok := rows[ids[i]]; !ok {
			return nil, nil, notFound(ref)
		}
	}
	if ids[0] == ids[1] {
		return nil, nil, &audience.ConflictError{Kind: "merge", Contact: ids[0], Hint: "both are the same contact"}
	}
	return ids, rows, nil
}

// withIdentities gives a contact with another one's addresses behind its
// own, and her external ids among its own.
func withIdentities(c, from audience.Contact) audience.Contact {
	c.Addresses = slices.Concat(c.Addresses, from.Addresses)
	c.External = slices.Concat(c.External, from.External)
	slices.SortFunc(c.External, audience.CompareExternal)
	return c
}

// withoutIdentities gives a contact without some identities.
func withoutIdentities(c audience.Contact, gone map[string]bool) audience.Contact {
	c.Addresses = slices.DeleteFunc(slices.Clone(c.Addresses), func(a audience.Address) bool {
		return gone[audience.AddressIdentity(a).Index()]
	})
	c.External = slices.DeleteFunc(slices.Clone(c.External), func(x audience.ExternalID) bool {
		return gone[audience.ExternalIdentity(x).Index()]
	})
	return c
}

// move hands identities from one contact to another.
func (tx *Tx) move(ctx context.Context, identities []audience.Identity, from, to audience.ContactID) error {
	if len(identities) == 0 {
		return nil
	}
	release := make([]Claim, len(identities))
	claim := make([]Claim, len(identities))
	for i, identity := range identities {
		release[i] = Claim{Identity: identity, Contact: from}
		claim[i] = Claim{Identity: identity, Contact: to}
	}
	if err := tx.write.ReleaseIdentities(ctx, release); err != nil {
		return err
	}
	return tx.write.ClaimIdentities(ctx, claim)
}

// logSuppressed logs changes of contacts, telling for each whether she is
// suppressed now.
func (tx *Tx) logSuppressed(ctx context.Context, changes ...Change) error {
	rows := make([]audience.Contact, len(changes))
	for i := range changes {
		rows[i] = *changes[i].After
	}
	suppressed, err := tx.suppressedOf(ctx, rows, tx.addressHashes)
	if err != nil {
		return err
	}
	for i := range changes {
		changes[i].SuppressedFrom = &suppressed[i]
	}
	return tx.log(ctx, changes...)
}
