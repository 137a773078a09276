package storetest

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicPositions = "positions"

func positionChecks() []Check {
	return []Check{
		{
			Topic: topicPositions, Name: "kept-as-text", run: positionText,
			Reason: "A follower keeps its place as text and comes back to it after a restart.",
		},
		{ // G5
			Topic: topicPositions, Name: "of-another-audience", run: positionForeign,
			Reason: "A position of another audience or of another store names other commits: going on from it skips some without a word.",
		},
		{
			Topic: topicPositions, Name: "ahead-of-the-feed", run: positionAhead,
			Reason: "After a backup was restored a position can lie ahead: whoever goes on from there never learns what comes until then.",
		},
		{
			Topic: topicPositions, Name: "trimmed", run: positionTrimmed,
			Reason: "Who has missed what was trimmed has to rebuild; giving the rest as if it were all loses it in silence.",
		},
		{
			Topic: topicPositions, Name: "trim-forgets-only-commits", run: positionTrim,
			Reason: "Trimming frees space; rows, the head and the date of the last commit are not what it is about.",
		},
		{
			Topic: topicPositions, Name: "restart", run: positionRestart, Needs: FeatureReopen,
			Reason: "A restart is no reason to rebuild: positions, retention and dates are those from before.",
		},
		{
			Topic: topicPositions, Name: "restored", run: positionRestored,
			Reason: "In a restored backup the same numbers come again for other commits and other people; nothing from before may be taken for them.",
		},
	}
}

// logged commits n changes of a new contact and gives the positions behind
// them.
func (k *kit) logged(p store.Partition, n int) []store.Position {
	k.Helper()
	return k.loggedOf(p, k.contacts(p, 1)[0], n)
}

// loggedOf commits n changes of a contact.
func (k *kit) loggedOf(p store.Partition, id audience.ContactID, n int) (positions []store.Position) {
	k.Helper()
	from, err := p.Head(k.ctx)
	require.NoError(k, err)
	for i := range n {
		k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(i), id) })
	}
	for _, c := range k.commits(p, from, 10) {
		positions = append(positions, c.Position)
	}
	require.Len(k, positions, n)
	return positions
}

// requireGone requires that nothing goes on from a position.
func (k *kit) requireGone(p store.Partition, pos store.Position) {
	k.Helper()
	_, err := p.Commits(k.ctx, pos, 1)
	require.ErrorIs(k, err, audience.ErrPositionGone)
	require.ErrorIs(k, p.Trim(k.ctx, pos), audience.ErrPositionGone)
}

func positionText(k *kit) {
	p := k.rows()
	all := k.logged(p, 3)
	for i, pos := range all {
		parsed, err := store.ParsePosition(pos.String())
		require.NoError(k, err)
		require.Equal(k, pos, parsed)
		require.Len(k, k.commits(p, parsed, 10), len(all)-1-i)
	}
}

func positionForeign(k *kit) {
	p := k.rows()
	mine := k.logged(p, 2)
	other := k.partition("other")
	theirs := k.logged(other, 2)
	for i := range mine {
		require.NotEqual(k, mine[i], theirs[i])
		k.requireGone(p, theirs[i])
		k.requireGone(other, mine[i])
	}
	k.adapter = k.fresh() // another store, with an audience of the same name
	p = k.rows()
	k.logged(p, 2)
	k.requireGone(p, mine[0])
}

// ahead gives a position of the same incarnation that is far ahead.
func (k *kit) ahead(pos store.Position) store.Position {
	k.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(pos.String())
	require.NoError(k, err)
	numbers := raw[1+len(store.Incarnation{}):]
	copy(numbers, bytes.Repeat([]byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0}, len(numbers)/8))
	forged, err := store.ParsePosition(base64.RawURLEncoding.EncodeToString(raw))
	require.NoError(k, err)
	return forged
}

func positionAhead(k *kit) {
	p := k.rows()
	all := k.logged(p, 2)
	k.requireGone(p, k.ahead(all[0]))
	require.Len(k, k.commits(p, store.Position{}, 10), 2, "a refused Trim trims nothing")
}

func positionTrimmed(k *kit) {
	p := k.rows()
	all := k.logged(p, 6)
	require.NoError(k, p.Trim(k.ctx, store.Position{}))
	require.Len(k, k.commits(p, store.Position{}, 10), 6)
	k.background(p, func(audience.ContactID) {
		require.NoError(k, p.Trim(k.ctx, all[3]))
		require.NoError(k, p.Trim(k.ctx, all[1]), "what is trimmed already stays trimmed")
	})
	for i, gone := range []store.Position{{}, all[0], all[2]} {
		_, err := p.Commits(k.ctx, gone, 1)
		require.ErrorIs(k, err, audience.ErrPositionGone, "%d", i)
	}
	for i, kept := range all[3:5] {
		page, err := p.Commits(k.ctx, kept, 1)
		require.NoError(k, err)
		require.Len(k, page, 1)
		require.Equal(k, all[4+i], page[0].Position)
	}
}

func positionTrim(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 2)
	k.update(p, func(w store.WriteRoles) error { return bumpAndLog(k.ctx, w, at(9), u.ids[0]) })
	before := k.state(p, u)
	head, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.NoError(k, p.Trim(k.ctx, head))
	require.Equal(k, before, k.state(p, u))
	after, err := p.Head(k.ctx)
	require.NoError(k, err)
	require.Equal(k, head, after)
	require.Empty(k, k.commits(p, head, 10))
	k.view(p, func(r store.ReadRoles) {
		pos, err := r.Position(k.ctx)
		require.NoError(k, err)
		require.Equal(k, head, pos)
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.Equal(k, instantText(at(9)), instantText(last))
	})
	k.update(p, func(w store.WriteRoles) error { // erasing finds nothing and goes on
		if err := w.BlankChanges(k.ctx, u.ids); err != nil {
			return err
		}
		return bumpAndLog(k.ctx, w, at(10), u.ids[0])
	})
	require.Len(k, k.commits(p, head, 10), 1)
}

func positionRestart(k *kit) {
	p := k.rows()
	u := k.furnished(p, "a", 3)
	all := k.loggedOf(p, u.ids[0], 4)
	require.NoError(k, p.Trim(k.ctx, all[0]))
	rows, feed := k.state(p, u), commitTexts(k.commits(p, all[0], 10))
	aud := k.open("shop")
	schemaBefore := aud.Schema()
	k.restart()
	p = k.rows()
	require.Equal(k, rows, k.state(p, u))
	require.Equal(k, feed, commitTexts(k.commits(p, all[0], 10)))
	_, err := p.Commits(k.ctx, store.Position{}, 1)
	require.ErrorIs(k, err, audience.ErrPositionGone)
	k.view(p, func(r store.ReadRoles) {
		last, err := r.LastCommit(k.ctx)
		require.NoError(k, err)
		require.Equal(k, instantText(at(3)), instantText(last))
	})
	version := k.save(p, start(), store.Record{Namespace: "n", Key: "new"})[0]
	k.view(p, func(r store.ReadRoles) {
		old, err := r.Record(k.ctx, "caps", "a-0", start())
		require.NoError(k, err)
		require.Greater(k, version, old.Version, "record versions go on")
	})
	k.clock.step(time.Hour)
	require.Equal(k, schemaBefore, k.open("shop").Schema())
}

func positionRestored(k *kit) {
	p := k.rows()
	restorer, ok := store.As[store.Restorer](p)
	if !ok {
		k.Skipf("lacks %s: the partition has no store.Restorer", FeatureRestore)
	}
	all := k.logged(p, 3)
	ids := k.contacts(p, 2)
	require.NoError(k, restorer.Restored(k.ctx))
	for _, pos := range all {
		k.requireGone(p, pos)
	}
	for _, id := range k.draw(p, 3) {
		require.Greater(k, id, ids[1]+1, "ids that may have been given since the backup are skipped")
	}
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Contacts(k.ctx, ids)
		require.NoError(k, err)
		require.Len(k, rows, 2)
	})
}
