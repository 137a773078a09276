package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicFeed = "feed"

func feedChecks() []Check {
	return []Check{
		{ // G3
			Topic: topicFeed, Name: "every-commit-once-in-one-order", run: feedOnce,
			Reason: "Engines, syncs and mails follow the feed: a commit that one of them misses is wrong there for ever, one that comes twice is done twice.",
		},
		{
			Topic: topicFeed, Name: "order-of-each-contact", run: feedPerContact,
			Reason: "Who applies changes of a person in another order than they were made ends with a former address or a former refusal.",
		},
		{
			Topic: topicFeed, Name: "round-trip", run: feedRoundTrip,
			Reason: "A follower never reads the tables, which may be newer: what a change does not carry it does not have.",
		},
		{
			Topic: topicFeed, Name: "one-commit-for-a-transaction", run: feedOneCommit,
			Reason: "A transaction is one tick; in pieces, or in another order, a follower goes through states that nobody committed.",
		},
		{
			Topic: topicFeed, Name: "pages-from-everywhere", run: feedPages,
			Reason: "A follower goes on where it stopped, with whatever page fits; what it gets must not depend on how it reads.",
		},
		{
			Topic: topicFeed, Name: "head", run: feedHead,
			Reason: "Waiting for everything that was committed is waiting for the head; a head that lags lets a stale answer pass for a fresh one.",
		},
		{
			Topic: topicFeed, Name: "time-never-runs-back", run: feedTime,
			Reason: "An engine settles deadlines up to the instant of a commit; a commit dated before the one in front of it would unsettle them.",
		},
		{
			Topic: topicFeed, Name: "from-inside-a-transaction", run: feedInside,
			Reason: "Who tries a change out compares it with what others have committed; a feed that waits for the transaction, or tells of it, has no answer or a wrong one.",
		},
		{
			Topic: topicFeed, Name: "blank", run: feedBlank,
			Reason: "Whoever is erased must not be read from yesterday's changes; and whoever follows must still find every commit.",
		},
		{
			Topic: topicFeed, Name: "blank-some-kinds", run: feedBlankKinds,
			Reason: "Of a contact who had an erased one merged into her only what held the other's data is emptied: her own events and refusals stay.",
		},
	}
}

func feedOnce(k *kit) {
	const (
		commits   = 30
		followers = 3
	)
	p := k.rows()
	ids := k.contacts(p, 3)
	var acknowledged []string
	var acked []store.Position
	seen := make([][]store.Commit, followers)
	k.background(p, func(audience.ContactID) {
		var written atomic.Bool
		k.together(followers+1, func(ctx context.Context, i int) (err error) {
			if i > 0 {
				seen[i-1], err = tail(ctx, p, i*i, written.Load)
				return err
			}
			defer written.Store(true)
			for n := range commits {
				list := strconv.Itoa(n)
				pos, err := p.Update(ctx, func(w store.WriteRoles) error {
					return w.AppendChanges(ctx, at(n), []store.Change{{Kind: store.ChangeList, Contact: ids[n%3], List: list}})
				})
				if err != nil {
					return err
				}
				acknowledged, acked = append(acknowledged, list), append(acked, pos)
			}
			return nil
		})
	})
	all := k.commits(p, store.Position{}, 10)
	for _, s := range append(seen, all) {
		var lists []string
		given := make(map[store.Position]bool)
		for i, c := range s {
			require.False(k, c.Position.IsZero())
			require.False(k, given[c.Position], "a position is given twice")
			given[c.Position] = true
			require.Equal(k, all[i].Position, c.Position, "followers see different orders")
			require.Equal(k, commitTexts(all[i:i+1]), commitTexts(s[i:i+1]))
			if c.Changes[0].Kind == store.ChangeList {
				lists = append(lists, c.Changes[0].List)
			}
		}
		require.Equal(k, acknowledged, lists, "commits that were acknowledged one after the other")
	}
	for n, pos := range acked { // an acknowledged position has the commit behind it and none of the later ones
		var later []string
		for _, c := range k.commits(p, pos, 10) {
			if c.Changes[0].Kind == store.ChangeList {
				later = append(later, c.Changes[0].List)
			}
		}
		require.Equal(k, acknowledged[n+1:], append([]string{}, later...))
	}
}

// tail reads the feed from its beginning to the end of what was written.
func tail(ctx context.Context, p store.Partition, limit int, written func() bool) (all []store.Commit, err error) {
	var after store.Position
	for {
		last := written()
		page, err := p.Commits(ctx, after, limit)
		if err != nil || len(page) == 0 && last {
			return all, err
		}
		if len(page) > limit {
			return all, fmt.Errorf("%d commits in a page of %d", len(page), limit)
		}
		all = append(all, page...)
		if n := len(page); n > 0 {
			if page[n-1].Position == after {
				return all, errStuck
			}
			after = page[n-1].Position
		}
		runtime.Gosched()
	}
}

func feedPerContact(k *kit) {
	const (
		writers = 3
		each    = 15
	)
	p := k.rows()
	ids := k.contacts(p, 4)
	k.background(p, func(audience.ContactID) {
		k.together(writers, func(ctx context.Context, i int) error {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range each {
				n := r.IntN(len(ids) - 1) // two at once, locked in order
				if _, err := p.Update(ctx, func(w store.WriteRoles) error {
					return bumpAndLog(ctx, w, at(0), ids[n], ids[n+1])
				}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	versions := make(map[audience.ContactID]uint64)
	total := 0
	for _, c := range k.commits(p, store.Position{}, 4) {
		for _, change := range c.Changes {
			if last, ok := versions[change.Contact]; ok {
				require.Equal(k, last+1, change.After.Version, "contact %d", change.Contact)
			}
			versions[change.Contact] = change.After.Version
			total++
		}
	}
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Contacts(k.ctx, ids)
		require.NoError(k, err)
		bumps := 0
		for _, c := range rows {
			bumps += int(c.Version) - 1
			if c.Version > 1 {
				require.Equal(k, c.Version, versions[c.ID], "the feed ends with what the table says")
			}
		}
		require.Equal(k, 2*writers*each, bumps)
		require.GreaterOrEqual(k, total, bumps)
	})
}

// everyKind has a change of each kind with every member that it may have.
func everyKind(ids []audience.ContactID) []store.Change {
	yes, no := at(3), time.Time{}
	full, plain := fullContact(ids[0], 3), plainContact(ids[1], 4)
	e := event(ids[0], "purchase", "o 1", at(1).Add(time.Microsecond))
	e.Revision, e.Retracted = 4, true
	for i, v := range values() {
		e.Props = append(e.Props, audience.EventProp{ID: audience.PropID(i + 1), Value: v})
	}
	before := event(ids[1], "visit", "o 1", at(0))
	before.Origin = ids[2]
	second := event(ids[1], "visit", "o 2", at(0))
	record := linked(mainAudience, ids[0], nil, audience.ConsentGranted, at(2))
	return []store.Change{
		{Kind: store.ChangeContact, Contact: ids[0], After: &full, SuppressedFrom: &yes, Source: source()},
		{Kind: store.ChangeContact, Contact: ids[1], After: &plain, SuppressedFrom: &no},
		{Kind: store.ChangeContact, Contact: ids[1], After: &plain},
		{Kind: store.ChangeEvent, Contact: ids[0], Event: &e, Before: &before, Source: source()},
		{Kind: store.ChangeEvent, Contact: ids[0], Event: &before},
		{Kind: store.ChangeLedger, Contact: ids[0], Record: &record, Source: source()},
		{Kind: store.ChangeList, Contact: ids[0], List: "gold %_ ß", Source: source()},
		{Kind: store.ChangeList, Contact: ids[0], List: "gold", Left: true},
		{Kind: store.ChangeSuppression, Contact: ids[0], SuppressedFrom: &no, Source: source()},
		{
			Kind: store.ChangeMerge, Contact: ids[0], Other: ids[1], MergedAt: at(4), WinnerSeq: 1 << 40,
			Events: []audience.Event{before, second}, After: &full, SuppressedFrom: &yes, Source: source(),
		},
		{Kind: store.ChangeUnmerge, Contact: ids[0], Other: ids[1], Events: []audience.Event{e}, After: &full, Source: source()},
		{Kind: store.ChangeDelete, Contact: ids[1], Source: source()},
		{Kind: store.ChangeErase, Contact: ids[1], Source: source()},
		{Kind: store.ChangeSchema},
	}
}

func feedRoundTrip(k *kit) {
	p := k.rows()
	changes := everyKind(k.contacts(p, 3))
	instant := at(7).Add(123456 * time.Microsecond)
	k.update(p, func(w store.WriteRoles) error { return w.AppendChanges(k.ctx, instant, changes) })
	got := k.commits(p, store.Position{}, 10)
	require.Equal(k, commitTexts([]store.Commit{{At: instant, Changes: changes}}), commitTexts(got))
	k.update(p, func(w store.WriteRoles) error { return w.AppendChanges(k.ctx, audience.MaxInstant(), changes[:1]) })
	got = k.commits(p, got[0].Position, 10)
	require.Equal(k, commitTexts([]store.Commit{{At: audience.MaxInstant(), Changes: changes[:1]}}), commitTexts(got))
}

func feedOneCommit(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	var want []store.Change
	k.background(p, func(audience.ContactID) {
		k.update(p, func(w store.WriteRoles) error {
			want = nil
			for n := range 12 { // contacts and kinds out of order
				changes := []store.Change{
					{Kind: store.ChangeList, Contact: ids[(n+2)%3], List: strconv.Itoa(n)},
					{Kind: store.ChangeDelete, Contact: ids[n%3]},
				}
				if err := w.AppendChanges(k.ctx, at(n%5), changes); err != nil {
					return err
				}
				want = append(want, changes...)
			}
			return w.AppendChanges(k.ctx, at(3), nil)
		})
	})
	var mine []store.Commit
	for _, c := range k.commits(p, store.Position{}, 3) {
		if countOf(c, ids[0]) > 0 {
			mine = append(mine, c)
		}
	}
	require.Equal(k, commitTexts([]store.Commit{{At: at(4), Changes: want}}), commitTexts(mine))
}

func feedPages(k *kit) {
	const n = 7
	p := k.rows()
	id := k.contacts(p, 1)[0]
	for i := range n {
		k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(i), id) })
	}
	all := k.commits(p, store.Position{}, n+1)
	require.Len(k, all, n)
	froms := []store.Position{{}}
	for _, c := range all {
		froms = append(froms, c.Position)
	}
	for i, from := range froms {
		for limit := 1; limit <= n+1; limit++ {
			page, err := p.Commits(k.ctx, from, limit)
			require.NoError(k, err)
			require.Equal(k, commitTexts(all[i:min(i+limit, n)]), commitTexts(page), "after %d commits, limit %d", i, limit)
			require.Len(k, k.commits(p, from, limit), n-i)
		}
		for _, limit := range []int{0, -1} {
			_, err := p.Commits(k.ctx, from, limit)
			require.ErrorIs(k, err, audience.ErrInvalid)
		}
	}
}

func feedHead(k *kit) {
	p := k.rows()
	head := func() store.Position {
		pos, err := p.Head(k.ctx)
		require.NoError(k, err)
		return pos
	}
	require.True(k, head().IsZero())
	none, err := p.Commits(k.ctx, store.Position{}, 1)
	require.NoError(k, err)
	require.Empty(k, none)
	id := k.contacts(p, 1)[0]
	require.True(k, head().IsZero(), "no change was written to the feed")
	for i := range 3 {
		before := head()
		k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(i), id) })
		require.NotEqual(k, before, head())
		require.Empty(k, k.commits(p, head(), 10))
		require.Len(k, k.commits(p, before, 10), 1)
		require.Equal(k, head(), k.commits(p, before, 10)[0].Position)
	}
}

func feedTime(k *kit) {
	aud := k.open(mainAudience)
	for i, seconds := range []int{10, -100, 1, -1, 5} {
		k.clock.step(time.Duration(seconds) * time.Second)
		_, err := k.put(aud, person(fmt.Sprintf("p%d", i)))
		require.NoError(k, err)
	}
	var last time.Time
	commits := k.commits(aud, store.Position{}, 10)
	require.Len(k, commits, 6)
	for _, c := range commits {
		require.False(k, c.At.Before(last), "%s after %s", instantText(c.At), instantText(last))
		last = c.At
	}
	require.Equal(k, instantText(at(10)), instantText(last))
}

func feedBlank(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 4)
	her, other := ids[0], ids[3]
	full := everyKind(ids[:3]) // about her, ids[1] and the merges of both
	full = append(
		full,
		store.Change{Kind: store.ChangeMerge, Contact: other, Other: her, After: full[0].After},
		store.Change{Kind: store.ChangeMerge, Contact: other, Other: ids[1], Events: []audience.Event{event(ids[1], "visit", "a", at(0)), event(her, "visit", "b", at(0))}},
		store.Change{Kind: store.ChangeMerge, Contact: other, Other: ids[1], Events: []audience.Event{event(ids[1], "visit", "a", at(0))}},
	)
	aboutHer := func(c store.Change) bool {
		return c.Contact == her || c.Other == her || slices.ContainsFunc(c.Events, func(e audience.Event) bool { return e.Origin == her })
	}
	blanked := func(changes []store.Change) (out []store.Change) {
		for _, c := range changes {
			if aboutHer(c) {
				c = c.Blank()
			}
			out = append(out, c)
		}
		return out
	}
	k.update(p, func(w store.WriteRoles) error { return w.AppendChanges(k.ctx, at(1), full) })
	k.update(p, func(w store.WriteRoles) error { return w.AppendChanges(k.ctx, at(2), full[1:3]) }) // nothing of hers
	before := k.commits(p, store.Position{}, 10)
	handedOut := commitTexts(before)
	last := []store.Change{{Kind: store.ChangeErase, Contact: her, Source: source()}}
	var background audience.ContactID
	k.background(p, func(id audience.ContactID) {
		background = id
		k.update(p, func(w store.WriteRoles) error {
			if err := w.AppendChanges(k.ctx, at(3), full); err != nil {
				return err
			}
			if err := w.BlankChanges(k.ctx, []audience.ContactID{her, 0, other + 1000}); err != nil {
				return err
			}
			return w.AppendChanges(k.ctx, at(3), last)
		})
	})
	want := []store.Commit{{At: at(1), Changes: blanked(full)}, {At: at(2), Changes: full[1:3]}, {At: at(3), Changes: append(blanked(full), last...)}}
	var got []store.Commit
	for _, c := range k.commits(p, store.Position{}, 10) {
		if countOf(c, background) == 0 {
			got = append(got, c)
		}
	}
	require.Equal(k, commitTexts(want), commitTexts(got))
	require.Equal(k, before[0].Position, got[0].Position)
	require.Equal(k, before[1].Position, got[1].Position)
	require.Equal(k, handedOut, commitTexts(before), "what was handed out does not change")
}

func feedBlankKinds(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	full := everyKind(ids)
	k.update(p, func(w store.WriteRoles) error { return w.AppendChanges(k.ctx, at(1), full) })
	kinds := []store.ChangeKind{store.ChangeContact, store.ChangeMerge}
	var want []store.Change
	for _, c := range full {
		if slices.Contains(kinds, c.Kind) && (c.Contact == ids[1] || c.Other == ids[1]) {
			c = c.Blank()
		}
		want = append(want, c)
	}
	k.update(p, func(w store.WriteRoles) error { return w.BlankChanges(k.ctx, ids[1:2], kinds...) })
	require.Equal(k, commitTexts([]store.Commit{{At: at(1), Changes: want}}), commitTexts(k.commits(p, store.Position{}, 10)))
	require.NotEqual(k, texts(full, changeText), texts(want, changeText))
}
