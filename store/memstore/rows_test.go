package memstore_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestContactIDsRunOut(t *testing.T) {
	update(t, open(t), func(w store.WriteRoles) error {
		ids, err := w.NewContactIDs(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, []audience.ContactID{1, 2, 3}, ids)
		_, err = w.NewContactIDs(t.Context(), math.MaxUint32-2)
		require.ErrorIs(t, err, audience.ErrFull)
		none, err := w.NewContactIDs(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, none)
		ids, err = w.NewContactIDs(t.Context(), 1)
		require.NoError(t, err)
		require.EqualValues(t, 4, ids[0], "asking for too many takes none")

		for _, id := range []audience.ContactID{0, 5} {
			err = w.PutContacts(t.Context(), []store.ContactRow{{Contact: &audience.Contact{ID: id, Version: 1}}})
			require.ErrorIs(t, err, audience.ErrInvalid, "an id that nobody gave would be given later")
		}
		return nil
	})
}

func TestPagesEnd(t *testing.T) {
	p := furnished(t)
	view(t, p, func(r store.ReadRoles) {
		contacts, err := r.ContactsAfter(t.Context(), math.MaxUint32, 1)
		require.NoError(t, err)
		require.Empty(t, contacts)
		contacts, err = r.ContactsAfter(t.Context(), 1, math.MaxInt)
		require.NoError(t, err)
		require.Empty(t, contacts)
		members, err := r.MembersAfter(t.Context(), "vip", math.MaxUint32, 1)
		require.NoError(t, err)
		require.Empty(t, members)

		for _, limit := range []int{0, -1} {
			_, err = r.ContactsAfter(t.Context(), 0, limit)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = r.MembersAfter(t.Context(), "vip", 0, limit)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = r.SuppressionsAfter(t.Context(), audience.Suppression{}, limit)
			require.ErrorIs(t, err, audience.ErrInvalid)
			_, err = r.RecordsAfter(t.Context(), "n", "", "", limit, start())
			require.ErrorIs(t, err, audience.ErrInvalid)
		}
	})
}

func TestEventsOfOneContact(t *testing.T) {
	p := open(t)
	event := func(id string, kind string, hour int) audience.Event {
		return audience.Event{Contact: 1, Origin: 1, ID: id, Type: kind, Time: start().Add(time.Duration(hour) * time.Hour)}
	}
	read := func(q store.EventQuery) string {
		var ids strings.Builder
		view(t, p, func(r store.ReadRoles) {
			q.Origins = []audience.ContactID{1, 1}
			events, err := r.Events(t.Context(), q)
			require.NoError(t, err)
			for _, e := range events {
				ids.WriteString(e.ID)
			}
		})
		return ids.String()
	}
	put := func(events ...audience.Event) {
		update(t, p, func(w store.WriteRoles) error { return w.PutEvents(t.Context(), events) })
	}
	put(event("c", "b", 1), event("b", "b", 1), event("a", "b", 2), event("d", "a", 9))
	require.Equal(t, "dbca", read(store.EventQuery{}), "by type, time and id")
	require.Equal(t, "bca", read(store.EventQuery{Types: []string{"b", "zzz", "b"}}))
	require.Empty(t, read(store.EventQuery{Types: []string{}}), "no type is not every type")

	taken := event("b", "b", 1)
	taken.Revision, taken.Retracted = 1, true
	put(taken, event("a", "a", 0)) // a moves to another type and time
	require.Equal(t, "adc", read(store.EventQuery{}))
	require.Equal(t, "adbc", read(store.EventQuery{Retracted: true}))
	view(t, p, func(r store.ReadRoles) {
		counts, err := r.EventCounts(t.Context(), []store.EventCountKey{{Origin: 1, Type: "b"}, {Origin: 1, Type: "a"}, {Origin: 2, Type: "a"}})
		require.NoError(t, err)
		require.Equal(t, []int{2, 2, 0}, counts, "those taken back count")
		found, err := r.EventsByKey(t.Context(), []store.EventKey{{Origin: 1, ID: "b"}, {Origin: 1, ID: "x"}, {Origin: 3, ID: "b"}})
		require.NoError(t, err)
		require.Equal(t, []audience.Event{taken}, found)
	})
	update(t, p, func(w store.WriteRoles) error {
		require.ErrorIs(t, w.PutEvents(t.Context(), []audience.Event{{ID: "x"}}), audience.ErrInvalid)
		return nil
	})
}

// TestManyEventsOfOneContact crosses from one node to many and revises on
// both sides.
func TestManyEventsOfOneContact(t *testing.T) {
	const n = 5000
	p := open(t)
	for _, hour := range []int{1, 2} { // the second time everything moves
		for i := 0; i < n; i += 10 {
			update(t, p, func(w store.WriteRoles) error {
				var events []audience.Event
				for j := i; j < i+10; j++ {
					events = append(events, audience.Event{
						Origin: 1, ID: strconv.Itoa(j), Type: fmt.Sprint("type ", (j+hour)%2), Revision: uint64(hour),
						Time: start().Add(time.Duration(hour) * time.Hour),
					})
				}
				return w.PutEvents(t.Context(), events)
			})
		}
	}
	view(t, p, func(r store.ReadRoles) {
		all, err := r.Events(t.Context(), store.EventQuery{Origins: []audience.ContactID{1}})
		require.NoError(t, err)
		require.Len(t, all, n)
		for _, e := range all {
			require.Equal(t, start().Add(2*time.Hour), e.Time)
		}
		one, err := r.Events(t.Context(), store.EventQuery{Origins: []audience.ContactID{1}, Types: []string{"type 1"}})
		require.NoError(t, err)
		require.Len(t, one, n/2)
		found, err := r.EventsByKey(t.Context(), []store.EventKey{{Origin: 1, ID: "4999"}})
		require.NoError(t, err)
		require.EqualValues(t, 2, found[0].Revision)
	})
}

func TestLedgerKeepsItsRules(t *testing.T) {
	p := open(t)
	grant := linked(1, nil, start())
	grant.Kind, grant.Mechanism = audience.ConsentGranted, audience.MechanismDoubleOptIn
	grant.Hash = grant.ComputeHash()
	first := linked(1, nil, start())
	second := linked(1, []audience.ConsentRecord{first}, start())
	tests := []struct {
		name    string
		records []audience.ConsentRecord
		want    error
	}{
		{"grant without evidence", []audience.ConsentRecord{grant}, audience.ErrDenied}, // G4
		{"second record first", []audience.ConsentRecord{second}, audience.ErrConflict},
		{"the same twice", []audience.ConsentRecord{first, first}, audience.ErrConflict},
		{"one sound, one not", []audience.ConsentRecord{first, second, grant}, audience.ErrDenied},
		{"a chain of two", []audience.ConsentRecord{first, second}, nil},
		{"the chain has moved on", []audience.ConsentRecord{second}, audience.ErrConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			update(t, p, func(w store.WriteRoles) error {
				before, err := w.Ledger(t.Context(), []audience.ContactID{1})
				require.NoError(t, err)
				err = w.AppendLedger(t.Context(), tt.records)
				if tt.want == nil {
					require.NoError(t, err)
					return nil
				}
				require.ErrorIs(t, err, tt.want)
				after, err := w.Ledger(t.Context(), []audience.ContactID{1})
				require.NoError(t, err)
				require.Equal(t, before, after)
				return nil
			})
		})
	}
}

func TestRecordsExpire(t *testing.T) {
	p := open(t)
	over := start().Add(time.Hour)
	var version uint64
	update(t, p, func(w store.WriteRoles) error {
		versions, err := w.PutRecords(t.Context(), []store.Record{{Namespace: "n", Key: "k", Expires: over}}, start())
		version = versions[0]
		return err
	})
	view(t, p, func(r store.ReadRoles) {
		_, err := r.Record(t.Context(), "n", "k", over.Add(-time.Microsecond))
		require.NoError(t, err)
		_, err = r.Record(t.Context(), "n", "k", over)
		require.ErrorIs(t, err, audience.ErrNotFound)
		require.EqualError(t, err, "memstore: record not found")
		page, err := r.RecordsAfter(t.Context(), "n", "", "", 9, over)
		require.NoError(t, err)
		require.Empty(t, page)
	})
	update(t, p, func(w store.WriteRoles) error {
		rec := store.Record{Namespace: "n", Key: "k", Version: version}
		_, err := w.PutRecords(t.Context(), []store.Record{rec}, over)
		require.ErrorIs(t, err, audience.ErrConflict, "there is none any more")
		rec.Version = 0
		_, err = w.PutRecords(t.Context(), []store.Record{rec}, over.Add(-1))
		require.ErrorIs(t, err, audience.ErrConflict, "there is one still")
		versions, err := w.PutRecords(t.Context(), []store.Record{rec}, over)
		require.NoError(t, err)
		require.Greater(t, versions[0], version)

		require.NoError(t, w.DeleteRecord(t.Context(), "n", "k", versions[0]))
		again, err := w.PutRecords(t.Context(), []store.Record{rec}, over)
		require.NoError(t, err)
		require.Greater(t, again[0], versions[0], "who read the deleted one must not pass for the new one's reader")
		return nil
	})
}

func TestRedirectFollowsMerges(t *testing.T) {
	p := open(t)
	update(t, p, func(w store.WriteRoles) error {
		for range 5 {
			if _, err := addContact(t.Context(), w); err != nil {
				return err
			}
		}
		for _, m := range []store.Merge{{Loser: 1, Winner: 2}, {Loser: 2, Winner: 3}, {Loser: 4, Winner: 5}, {Loser: 7, Winner: 8}, {Loser: 8, Winner: 7}} {
			if err := w.PutMerge(t.Context(), m); err != nil {
				return err
			}
		}
		return w.DeleteContacts(t.Context(), []audience.ContactID{1, 2, 5})
	})
	tests := []struct {
		name     string
		id, want audience.ContactID
	}{
		{"twice merged", 1, 3},
		{"once merged", 2, 3},
		{"herself", 3, 3},
		{"her row still exists", 4, 4},
		{"deleted", 5, 0},
		{"never there", 6, 0},
		{"a circle", 7, 0},
		{"nobody", 0, 0},
	}
	view(t, p, func(r store.ReadRoles) {
		for _, tt := range tests {
			got, err := r.Redirect(t.Context(), []audience.ContactID{3, tt.id})
			require.NoError(t, err, tt.name)
			require.Equal(t, []audience.ContactID{3, tt.want}, got, tt.name)
		}
	})
	update(t, p, func(w store.WriteRoles) error { return w.DeleteContacts(t.Context(), []audience.ContactID{4}) })
	view(t, p, func(r store.ReadRoles) {
		got, err := r.Redirect(t.Context(), []audience.ContactID{4})
		require.NoError(t, err)
		require.EqualValues(t, 0, got[0], "the winner is gone")
	})
}

// TestIdentityKinds: the same text under two systems is two identities.
func TestIdentityKinds(t *testing.T) {
	p := open(t)
	shop, crm := audience.ExternalIdentity(audience.External("shop", "1")), audience.ExternalIdentity(audience.External("crm", "1"))
	update(t, p, func(w store.WriteRoles) error {
		require.NoError(t, w.ClaimIdentities(t.Context(), []store.Claim{{Identity: shop, Contact: 1}, {Identity: crm, Contact: 2}}))
		require.ErrorIs(t, w.ClaimIdentities(t.Context(), []store.Claim{{Identity: shop}}), audience.ErrConflict)
		require.NoError(t, w.ReleaseIdentities(t.Context(), []store.Claim{{Identity: shop, Contact: 2}, {Identity: crm, Contact: 2}}))
		return nil
	})
	view(t, p, func(r store.ReadRoles) {
		got, err := r.Resolve(t.Context(), []audience.Identity{crm, shop})
		require.NoError(t, err)
		require.Equal(t, []audience.ContactID{0, 1}, got)
	})
}
