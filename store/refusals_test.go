package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// A refusal of marketing goes with the address when it leaves her.
func TestDetachKeepsRefusal(t *testing.T) {
	ann, bob := audience.Key("ann"), audience.Key("bob")
	gone := func(t *testing.T) audience.ContactWrite {
		t.Helper()
		return audience.ContactWrite{Match: ann, Detach: []audience.Identity{audience.AddressIdentity(address(t, "ann@example.com"))}}
	}
	refuse := refusal(ann, audience.ConsentWithdrawn)
	refuse.Scope = audience.MarketingScope()

	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.record(refuse)
	f.put("bob", "bob@example.com")
	f.record(grant(bob, audience.MechanismDoubleOptIn))
	f.later(time.Hour)
	_, err := f.Put(t.Context(), gone(t))
	require.NoError(t, err)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
	f.put("bob", "bob@example.com", "ann@example.com")
	require.False(t, f.mailable(bob))

	f = newFixture(t)
	f.put("ann", "ann@example.com")
	_, err = f.Put(t.Context(), gone(t))
	require.NoError(t, err)
	require.Empty(t, f.held("ann@example.com"), "she refuses nothing")

	f = newFixture(t, withoutKeys)
	f.put("ann", "ann@example.com")
	f.record(refuse)
	_, err = f.Put(t.Context(), gone(t))
	require.ErrorIs(t, err, audience.ErrDenied)
	require.Len(t, f.contact(ann).Addresses, 1)
}

// script is a shorter way to write what happens in which hour.
type script struct{ *fixture }

func (s script) hour(h int) time.Time { return time.Date(2026, 1, 1, 12+h, 0, 0, 0, time.UTC) }

func (s script) at(h int) { s.now = s.hour(h) }

func (s script) grants(key string, m audience.Mechanism, acted, expires int) error {
	w := grant(audience.Key(key), m)
	w.Acted = s.hour(acted)
	if expires > 0 {
		w.Expires = s.hour(expires)
	}
	_, err := s.Record(s.t.Context(), w)
	return err
}

func (s script) refuses(key string, kind audience.ConsentKind, scope audience.Scope, acted int) {
	s.t.Helper()
	w := refusal(audience.Key(key), kind)
	w.Scope, w.Acted = scope, s.hour(acted)
	s.record(w)
}

func (s script) detach(key, text string) {
	s.t.Helper()
	_, err := s.Put(s.t.Context(), audience.ContactWrite{
		Match: audience.Key(key), Detach: []audience.Identity{audience.AddressIdentity(address(s.t, text))},
	})
	require.NoError(s.t, err)
}

func TestLateRefusalUnderEndingLift(t *testing.T) {
	s := script{newFixture(t)}
	s.put("ann", "ann@example.com")
	s.at(2)
	s.refuses("ann", audience.ConsentWithdrawn, audience.Scope{}, 2)
	s.at(5)
	require.NoError(t, s.grants("ann", audience.MechanismSingleOptIn, 5, 9))
	s.at(6)
	s.refuses("ann", audience.ConsentWithdrawn, audience.Scope{}, 4) // known late
	require.True(t, s.mailable(audience.Key("ann")))
	s.delete(audience.Key("ann"))
	s.at(10)
	s.put("ann", "ann@example.com")
	require.ErrorIs(t, s.grants("ann", audience.MechanismAttested, 3, 0), audience.ErrDenied)
}

// Each refusal is held under its own reason and date.
func TestComplaintHidesNoWithdrawal(t *testing.T) {
	s := script{newFixture(t)}
	s.put("ann", "ann@example.com")
	s.at(5)
	s.refuses("ann", audience.ConsentComplained, audience.Scope{}, 5)
	s.at(8)
	s.refuses("ann", audience.ConsentWithdrawn, audience.MarketingScope(), 8)
	s.at(9)
	s.delete(audience.Key("ann"))
	s.put("ann", "ann@example.com")
	require.ElementsMatch(t, []string{"complained", "withdrawn"}, s.held("ann@example.com"))
	require.ErrorIs(t, s.grants("ann", audience.MechanismDoubleOptIn, 6, 0), audience.ErrDenied)
	require.NoError(t, s.grants("ann", audience.MechanismDoubleOptIn, 9, 0))
}

// Consent that was given while two were one is the winner's alone once they
// part.
func TestLiftEndsWithMerge(t *testing.T) {
	for name, kind := range map[string]audience.ConsentKind{
		"withdrawn": audience.ConsentWithdrawn, "bounced": audience.ConsentBounced, "complained": audience.ConsentComplained,
	} {
		t.Run(name, func(t *testing.T) {
			s := script{newFixture(t)}
			s.put("ann", "ann@example.com")
			loser := s.put("bob", "bob@example.com")
			s.at(2)
			s.refuses("bob", kind, audience.Scope{}, 2)
			s.at(3)
			s.merge(audience.Key("ann"), audience.Key("bob"))
			s.at(4)
			require.NoError(t, s.grants("ann", audience.MechanismDoubleOptIn, 4, 0))
			require.Empty(t, s.held("bob@example.com"))
			s.at(5)
			s.unmerge(loser)
			require.Equal(t, []string{name}, s.held("bob@example.com"))
			require.False(t, s.mailable(audience.Key("bob")))
			require.True(t, s.mailable(audience.Key("ann")))
			require.NotZero(t, *s.last().SuppressedFrom, "the feed tells it")
			s.delete(audience.Key("bob"))
			s.put("bob", "bob@example.com")
			require.ErrorIs(t, s.grants("bob", audience.MechanismDoubleOptIn, 1, 0), audience.ErrDenied)
		})
	}
}

// What stands against an address goes on standing when it passes through the
// hands of somebody whose own refusal is answered.
func TestAttachAndDetachLiftNothing(t *testing.T) {
	s := script{newFixture(t)}
	s.put("ann", "ann@example.com")
	s.at(4)
	s.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "x@example.com"), Reason: audience.SuppressedWithdrawn})
	})
	s.at(5)
	s.refuses("ann", audience.ConsentWithdrawn, audience.MarketingScope(), 5)
	s.at(6)
	require.NoError(t, s.grants("ann", audience.MechanismSingleOptIn, 6, 100))
	s.at(7)
	s.put("ann", "ann@example.com", "x@example.com")
	require.False(t, s.mailable(audience.Key("ann")))
	s.detach("ann", "x@example.com")
	require.Equal(t, []string{"withdrawn"}, s.held("x@example.com"))
}

func TestSuppressManuallyAgain(t *testing.T) {
	s := script{newFixture(t)}
	suppress := func(at int, lift bool) {
		s.update(func(tx *store.Tx) error {
			return tx.Suppress(t.Context(), store.SuppressionWrite{
				Address: address(t, "x@example.com"), Reason: audience.SuppressedManually, At: s.hour(at), Lift: lift,
			})
		})
	}
	s.at(7)
	suppress(2, false)
	suppress(6, true)
	require.Empty(t, s.held("x@example.com"))
	suppress(3, false)
	require.Equal(t, []string{"manual"}, s.held("x@example.com"), "it is the host's own list, whatever its date")
}

// Her events were told as the winner's while they were one.
func TestEraseEventsInFeedOfFormerWinner(t *testing.T) {
	s := script{newFixture(t)}
	s.put("x", "x@example.com")
	z := s.put("z", "z@example.com")
	s.event(audience.Key("z"), "e1", "purchase", 0)
	s.merge(audience.Key("x"), audience.Key("z"))
	s.event(audience.Key("x"), "hers", "purchase", 0)
	s.later(time.Hour)
	s.event(audience.Key("x"), "e1", "purchase", 1)
	s.unmerge(z)
	s.erase(audience.ID(z))
	var left []string
	for _, c := range s.changes() {
		if c.Event != nil {
			left = append(left, c.Event.ID)
		}
	}
	require.Equal(t, []string{"hers"}, left)
}

// Merges that stand keep what the fold needs, and whoever has the row now is
// told anew.
func TestEraseKeepsStandingMerges(t *testing.T) {
	s := script{newFixture(t)}
	x := s.put("x", "x@example.com")
	y := s.put("y", "y@example.com")
	z := s.put("z", "z@example.com")
	v := s.put("v", "v@example.com")
	s.merge(audience.Key("x"), audience.Key("z"))
	s.unmerge(z)
	s.at(3)
	s.merge(audience.ID(x), audience.ID(y))
	s.at(4)
	s.merge(audience.ID(v), audience.ID(x))
	s.at(5)
	s.erase(audience.ID(z))
	var rows []audience.Contact
	merged := make(map[audience.ContactID]time.Time)
	for _, c := range s.changes() {
		if c.Contact == v && c.After != nil {
			rows = append(rows, *c.After)
		}
		if c.Kind == store.ChangeMerge {
			merged[c.Other] = c.MergedAt
		}
	}
	require.Equal(t, s.contact(audience.ID(v)), rows[len(rows)-1])
	require.Equal(t, s.hour(3), merged[y])
	require.Equal(t, s.hour(4), merged[x])
}
