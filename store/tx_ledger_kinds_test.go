package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestKindsThatDoNotCount are kept in the chain and change nobody's standing.
func TestKindsThatDoNotCount(t *testing.T) {
	f := newFixture(t)
	id := f.put("u1", "u1@example.com")
	ref := audience.ID(id)
	restrict := audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRestricted}
	release := audience.ConsentWrite{Contact: ref, Kind: audience.ConsentReleased, Source: audience.Source{Actor: "op-1"}, Evidence: []byte("it is settled")}
	relate := audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRelation, Mechanism: audience.MechanismPurchase, Expires: f.now.Add(time.Hour)}
	for _, bare := range []func(*audience.ConsentWrite){
		func(w *audience.ConsentWrite) { w.Source.Actor = "" },
		func(w *audience.ConsentWrite) { w.Evidence = nil },
	} {
		w := release
		bare(&w)
		_, err := f.Record(t.Context(), w)
		require.ErrorIs(t, err, audience.ErrDenied)
	}
	for _, w := range []audience.ConsentWrite{restrict, relate, release} {
		f.record(w)
		require.Equal(t, "none", f.status(ref), w.Kind.String())
	}
	f.record(grant(ref, audience.MechanismSingleOptIn))
	f.later(time.Second)
	f.record(restrict)
	require.Equal(t, "subscribed", f.status(ref))
	p := f.profile(ref)
	require.True(t, p.History.Restricted(f.now))
	require.Empty(t, f.held("u1@example.com"))
	require.Equal(t, f.now.Add(time.Hour-time.Second), p.History.Records[1].Expires)

	// A relation that was recorded in error is taken back, a restriction is not.
	f.record(audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRetracted, Retracts: 2})
	_, err := f.Record(t.Context(), audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRetracted, Retracts: 1})
	require.ErrorIs(t, err, audience.ErrInvalid)
}

// TestRestrictionSurvivesUnmerge: one that came during the merge holds for
// both, unless it was released.
func TestRestrictionSurvivesUnmerge(t *testing.T) {
	for _, released := range []bool{false, true} {
		f := newFixture(t)
		winner, loser := f.put("w", "w@example.com"), f.put("l", "l@example.com")
		f.update(func(tx *store.Tx) error {
			return tx.Merge(t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
		})
		f.later(time.Second)
		f.record(audience.ConsentWrite{Contact: audience.ID(winner), Kind: audience.ConsentRestricted})
		if released {
			f.later(time.Second)
			f.record(audience.ConsentWrite{
				Contact: audience.ID(winner), Kind: audience.ConsentReleased, Source: audience.Source{Actor: "op"}, Evidence: []byte("settled"),
			})
		}
		f.later(time.Second)
		f.update(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), loser, audience.Source{}) })
		for _, id := range []audience.ContactID{winner, loser} {
			p := f.profile(audience.ID(id))
			require.Equal(t, !released, p.History.Restricted(f.now))
		}
	}
}
