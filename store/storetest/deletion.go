package storetest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicDeletion = "deletion"

func deletionChecks() []Check {
	return []Check{
		{
			Topic: topicDeletion, Name: "delete", run: deletionDelete,
			Reason: "A deleted person is gone for every reader and every name, but for what proves that she was asked and what she refused.",
		},
		{
			Topic: topicDeletion, Name: "erase-leaves-no-trace", run: deletionErase,
			Reason: "Erasure is a right: a name that stays in the feed, in a record or in a merge is a fine, found years later.",
		},
		{
			Topic: topicDeletion, Name: "others-stay", run: deletionOthers,
			Reason: "Removing one person must not touch another's rows, changes or places in the feed.",
		},
	}
}

// secret is in everything that is written about a person who is erased.
const secret = "xylophone"

// writeSecrets has a person leave her name everywhere.
func (k *kit) writeSecrets(aud *store.Audience, name string) {
	k.Helper()
	ref := audience.Key(name)
	w := person(name)
	w.FirstName, w.LastName, w.Phone = audience.NewPrivate(name), audience.NewPrivate(name), audience.NewPrivate(name)
	w.AddTags = []string{name}
	w.Set = map[string]audience.Value{"city": audience.StringValue(name), "likes": audience.StringListValue(name)}
	_, err := aud.Put(k.ctx, w)
	require.NoError(k, err)
	_, err = aud.Append(k.ctx, audience.EventWrite{
		Contact: ref, ID: name, Type: "visit", Time: at(1), Props: map[string]audience.Value{"page": audience.StringValue(name)},
	})
	require.NoError(k, err)
	consent := grant(ref)
	consent.Evidence = []byte("said by " + name)
	k.record(aud, consent)
	k.change(aud, func(tx *store.Tx) error {
		if err := tx.AddToList(k.ctx, "gold", source(), ref); err != nil {
			return err
		}
		ids, err := tx.Resolve(k.ctx, ref)
		if err != nil {
			return err
		}
		_, err = tx.SaveRecord(k.ctx, store.Record{Namespace: "caps", Key: name, Value: []byte(name), Contact: ids[0]})
		return err
	})
}

// secrets reads everything there is and gives the lines that have the secret.
func (k *kit) secrets(p store.Partition, ids ...audience.ContactID) (found []string) {
	k.Helper()
	u := universe{ids: ids, lists: []string{"gold"}, namespaces: []string{"caps", "audience", "evidence", "unmerged", "deleted"}}
	lines := k.state(p, u)
	lines = append(lines, commitTexts(k.commits(p, store.Position{}, 100))...)
	k.view(p, func(r store.ReadRoles) {
		for _, namespace := range u.namespaces {
			records, err := r.RecordsAfter(k.ctx, namespace, "", "", 1000, start())
			require.NoError(k, err)
			for _, rec := range records {
				lines = append(lines, rec.Key+" = "+string(rec.Value))
			}
		}
	})
	for _, line := range lines {
		if strings.Contains(line, secret) {
			found = append(found, line)
		}
	}
	return found
}

func deletionDelete(k *kit) {
	aud := k.open(mainAudience)
	k.writeSecrets(aud, secret)
	ref := audience.Key(secret)
	id := k.profile(aud, ref).Contact.ID
	chain := k.ledger(k.rows(), id)
	require.Len(k, chain, 1)
	k.change(aud, func(tx *store.Tx) error { return tx.Delete(k.ctx, source(), ref) })
	k.look(aud, func(r *store.Reader) {
		for _, name := range []audience.Ref{ref, audience.ID(id), audience.AddressRef(person(secret).Email)} {
			_, err := r.Contact(k.ctx, name)
			require.ErrorIs(k, err, audience.ErrNotFound)
		}
		members, err := r.Members(k.ctx, "gold", "", 10)
		require.NoError(k, err)
		require.Empty(k, members.Items)
		_, err = r.LoadRecord(k.ctx, "caps", secret)
		require.ErrorIs(k, err, audience.ErrNotFound)
	})
	require.Empty(k, k.events(k.rows(), store.EventQuery{Origins: []audience.ContactID{id}, Retracted: true}))
	require.Empty(k, k.memberships(k.rows(), id))
	require.Equal(k, chain, k.ledger(k.rows(), id))
	res, err := aud.Put(k.ctx, person(secret)) // the names are free for somebody new
	require.NoError(k, err)
	require.Greater(k, res.ID, id)
	p := k.profile(aud, ref)
	require.Empty(k, p.Streams)
	require.Empty(k, p.Lists)
	require.Empty(k, p.History.Records)
	commits := k.commits(aud, store.Position{}, 100)
	gone := commits[len(commits)-2]
	require.Equal(k, []store.ChangeKind{store.ChangeDelete}, []store.ChangeKind{gone.Changes[0].Kind})
	require.Equal(k, id, gone.Changes[0].Contact)
}

func deletionErase(k *kit) {
	aud := k.open(mainAudience)
	p := k.rows()
	k.people(aud, "ann")
	ann := k.profile(aud, audience.Key("ann")).Contact.ID
	her, twin := secret, secret+"2"
	k.writeSecrets(aud, her)
	k.writeSecrets(aud, twin)
	id, other := k.profile(aud, audience.Key(her)).Contact.ID, k.profile(aud, audience.Key(twin)).Contact.ID
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { // for a while she was taken for ann
		return tx.Merge(k.ctx, audience.ID(ann), audience.ID(id), source())
	})
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Unmerge(k.ctx, id, source()) })
	k.clock.step(time.Minute)
	k.change(aud, func(tx *store.Tx) error { return tx.Merge(k.ctx, audience.ID(id), audience.ID(other), source()) })
	before := k.commits(aud, store.Position{}, 100)
	require.NotEmpty(k, k.secrets(p, ann, id, other))
	chain := k.ledger(p, id, other)

	k.change(aud, func(tx *store.Tx) error { return tx.Erase(k.ctx, source(), audience.Key(twin)) })
	require.Empty(k, k.secrets(p, ann, id, other))
	require.Equal(k, chain, k.ledger(p, id, other), "the chains stay whole, and say nothing")
	k.look(aud, func(r *store.Reader) {
		records, err := r.History(k.ctx, audience.ID(id))
		require.NoError(k, err)
		_, err = r.Evidence(k.ctx, records.Records[0])
		require.ErrorIs(k, err, audience.ErrNotFound)
		ids, err := r.Resolve(k.ctx, audience.ID(id), audience.ID(other), audience.Key(her), audience.Key(twin))
		require.NoError(k, err)
		require.Equal(k, []audience.ContactID{0, 0, 0, 0}, ids)
	})
	after := k.commits(aud, store.Position{}, 100)
	require.Len(k, after, len(before)+1)
	for i := range before {
		require.Equal(k, before[i].Position, after[i].Position, "places in the feed stay")
		require.Len(k, after[i].Changes, len(before[i].Changes))
	}
	for _, name := range []string{her, twin} {
		_, err := aud.Put(k.ctx, person(name))
		require.ErrorIs(k, err, audience.ErrDenied, "no import brings her back")
	}
}

func deletionOthers(k *kit) {
	aud := k.open(mainAudience)
	p := k.rows()
	for _, name := range []string{"ann", secret, "bea"} {
		k.writeSecrets(aud, name)
	}
	ann, bea := audience.Key("ann"), audience.Key("bea")
	ids := []audience.ContactID{k.profile(aud, ann).Contact.ID, k.profile(aud, bea).Contact.ID}
	describe := func() []string { return append(k.describe(aud, ann), k.describe(aud, bea)...) }
	changes := func() (lines []string) {
		for _, c := range k.commits(aud, store.Position{}, 100) {
			if countOf(c, ids[0])+countOf(c, ids[1]) > 0 {
				lines = append(lines, commitTexts([]store.Commit{c})...)
			}
		}
		return lines
	}
	described, told, records := describe(), changes(), k.recordKeys(p, "caps", "", "", 10, start())
	require.Len(k, records, 3)
	for _, remove := range []func(tx *store.Tx) error{
		func(tx *store.Tx) error { return tx.Delete(k.ctx, source(), audience.Key(secret)) },
		func(tx *store.Tx) error {
			_, err := tx.Put(k.ctx, person(secret))
			return err
		},
		func(tx *store.Tx) error { return tx.Erase(k.ctx, source(), audience.Key(secret)) },
	} {
		k.change(aud, remove)
		require.Equal(k, described, describe())
		require.Equal(k, told, changes())
		require.Equal(k, []string{"ann", "bea"}, k.recordKeys(p, "caps", "", "", 10, start()))
	}
}
