package storetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicBatches = "batches"

func batchChecks() []Check {
	return []Check{
		{
			Topic: topicBatches, Name: "empty", run: batchesEmpty,
			Reason: "A filter that leaves nothing over ends in an empty batch: that is no error, and never everything.",
		},
		{
			Topic: topicBatches, Name: "ten-thousand-contacts", run: batchesContacts,
			Reason: "A batch may have 10,000 items; placeholders, packets and statements have limits of their own that it must not run into.",
		},
		{
			Topic: topicBatches, Name: "ten-thousand-events", run: batchesEvents,
			Reason: "The same for what contacts do, be it one of each or all of one.",
		},
		{
			Topic: topicBatches, Name: "ten-thousand-of-the-rest", run: batchesRest,
			Reason: "The same for ledger, suppressions, lists, records and the feed.",
		},
	}
}

// batchItems is the default of audience.Limits.BatchItems.
const batchItems = 10_000

func batchesEmpty(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	before, feed := k.state(p, u), k.commits(p, store.Position{}, 10)
	for i := range emptyCalls(nil) {
		pos := k.update(p, func(w store.WriteRoles) error {
			c := emptyCalls(w)[i]
			require.NoError(k, c.do(k.ctx), c.name)
			return nil
		})
		require.True(k, pos.IsZero())
	}
	require.Equal(k, before, k.state(p, u))
	require.Equal(k, commitTexts(feed), commitTexts(k.commits(p, store.Position{}, 10)))
}

func batchesContacts(k *kit) {
	aud := k.open(mainAudience)
	writes := make([]audience.ContactWrite, batchItems)
	for i := range writes {
		writes[i] = person(fmt.Sprintf("p%05d", i))
	}
	created, err := k.put(aud, writes...)
	require.NoError(k, err)
	for i := range writes { // again, with something to change
		writes[i].AddTags = []string{"again"}
	}
	changed, err := k.put(aud, writes...)
	require.NoError(k, err)
	ids := make([]audience.ContactID, batchItems)
	for i := range created {
		require.True(k, created[i].Created)
		require.Equal(k, created[i].ID, changed[i].ID)
		require.EqualValues(k, 2, changed[i].Version)
		ids[i] = created[i].ID
	}
	p := k.rows()
	k.view(p, func(r store.ReadRoles) {
		identities := make([]audience.Identity, batchItems)
		for i := range identities {
			identities[i] = host(fmt.Sprintf("p%05d", i))
		}
		held, err := r.Resolve(k.ctx, identities)
		require.NoError(k, err)
		require.Equal(k, ids, held)
		rows, err := r.Contacts(k.ctx, ids)
		require.NoError(k, err)
		require.Len(k, rows, batchItems)
		rows, err = r.ContactsAfter(k.ctx, 0, batchItems)
		require.NoError(k, err)
		require.Len(k, rows, batchItems)
	})
	commits := k.commits(aud, store.Position{}, 10)
	require.Len(k, commits[len(commits)-1].Changes, batchItems)
	require.Len(k, commits[len(commits)-2].Changes, batchItems)
}

func batchesEvents(k *kit) {
	p := k.rows()
	ids := k.contacts(p, batchItems)
	events := make([]audience.Event, batchItems)
	keys := make([]store.EventKey, batchItems)
	counts := make([]store.EventCountKey, batchItems)
	for n, one := range []bool{false, true} {
		for i, id := range ids {
			if one {
				id = ids[0]
			}
			events[i] = event(id, fmt.Sprintf("type %d", n), fmt.Sprintf("%d-%05d", n, i), at(i))
			keys[i] = store.EventKey{Origin: id, ID: events[i].ID}
			counts[i] = store.EventCountKey{Origin: id, Type: events[i].Type}
		}
		k.update(p, func(w store.WriteRoles) error { return w.PutEvents(k.ctx, events) })
		k.view(p, func(r store.ReadRoles) {
			got, err := r.Events(k.ctx, store.EventQuery{Origins: ids, Types: []string{events[0].Type}})
			require.NoError(k, err)
			require.Len(k, got, batchItems)
			require.Equal(k, eventText(&events[batchItems-1]), eventText(&got[batchItems-1]))
			got, err = r.EventsByKey(k.ctx, keys)
			require.NoError(k, err)
			require.Len(k, got, batchItems)
			sum, err := r.EventCounts(k.ctx, counts)
			require.NoError(k, err)
			require.Len(k, sum, batchItems)
			if one {
				require.Equal(k, batchItems, sum[batchItems-1])
			} else {
				require.Equal(k, 1, sum[batchItems-1])
			}
		})
	}
	k.update(p, func(w store.WriteRoles) error { return w.DeleteEvents(k.ctx, ids) })
	require.Empty(k, k.events(p, store.EventQuery{Origins: ids}))
}

func batchesRest(k *kit) {
	p := k.rows()
	var u universe
	k.update(p, func(w store.WriteRoles) (err error) {
		u, err = furnish(k.ctx, w, mainAudience, "a", batchItems, at(1))
		return err
	})
	k.requireFurnished(p, u, "a", batchItems)
	k.view(p, func(r store.ReadRoles) {
		heads, err := r.LedgerHeads(k.ctx, u.ids)
		require.NoError(k, err)
		require.Len(k, heads, batchItems)
		members, err := r.MembersAfter(k.ctx, "gold", 0, batchItems)
		require.NoError(k, err)
		require.Len(k, members, batchItems)
		suppressions, err := r.SuppressionsAfter(k.ctx, audience.Suppression{}, batchItems)
		require.NoError(k, err)
		require.Len(k, suppressions, batchItems)
	})
	k.update(p, func(w store.WriteRoles) error {
		if err := w.BlankChanges(k.ctx, u.ids); err != nil {
			return err
		}
		if err := w.DeleteRecordsOf(k.ctx, u.ids, nil); err != nil {
			return err
		}
		return w.DeleteContacts(k.ctx, u.ids)
	})
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.ContactsAfter(k.ctx, 0, 1)
		require.NoError(k, err)
		require.Empty(k, rows)
	})
	require.Empty(k, k.recordKeys(p, "caps", "", "", 1, start()))
	commits := k.commits(p, store.Position{}, 10)
	require.Len(k, commits, 1)
	require.Len(k, commits[0].Changes, batchItems)
	require.Nil(k, commits[0].Changes[batchItems-1].Event)
}
