package store

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

func unsupportedTopic(name string) error {
	return fmt.Errorf("list %q is a topic; who is on it follows from consent: record a grant or a withdrawal: %w", name, audience.ErrUnsupported)
}

// AddToList puts contacts on a static or test list; those on it already are
// no error. A topic is [audience.ErrUnsupported]: record consent for it.
func (tx *Tx) AddToList(ctx context.Context, list string, source audience.Source, refs ...audience.Ref) error {
	ids, on, err := tx.listBatch(ctx, list, source, refs)
	if err != nil {
		return err
	}
	var rows []Membership
	var changes []Change
	for _, id := range ids {
		if len(on[id]) > 0 {
			continue
		}
		m := Membership{List: list, Origin: id, At: tx.at, Source: source}
		on[id] = append(on[id], m)
		rows = append(rows, m)
		changes = append(changes, Change{Kind: ChangeList, Contact: id, List: list, Source: source})
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.whole(func() error {
		if err := tx.write.AddMembers(ctx, rows); err != nil {
			return err
		}
		return tx.log(ctx, changes...)
	})
}

// RemoveFromList takes contacts off a static or test list; those not on it
// are no error.
func (tx *Tx) RemoveFromList(ctx context.Context, list string, source audience.Source, refs ...audience.Ref) error {
	ids, on, err := tx.listBatch(ctx, list, source, refs)
	if err != nil {
		return err
	}
	var rows []Membership
	var changes []Change
	for _, id := range ids {
		if len(on[id]) == 0 {
			continue
		}
		rows = append(rows, on[id]...)
		delete(on, id)
		changes = append(changes, Change{Kind: ChangeList, Contact: id, List: list, Left: true, Source: source})
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.whole(func() error {
		if err := tx.write.RemoveMembers(ctx, rows); err != nil {
			return err
		}
		return tx.log(ctx, changes...)
	})
}

// listBatch resolves the contacts and finds the memberships that each has of
// the list, under her own id or one merged into her.
func (tx *Tx) listBatch(ctx context.Context, list string, source audience.Source, refs []audience.Ref) ([]audience.ContactID, map[audience.ContactID][]Membership, error) {
	if err := tx.checkHandPicked(list); err != nil {
		return nil, nil, err
	}
	if err := source.Check("source", tx.audience.limits); err != nil {
		return nil, nil, err
	}
	noCheck := func(*audience.Ref) error { return nil }
	if err := checkBatch(tx.audience.limits, refs, noCheck); err != nil {
		return nil, nil, err
	}
	ids, rows, err := tx.resolveAll(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	unique := make([]audience.ContactID, 0, len(rows))
	for id := range rows {
		unique = append(unique, id)
	}
	l, err := tx.lineages(ctx, unique)
	if err != nil {
		return nil, nil, err
	}
	memberships, err := tx.roles.Memberships(ctx, l.origins)
	if err != nil {
		return nil, nil, err
	}
	on := make(map[audience.ContactID][]Membership)
	for _, m := range memberships {
		if m.List == list {
			on[l.root[m.Origin]] = append(on[l.root[m.Origin]], m)
		}
	}
	return ids, on, nil
}
