package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicTransactions = "transactions"

func transactionChecks() []Check {
	return []Check{
		{
			Topic: topicTransactions, Name: "commit", run: txCommit,
			Reason: "What Update acknowledged is there for everybody from then on, with every kind of row it wrote.",
		},
		{
			Topic: topicTransactions, Name: "rollback-on-error", run: txError,
			Reason: "A job that fails half way is run again; what its first run left behind is then refused or counted twice.",
		},
		{
			Topic: topicTransactions, Name: "rollback-on-panic", run: txPanic,
			Reason: "A bug in the host's function must not become a half-written person, and must not disappear either.",
		},
		{
			Topic: topicTransactions, Name: "rollback-on-cancel", run: txCancel,
			Reason: "The host gave up and was told so; a commit after that is work nobody knows of.",
		},
		{
			Topic: topicTransactions, Name: "reads-its-own-writes", run: txOwnWrites,
			Reason: "A batch that looks up what an earlier one of the same transaction wrote would make everything twice.",
		},
		{
			Topic: topicTransactions, Name: "unseen-before-commit", run: txUnseen,
			Reason: "A reader who acts on what is rolled back later acts on something that never was.",
		},
		{
			Topic: topicTransactions, Name: "position-covers-the-commit", run: txPosition,
			Reason: "Who waits for the position of a commit must have seen it by then, and a commit without changes has nothing to wait for.",
		},
		{
			Topic: topicTransactions, Name: "beginning-of-a-transaction", run: txBeginning,
			Reason: "The handle dates a transaction by the last commit before it: its own changes are no earlier commit.",
		},
		{
			Topic: topicTransactions, Name: "refused-but-alive", run: txRefusedAlive,
			Reason: "A refusal that is expected must not poison the transaction: inside the host's own transaction nobody can start over.",
		},
		{
			Topic: topicTransactions, Name: "overtaken-is-tried-again", run: txOvertaken, Needs: FeatureOverlap,
			Reason: "Two hosts that bring the same new field or address at once are no mistake of either: who was second looks again and goes on.",
		},
		{
			Topic: topicTransactions, Name: "lost-update", run: txLostUpdate, Needs: FeatureOverlap,
			Reason: "Two that read the same row, add to it and write it back must not lose what one of them added.",
		},
		{
			Topic: topicTransactions, Name: "counting-up", run: txCounting,
			Reason: "Many writers of one row end where one writer would have ended.",
		},
	}
}

func txCommit(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	k.requireFurnished(p, u, "a", 3)
	again := k.partition(mainAudience)
	require.Equal(k, k.state(p, u), k.state(again, u), "the same rows by the same name")
}

// requireFurnished requires that every kind of row of a tag is there.
func (k *kit) requireFurnished(p store.Partition, u universe, tag string, n int) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		ids, err := r.Resolve(k.ctx, u.identities)
		require.NoError(k, err)
		require.Equal(k, u.ids, ids)
		contacts, err := r.Contacts(k.ctx, u.ids)
		require.NoError(k, err)
		require.Len(k, contacts, n)
		events, err := r.Events(k.ctx, store.EventQuery{Origins: u.ids, Types: []string{"visit"}})
		require.NoError(k, err)
		require.Len(k, events, n)
		members, err := r.Memberships(k.ctx, u.ids)
		require.NoError(k, err)
		require.Len(k, members, n)
		ledger, err := r.Ledger(k.ctx, u.ids)
		require.NoError(k, err)
		require.Len(k, ledger, n)
		suppressions, err := r.Suppressions(k.ctx, u.hashes)
		require.NoError(k, err)
		require.Len(k, suppressions, n)
		records, err := r.RecordsAfter(k.ctx, "caps", tag, "", n+1, start())
		require.NoError(k, err)
		require.Len(k, records, n)
		merges, err := r.Merges(k.ctx, u.ids)
		require.NoError(k, err)
		require.Len(k, merges, 1)
	})
}

// undoing runs a transaction that changes and removes what is there and adds
// more of everything, and then ends by end.
func (k *kit) undoing(ctx context.Context, p store.Partition, u universe, end func() error) (err error) {
	_, err = p.Update(ctx, func(w store.WriteRoles) error {
		if _, err := furnish(k.ctx, w, mainAudience, "lost", 2, at(5)); err != nil {
			return err
		}
		if err := bumpAndLog(k.ctx, w, at(5), u.ids[2]); err != nil {
			return err
		}
		head, err := w.LedgerHeads(k.ctx, u.ids[:1])
		if err != nil {
			return err
		}
		for _, write := range []func() error{
			func() error { return w.DeleteContacts(k.ctx, u.ids[:1]) },
			func() error {
				return w.ReleaseIdentities(k.ctx, []store.Claim{{Identity: u.identities[1], Contact: u.ids[1]}})
			},
			func() error { return w.DeleteEvents(k.ctx, u.ids[1:2]) },
			func() error { return w.RemoveMembers(k.ctx, []store.Membership{{List: "gold", Origin: u.ids[0]}}) },
			func() error { return w.DeleteRecordsOf(k.ctx, u.ids, nil) },
			func() error { return w.DeleteMerges(k.ctx, u.ids) },
			func() error { return w.BlankChanges(k.ctx, u.ids) },
			func() error {
				return w.PutSuppressions(k.ctx, []audience.Suppression{{Hash: u.hashes[0], Reason: audience.SuppressedManually, At: at(1), Lifted: at(5)}})
			},
			func() error {
				return w.AppendLedger(k.ctx, []audience.ConsentRecord{linked(mainAudience, u.ids[0], &head[0], audience.ConsentGranted, at(5))})
			},
		} {
			if err := write(); err != nil {
				return err
			}
		}
		return end()
	})
	return err
}

// requireUndone runs what must leave nothing behind, on a store that has rows
// already.
func (k *kit) requireUndone(run func(p store.Partition, u universe)) {
	k.Helper()
	p := k.rows()
	u := k.furnished(p, "a", 3)
	before, feed := k.state(p, u), commitTexts(k.commits(p, store.Position{}, 10))
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	run(p, u)
	lost := universe{identities: []audience.Identity{host("lost-0"), host("lost-1")}, hashes: []audience.AddressHash{hashed("k1", []byte("lost-0")...)}}
	require.Equal(k, before, k.state(p, u))
	require.Equal(k, feed, commitTexts(k.commits(p, store.Position{}, 10)))
	k.view(p, func(r store.ReadRoles) {
		held, err := r.Resolve(k.ctx, lost.identities)
		require.NoError(k, err)
		require.Equal(k, []audience.ContactID{0, 0}, held)
		none, err := r.Suppressions(k.ctx, lost.hashes)
		require.NoError(k, err)
		require.Empty(k, none)
	})
	after, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.Equal(k, head, after)
	more := k.furnished(p, "b", 3) // and it goes on
	k.requireFurnished(p, more, "b", 3)
}

func txError(k *kit) {
	k.requireUndone(func(p store.Partition, u universe) {
		failed := errors.New("failed")
		require.ErrorIs(k, k.undoing(k.ctx, p, u, func() error { return failed }), failed)
	})
}

func txPanic(k *kit) {
	k.requireUndone(func(p store.Partition, u universe) {
		require.PanicsWithValue(k, "a bug", func() {
			_ = k.undoing(k.ctx, p, u, func() error { panic("a bug") })
		})
	})
}

func txCancel(k *kit) {
	k.requireUndone(func(p store.Partition, u universe) {
		ctx, cancel := context.WithCancel(k.ctx)
		defer cancel()
		err := k.undoing(ctx, p, u, func() error { cancel(); return nil })
		require.ErrorIs(k, err, context.Canceled)
	})
}

func txOwnWrites(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	var inside []string
	k.update(p, func(w store.WriteRoles) error {
		more, err := furnish(k.ctx, w, mainAudience, "b", 2, at(1))
		require.NoError(k, err)
		require.NoError(k, w.DeleteContacts(k.ctx, more.ids[1:]))
		require.NoError(k, w.DeleteEvents(k.ctx, u.ids[:1]))
		all := u.merge(more)
		inside, err = state(k.ctx, w, all, true)
		require.NoError(k, err)
		u = all
		return nil
	})
	require.Equal(k, inside, k.state(p, u), "what the transaction read is what it committed")
}

func txUnseen(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	before := k.state(p, u)
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.NoError(k, k.undoing(k.ctx, p, u, func() error {
		require.Equal(k, before, k.state(p, u), "a snapshot shows what is not committed")
		now, err := p.Head(k.ctx)
		require.NoError(k, err)
		require.Equal(k, head, now)
		more, err := p.Commits(k.ctx, head, 10)
		require.NoError(k, err)
		require.Empty(k, more, "the feed shows what is not committed")
		return nil
	}))
	require.NotEqual(k, before, k.state(p, u))
}

func txPosition(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	none := k.update(p, func(store.WriteRoles) error { return nil })
	require.True(k, none.IsZero())
	none = k.update(p, func(w store.WriteRoles) error {
		if err := w.AppendChanges(k.ctx, at(9), nil); err != nil {
			return err
		}
		return w.PutEvents(k.ctx, []audience.Event{event(id, "visit", "1", at(1))})
	})
	require.True(k, none.IsZero(), "no change was written to the feed")
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.True(k, head.IsZero())
	for range 3 {
		pos := k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(1), id) })
		require.False(k, pos.IsZero())
		require.Empty(k, k.commits(p, pos, 10), "the commit comes after its own position")
		before := k.commits(p, head, 10)
		require.Len(k, before, 1, "the commit is not in the feed that was acknowledged")
		head = pos
	}
}

func txBeginning(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	k.view(p, func(r store.ReadRoles) {
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.True(k, last.IsZero(), "no commit is in the feed")
	})
	for i, now := range []int{5, 9, 2} { // the last one is dated back
		k.update(p, func(w store.WriteRoles) error {
			before, err := w.Position(k.ctx)
			require.NoError(k, err)
			last, err := w.LastCommit(k.ctx)
			require.NoError(k, err)
			require.NoError(k, bumpAndLog(k.ctx, w, at(now), id))
			after, err := w.Position(k.ctx)
			require.NoError(k, err)
			require.Equal(k, before, after)
			again, err := w.LastCommit(k.ctx)
			require.NoError(k, err)
			require.Equal(k, instantText(last), instantText(again))
			require.Equal(k, i == 0, last.IsZero())
			return nil
		})
	}
	k.view(p, func(r store.ReadRoles) {
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.Equal(k, instantText(at(9)), instantText(last), "the latest instant, not that of the latest commit")
	})
}

func txRefusedAlive(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 2)
	k.update(p, func(w store.WriteRoles) error {
		for _, refused := range []func() error{
			func() error {
				return w.PutContacts(k.ctx, []store.ContactRow{{Contact: new(plainContact(u.ids[0], 9)), Expect: 8}})
			},
			func() error {
				return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: u.identities[0], Contact: u.ids[1]}})
			},
			func() error {
				return w.AppendLedger(k.ctx, []audience.ConsentRecord{linked(mainAudience, u.ids[0], nil, audience.ConsentWithdrawn, at(1))})
			},
			func() error {
				_, err := w.PutRecords(k.ctx, []store.Record{{Namespace: "caps", Key: "a-0"}}, start())
				return err
			},
			func() error { return w.DeleteRecord(k.ctx, "caps", "a-0", 0) },
		} {
			require.ErrorIs(k, refused(), audience.ErrConflict)
			_, err := bump(k.ctx, w, u.ids[0])
			require.NoError(k, err, "the transaction goes on")
		}
		return nil
	})
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Contacts(k.ctx, u.ids[:1])
		require.NoError(k, err)
		require.EqualValues(k, 6, rows[0].Version)
	})
}

func txOvertaken(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	calls := 0
	k.update(p, func(w store.WriteRoles) error {
		calls++
		if err := bumpAndLog(k.ctx, w, at(calls), ids[calls-1]); err != nil {
			return err
		}
		if calls == 1 {
			return fmt.Errorf("overtaken: %w", audience.ErrRetryable)
		}
		return nil
	})
	require.Equal(k, 2, calls)
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Contacts(k.ctx, ids)
		require.NoError(k, err)
		require.Equal(k, []uint64{1, 2}, []uint64{rows[0].Version, rows[1].Version}, "what the first call wrote is undone")
	})
	require.Len(k, k.commits(p, store.Position{}, 10), 1)
}

func txLostUpdate(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	add := func(w store.WriteRoles) error {
		_, err := bump(k.ctx, w, id)
		return err
	}
	for range 5 {
		for _, err := range k.overlap(p, add, add) {
			require.NoError(k, err, "who holds the lock writes")
		}
	}
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Contacts(k.ctx, []audience.ContactID{id})
		require.NoError(k, err)
		require.EqualValues(k, 11, rows[0].Version)
	})
}

func txCounting(k *kit) {
	const (
		writers = 4
		each    = 10
	)
	aud := k.open(mainAudience)
	w := person("ann")
	w.Set = map[string]audience.Value{"points": audience.IntValue(0)}
	_, err := k.put(aud, w)
	require.NoError(k, err)
	k.together(writers, func(ctx context.Context, _ int) error {
		for range each {
			if _, err := aud.Update(ctx, func(tx *store.Tx) error { return addPoint(ctx, tx, audience.Key("ann")) }); err != nil {
				return err
			}
		}
		return nil
	})
	k.look(aud, func(r *store.Reader) {
		c, err := r.Contact(k.ctx, audience.Key("ann"))
		require.NoError(k, err)
		schema := r.Schema()
		points, _ := c.Field(&schema, "points").Int()
		require.EqualValues(k, writers*each, points)
		require.EqualValues(k, 1+writers*each, c.Version)
	})
}

// addPoint reads, locks by an empty write, and adds one.
func addPoint(ctx context.Context, tx *store.Tx, ref audience.Ref) error {
	if _, err := tx.Put(ctx, audience.ContactWrite{Match: ref, Mode: audience.UpdateOnly}); err != nil {
		return err
	}
	c, err := tx.Contact(ctx, ref)
	if err != nil {
		return err
	}
	schema := tx.Schema()
	points, _ := c.Field(&schema, "points").Int()
	_, err = tx.Put(ctx, audience.ContactWrite{
		Match: ref, Mode: audience.UpdateOnly, IfVersion: c.Version,
		Set: map[string]audience.Value{"points": audience.IntValue(points + 1)},
	})
	return err
}
