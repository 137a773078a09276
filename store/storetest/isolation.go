package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicIsolation = "isolation"

// The checks of this topic are G5: nothing crosses between audiences.

func isolationChecks() []Check {
	return []Check{
		{
			Topic: topicIsolation, Name: "rows", run: isolationRows,
			Reason: "Audiences are tenants: a row of one that shows in another is a leak, whatever ids and keys the two have in common.",
		},
		{
			Topic: topicIsolation, Name: "writes", run: isolationWrites,
			Reason: "What one tenant deletes, claims, trims or erases must not be missing at another's.",
		},
		{
			Topic: topicIsolation, Name: "names-by-bytes", run: isolationNames,
			Reason: "A collation that takes two names for the same makes one tenant of two.",
		},
		{
			Topic: topicIsolation, Name: "the-same-person", run: isolationPerson,
			Reason: "A person may be a customer of two tenants: what she said to one says nothing about the other.",
		},
	}
}

func isolationRows(k *kit) {
	a, b := k.partition("a"), k.partition("b")
	var u universe
	k.update(a, func(w store.WriteRoles) (err error) {
		u, err = furnish(k.ctx, w, "a", "mine", 3, at(1))
		return err
	})
	empty, err := k.fresh().Partition(k.ctx, "b") // of a store that has no other audience
	require.NoError(k, err)
	require.Equal(k, k.state(empty, u), k.state(b, u))
	head, err := b.Head(k.ctx)
	require.NoError(k, err)
	require.True(k, head.IsZero())
	require.Empty(k, k.commits(b, store.Position{}, 10))
	k.view(b, func(r store.ReadRoles) {
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.True(k, last.IsZero())
		_, err = r.Record(k.ctx, "caps", "mine-0", start())
		require.ErrorIs(k, err, audience.ErrNotFound)
		_, err = r.MergeOf(k.ctx, u.ids[0])
		require.ErrorIs(k, err, audience.ErrNotFound)
	})
}

func isolationWrites(k *kit) {
	a, b := k.partition("a"), k.partition("b")
	var u universe // the same texts, and most likely the same ids, in both
	for name, p := range map[string]store.Partition{"a": a, "b": b} {
		k.update(p, func(w store.WriteRoles) (err error) {
			u, err = furnish(k.ctx, w, name, "same", 3, at(1))
			return err
		})
	}
	before, feed := k.state(b, u), commitTexts(k.commits(b, store.Position{}, 10))
	k.requireFurnished(b, u, "same", 3)
	k.update(a, func(w store.WriteRoles) error {
		ids := u.ids
		for _, write := range []func() error{
			func() error { return w.DeleteContacts(k.ctx, ids) },
			func() error {
				return w.ReleaseIdentities(k.ctx, []store.Claim{{Identity: u.identities[0], Contact: ids[0]}, {Identity: u.identities[1], Contact: ids[1]}})
			},
			func() error { return w.DeleteEvents(k.ctx, ids) },
			func() error { return w.RemoveMembers(k.ctx, []store.Membership{{List: "gold", Origin: ids[0]}}) },
			func() error { return w.DeleteRecordsOf(k.ctx, ids, nil) },
			func() error { return w.DeleteMerges(k.ctx, ids) },
			func() error { return w.BlankChanges(k.ctx, ids) },
			func() error {
				return w.PutSuppressions(k.ctx, []audience.Suppression{{Hash: u.hashes[0], Reason: audience.SuppressedManually, At: at(1), Lifted: at(2)}})
			},
			func() error {
				_, err := w.PutRecords(k.ctx, []store.Record{{Namespace: "caps", Key: "same-0", Value: []byte("changed")}}, start())
				return err
			},
			func() error { return w.AppendChanges(k.ctx, at(9), []store.Change{{Kind: store.ChangeSchema}}) },
		} {
			if err := write(); err != nil {
				return err
			}
		}
		return nil
	})
	head, err := a.Head(k.ctx)
	require.NoError(k, err)
	require.NoError(k, a.Trim(k.ctx, head))
	require.Equal(k, before, k.state(b, u))
	require.Equal(k, feed, commitTexts(k.commits(b, store.Position{}, 10)))
	k.update(b, func(w store.WriteRoles) error { // a change of b's merges goes on as if a were not there
		return w.DeleteMerges(k.ctx, u.ids)
	})
}

func isolationNames(k *kit) {
	names := []string{"main", "Main", "máin", "mai", "mainn", "main/1", "main%", "main_", "'main'", "漢字"}
	for i, name := range names {
		p := k.partition(name)
		k.view(p, func(r store.ReadRoles) {
			rows, err := r.ContactsAfter(k.ctx, 0, 10)
			require.NoError(k, err)
			require.Empty(k, rows, "%q", name)
		})
		k.contacts(p, i+1)
	}
	for i, name := range names {
		k.view(k.partition(name), func(r store.ReadRoles) {
			rows, err := r.ContactsAfter(k.ctx, 0, len(names)+1)
			require.NoError(k, err)
			require.Len(k, rows, i+1, "%q", name)
		})
	}
}

func isolationPerson(k *kit) {
	shop, school := k.open("shop"), k.open("school")
	ann := audience.Key("ann")
	for _, aud := range []*store.Audience{shop, school} {
		k.people(aud, "ann")
	}
	k.record(shop, grant(ann))
	k.requireStanding(shop, ann, audience.StatusSubscribed, true, "who asked")
	k.requireStanding(school, ann, audience.StatusNone, false, "who did not")
	k.record(school, grant(ann))
	k.record(shop, refusal(ann, audience.ConsentComplained))
	k.requireStanding(shop, ann, audience.StatusComplained, false, "whom she reported")
	k.requireStanding(school, ann, audience.StatusSubscribed, true, "whom she did not")
	k.change(shop, func(tx *store.Tx) error { return tx.Erase(k.ctx, source(), ann) })
	k.requireStanding(school, ann, audience.StatusSubscribed, true, "erased elsewhere")
	k.look(school, func(r *store.Reader) {
		held, err := r.Suppressions(k.ctx, person("ann").Email)
		require.NoError(k, err)
		require.Empty(k, held)
	})
}
