package columns

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const loadPage = 5_000 // contacts, with all that is asked for

// Load fills an empty table from a snapshot, page by page, and tells
// progress, which may be nil, how many contacts it has so far. After an error
// the table is of no use.
func (t *Table) Load(ctx context.Context, r *store.Reader, progress func(contacts int)) error {
	roles, ok := store.As[store.ReadRoles](r.Unwrap())
	if !ok {
		return fmt.Errorf("columns: the reader has no roles: %w", audience.ErrUnsupported)
	}
	q := store.ProfileQuery{ContactQuery: store.ContactQuery{Limit: loadPage}, Parts: t.needs.Parts()}
	for n := 0; ; {
		page, err := r.Profiles(ctx, q)
		if err != nil {
			return err
		}
		if err := t.loadPage(ctx, roles, page.Items); err != nil {
			return err
		}
		if n += len(page.Items); progress != nil {
			progress(n)
		}
		if page.Next == "" {
			t.trim()
			return nil
		}
		q.After = page.Next
	}
}

func (t *Table) loadPage(ctx context.Context, roles store.ReadRoles, profiles []audience.Profile) error {
	ids := make([]audience.ContactID, len(profiles))
	for i := range profiles {
		ids[i] = profiles[i].Contact.ID
	}
	if err := t.loadMerges(ctx, roles, ids); err != nil {
		return err
	}
	for i := range profiles {
		if err := t.loadProfile(&profiles[i]); err != nil {
			return err
		}
	}
	return t.loadOrigins(ctx, roles, ids)
}

// loadMerges reads who was merged into the contacts, and into those.
func (t *Table) loadMerges(ctx context.Context, roles store.ReadRoles, level []audience.ContactID) error {
	for len(level) > 0 {
		merges, err := roles.Merges(ctx, level)
		if err != nil {
			return err
		}
		level = level[:0:0]
		for _, m := range merges {
			if t.lineages.attach(uint32(m.Winner), merge{
				loser: uint32(m.Loser), at: audience.Micros(m.At), seq: m.WinnerSeq, hidden: true, // perhaps
			}) {
				level = append(level, m.Loser)
			}
		}
	}
	return nil
}

func (t *Table) loadProfile(p *audience.Profile) error {
	id := uint32(p.Contact.ID)
	t.put(id, &p.Contact)
	merged := t.lineages.isMerged(id)
	for _, s := range t.streams {
		if err := s.load(id, p.Events(s.needs.Type), merged); err != nil {
			return err
		}
	}
	for _, name := range p.Lists {
		if l := t.list(name); l != nil {
			l.on.add(id)
		}
	}
	if t.ledger != nil {
		if err := t.loadHistory(&p.History); err != nil {
			return err
		}
	}
	t.putSuppressed(id, &p.SuppressedFrom)
	return nil
}

func (t *Table) loadHistory(h *audience.History) error {
	if len(h.Records) > 0 {
		id := uint32(h.Records[0].Contact)
		t.ledger.own(id).bulk = true
		if err := t.ledger.append(id, h.Records...); err != nil {
			return err
		}
	}
	for i := range h.Merged {
		if err := t.loadHistory(&h.Merged[i].History); err != nil {
			return err
		}
	}
	return nil
}

// loadOrigins reads under whom the memberships of merged contacts were
// written: profiles do not tell.
func (t *Table) loadOrigins(ctx context.Context, roles store.ReadRoles, ids []audience.ContactID) error {
	if len(t.lists) == 0 {
		return nil
	}
	var origins []audience.ContactID
	for _, id := range ids {
		if t.lineages.isMerged(uint32(id)) {
			for _, m := range t.lineages.members(uint32(id)) {
				origins = append(origins, audience.ContactID(m))
			}
		}
	}
	if len(origins) == 0 {
		return nil
	}
	rows, err := roles.Memberships(ctx, origins)
	if err != nil {
		return err
	}
	for _, m := range rows {
		if l := t.list(m.List); l != nil {
			l.write(uint32(m.Origin))
		}
	}
	return nil
}

// trim gives back what loading had in reserve.
func (t *Table) trim() {
	for _, s := range t.streams {
		s.trim()
	}
	if t.ledger != nil {
		t.ledger.trim()
	}
}
