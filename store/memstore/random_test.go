package memstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const eventIDs = 50 // of one contact: more than one node holds

// TestRandom drives all roles with random transactions, some of which fail
// or panic, and compares every read with a naive model: in the transaction,
// after it, and in snapshots that are held while everything else goes on.
func TestRandom(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			d := &driver{
				t: t, u: newUniverse(seed), p: open(t), m: newModel(),
				given: map[audience.ContactID]bool{}, versions: map[uint64]bool{},
			}
			d.run(60)
			d.requireFeed()
		})
	}
}

// driver applies the same random writes to a partition and to a model.
type driver struct {
	t        *testing.T
	u        *universe
	p        store.Partition
	m        *model
	w        store.WriteRoles
	changes  []store.Change
	given    map[audience.ContactID]bool // every id ever given
	versions map[uint64]bool             // every record version ever given
}

// run nests snapshots: each is compared with its frozen model after all
// deeper transactions.
func (d *driver) run(steps int) {
	if steps == 0 {
		return
	}
	d.transaction()
	frozen, ids, now := d.m.clone(), slices.Clone(d.u.ids), d.u.now
	view(d.t, d.p, func(r store.ReadRoles) {
		pos, err := r.Position(d.t.Context())
		require.NoError(d.t, err)
		if d.u.r.IntN(4) == 0 {
			requireState(d.t, frozen.state(d.u), d.u.read(d.t, r))
		}
		d.run(steps - 1)

		old := *d.u
		old.ids, old.now = ids, now
		requireState(d.t, frozen.state(&old), old.read(d.t, r))
		again, err := r.Position(d.t.Context())
		require.NoError(d.t, err)
		require.Equal(d.t, pos, again)
		last, err := r.LastCommit(d.t.Context())
		require.NoError(d.t, err)
		require.Equal(d.t, lastOf(frozen.commits), last)
		after, err := d.p.Commits(d.t.Context(), pos, 1000)
		require.NoError(d.t, err)
		require.Len(d.t, after, len(d.m.commits)-len(frozen.commits), "the feed after a snapshot has what it does not contain")
	})
}

func lastOf(commits []store.Commit) (last time.Time) {
	if n := len(commits); n > 0 {
		last = commits[n-1].At
	}
	return last
}

// transaction is one Update; one in four fails, by an error or by a panic.
func (d *driver) transaction() {
	before := d.m.clone()
	d.changes = nil
	d.u.now = d.u.now.Add(time.Duration(1+d.u.r.IntN(1000)) * time.Second)
	failed := errors.New("failed")
	fate := d.u.r.IntN(8)
	var pos store.Position
	var err error
	body := func() {
		pos, err = d.p.Update(d.t.Context(), func(w store.WriteRoles) error {
			d.w = w
			for range 1 + d.u.r.IntN(12) {
				d.op()
			}
			requireState(d.t, d.m.state(d.u), d.u.read(d.t, w))
			switch fate {
			case 0:
				return failed
			case 1:
				panic(failed)
			}
			return nil
		})
	}
	switch fate {
	case 0:
		body()
		require.Equal(d.t, failed, err)
		d.m = before
	case 1:
		require.PanicsWithValue(d.t, failed, body)
		d.m = before
	default:
		body()
		require.NoError(d.t, err)
		require.Equal(d.t, len(d.changes) == 0, pos.IsZero())
		if len(d.changes) > 0 {
			head, err := d.p.Head(d.t.Context())
			require.NoError(d.t, err)
			require.Equal(d.t, head, pos)
			d.m.commits = append(d.m.commits, store.Commit{At: d.u.now, Changes: d.changes})
		}
	}
}

func (d *driver) op() {
	switch d.u.r.IntN(14) {
	case 0, 1:
		d.putContacts()
	case 2:
		d.deleteContacts()
	case 3, 4:
		d.identities()
	case 5, 6:
		d.putEvents()
	case 7:
		d.members()
	case 8:
		d.appendLedger()
	case 9:
		d.suppress()
	case 10, 11:
		d.records()
	case 12:
		d.mergeOrNot()
	case 13:
		d.log()
	}
}

// outcome compares whether both wrote, and that a refusal is a conflict.
func (d *driver) outcome(ok bool, err error) {
	if ok {
		require.NoError(d.t, err)
	} else {
		require.ErrorIs(d.t, err, audience.ErrConflict)
		require.ErrorContains(d.t, err, "memstore: ")
	}
}

func (d *driver) putContacts() {
	u := d.u
	fresh, err := d.w.NewContactIDs(d.t.Context(), u.r.IntN(2))
	require.NoError(d.t, err)
	for _, id := range fresh {
		require.False(d.t, d.given[id], "an id was given twice")
		d.given[id] = true
	}
	u.ids = append(u.ids, fresh...)
	if len(u.ids) == 0 {
		return
	}
	var rows []store.ContactRow
	for _, id := range append(some(u, u.ids), fresh...) {
		stored := d.m.contacts[id]
		row := store.ContactRow{Expect: stored.Version, Contact: &audience.Contact{
			ID: id, Version: stored.Version + 1,
			FirstName: audience.NewPrivate(fmt.Sprint("name ", u.r.IntN(1000))), UpdatedAt: u.now,
		}}
		if u.r.IntN(20) == 0 {
			row.Expect++
		}
		rows = append(rows, row)
	}
	d.outcome(d.m.putContacts(rows), d.w.PutContacts(d.t.Context(), rows))
}

func (d *driver) deleteContacts() {
	ids := some(d.u, append(d.u.ids, 4_000_000_000))
	require.NoError(d.t, d.w.DeleteContacts(d.t.Context(), ids))
	require.NoError(d.t, d.w.DeleteEvents(d.t.Context(), ids))
	for _, id := range ids {
		delete(d.m.contacts, id)
		for k := range d.m.events {
			if k.Origin == id {
				delete(d.m.events, k)
			}
		}
	}
}

func (d *driver) identities() {
	if len(d.u.ids) == 0 {
		return
	}
	var claims []store.Claim
	for _, i := range some(d.u, d.u.identities) {
		claims = append(claims, store.Claim{Identity: i, Contact: pick(d.u, d.u.ids)})
	}
	if d.u.r.IntN(3) == 0 {
		require.NoError(d.t, d.w.ReleaseIdentities(d.t.Context(), claims))
		d.m.release(claims)
		return
	}
	d.outcome(d.m.claim(claims), d.w.ClaimIdentities(d.t.Context(), claims))
}

func (d *driver) putEvents() {
	if len(d.u.ids) == 0 {
		return
	}
	var events []audience.Event
	id := pick(d.u, d.u.ids)
	for range d.u.r.IntN(30) {
		e := audience.Event{
			Contact: id, Origin: id, ID: strconv.Itoa(d.u.r.IntN(eventIDs)), Type: pick(d.u, d.u.types),
			Time:     start().Add(time.Duration(d.u.r.IntN(20)) * time.Hour), // often equal
			Revision: uint64(d.u.r.IntN(3)), Retracted: d.u.r.IntN(5) == 0,
		}
		if d.u.r.IntN(2) == 0 {
			e.Props = []audience.EventProp{{ID: 1, Value: audience.DoubleValue(d.u.r.Float64())}}
		}
		events = append(events, e)
		d.m.events[store.EventKey{Origin: id, ID: e.ID}] = e
	}
	require.NoError(d.t, d.w.PutEvents(d.t.Context(), events))
}

func (d *driver) members() {
	if len(d.u.ids) == 0 {
		return
	}
	var rows []store.Membership
	for _, id := range some(d.u, d.u.ids) {
		rows = append(rows, store.Membership{List: pick(d.u, d.u.lists), Origin: id, At: d.u.now})
	}
	if d.u.r.IntN(3) == 0 {
		require.NoError(d.t, d.w.RemoveMembers(d.t.Context(), rows))
		for _, m := range rows {
			delete(d.m.members, memberKey{m.List, m.Origin})
		}
		return
	}
	require.NoError(d.t, d.w.AddMembers(d.t.Context(), rows))
	for _, m := range rows {
		if _, ok := d.m.members[memberKey{m.List, m.Origin}]; !ok {
			d.m.members[memberKey{m.List, m.Origin}] = m
		}
	}
}

func (d *driver) appendLedger() {
	if len(d.u.ids) == 0 {
		return
	}
	after := d.m.clone().ledger
	var records []audience.ConsentRecord
	ok := true
	for _, id := range some(d.u, d.u.ids) {
		r := linked(id, after[id], d.u.now)
		if d.u.r.IntN(15) == 0 {
			r.Seq++
			ok = false
		}
		after[id] = append(after[id], r)
		records = append(records, r)
	}
	d.outcome(ok, d.w.AppendLedger(d.t.Context(), records))
	if ok {
		d.m.ledger = after
	}
}

// linked gives a withdrawal that may follow a chain, or now and then a retraction.
func linked(id audience.ContactID, chain []audience.ConsentRecord, at time.Time) audience.ConsentRecord {
	r := audience.ConsentRecord{
		Contact: id, Seq: uint64(len(chain) + 1), Kind: audience.ConsentWithdrawn,
		Acted: at, Recorded: at, Prev: audience.ChainStart(audienceName, id),
	}
	if n := len(chain); n > 0 {
		r.Prev = chain[n-1].Hash
		if n%3 == 2 {
			r.Kind, r.Retracts = audience.ConsentRetracted, uint64(n-1)
		}
	}
	r.Hash = r.ComputeHash()
	return r
}

func (d *driver) suppress() {
	var rows []audience.Suppression
	for _, h := range some(d.u, d.u.hashes) {
		s := audience.Suppression{Hash: h, Reason: audience.SuppressionReason(1 + d.u.r.IntN(5)), At: d.u.now}
		rows = append(rows, s)
		d.m.suppressions[suppressionKey{h, s.Reason}] = s
	}
	require.NoError(d.t, d.w.PutSuppressions(d.t.Context(), rows))
}

func (d *driver) records() {
	u, ctx := d.u, d.t.Context()
	k := recordKey{pick(u, u.namespaces[:3]), pick(u, u.keys)}
	switch u.r.IntN(6) {
	case 0:
		stored, exists := d.m.records[k]
		version := stored.Version + uint64(u.r.IntN(4)/3)
		err := d.w.DeleteRecord(ctx, k.namespace, k.key, version)
		if !exists {
			require.ErrorIs(d.t, err, audience.ErrNotFound)
			return
		}
		d.outcome(version == stored.Version, err)
		if err == nil {
			delete(d.m.records, k)
		}
	case 1:
		ids, keep := some(u, append(u.ids, 0)), some(u, u.namespaces)
		require.NoError(d.t, d.w.DeleteRecordsOf(ctx, ids, keep))
		for k, r := range d.m.records {
			if r.Contact != 0 && slices.Contains(ids, r.Contact) && !slices.Contains(keep, k.namespace) {
				delete(d.m.records, k)
			}
		}
	default:
		d.putRecord(k)
	}
}

func (d *driver) putRecord(k recordKey) {
	u := d.u
	rec := store.Record{
		Namespace: k.namespace, Key: k.key, Value: fmt.Append(nil, u.r.IntN(100)),
		Version: d.m.recordVersion(k, u.now), Contact: pick(u, append(u.ids, 0)),
	}
	if u.r.IntN(3) == 0 {
		rec.Expires = u.now.Add(time.Duration(u.r.IntN(3000)) * time.Second)
	}
	ok := u.r.IntN(10) > 0
	if !ok {
		rec.Version++
	}
	pair := recordKey{"pair", u.keys[0]}
	other := store.Record{Namespace: pair.namespace, Key: pair.key, Version: d.m.recordVersion(pair, u.now)}
	given := rec
	given.Value = slices.Clone(rec.Value)
	versions, err := d.w.PutRecords(d.t.Context(), []store.Record{other, given}, u.now)
	given.Value[0] = 'x' // the buffer stays the caller's
	d.outcome(ok, err)
	if !ok {
		require.Empty(d.t, versions)
		return
	}
	for _, v := range versions {
		require.False(d.t, d.versions[v], "a record version was given twice")
		d.versions[v] = true
	}
	require.Greater(d.t, versions[1], rec.Version)
	other.Version, rec.Version = versions[0], versions[1]
	d.m.records[pair], d.m.records[k] = other, rec
}

func (d *driver) mergeOrNot() {
	if len(d.u.ids) < 2 {
		return
	}
	if d.u.r.IntN(3) == 0 {
		losers := some(d.u, d.u.ids)
		require.NoError(d.t, d.w.DeleteMerges(d.t.Context(), losers))
		for _, id := range losers {
			delete(d.m.merges, id)
		}
		return
	}
	m := store.Merge{Loser: pick(d.u, d.u.ids), Winner: pick(d.u, d.u.ids), At: d.u.now, Number: 77}
	require.NoError(d.t, d.w.PutMerge(d.t.Context(), m))
	d.m.putMerge(m)
}

func (d *driver) log() {
	if len(d.u.ids) == 0 {
		return
	}
	if d.u.r.IntN(4) == 0 {
		ids := some(d.u, d.u.ids)
		require.NoError(d.t, d.w.BlankChanges(d.t.Context(), ids))
		d.m.commits = append(d.m.commits, store.Commit{Changes: d.changes})
		d.m.blank(ids)
		d.m.commits = d.m.commits[:len(d.m.commits)-1]
		return
	}
	var changes []store.Change
	for _, id := range some(d.u, d.u.ids) {
		c := store.Change{Kind: store.ChangeList, Contact: id, List: pick(d.u, d.u.lists)}
		if d.u.r.IntN(3) == 0 {
			c.Kind, c.Other = store.ChangeMerge, pick(d.u, d.u.ids)
		}
		changes = append(changes, c)
	}
	require.NoError(d.t, d.w.AppendChanges(d.t.Context(), d.u.now, changes))
	d.changes = append(d.changes, changes...)
}

// requireFeed compares the whole feed, read in pieces.
func (d *driver) requireFeed() {
	require.NotEmpty(d.t, d.m.commits)
	got := pages(d.t, func(after store.Commit) ([]store.Commit, error) {
		return d.p.Commits(d.t.Context(), after.Position, 3)
	})
	require.Len(d.t, got, len(d.m.commits))
	for i, c := range got {
		require.False(d.t, c.Position.IsZero())
		c.Position = store.Position{}
		require.Equal(d.t, d.m.commits[i], c)
	}
}
