package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicSnapshots = "snapshots"

func snapshotChecks() []Check {
	return []Check{
		{
			Topic: topicSnapshots, Name: "stable", run: snapshotStable,
			Reason: "An export of an hour shows one instant; a person who was merged meanwhile must not be in it twice or not at all.",
		},
		{
			Topic: topicSnapshots, Name: "whole-commits", run: snapshotWhole,
			Reason: "States between commits do not exist: a refund seen without its order computes a segment that nobody was ever in.",
		},
		{
			Topic: topicSnapshots, Name: "position-splits-exactly", run: snapshotPosition,
			Reason: "An engine starts from a snapshot and goes on with the feed: a change in both is counted twice, one in neither is lost for good.",
		},
		{
			Topic: topicSnapshots, Name: "sees-what-was-acknowledged", run: snapshotFresh,
			Reason: "Who was told that an unsubscription is stored must find it with the next read, on every connection.",
		},
		{
			Topic: topicSnapshots, Name: "error-of-the-function", run: snapshotError,
			Reason: "The caller recognises its own error; a wrapped panic or a swallowed error ends in silence.",
		},
	}
}

func snapshotStable(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	k.background(p, func(audience.ContactID) {
		k.view(p, func(r store.ReadRoles) {
			read := func() ([]string, store.Position, string) {
				lines, err := state(k.ctx, r, u, true)
				require.NoError(k, err)
				pos, err := r.Position(k.ctx)
				require.NoError(k, err)
				last, err := r.LastCommit(k.ctx)
				require.NoError(k, err)
				return lines, pos, instantText(last)
			}
			before, pos, last := read()
			require.NoError(k, k.undoing(k.ctx, p, u, func() error { return nil }), "a reader does not block a writer")
			again, posAgain, lastAgain := read()
			require.Equal(k, before, again)
			require.Equal(k, pos, posAgain)
			require.Equal(k, last, lastAgain)
			require.NotEqual(k, before, k.state(p, u), "a later snapshot shows the commit")
		})
	})
}

// step writes one version of a pair of contacts: two rows, two events, one
// record and two changes, which are there together or not at all.
func step(ctx context.Context, w store.WriteRoles, pair []audience.ContactID) error {
	rows, err := w.LockContacts(ctx, pair)
	if err != nil {
		return err
	}
	version := rows[0].Version
	var events []audience.Event
	for _, id := range pair {
		events = append(events, event(id, "visit", strconv.FormatUint(version, 10), at(0)))
	}
	if err := w.PutEvents(ctx, events); err != nil {
		return err
	}
	key := fmt.Sprintf("%d/%08d", pair[0], version)
	if _, err := w.PutRecords(ctx, []store.Record{{Namespace: "steps", Key: key}}, start()); err != nil {
		return err
	}
	return bumpAndLog(ctx, w, at(0), pair...)
}

// stepsSeen tells which version a snapshot shows, and fails when it shows
// parts of different ones.
func stepsSeen(ctx context.Context, r store.ReadRoles, pair []audience.ContactID) (uint64, error) {
	first, err := r.Contacts(ctx, pair[:1])
	if err != nil {
		return 0, err
	}
	runtime.Gosched()
	records, err := r.RecordsAfter(ctx, "steps", fmt.Sprintf("%d/", pair[0]), "", 10_000, start())
	if err != nil {
		return 0, err
	}
	counts, err := r.EventCounts(ctx, []store.EventCountKey{{Origin: pair[0], Type: "visit"}, {Origin: pair[1], Type: "visit"}})
	if err != nil {
		return 0, err
	}
	second, err := r.ContactsAfter(ctx, pair[1]-1, 1)
	if err != nil {
		return 0, err
	}
	version := first[0].Version
	if n := int(version) - 1; second[0].Version != version || counts[0] != n || counts[1] != n || len(records) != n {
		return 0, fmt.Errorf("half a commit: versions %d and %d, events %v, records %d", version, second[0].Version, counts, len(records))
	}
	return version, nil
}

func snapshotWhole(k *kit) {
	const (
		steps   = 40
		readers = 3
	)
	p := k.rows()
	pair := k.contacts(p, 2)
	var written atomic.Bool
	k.together(readers+1, func(ctx context.Context, i int) error {
		if i == 0 {
			defer written.Store(true)
			for range steps {
				if _, err := p.Update(ctx, func(w store.WriteRoles) error { return step(ctx, w, pair) }); err != nil {
					return err
				}
			}
			return nil
		}
		for last := false; !last; runtime.Gosched() {
			last = written.Load()
			var seen uint64
			err := p.View(ctx, func(r store.ReadRoles) (err error) {
				seen, err = stepsSeen(ctx, r, pair)
				return err
			})
			if err != nil || last && seen != steps+1 {
				return errors.Join(err, fmt.Errorf("the last snapshot shows version %d", seen))
			}
		}
		return nil
	})
}

func snapshotPosition(k *kit) {
	const steps = 20
	p := k.rows()
	pair := k.contacts(p, 2)
	k.background(p, func(audience.ContactID) {
		for range steps {
			k.update(p, func(w store.WriteRoles) error { return step(k.ctx, w, pair) })
		}
		k.together(2, func(ctx context.Context, i int) error {
			for range steps {
				if i == 0 {
					if _, err := p.Update(ctx, func(w store.WriteRoles) error { return step(ctx, w, pair) }); err != nil {
						return err
					}
				} else if err := splits(ctx, p, pair); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(k, splits(k.ctx, p, pair))
	})
	// From the beginning, the feed gives every version there is.
	versions := make(map[audience.ContactID]uint64)
	for _, c := range k.commits(p, store.Position{}, 7) {
		for _, change := range c.Changes {
			versions[change.Contact] = change.After.Version
		}
	}
	require.EqualValues(k, 2*steps+1, versions[pair[0]])
	require.EqualValues(k, 2*steps+1, versions[pair[1]])
}

// splits compares a snapshot with the feed after its position.
func splits(ctx context.Context, p store.Partition, pair []audience.ContactID) error {
	var version uint64
	var pos store.Position
	err := p.View(ctx, func(r store.ReadRoles) (err error) {
		if version, err = stepsSeen(ctx, r, pair); err != nil {
			return err
		}
		runtime.Gosched()
		pos, err = r.Position(ctx)
		return err
	})
	if err != nil {
		return err
	}
	commits, err := readFeed(ctx, p, pos, 4)
	if err != nil {
		return err
	}
	for _, c := range commits {
		for _, change := range c.Changes {
			if change.Contact != pair[0] {
				continue
			}
			if change.After.Version != version+1 {
				return fmt.Errorf("after a snapshot of version %d the feed gives version %d", version, change.After.Version)
			}
			version++
		}
	}
	var now uint64
	err = p.View(ctx, func(r store.ReadRoles) (err error) {
		now, err = stepsSeen(ctx, r, pair)
		return err
	})
	if err == nil && now < version {
		err = fmt.Errorf("the feed gave version %d, a later snapshot shows %d", version, now)
	}
	return err
}

func snapshotFresh(k *kit) {
	p := k.rows()
	pair := k.contacts(p, 2)
	k.background(p, func(audience.ContactID) {
		for want := uint64(2); want < 12; want++ {
			pos := k.update(p, func(w store.WriteRoles) error { return step(k.ctx, w, pair) })
			k.view(p, func(r store.ReadRoles) {
				got, err := stepsSeen(k.ctx, r, pair)
				require.NoError(k, err)
				require.Equal(k, want, got)
				mine, err := r.Position(k.ctx)
				require.NoError(k, err)
				for _, c := range k.commits(p, mine, 10) {
					require.NotEqual(k, pos, c.Position, "a snapshot after a commit has a position before it")
				}
			})
		}
	})
}

func snapshotError(k *kit) {
	p := k.rows()
	failed := errors.New("failed")
	require.ErrorIs(k, p.View(k.ctx, func(store.ReadRoles) error { return failed }), failed)
	_, err := p.Update(k.ctx, func(store.WriteRoles) error { return failed })
	require.ErrorIs(k, err, failed)
	require.PanicsWithValue(k, "a bug", func() {
		_ = p.View(k.ctx, func(store.ReadRoles) error { panic("a bug") })
	})
	k.contacts(p, 1) // and it goes on
}
