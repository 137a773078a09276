package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// commit writes rows, identities and changes.
func (p *putBatch) commit(ctx context.Context) ([]PutResult, error) {
	if err := p.checkInferred(); err != nil {
		return nil, err
	}
	if err := p.keepRefusals(ctx); err != nil {
		return nil, err
	}
	if err := p.giveIDs(ctx); err != nil {
		return nil, err
	}
	if len(p.inferred) > 0 {
		s := p.tx.change()
		s.Schema.Fields = append(s.Schema.Fields, p.inferred...)
	}
	if len(p.touched) > 0 {
		if err := p.tx.whole(func() error { return p.store(ctx) }); err != nil {
			return nil, err
		}
	}
	out := make([]PutResult, len(p.results))
	for i, r := range p.results {
		out[i] = PutResult{ID: r.contact.now.ID, Version: r.contact.now.Version, Created: r.created, Changed: r.changed}
	}
	return out, nil
}

// checkInferred reports why the schema cannot take the new fields, or nil.
func (p *putBatch) checkInferred() error {
	if len(p.inferred) == 0 {
		return nil
	}
	next := p.tx.settings.Schema
	next.Fields = slices.Concat(next.Fields, p.inferred)
	return next.Check(p.tx.audience.limits)
}

// giveIDs gives created contacts their ids and changed ones their version.
func (p *putBatch) giveIDs(ctx context.Context) error {
	var created []*putContact
	for _, c := range p.touched {
		c.now.Version = c.version() + 1
		c.now.UpdatedAt = p.tx.at
		if c.stored == nil {
			created = append(created, c)
		}
	}
	if len(created) == 0 {
		return nil
	}
	ids, err := p.tx.write.NewContactIDs(ctx, len(created))
	if err != nil {
		return err
	}
	for i, c := range created {
		c.now.ID = ids[i]
	}
	return nil
}

func (p *putBatch) store(ctx context.Context) error {
	tx := p.tx
	rows := make([]ContactRow, len(p.touched))
	changes := make([]Change, len(p.touched))
	claims := make([]Claim, 0, 2*len(p.touched))
	var releases []Claim
	var readdressed []int
	for i, c := range p.touched {
		rows[i] = ContactRow{Contact: c.now, Expect: c.version()}
		changes[i] = Change{Kind: ChangeContact, Contact: c.now.ID, After: c.now, Source: c.by.Source}
		had := len(claims) + len(releases)
		claims, releases = c.identityChanges(claims, releases)
		if len(claims)+len(releases) > had {
			readdressed = append(readdressed, i)
		}
	}
	if err := tx.write.PutContacts(ctx, rows); err != nil {
		return err
	}
	if len(releases) > 0 {
		if err := tx.write.ReleaseIdentities(ctx, releases); err != nil {
			return err
		}
	}
	if len(claims) > 0 {
		if err := tx.write.ClaimIdentities(ctx, claims); err != nil {
			return overtaken(err)
		}
	}
	if len(p.returned) > 0 {
		if err := tx.write.PutSuppressions(ctx, p.returned); err != nil {
			return err
		}
	}
	if p.held != nil {
		if err := p.held.store(ctx); err != nil {
			return err
		}
	}
	if err := p.tellSuppressed(ctx, changes, readdressed); err != nil {
		return err
	}
	return tx.log(ctx, changes...)
}

// overtaken makes a lost race worth another try: the batch was planned on
// what somebody else has changed since.
func overtaken(err error) error {
	if errors.Is(err, audience.ErrConflict) {
		return errors.Join(audience.ErrRetryable, err)
	}
	return err
}

// tellSuppressed adds to changes of contacts whose addresses changed from when
// on they are suppressed.
func (p *putBatch) tellSuppressed(ctx context.Context, changes []Change, at []int) error {
	if len(at) == 0 {
		return nil
	}
	if p.none && p.held == nil {
		// Somebody may have suppressed one of the addresses before it was claimed.
		some, err := p.tx.anySuppression(ctx)
		if err != nil {
			return err
		}
		if !some {
			never := new(time.Time)
			for _, i := range at {
				changes[i].SuppressedFrom = never
			}
			return nil
		}
	}
	rows := make([]audience.Contact, len(at))
	for k, i := range at {
		rows[k] = *changes[i].After
	}
	suppressed, err := p.tx.suppressedOf(ctx, rows, p.hashesOf)
	if err != nil {
		return err
	}
	for k, i := range at {
		changes[i].SuppressedFrom = &suppressed[k]
	}
	return nil
}
