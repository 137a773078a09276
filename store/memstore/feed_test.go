package memstore_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// logContact commits one change of one contact.
func logContact(t testing.TB, p store.Partition, id audience.ContactID, at time.Time) store.Position {
	t.Helper()
	return update(t, p, func(w store.WriteRoles) error {
		return w.AppendChanges(t.Context(), at, []store.Change{{Kind: store.ChangeList, Contact: id, List: "vip"}})
	})
}

func TestFeedPositions(t *testing.T) {
	p := open(t)
	head, err := p.Head(t.Context())
	require.NoError(t, err)
	require.True(t, head.IsZero())
	none, err := p.Commits(t.Context(), head, 10)
	require.NoError(t, err)
	require.Empty(t, none)

	require.True(t, update(t, p, func(store.WriteRoles) error { return nil }).IsZero())
	require.True(t, update(t, p, func(w store.WriteRoles) error {
		return w.PutSuppressions(t.Context(), []audience.Suppression{{Reason: audience.SuppressedManually}})
	}).IsZero(), "a commit without changes is not in the feed")

	var at []store.Position
	for i := range 5 {
		at = append(at, logContact(t, p, audience.ContactID(i+1), start().Add(time.Duration(i)*time.Second)))
	}
	got, err := p.Commits(t.Context(), at[1], 2)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, at[2], got[0].Position)
	require.Equal(t, at[3], got[1].Position)
	require.EqualValues(t, 3, got[0].Changes[0].Contact)
	require.Equal(t, start().Add(2*time.Second), got[0].At)

	_, err = p.Commits(t.Context(), at[0], 0)
	require.ErrorIs(t, err, audience.ErrInvalid)
	kept, err := store.ParsePosition(at[4].String())
	require.NoError(t, err)
	got, err = p.Commits(t.Context(), kept, 1)
	require.NoError(t, err)
	require.Empty(t, got)

	ahead := furnishedAhead(t, at[0])
	_, err = p.Commits(t.Context(), ahead, 1)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	require.ErrorIs(t, p.Trim(t.Context(), ahead), audience.ErrPositionGone)
}

// furnishedAhead gives a position of the same incarnation that is far ahead,
// as a client could forge it.
func furnishedAhead(t *testing.T, pos store.Position) store.Position {
	t.Helper()
	text := []byte(pos.String())
	text[len(text)-5] = 'B'
	forged, err := store.ParsePosition(string(text))
	require.NoError(t, err)
	require.NotEqual(t, pos, forged)
	return forged
}

func TestFeedTrim(t *testing.T) {
	p := open(t)
	var at []store.Position
	for i := range 100 {
		at = append(at, logContact(t, p, audience.ContactID(i%3+1), start().Add(time.Duration(i)*time.Second)))
	}
	require.NoError(t, p.Trim(t.Context(), store.Position{}))
	require.NoError(t, p.Trim(t.Context(), at[59]))
	require.NoError(t, p.Trim(t.Context(), at[10]), "what is trimmed already stays trimmed")

	for _, gone := range []store.Position{{}, at[0], at[58]} {
		_, err := p.Commits(t.Context(), gone, 1)
		require.ErrorIs(t, err, audience.ErrPositionGone)
	}
	got, err := p.Commits(t.Context(), at[59], 100)
	require.NoError(t, err)
	require.Len(t, got, 40)
	require.Equal(t, at[60], got[0].Position)

	require.NoError(t, p.Trim(t.Context(), at[99]))
	head, err := p.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, at[99], head, "positions go on after trimming")
	got, err = p.Commits(t.Context(), head, 1)
	require.NoError(t, err)
	require.Empty(t, got)
	view(t, p, func(r store.ReadRoles) {
		last, err := r.LastCommit(t.Context())
		require.NoError(t, err)
		require.Equal(t, start().Add(99*time.Second), last)
	})
	update(t, p, func(w store.WriteRoles) error { return w.BlankChanges(t.Context(), []audience.ContactID{1}) })
	logContact(t, p, 1, start())
	got, err = p.Commits(t.Context(), head, 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	view(t, p, func(r store.ReadRoles) {
		last, err := r.LastCommit(t.Context())
		require.NoError(t, err)
		require.Equal(t, start().Add(99*time.Second), last, "the latest instant, not that of the last commit")
	})
}

func TestFeedBlank(t *testing.T) {
	p := open(t)
	row := &audience.Contact{ID: 1, FirstName: audience.NewPrivate("Jane")}
	full := []store.Change{
		{Kind: store.ChangeContact, Contact: 1, After: row},
		{Kind: store.ChangeContact, Contact: 2, After: row},
		{Kind: store.ChangeMerge, Contact: 2, Other: 1, After: row},
		{Kind: store.ChangeSchema},
	}
	blank := []store.Change{
		{Kind: store.ChangeContact, Contact: 1},
		full[1],
		{Kind: store.ChangeMerge, Contact: 2, Other: 1},
		full[3],
	}
	update(t, p, func(w store.WriteRoles) error { return w.AppendChanges(t.Context(), start(), full) })
	update(t, p, func(w store.WriteRoles) error { return w.AppendChanges(t.Context(), start(), full[2:3]) })
	before, err := p.Commits(t.Context(), store.Position{}, 10)
	require.NoError(t, err)

	erase := func(w store.WriteRoles) error {
		if err := w.AppendChanges(t.Context(), start(), full); err != nil {
			return err
		}
		if err := w.BlankChanges(t.Context(), []audience.ContactID{1, 0, 9}); err != nil {
			return err
		}
		return w.AppendChanges(t.Context(), start(), []store.Change{{Kind: store.ChangeErase, Contact: 1}})
	}
	_, err = p.Update(t.Context(), func(w store.WriteRoles) error {
		require.NoError(t, erase(w))
		still, err := p.Commits(t.Context(), store.Position{}, 10)
		require.NoError(t, err)
		require.Equal(t, full, still[0].Changes, "nothing is blank before the commit")
		return context.Canceled
	})
	require.ErrorIs(t, err, context.Canceled)
	still, err := p.Commits(t.Context(), store.Position{}, 10)
	require.NoError(t, err)
	require.Equal(t, before, still)

	update(t, p, erase)
	after, err := p.Commits(t.Context(), store.Position{}, 10)
	require.NoError(t, err)
	require.Len(t, after, 3)
	require.Equal(t, before[0].Position, after[0].Position)
	require.Equal(t, blank, after[0].Changes)
	require.Equal(t, blank[2:3], after[1].Changes, "also where she was only the loser")
	require.Equal(t, append(blank, store.Change{Kind: store.ChangeErase, Contact: 1}), after[2].Changes)
	require.Equal(t, full, before[0].Changes, "what was handed out does not change")
}

// TestConcurrent is G3 for the adapter: one writer, readers that check that
// no commit is ever seen in half, and followers of the feed that must all see
// the same commits, each once.
func TestConcurrent(t *testing.T) {
	const (
		commits   = 300
		readers   = 4
		followers = 3
	)
	p := open(t)
	var pair []audience.ContactID
	update(t, p, func(w store.WriteRoles) (err error) {
		pair, err = w.NewContactIDs(t.Context(), 2)
		return err
	})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	fail := make(chan string, readers+followers)
	for range readers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if msg := readWhole(t.Context(), p, pair); msg != "" {
					fail <- msg
					return
				}
			}
		})
	}
	seen := make([][]store.Position, followers)
	for i := range followers {
		wg.Go(func() { seen[i] = follow(t.Context(), p, i+1, commits) })
	}
	var acknowledged []store.Position
	for i := range commits {
		acknowledged = append(acknowledged, update(t, p, func(w store.WriteRoles) error { return writePair(t.Context(), w, pair, uint64(i)) }))
	}
	stop()
	wg.Wait()
	close(fail)
	for msg := range fail {
		require.Fail(t, msg)
	}
	for _, positions := range seen {
		require.Equal(t, acknowledged, positions)
	}
}

// writePair moves both contacts to the same version, with an event each.
func writePair(ctx context.Context, w store.WriteRoles, pair []audience.ContactID, version uint64) error {
	var changes []store.Change
	for _, id := range pair {
		c := audience.Contact{ID: id, Version: version + 1}
		e := audience.Event{Origin: id, ID: strconv.FormatUint(version, 10), Type: "visit", Time: start()}
		if err := w.PutContacts(ctx, []store.ContactRow{{Contact: &c, Expect: version}}); err != nil {
			return err
		}
		if err := w.PutEvents(ctx, []audience.Event{e}); err != nil {
			return err
		}
		changes = append(changes, store.Change{Kind: store.ChangeContact, Contact: id, After: &c})
	}
	return w.AppendChanges(ctx, start().Add(time.Duration(version)), changes)
}

// readWhole reports what is wrong with one snapshot.
func readWhole(ctx context.Context, p store.Partition, pair []audience.ContactID) (wrong string) {
	err := p.View(ctx, func(r store.ReadRoles) error {
		rows, err := r.Contacts(ctx, pair)
		if err != nil || len(rows) == 0 {
			return err
		}
		runtime.Gosched()
		counts, err := r.EventCounts(ctx, []store.EventCountKey{{Origin: pair[0], Type: "visit"}, {Origin: pair[1], Type: "visit"}})
		if err != nil {
			return err
		}
		v := rows[0].Version
		if rows[1].Version != v || counts[0] != int(v) || counts[1] != int(v) {
			wrong = fmt.Sprintf("versions %d and %d, events %v", v, rows[1].Version, counts)
		}
		pos, err := r.Position(ctx)
		if err != nil {
			return err
		}
		after, err := p.Commits(ctx, pos, 1)
		if err == nil && len(after) > 0 && after[0].Changes[0].After.Version != v+1 {
			wrong = fmt.Sprintf("the feed after version %d begins with %d", v, after[0].Changes[0].After.Version)
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	return wrong
}

// follow reads the feed from its beginning until it has seen n commits.
func follow(ctx context.Context, p store.Partition, limit, n int) (seen []store.Position) {
	var after store.Position
	for len(seen) < n && ctx.Err() == nil {
		page, err := p.Commits(ctx, after, limit)
		if err != nil {
			return nil
		}
		for _, c := range page {
			seen = append(seen, c.Position)
			after = c.Position
		}
		runtime.Gosched()
	}
	return seen
}

// TestBlankLeavesWhatWasGiven: changes are kept as they were given, so blanking
// is done on a copy.
func TestBlankLeavesWhatWasGiven(t *testing.T) {
	p := open(t)
	row := &audience.Contact{ID: 1, Version: 1, FirstName: audience.NewPrivate("Jane")}
	given := []store.Change{{Kind: store.ChangeContact, Contact: 1, After: row}, {Kind: store.ChangeSchema}}
	want := slices.Clone(given)
	update(t, p, func(w store.WriteRoles) error {
		require.NoError(t, w.AppendChanges(t.Context(), start(), given))
		return w.BlankChanges(t.Context(), []audience.ContactID{1})
	})
	require.Equal(t, want, given)
	commits, err := p.Commits(t.Context(), store.Position{}, 10)
	require.NoError(t, err)
	require.Nil(t, commits[0].Changes[0].After)
}
