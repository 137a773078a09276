package storetest

import (
	"context"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func mergeFaults() []fault {
	return []fault{
		{
			name: "the loser's row is not kept", found: []string{"merges/round-trip-and-order", "merges/undone-exactly"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return losingRow{w} }),
		},
		{
			name: "undoing a merge leaves the identities", found: []string{"merges/undone-exactly"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return losingIdentities{w} }),
		},
		{
			name: "all merges have one number", found: []string{"merges/numbers-grow"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return sameNumber{w} }),
		},
		{
			name: "a redirect goes one step", found: []string{"merges/redirect"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return oneStep{w} }),
		},
		{
			name: "a circle leads to somebody", found: []string{"merges/redirect-ends"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return circling{w} }),
		},
		{
			name: "a merge that was undone lingers", found: []string{"merges/delete", "merges/undone-exactly"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return lingering{w} }),
		},
		{
			name: "a merge loses what the loser did", found: []string{"merges/one-person-afterwards"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return forgettingMerges{w} }),
		},
		{
			name: "a merge loses the loser's refusal", found: []string{"consent/refusal-survives-merge"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return liftingByMerge{w} }),
		},
		{
			name: "undoing a merge loses the winner's refusal", found: []string{"consent/refusal-survives-unmerge"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return liftingByUnmerge{w} }),
		},
	}
}

type losingRow struct{ store.WriteRoles }

func (f losingRow) PutMerge(ctx context.Context, m store.Merge) error {
	m.LoserRow = audience.Contact{ID: m.Loser, External: m.LoserRow.External}
	return f.WriteRoles.PutMerge(ctx, m)
}

type losingIdentities struct{ store.WriteRoles }

func (f losingIdentities) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	m, err := f.WriteRoles.MergeOf(ctx, loser)
	if len(m.Identities) > 1 {
		m.Identities = m.Identities[:1]
	}
	return m, err
}

type sameNumber struct{ store.WriteRoles }

func (f sameNumber) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	m, err := f.WriteRoles.MergeOf(ctx, loser)
	m.Number = 1
	return m, err
}

type oneStep struct{ store.WriteRoles }

func (f oneStep) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	out, err := f.WriteRoles.Redirect(ctx, ids)
	for i, id := range ids {
		if m, mergeErr := f.MergeOf(ctx, id); mergeErr == nil && out[i] != id {
			out[i] = m.Winner
		}
	}
	return out, err
}

type circling struct{ store.WriteRoles }

func (f circling) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	out, err := f.WriteRoles.Redirect(ctx, ids)
	for i, id := range ids {
		if m, mergeErr := f.MergeOf(ctx, id); mergeErr == nil && out[i] == 0 {
			out[i] = m.Winner
		}
	}
	return out, err
}

type lingering struct{ store.WriteRoles }

func (f lingering) DeleteMerges(context.Context, []audience.ContactID) error { return nil }

type forgettingMerges struct{ store.WriteRoles }

func (f forgettingMerges) Merges(context.Context, []audience.ContactID) ([]store.Merge, error) {
	return nil, nil
}

// liftingByMerge takes all that the winner said for said after the merge.
type liftingByMerge struct{ store.WriteRoles }

func (f liftingByMerge) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	merges, err := f.WriteRoles.Merges(ctx, winners)
	for i := range merges {
		merges[i].WinnerSeq = 0
	}
	return merges, err
}

type liftingByUnmerge struct{ store.WriteRoles }

func (f liftingByUnmerge) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	m, err := f.WriteRoles.MergeOf(ctx, loser)
	m.WinnerSeq = math.MaxUint64
	return m, err
}
