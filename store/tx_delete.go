package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Delete removes contacts: rows, identities, events and list memberships,
// also of those merged into them. What stays is the ledger with its
// evidence and the keys of that ([NamespaceEvidenceKeys]), what is recorded in
// [NamespaceTransitions], and refusals: of a contact whose refusal of marketing stands the
// addresses are suppressed, so that she is not mailed when she is imported
// again.
//
// Refused items: [audience.ErrNotFound]; [audience.ErrDenied] when a refusal
// would be lost because there are no keys.
func (tx *Tx) Delete(ctx context.Context, source audience.Source, refs ...audience.Ref) error {
	return tx.remove(ctx, removal{kind: ChangeDelete, source: source}, refs)
}

// Erase is Delete, and leaves no trace of the person: evidence, features'
// records of her and the content of her changes in the feed go too, and the
// ledger, which names nobody, can no longer be tied to what she said. Of the
// addresses she has a keyed tombstone stays, so that no import brings her
// back. A contact that was deleted before can still be erased, by her id or
// by that of somebody merged into her; her addresses are unknown by then and
// leave no tombstones: erase at once whom you mean to erase. An address that
// was detached before is hers no more, and stays where it is now.
//
// Refused items: [audience.ErrNotFound]; [audience.ErrDenied] when there are
// addresses and no keys for their tombstones.
func (tx *Tx) Erase(ctx context.Context, source audience.Source, refs ...audience.Ref) error {
	return tx.remove(ctx, removal{kind: ChangeErase, source: source, erase: true}, refs)
}

// removal takes contacts out of the store.
type removal struct {
	tx       *Tx
	kind     ChangeKind
	source   audience.Source
	erase    bool
	rows     map[audience.ContactID]*audience.Contact // those that are there
	lineages *lineages
	held     *heldSuppressions
}

func (tx *Tx) remove(ctx context.Context, d removal, refs []audience.Ref) error {
	if err := d.source.Check("source", tx.audience.limits); err != nil {
		return err
	}
	noCheck := func(*audience.Ref) error { return nil }
	if err := checkBatch(tx.audience.limits, refs, noCheck); err != nil || len(refs) == 0 {
		return err
	}
	d.tx = tx
	ids, err := d.resolve(ctx, refs)
	if err != nil {
		return err
	}
	roots := slices.Clone(ids)
	slices.Sort(roots)
	if d.lineages, err = tx.lineages(ctx, slices.Compact(roots)); err != nil {
		return err
	}
	if err := d.keepRefusals(ctx, ids); err != nil {
		return err
	}
	return tx.whole(func() error { return d.store(ctx) })
}

// store writes what was planned.
func (d *removal) store(ctx context.Context) error {
	if err := d.held.store(ctx); err != nil {
		return err
	}
	if err := d.removeRows(ctx); err != nil {
		return err
	}
	forget := d.keepLineage
	if d.erase {
		forget = d.removeTraces
	}
	if err := forget(ctx); err != nil {
		return err
	}
	changes := make([]Change, len(d.lineages.roots))
	for i, id := range d.lineages.roots {
		changes[i] = Change{Kind: d.kind, Contact: id, Source: d.source}
	}
	return d.tx.log(ctx, changes...)
}

// resolve finds and locks the contacts. For Erase a number that names nobody
// now is taken as it is when something was recorded under it.
func (d *removal) resolve(ctx context.Context, refs []audience.Ref) ([]audience.ContactID, error) {
	ids, err := d.tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	if d.rows, err = d.tx.lockResolved(ctx, ids); err != nil {
		return nil, err
	}
	var refused audience.BatchError
	for i, id := range ids {
		if _, ok := d.rows[id]; ok {
			continue
		}
		named, _ := refs[i].ContactID()
		as, err := d.tx.DeletedAs(ctx, named)
		switch {
		case err != nil:
			return nil, err
		case d.erase && as.Contact != 0:
			ids[i] = as.Contact
		default:
			refused.Add(i, notFound(refs[i]))
		}
	}
	return ids, refused.OrNil()
}

// keepRefusals plans the suppressions of contacts who refuse, and the
// tombstones of those who are erased.
func (d *removal) keepRefusals(ctx context.Context, ids []audience.ContactID) error {
	histories, err := d.tx.historiesOf(ctx, d.lineages)
	if err != nil {
		return err
	}
	var addresses []audience.Address
	for _, c := range d.rows {
		addresses = append(addresses, c.Addresses...)
	}
	if d.held, err = d.tx.loadSuppressions(ctx, addresses); err != nil {
		return err
	}
	var refused audience.BatchError
	for i, id := range ids {
		c, h := d.rows[id], histories[id]
		refusals := d.tx.refusals(&h)
		if c == nil || len(c.Addresses) == 0 || !d.erase && len(refusals) == 0 {
			continue
		}
		if d.tx.audience.keys.IsZero() {
			refused.Add(i, errKeepNeedsKeys())
			continue
		}
		d.held.hold(c.Addresses, refusals, d.source)
		for _, a := range c.Addresses {
			if d.erase {
				d.held.suppress(a, audience.SuppressedErased, d.tx.at, d.source)
			}
		}
	}
	return refused.OrNil()
}

func (d *removal) removeRows(ctx context.Context) error {
	w, origins := d.tx.write, d.lineages.origins
	var releases []Claim
	for id, c := range d.rows {
		for _, identity := range c.Identities() {
			releases = append(releases, Claim{Identity: identity, Contact: id})
		}
	}
	if len(releases) > 0 {
		if err := w.ReleaseIdentities(ctx, releases); err != nil {
			return err
		}
	}
	if err := w.DeleteContacts(ctx, d.lineages.roots); err != nil {
		return err
	}
	if err := w.DeleteEvents(ctx, origins); err != nil {
		return err
	}
	members, err := d.tx.roles.Memberships(ctx, origins)
	if err != nil {
		return err
	}
	if len(members) > 0 {
		if err := w.RemoveMembers(ctx, members); err != nil {
			return err
		}
	}
	keep := []string{namespaceEvidence, NamespaceEvidenceKeys, namespaceUnmerged, NamespaceTransitions}
	if d.erase {
		if err := d.blankFeed(ctx); err != nil { // it still needs the records
			return err
		}
		keep = nil
	}
	return w.DeleteRecordsOf(ctx, origins, keep)
}

// keepLineage remembers, without anything personal, who was deleted and who
// had been merged into her, so that erasing her later finds everything.
func (d *removal) keepLineage(ctx context.Context) error {
	marks := make([]Record, len(d.lineages.origins))
	for i, id := range d.lineages.origins {
		root := d.lineages.root[id]
		value := fmt.Appendf(nil, "%s %d", root, audience.Micros(d.rows[root].CreatedAt))
		marks[i] = Record{Namespace: namespaceDeleted, Key: id.String(), Contact: id, Value: value}
	}
	if _, err := d.tx.write.PutRecords(ctx, marks, d.tx.at); err != nil {
		return err
	}
	for _, id := range d.lineages.origins {
		for _, m := range d.lineages.merges[id] {
			m.LoserRow, m.Identities = audience.Contact{ID: m.Loser}, nil
			if err := d.tx.write.PutMerge(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeTraces forgets the merges.
func (d *removal) removeTraces(ctx context.Context) error {
	var losers []audience.ContactID
	for _, id := range d.lineages.origins {
		for _, m := range d.lineages.merges[id] {
			losers = append(losers, m.Loser)
		}
	}
	if len(losers) == 0 {
		return nil
	}
	return d.tx.write.DeleteMerges(ctx, losers)
}
