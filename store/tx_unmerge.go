package store

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Unmerge takes a contact out of the one she was merged into: her row comes
// back as it was, with those of her addresses and external ids that the
// winner still has, and with her own events, ledger and lists. What came in
// for the winner since then stays with the winner; refusals among it are
// written to the loser too, since nobody can tell whom they were meant for.
//
// Errors: [audience.ErrNotFound] when the merge does not stand;
// [audience.ErrConflict] when the winner was merged or deleted herself, or
// when one of the two would be left without any identity.
func (tx *Tx) Unmerge(ctx context.Context, loser audience.ContactID, source audience.Source) error {
	if err := source.Check("source", tx.audience.limits); err != nil {
		return err
	}
	m, err := tx.roles.MergeOf(ctx, loser)
	if err != nil {
		return err
	}
	rows, err := tx.lock(ctx, []audience.ContactID{m.Winner})
	if err != nil {
		return err
	}
	w, ok := rows[m.Winner]
	if !ok {
		return &audience.ConflictError{Kind: "merge", Contact: m.Winner, Hint: "the winner was merged or deleted since; undo that merge first"}
	}
	winner, restored, moved, err := tx.split(*w, m)
	if err != nil {
		return err
	}
	return tx.whole(func() error {
		put := []ContactRow{{Contact: &winner, Expect: w.Version}, {Contact: &restored}}
		return tx.storeUnmerge(ctx, m, put, moved, source)
	})
}

// storeUnmerge writes the rows of winner and loser and what goes back.
func (tx *Tx) storeUnmerge(ctx context.Context, m Merge, put []ContactRow, moved []audience.Identity, source audience.Source) error {
	before, err := tx.counting(ctx, m.Winner)
	if err != nil {
		return err
	}
	if err := tx.write.DeleteMerges(ctx, []audience.ContactID{m.Loser}); err != nil {
		return err
	}
	if err := tx.write.PutContacts(ctx, put); err != nil {
		return err
	}
	if err := tx.move(ctx, moved, m.Winner, m.Loser); err != nil {
		return err
	}
	copies, err := tx.copyRefusals(ctx, m)
	if err != nil {
		return err
	}
	if err := tx.holdAgain(ctx, put, source); err != nil {
		return err
	}
	after, err := tx.counting(ctx, m.Winner, m.Loser)
	if err != nil {
		return err
	}
	again := eventsMinus(after, before)
	if err := tx.logSuppressed(
		ctx,
		Change{Kind: ChangeUnmerge, Contact: m.Winner, Other: m.Loser, Events: again, After: put[0].Contact, Source: source},
		Change{Kind: ChangeContact, Contact: m.Loser, After: put[1].Contact, Source: source},
	); err != nil {
		return err
	}
	if err := tx.markUnmerged(ctx, m); err != nil {
		return err
	}
	return tx.log(ctx, copies...)
}

// holdAgain makes stand what the two refuse each by herself: consent that was
// given while they were one answered the refusals of both, and is the
// winner's alone now.
func (tx *Tx) holdAgain(ctx context.Context, rows []ContactRow, source audience.Source) error {
	var ids []audience.ContactID
	var addresses []audience.Address
	for _, r := range rows {
		ids = append(ids, r.Contact.ID)
		addresses = append(addresses, r.Contact.Addresses...)
	}
	l, err := tx.lineages(ctx, ids)
	if err != nil {
		return err
	}
	histories, err := tx.historiesOf(ctx, l)
	if err != nil {
		return err
	}
	held, err := tx.loadSuppressions(ctx, addresses)
	if err != nil {
		return err
	}
	for _, r := range rows {
		h := histories[r.Contact.ID]
		held.hold(r.Contact.Addresses, unanswered(refusalsIn(h.Resolved(), tx.at, audience.SuppressionReasonOf, nil)), source)
	}
	return held.store(ctx)
}

// split gives the two contacts that a merge undone leaves, and the
// identities that go back.
func (tx *Tx) split(w audience.Contact, m Merge) (winner, loser audience.Contact, moved []audience.Identity, err error) {
	held := make(map[string]bool)
	for _, identity := range w.Identities() {
		held[identity.Index()] = true
	}
	back, lost := make(map[string]bool), make(map[string]bool)
	for _, identity := range m.Identities {
		if held[identity.Index()] {
			back[identity.Index()] = true
			moved = append(moved, identity)
		} else {
			lost[identity.Index()] = true
		}
	}
	winner = withoutIdentities(w, back)
	loser = withoutIdentities(m.LoserRow, lost)
	for _, c := range []audience.Contact{winner, loser} {
		if len(c.Addresses)+len(c.External) == 0 {
			return winner, loser, nil, &audience.ConflictError{Kind: "identity", Contact: c.ID, Hint: "she would be left without any address or external id; give her one first"}
		}
	}
	winner.Version, winner.UpdatedAt = w.Version+1, tx.at
	loser.Version, loser.UpdatedAt = m.LoserRow.Version+1, tx.at
	return winner, loser, moved, nil
}

// restricts reports whether a record is a restriction that the chain it is in
// has not released.
func restricts(r *audience.ConsentRecord, chains []audience.ConsentRecord) bool {
	return r.Kind == audience.ConsentRestricted && !slices.ContainsFunc(chains, func(x audience.ConsentRecord) bool {
		return x.Contact == r.Contact && x.Kind == audience.ConsentReleased && x.Acted.After(r.Acted)
	})
}

// copyRefusals appends the refusals and the restrictions in force that the winner's chain got since the
// merge to the loser's, and gives the changes that tell it.
func (tx *Tx) copyRefusals(ctx context.Context, m Merge) ([]Change, error) {
	chains, err := tx.roles.Ledger(ctx, []audience.ContactID{m.Winner, m.Loser})
	if err != nil {
		return nil, err
	}
	seq, prev := uint64(0), audience.ChainStart(tx.audience.name, m.Loser)
	for i := range chains {
		tx.notBefore(chains[i].Recorded)
		if chains[i].Contact == m.Loser {
			seq, prev = chains[i].Seq, chains[i].Hash
		}
	}
	refusals := slices.DeleteFunc(slices.Clone(chains), func(r audience.ConsentRecord) bool {
		return r.Contact != m.Winner || r.Seq <= m.WinnerSeq || !r.Kind.IsRefusal() && !restricts(&r, chains)
	})
	if len(refusals) == 0 {
		return nil, nil
	}
	copies := make([]audience.ConsentRecord, len(refusals))
	changes := make([]Change, len(refusals))
	for i, r := range refusals {
		seq++
		r.Contact, r.Seq, r.Prev, r.Recorded, r.Evidence = m.Loser, seq, prev, tx.at, [32]byte{}
		r.Hash = r.ComputeHash()
		prev = r.Hash
		copies[i] = r
		changes[i] = Change{Kind: ChangeLedger, Contact: m.Loser, Record: &r, Source: r.Source}
	}
	return changes, tx.write.AppendLedger(ctx, copies)
}
