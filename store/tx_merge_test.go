package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) merge(winner, loser audience.Ref) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Merge(f.t.Context(), winner, loser, audience.Source{}) })
}

func (f *fixture) unmerge(loser audience.ContactID) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.Unmerge(f.t.Context(), loser, audience.Source{}) })
}

func (f *fixture) contact(ref audience.Ref) audience.Contact {
	f.t.Helper()
	c, err := f.Contact(f.t.Context(), ref)
	require.NoError(f.t, err)
	return c
}

func eventIDs(events []audience.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

func TestMerge(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann", "ann@example.com"), f.put("bob", "bob@example.com", "bob@example.org")
	f.event(audience.Key("ann"), "e1", "purchase", 0)
	f.event(audience.Key("bob"), "e2", "purchase", 0)
	f.update(func(tx *store.Tx) error {
		return tx.AddToList(t.Context(), "vip", audience.Source{}, audience.Key("bob"))
	})
	before := f.contact(audience.Key("bob"))
	f.later(time.Hour)
	f.merge(audience.Key("ann"), audience.Key("bob"))

	c := f.contact(audience.ID(bob))
	require.Equal(t, ann, c.ID, "the loser's id names the winner")
	require.Equal(t, "ann@example.com", c.Email().Canonical(), "the primary address stays")
	require.Len(t, c.Addresses, 3)
	require.Len(t, c.External, 2)
	require.EqualValues(t, 2, c.Version)
	require.Equal(t, ann, f.contact(audience.Email("bob@example.org")).ID)
	p := f.profile(audience.Key("bob"))
	require.Equal(t, []string{"e1", "e2"}, eventIDs(p.Events("purchase")))
	require.Equal(t, []string{"vip"}, p.Lists)
	change := f.last()
	require.Equal(t, store.ChangeMerge, change.Kind)
	require.Equal(t, []audience.ContactID{ann, bob}, []audience.ContactID{change.Contact, change.Other})
	require.Equal(t, c, *change.After)
	require.Equal(t, f.now, change.MergedAt)
	require.Zero(t, change.WinnerSeq)

	f.later(time.Hour)
	f.event(audience.Key("bob"), "e3", "purchase", 0) // after the merge: the winner's
	f.event(audience.Key("bob"), "e2", "email.opened", 1)
	f.unmerge(bob)
	back := f.contact(audience.Key("bob"))
	require.Equal(t, before.Addresses, back.Addresses)
	require.Equal(t, before.External, back.External)
	require.Equal(t, bob, back.ID)
	require.Greater(t, back.Version, before.Version)
	p = f.profile(audience.Key("bob"))
	require.Empty(t, p.Events("purchase"))
	require.Equal(t, []string{"e2"}, eventIDs(p.Events("email.opened")), "a revision goes where the event was written")
	require.Equal(t, []string{"vip"}, p.Lists)
	p = f.profile(audience.Key("ann"))
	require.Equal(t, []string{"e1", "e3"}, eventIDs(p.Events("purchase")))
	require.Empty(t, p.Lists)
	require.Len(t, f.contact(audience.ID(ann)).Addresses, 1)
}

func TestMergeEqualEvents(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.put("bob", "bob@example.com")
	ann, bob := audience.Key("ann"), audience.Key("bob")
	f.event(ann, "tie", "purchase", 1)
	f.event(ann, "old", "purchase", 0)
	f.later(time.Minute)
	f.event(bob, "tie", "email.opened", 1)
	f.event(bob, "old", "email.opened", 2)
	f.merge(ann, bob)
	p := f.profile(ann)
	require.Equal(t, []string{"tie"}, eventIDs(p.Events("purchase")), "on a tie the winner's")
	require.Equal(t, []string{"old"}, eventIDs(p.Events("email.opened")), "the higher revision")
}

// What follows the feed alone learns from a merge which events no longer
// count, and from its undoing which count again.
func TestMergeTellsEvents(t *testing.T) {
	f := newFixture(t)
	a, b, c := audience.Key("a"), audience.Key("b"), audience.Key("c")
	first := f.put("a", "a@example.com")
	second := f.put("b", "b@example.com")
	third := f.put("c", "c@example.com")
	f.event(a, "tie", "purchase", 1)
	f.event(a, "old", "purchase", 0)
	f.event(a, "own", "purchase", 0)
	f.event(a, "gone", "purchase", 0)
	f.event(b, "tie", "email.opened", 1)
	f.event(b, "old", "email.opened", 2)
	f.event(c, "old", "purchase", 3)
	f.event(c, "back", "purchase", 0)
	_, err := f.Append(t.Context(), audience.EventWrite{Contact: b, ID: "gone", Type: "purchase", Time: f.now, Revision: 1, Retract: true})
	require.NoError(t, err)

	type row struct {
		id            string
		origin, whose audience.ContactID
	}
	told := func(kind store.ChangeKind) []row {
		var out []row
		for _, change := range slices.Backward(f.changes()) {
			if change.Kind != kind {
				continue
			}
			for _, e := range change.Events {
				out = append(out, row{e.ID, e.Origin, e.Contact})
			}
			break
		}
		return out
	}
	f.merge(b, c)
	require.Equal(t, []row{{"old", second, second}}, told(store.ChangeMerge))
	f.merge(a, b)
	require.ElementsMatch(t, []row{{"old", first, first}, {"gone", first, first}, {"tie", second, second}}, told(store.ChangeMerge))
	f.event(a, "tie", "purchase", 7)
	f.event(a, "own", "purchase", 7)
	f.unmerge(second)
	require.ElementsMatch(t, []row{{"old", first, first}, {"gone", first, first}, {"tie", second, second}}, told(store.ChangeUnmerge))
	f.unmerge(third)
	require.Equal(t, []row{{"old", second, second}}, told(store.ChangeUnmerge))
	f.merge(a, c)
	require.Equal(t, []row{{"old", first, first}}, told(store.ChangeMerge))

	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, a) })
	require.Empty(t, told(store.ChangeMerge), "erased with her")
}

// G4: a merge and its undoing lose no refusal and raise nobody.
func TestMergeKeepsRefusals(t *testing.T) {
	ann, bob := audience.Key("ann"), audience.Key("bob")
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	loser := f.put("bob", "bob@example.com")
	f.record(grant(ann, audience.MechanismDoubleOptIn))
	f.record(refusal(bob, audience.ConsentComplained))
	f.later(time.Hour)
	f.merge(ann, bob)
	require.Equal(t, "complained", f.status(ann))
	require.False(t, f.mailable(ann))
	require.False(t, f.last().SuppressedFrom.IsZero())
	f.later(time.Hour)
	f.unmerge(loser)
	require.Equal(t, "subscribed", f.status(ann))
	require.True(t, f.mailable(ann))
	require.Equal(t, "complained", f.status(bob))

	f.merge(ann, bob)
	f.later(time.Hour)
	f.record(grant(ann, audience.MechanismDoubleOptIn))
	require.True(t, f.mailable(bob), "she confirmed after it")
	f.later(time.Hour)
	f.record(refusal(ann, audience.ConsentWithdrawn))
	f.unmerge(loser)
	require.Equal(t, "unsubscribed", f.status(ann))
	require.False(t, f.mailable(bob), "the refusal counts for both, the grant for the winner only")
	require.Equal(t, "complained", f.status(bob))
	f.view(func(r *store.Reader) error {
		h, err := r.History(t.Context(), bob)
		require.Len(t, h.Records, 2)
		require.NoError(t, h.Records[1].CheckLink("main", &h.Records[0]))
		return err
	})
}

// What the winner said before the merge was not said by the loser: it
// neither answers the loser's complaint nor is it hers once they part.
func TestMergeKeepsApartWhatWasBefore(t *testing.T) {
	ann, bob, cat := audience.Key("ann"), audience.Key("bob"), audience.Key("cat")
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	loser := f.put("bob", "bob@example.com")
	other := f.put("cat", "cat@example.com")
	f.record(refusal(bob, audience.ConsentComplained))
	f.later(time.Hour)
	f.record(grant(ann, audience.MechanismDoubleOptIn))
	f.later(time.Hour)
	f.merge(ann, bob)
	require.Equal(t, "complained", f.status(ann))
	require.EqualValues(t, 1, f.last().WinnerSeq)
	f.unmerge(loser)
	f.later(time.Hour)
	f.record(refusal(ann, audience.ConsentWithdrawn))
	f.merge(ann, cat)
	f.unmerge(other)
	require.Equal(t, "none", f.status(cat))
}

func TestMergeOfMerged(t *testing.T) {
	f := newFixture(t)
	ids := []audience.ContactID{f.put("a", "a@example.com"), f.put("b", "b@example.com"), f.put("c", "c@example.com")}
	a, b, c := audience.Key("a"), audience.Key("b"), audience.Key("c")
	for i, ref := range []audience.Ref{a, b, c} {
		f.event(ref, string(rune('x'+i)), "purchase", 0)
	}
	f.record(refusal(c, audience.ConsentWithdrawn))
	f.merge(b, c)
	f.merge(a, b)
	p := f.profile(c)
	require.Equal(t, ids[0], p.Contact.ID)
	require.Equal(t, []string{"x", "y", "z"}, eventIDs(p.Events("purchase")))
	require.Equal(t, "unsubscribed", f.status(a))
	err := f.refused(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), ids[2], audience.Source{}) })
	require.ErrorIs(t, err, audience.ErrConflict, "the later merge first")
	f.unmerge(ids[1])
	require.Equal(t, "none", f.status(a))
	require.Equal(t, "unsubscribed", f.status(b))
	f.unmerge(ids[2])
	require.Equal(t, "none", f.status(b))
	require.Equal(t, "unsubscribed", f.status(c))
}

func TestMergeRefused(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits.Identities = 3 })
	id := f.put("a", "a@example.com")
	f.put("b", "b@example.com")
	a, b := audience.Key("a"), audience.Key("b")
	merge := func(winner, loser audience.Ref) error {
		return f.refused(func(tx *store.Tx) error { return tx.Merge(t.Context(), winner, loser, audience.Source{}) })
	}
	require.ErrorIs(t, merge(a, audience.Key("nobody")), audience.ErrNotFound)
	require.ErrorIs(t, merge(audience.Key("nobody"), a), audience.ErrNotFound)
	require.ErrorIs(t, merge(a, audience.Email("a@example.com")), audience.ErrConflict)
	require.ErrorIs(t, merge(a, b), audience.ErrLimit)
	err := f.refused(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), id, audience.Source{}) })
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Equal(t, id, f.contact(a).ID)
}

// An identity that left the winner since the merge stays where it is now.
func TestUnmergeAfterIdentitiesMoved(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	loser := f.put("bob", "bob@example.com")
	f.merge(audience.Key("ann"), audience.Key("bob"))
	_, err := f.Put(t.Context(), audience.ContactWrite{
		Match: audience.Key("ann"), Detach: []audience.Identity{audience.AddressIdentity(address(t, "bob@example.com"))},
	})
	require.NoError(t, err)
	other := f.put("eve", "bob@example.com")
	f.unmerge(loser)
	require.Equal(t, other, f.contact(audience.Email("bob@example.com")).ID)
	require.Empty(t, f.contact(audience.Key("bob")).Addresses)

	f.merge(audience.Key("ann"), audience.Key("bob"))
	_, err = f.Put(t.Context(), audience.ContactWrite{
		Match: audience.Key("ann"), Detach: []audience.Identity{audience.ExternalIdentity(audience.External(audience.HostSystem, "bob"))},
	})
	require.NoError(t, err)
	err = f.refused(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), loser, audience.Source{}) })
	require.ErrorIs(t, err, audience.ErrConflict, "nothing is left to name her by")
}

func TestMergeChecksSource(t *testing.T) {
	f := newFixture(t)
	f.put("a", "a@example.com")
	id := f.put("b", "b@example.com")
	bad := audience.Source{Name: "broken \xff text"}
	a, b := audience.Key("a"), audience.Key("b")
	for name, write := range map[string]func(*store.Tx) error{
		"merge":   func(tx *store.Tx) error { return tx.Merge(t.Context(), a, b, bad) },
		"unmerge": func(tx *store.Tx) error { return tx.Unmerge(t.Context(), id, bad) },
		"delete":  func(tx *store.Tx) error { return tx.Delete(t.Context(), bad, a) },
		"erase":   func(tx *store.Tx) error { return tx.Erase(t.Context(), bad, a) },
	} {
		require.ErrorIs(t, f.refused(write), audience.ErrInvalid, name)
	}
}
