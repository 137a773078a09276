package storetest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicMerges = "merges"

func mergeChecks() []Check {
	return []Check{
		{
			Topic: topicMerges, Name: "round-trip-and-order", run: mergeRoundTrip,
			Reason: "A merge is undone from what is stored with it; what is lost there cannot be undone.",
		},
		{
			Topic: topicMerges, Name: "numbers-grow", run: mergeNumbers,
			Reason: "The fold of consent applies merges in the order in which they were made; a number that comes again folds them in another.",
		},
		{
			Topic: topicMerges, Name: "redirect", run: mergeRedirect,
			Reason: "Old ids stay in the host's tables for years; each must lead to the person who stands for it now, or to nobody.",
		},
		{
			Topic: topicMerges, Name: "redirect-ends", run: mergeCircle,
			Reason: "Merges that point at each other are damage, and damage must be an answer and not an endless loop.",
		},
		{
			Topic: topicMerges, Name: "delete", run: mergeDelete,
			Reason: "After an undo the loser stands for herself; a merge that lingers sends her mail and her events to the winner.",
		},
	}
}

func (k *kit) merge(p store.Partition, merges ...store.Merge) {
	k.Helper()
	k.update(p, func(w store.WriteRoles) error {
		for _, m := range merges {
			if err := w.PutMerge(k.ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *kit) merges(p store.Partition, winners ...audience.ContactID) (rows []store.Merge) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		var err error
		rows, err = r.Merges(k.ctx, winners)
		require.NoError(k, err)
	})
	return rows
}

// unnumbered is the text of merges without the numbers they were given.
func unnumbered(rows []store.Merge) []string {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Number = 0
	}
	return texts(rows, mergeText)
}

func mergeRoundTrip(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 5)
	full := fullContact(ids[4], 7)
	a := store.Merge{Loser: ids[4], Winner: ids[0], At: at(1), WinnerSeq: 1 << 40, LoserRow: full, Identities: full.Identities(), Source: source(), Number: 77}
	b := store.Merge{Loser: ids[1], Winner: ids[2], At: at(2).Add(1000), LoserRow: plainContact(ids[1], 1)}
	c := store.Merge{Loser: ids[3], Winner: ids[0], At: at(0), LoserRow: plainContact(ids[3], 1), Identities: []audience.Identity{host("x y ")}}
	k.merge(p, b, a, c)
	got := k.merges(p, ids[2], ids[1], ids[0], ids[2])
	require.Equal(k, unnumbered([]store.Merge{a, c, b}), unnumbered(got), "by winner, then in the order in which they were made")
	require.Less(k, got[0].Number, got[1].Number)
	require.Empty(k, k.merges(p, ids[1], ids[3], ids[4]))
	k.view(p, func(r store.ReadRoles) {
		for i, loser := range []audience.ContactID{ids[4], ids[3], ids[1]} {
			m, err := r.MergeOf(k.ctx, loser)
			require.NoError(k, err)
			require.Equal(k, mergeText(&got[i]), mergeText(&m))
		}
		_, err := r.MergeOf(k.ctx, ids[0])
		require.ErrorIs(k, err, audience.ErrNotFound)
	})
}

func mergeNumbers(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 4)
	last := uint64(0)
	for i := range 3 {
		loser := ids[1+i%2]
		k.merge(p, store.Merge{Loser: loser, Winner: ids[0], LoserRow: plainContact(loser, 1)})
		k.view(p, func(r store.ReadRoles) {
			m, err := r.MergeOf(k.ctx, loser)
			require.NoError(k, err)
			require.Greater(k, m.Number, last)
			last = m.Number
		})
		k.update(p, func(w store.WriteRoles) error { return w.DeleteMerges(k.ctx, ids[1:3]) })
	}
	// By loser: a second one replaces the first.
	k.merge(p, store.Merge{Loser: ids[1], Winner: ids[0], LoserRow: plainContact(ids[1], 1)})
	k.merge(p, store.Merge{Loser: ids[1], Winner: ids[3], LoserRow: plainContact(ids[1], 1)})
	require.Empty(k, k.merges(p, ids[0]))
	require.Len(k, k.merges(p, ids[3]), 1)
}

func (k *kit) redirect(p store.Partition, ids ...audience.ContactID) (got []audience.ContactID) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		var err error
		got, err = r.Redirect(k.ctx, ids)
		require.NoError(k, err)
	})
	return got
}

func mergeRedirect(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 7)
	k.merge(
		p,
		store.Merge{Loser: ids[0], Winner: ids[1]}, store.Merge{Loser: ids[1], Winner: ids[2]}, // twice merged
		store.Merge{Loser: ids[3], Winner: ids[2]}, // her row exists
		store.Merge{Loser: ids[4], Winner: ids[5]}, // the winner is gone
	)
	k.update(p, func(w store.WriteRoles) error {
		return w.DeleteContacts(k.ctx, []audience.ContactID{ids[0], ids[1], ids[4], ids[5], ids[6]})
	})
	require.Equal(
		k, []audience.ContactID{0, ids[2], ids[2], ids[2], ids[3], 0, 0, 0, 0, ids[2]},
		k.redirect(p, ids[6], ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6]+1000, 0, ids[0]),
	)
}

func mergeCircle(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	k.merge(p, store.Merge{Loser: ids[0], Winner: ids[1]}, store.Merge{Loser: ids[1], Winner: ids[0]})
	k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, ids[:2]) })
	require.Equal(k, []audience.ContactID{ids[2], 0, 0}, k.redirect(p, ids[2], ids[0], ids[1]))
}

func mergeDelete(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	k.merge(p, store.Merge{Loser: ids[0], Winner: ids[2]}, store.Merge{Loser: ids[1], Winner: ids[2]})
	k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, ids[:2]) })
	for range 2 { // again is harmless
		k.update(p, func(w store.WriteRoles) error { return w.DeleteMerges(k.ctx, []audience.ContactID{ids[0], ids[2]}) })
		require.Equal(k, []audience.ContactID{0, ids[2], ids[2]}, k.redirect(p, ids...))
		got := k.merges(p, ids[2])
		require.Len(k, got, 1)
		require.Equal(k, ids[1], got[0].Loser)
		k.view(p, func(r store.ReadRoles) {
			_, err := r.MergeOf(k.ctx, ids[0])
			require.ErrorIs(k, err, audience.ErrNotFound)
		})
	}
}
