package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) delete(refs ...audience.Ref) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Delete(f.t.Context(), audience.Source{}, refs...) })
}

func (f *fixture) erase(refs ...audience.Ref) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Erase(f.t.Context(), audience.Source{}, refs...) })
}

func TestDelete(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.event(ann, "e1", "purchase", 0)
	r := f.record(grant(ann, audience.MechanismPaper))
	f.update(func(tx *store.Tx) error { return tx.AddToList(t.Context(), "vip", audience.Source{}, ann) })
	f.delete(ann)
	_, err := f.Contact(t.Context(), ann)
	require.ErrorIs(t, err, audience.ErrNotFound)
	_, err = f.Contact(t.Context(), audience.ID(id))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Equal(t, store.ChangeDelete, f.last().Kind)
	f.view(func(reader *store.Reader) error {
		_, err := reader.Evidence(t.Context(), r)
		require.NoError(t, err, "the proof stays")
		h, err := reader.History(t.Context(), audience.ID(id))
		require.NoError(t, err, "so does the ledger")
		require.Len(t, h.Records, 1)
		members, err := reader.Members(t.Context(), "vip", "", 0)
		require.Empty(t, members.Items)
		return err
	})
	again := f.put("ann", "ann@example.com")
	require.Greater(t, again, id, "ids are never reused")
	p := f.profile(ann)
	require.Empty(t, p.Streams)
	require.Empty(t, p.Lists)
	require.Equal(t, "none", f.status(ann), "consent was hers, not the address's")
	require.Empty(t, f.held("ann@example.com"))
}

// G4: deleting somebody who refuses and putting her again raises nobody.
func TestDeleteKeepsRefusals(t *testing.T) {
	tests := map[string]struct {
		kind  audience.ConsentKind
		scope audience.Scope
		held  string
	}{
		"withdrew from marketing": {audience.ConsentWithdrawn, audience.MarketingScope(), "withdrawn"},
		"complained":              {audience.ConsentComplained, audience.MarketingScope(), "complained"},
		"bounced":                 {audience.ConsentBounced, audience.Scope{}, "bounced"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			ann := audience.Key("ann")
			f.put("ann", "ann@example.com")
			w := refusal(ann, tt.kind)
			w.Scope = tt.scope
			f.record(w)
			f.later(time.Hour)
			f.delete(ann)
			require.Equal(t, []string{tt.held}, f.held("ann@example.com"))
			f.put("new", "ann@example.com")
			require.False(t, f.mailable(audience.Key("new")))
			require.NotZero(t, f.profile(audience.Key("new")).SuppressedFrom)
		})
	}
	t.Run("not without keys", func(t *testing.T) {
		f := newFixture(t, withoutKeys)
		f.put("ann", "ann@example.com")
		f.put("bob", "bob@example.com")
		f.record(refusal(audience.Key("ann"), audience.ConsentWithdrawn))
		err := f.refused(func(tx *store.Tx) error {
			return tx.Delete(t.Context(), audience.Source{}, audience.Key("bob"), audience.Key("ann"))
		})
		require.ErrorIs(t, err, audience.ErrDenied)
		f.contact(audience.Key("bob"))
		f.delete(audience.Key("bob"))
	})
}

func TestDeleteRefused(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	err := f.refused(func(tx *store.Tx) error {
		return tx.Delete(t.Context(), audience.Source{}, audience.Key("ann"), audience.Key("bob"))
	})
	var refused *audience.BatchError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 1, refused.Items[0].Index)
	f.contact(audience.Key("ann"))
	f.delete(audience.Key("ann"), audience.Email("ann@example.com")) // both name her
	err = f.refused(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(1)) })
	require.ErrorIs(t, err, audience.ErrNotFound, "deleted is deleted")
}

func TestDeleteMerged(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	loser := f.put("bob", "bob@example.com")
	f.event(audience.Key("bob"), "e1", "purchase", 0)
	f.merge(audience.Key("ann"), audience.Key("bob"))
	f.delete(audience.ID(loser))
	for _, ref := range []audience.Ref{audience.Key("ann"), audience.Key("bob"), audience.ID(loser)} {
		_, err := f.Contact(t.Context(), ref)
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
	err := f.refused(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), loser, audience.Source{}) })
	require.ErrorIs(t, err, audience.ErrConflict)
	partition, ok := store.As[store.Partition](f.Unwrap())
	require.True(t, ok)
	require.NoError(t, partition.View(t.Context(), func(roles store.ReadRoles) error {
		m, err := roles.MergeOf(t.Context(), loser)
		require.NoError(t, err)
		require.Empty(t, m.Identities)
		require.Equal(t, audience.Contact{ID: loser}, m.LoserRow, "nothing personal stays")
		events, err := roles.Events(t.Context(), store.EventQuery{Origins: []audience.ContactID{loser}, Retracted: true})
		require.Empty(t, events)
		return err
	}))
}

func TestErase(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.event(ann, "e1", "purchase", 0)
	r := f.record(grant(ann, audience.MechanismPaper))
	f.update(func(tx *store.Tx) error {
		_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: "notes", Key: "1", Value: []byte("hers"), Contact: id})
		return err
	})
	f.erase(ann)
	f.view(func(reader *store.Reader) error {
		_, err := reader.Evidence(t.Context(), r)
		require.ErrorIs(t, err, audience.ErrNotFound)
		_, err = reader.LoadRecord(t.Context(), "notes", "1")
		require.ErrorIs(t, err, audience.ErrNotFound)
		return nil
	})
	for _, c := range f.changes() {
		if c.Contact == id {
			require.Equal(t, store.Change{Kind: c.Kind, Contact: id}, c)
		}
	}
	require.Equal(t, store.ChangeErase, f.last().Kind)
	require.Equal(t, []string{"erased"}, f.held("ann@example.com"))

	w := audience.ContactWrite{Match: audience.Key("new"), Email: address(t, "Ann@Example.com")}
	_, err := f.Put(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrDenied, "an import does not bring her back")
	w.Returning = true
	_, err = f.Put(t.Context(), w)
	require.NoError(t, err)
	require.Empty(t, f.held("ann@example.com"))
	require.Equal(t, "none", f.status(audience.Key("new")))
	f.later(time.Second)
	f.record(grant(audience.Key("new"), audience.MechanismSingleOptIn))
	require.True(t, f.mailable(audience.Key("new")), "she may come back herself")
}

func TestEraseKeepsRefusals(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.record(refusal(audience.Key("ann"), audience.ConsentComplained))
	f.later(time.Hour)
	f.erase(audience.Key("ann"))
	require.Equal(t, []string{"complained", "erased"}, f.held("ann@example.com"))
	_, err := f.Put(t.Context(), audience.ContactWrite{Match: audience.Key("new"), Email: address(t, "ann@example.com"), Returning: true})
	require.NoError(t, err)
	require.Equal(t, []string{"complained"}, f.held("ann@example.com"))
	require.NotZero(t, f.profile(audience.Key("new")).SuppressedFrom)
}

func TestEraseAfterDelete(t *testing.T) {
	for name, byLoser := range map[string]bool{"by her id": false, "by the id of one merged into her": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := f.put("ann", "ann@example.com")
			loser := f.put("bob", "bob@example.com")
			r := f.record(grant(audience.Key("bob"), audience.MechanismPaper))
			f.merge(audience.Key("ann"), audience.Key("bob"))
			f.delete(audience.Key("ann"))
			if byLoser {
				f.erase(audience.ID(loser))
			} else {
				f.erase(audience.ID(id))
			}
			f.view(func(reader *store.Reader) error {
				_, err := reader.Evidence(t.Context(), r)
				require.ErrorIs(t, err, audience.ErrNotFound, "also of those merged into her")
				return nil
			})
			for _, c := range f.changes() {
				require.Nil(t, c.After)
				require.Nil(t, c.Record)
			}
			for _, gone := range []audience.ContactID{id, loser} {
				err := f.refused(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(gone)) })
				require.ErrorIs(t, err, audience.ErrNotFound)
			}
		})
	}
}

func TestEraseWithoutKeys(t *testing.T) {
	f := newFixture(t, withoutKeys)
	f.put("ann", "ann@example.com")
	f.put("bob")
	err := f.refused(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.Key("ann")) })
	require.ErrorIs(t, err, audience.ErrDenied)
	f.erase(audience.Key("bob")) // no address, no tombstone
}

// Whoever she was merged into for a while had her addresses in the rows that
// the feed tells.
func TestEraseAfterUnmerge(t *testing.T) {
	f := newFixture(t)
	winner := f.put("ann", "ann@example.com")
	upper := f.put("cat", "cat@example.com")
	loser := f.put("bob", "bob@example.com")
	f.merge(audience.Key("ann"), audience.Key("bob"))
	f.put("ann", "ann@example.net")
	f.merge(audience.Key("cat"), audience.Key("ann"))
	f.put("cat", "cat@example.net")
	f.event(audience.Key("cat"), "e1", "purchase", 0)
	f.unmerge(winner)
	f.unmerge(loser)
	f.erase(audience.Key("bob"))
	told := make(map[audience.ContactID]audience.Contact)
	events := 0
	for _, c := range f.changes() {
		if c.Kind == store.ChangeEvent && c.Event != nil {
			events++
		}
		if c.After == nil {
			continue
		}
		told[c.Contact] = *c.After
		for _, a := range c.After.Addresses {
			require.NotEqual(t, "bob@example.com", a.Canonical(), "%s of %d", c.Kind, c.Contact)
		}
	}
	require.Equal(t, 1, events, "what others did stays")
	require.Equal(t, f.contact(audience.ID(winner)), told[winner])
	require.Equal(t, f.contact(audience.ID(upper)), told[upper])
}
