package storetest

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicIDs = "ids"

func idChecks() []Check {
	return []Check{
		{
			Topic: topicIDs, Name: "ascending-and-new", run: idsAscending,
			Reason: "A contact id is a bit in every segment set; the same bit for two people puts one into the segments of the other.",
		},
		{
			Topic: topicIDs, Name: "not-again-after-rollback", run: idsAfterRollback,
			Reason: "What was rolled back may have been seen: by a log line, by a caller's map, by a database that is not part of the transaction.",
		},
		{
			Topic: topicIDs, Name: "not-again-after-delete", run: idsAfterDelete,
			Reason: "Ledger, tombstones and old sets go on naming a deleted contact; her id must never mean somebody else.",
		},
		{
			Topic: topicIDs, Name: "not-again-after-restart", run: idsAfterRestart, Needs: FeatureReopen,
			Reason: "A counter that begins at the highest row after a restart gives the ids of the last deleted people again.",
		},
		{
			Topic: topicIDs, Name: "full-is-an-error", run: idsFull,
			Reason: "A counter that wraps around overwrites the first people; one that gives a part lets a batch go in by half.",
		},
		{
			Topic: topicIDs, Name: "racing-draws", run: idsRacing,
			Reason: "Imports run side by side; an id that two of them draw makes one contact of two people.",
		},
	}
}

func (k *kit) draw(p store.Partition, n int) (ids []audience.ContactID) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) (err error) {
		ids, err = w.NewContactIDs(k.ctx, n)
		return err
	})
	require.Len(k, ids, n)
	return ids
}

func idsAscending(k *kit) {
	p := k.rows()
	seen := make(map[audience.ContactID]bool)
	note := func(ids []audience.ContactID) {
		for i, id := range ids {
			require.NotZero(k, id)
			require.False(k, seen[id], "id %d was given before", id)
			seen[id] = true
			if i > 0 {
				require.Greater(k, id, ids[i-1])
			}
		}
	}
	for range 3 {
		k.update(p, func(w store.WriteRoles) error {
			for _, n := range []int{1, 0, 3, 3} {
				ids, err := w.NewContactIDs(k.ctx, n)
				require.NoError(k, err)
				require.Len(k, ids, n)
				note(ids)
			}
			return nil
		})
	}
}

// requireNew draws ids and requires that they are not among those before.
func (k *kit) requireNew(p store.Partition, before []audience.ContactID) {
	k.Helper()
	for _, id := range k.draw(p, len(before)+3) {
		require.NotContains(k, before, id, "an id that was given is given again")
	}
}

func idsAfterRollback(k *kit) {
	p := k.rows()
	k.contacts(p, 1)
	var given []audience.ContactID
	failed := errors.New("failed")
	_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
		ids, err := addContacts(k.ctx, w, 3)
		given = append(given, ids...)
		return errors.Join(err, failed)
	})
	require.ErrorIs(k, err, failed)
	require.Panics(k, func() {
		_, _ = p.Update(k.ctx, func(w store.WriteRoles) error {
			ids, err := addContacts(k.ctx, w, 2)
			given = append(given, ids...)
			panic(err)
		})
	})
	require.Len(k, given, 5)
	k.requireNew(p, given)
}

func idsAfterDelete(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, ids) })
	k.requireNew(p, ids)
}

func idsAfterRestart(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, ids[1:]) })
	var lost []audience.ContactID
	failed := errors.New("failed")
	_, err := p.Update(k.ctx, func(w store.WriteRoles) (err error) {
		lost, err = w.NewContactIDs(k.ctx, 2)
		return errors.Join(err, failed)
	})
	require.ErrorIs(k, err, failed)
	k.restart()
	k.requireNew(k.rows(), append(ids, lost...))
}

func idsFull(k *kit) {
	p := k.rows()
	before := k.draw(p, 2)
	_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
		_, err := w.NewContactIDs(k.ctx, math.MaxUint32)
		return err
	})
	require.ErrorIs(k, err, audience.ErrFull)
	k.requireNew(p, before) // asking for too many took none
}

func idsRacing(k *kit) {
	const (
		writers = 4
		draws   = 10
	)
	p := k.rows()
	var mu sync.Mutex
	seen := make(map[audience.ContactID]int)
	k.together(writers, func(ctx context.Context, _ int) error {
		for range draws {
			var ids []audience.ContactID
			if _, err := p.Update(ctx, func(w store.WriteRoles) (err error) {
				ids, err = w.NewContactIDs(ctx, 3)
				return err
			}); err != nil {
				return err
			}
			mu.Lock()
			for _, id := range ids {
				seen[id]++
			}
			mu.Unlock()
		}
		return nil
	})
	require.Len(k, seen, writers*draws*3)
}
