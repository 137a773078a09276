package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The three orders of the feed that suggest themselves, and where each of
// them goes wrong when transactions overlap.

func feedOrderChecks() []Check {
	return []Check{
		{
			Topic: topicFeed, Name: "late-commit-is-not-lost", run: feedLate, Needs: FeatureOverlap,
			Reason: "A number drawn while the transaction runs becomes visible after higher ones: a follower that has gone past it never sees the commit.",
		},
		{
			Topic: topicFeed, Name: "not-by-the-beginning-of-transactions", run: feedBeginning, Needs: FeatureOverlap,
			Reason: "In the order in which transactions began, the later change of a person comes first and the follower ends with the former one.",
		},
		{
			Topic: topicFeed, Name: "not-by-the-first-change", run: feedFirstChange, Needs: FeatureOverlap,
			Reason: "A transaction may change a person long after its first change: only its last one tells where it belongs.",
		},
		{
			Topic: topicFeed, Name: "dates-in-order", run: feedDates, Needs: FeatureOverlap,
			Reason: "A slow transaction is dated when it began; behind a later one its date would take a follower's clock back.",
		},
	}
}

// interleave commits the second transaction while the first one is open, in
// between of what the first one does. When the first one is called again it
// just does both parts.
func (k *kit) interleave(p store.Partition, before, second, after func(w store.WriteRoles) error) {
	k.Helper()
	done := false
	k.update(p, func(w store.WriteRoles) error {
		if err := before(w); err != nil {
			return err
		}
		if !done {
			done = true
			k.update(p, second)
		}
		return after(w)
	})
}

func (k *kit) log(id audience.ContactID) func(w store.WriteRoles) error {
	return func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(1), id) }
}

func feedLate(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	from, err := p.Head(k.ctx)
	require.NoError(k, err)
	var seen []audience.ContactID
	follow := func() {
		for _, c := range k.commits(p, from, 10) {
			from = c.Position
			for _, change := range c.Changes {
				seen = append(seen, change.Contact)
			}
		}
	}
	k.interleave(p, k.log(ids[0]), k.log(ids[1]), func(store.WriteRoles) error {
		follow()
		require.Equal(k, ids[1:], seen)
		return nil
	})
	follow()
	require.ElementsMatch(k, ids, seen)
	require.Len(k, k.commits(p, store.Position{}, 10), 2)
}

// requireVersions requires that the feed gives each contact's versions in
// order.
func (k *kit) requireVersions(p store.Partition, want map[audience.ContactID][]uint64) {
	k.Helper()
	got := make(map[audience.ContactID][]uint64)
	for _, c := range k.commits(p, store.Position{}, 10) {
		for _, change := range c.Changes {
			got[change.Contact] = append(got[change.Contact], change.After.Version)
		}
	}
	require.Equal(k, want, got)
}

func feedBeginning(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.interleave(p, func(w store.WriteRoles) error { // it writes, so that it has begun everywhere, but no change
		return w.PutEvents(k.ctx, []audience.Event{event(ids[1], "visit", "1", at(1))})
	}, k.log(ids[0]), k.log(ids[0]))
	k.requireVersions(p, map[audience.ContactID][]uint64{ids[0]: {2, 3}})
}

func feedFirstChange(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.interleave(p, k.log(ids[1]), k.log(ids[0]), k.log(ids[0]))
	k.requireVersions(p, map[audience.ContactID][]uint64{ids[0]: {2, 3}, ids[1]: {2}})
}

func feedDates(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.interleave(
		p, k.log(ids[0]), // at 1
		func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(5), ids[1]) },
		func(store.WriteRoles) error { return nil },
	)
	k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(9), ids[0]) })
	var last time.Time
	for _, c := range k.commits(p, store.Position{}, 10) {
		require.False(k, c.At.Before(last), "%s after %s", instantText(c.At), instantText(last))
		last = c.At
	}
	require.Equal(k, instantText(at(9)), instantText(last))
	k.view(p, func(r store.ReadRoles) {
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.Equal(k, instantText(at(9)), instantText(last))
	})
}

// feedInside reads the feed while a transaction is open, by the capability
// store.FeedInside or, without it, as ever.
func feedInside(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	from, err := p.Head(k.ctx)
	require.NoError(k, err)
	k.update(p, k.log(ids[0]))
	var seen []store.Commit
	k.update(p, func(w store.WriteRoles) error {
		if err := k.log(ids[1])(w); err != nil {
			return err
		}
		commits := p.Commits
		if inside, ok := store.As[store.FeedInside](w); ok {
			commits = inside.CommitsByNow
		}
		seen, err = commits(k.ctx, from, 10)
		return err
	})
	require.Len(k, seen, 1, "what is committed, and nothing of the own transaction")
	require.Equal(k, ids[0], seen[0].Changes[0].Contact)
	all := k.commits(p, from, 10)
	require.Len(k, all, 2)
	require.Equal(k, all[0], seen[0])
}
