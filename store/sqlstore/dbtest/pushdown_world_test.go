package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

const pushdownAudience = "pushdown"

// pushdown is a partition with contacts of all kinds, and what the reference
// reads of them.
type pushdown struct {
	store     *sqlstore.Store
	partition store.Partition
	profiles  []*audience.Profile
}

func dialectOf(e dbtest.Engine) sqlstore.Dialect {
	switch e {
	case dbtest.Postgres:
		return sqlstore.Postgres
	case dbtest.MySQL:
		return sqlstore.MySQL
	default:
		return sqlstore.SQLite
	}
}

func openPushdown(t *testing.T, d dbtest.Database) *pushdown {
	t.Helper()
	return pushdownIn(t, d.Open(t), d)
}

func pushdownIn(t *testing.T, db *sql.DB, d dbtest.Database) *pushdown {
	t.Helper()
	require.NoError(t, sqlstore.Migrate(t.Context(), db, dialectOf(d.Engine), sqlstore.Options{}))
	s, err := sqlstore.New(t.Context(), db, dialectOf(d.Engine), sqlstore.Options{})
	require.NoError(t, err)
	partition, err := s.Partition(t.Context(), pushdownAudience)
	require.NoError(t, err)
	return &pushdown{store: s, partition: partition}
}

// index has the database find contacts by their fields.
func (w *pushdown) index(t *testing.T) {
	t.Helper()
	var schema audience.Schema
	for f := audience.TypeString; f <= audience.TypeStringList; f++ { // a field of each type has the type's number
		schema.Fields = append(schema.Fields, audience.Field{Name: fmt.Sprintf("f%d", f), Type: f})
	}
	aud, err := store.Open(t.Context(), w.store, pushdownAudience, store.Options{Schema: schema})
	require.NoError(t, err)
	require.NoError(t, sqlstore.IndexFields(t.Context(), aud))
}

func (w *pushdown) update(t *testing.T, fn func(roles store.WriteRoles) error) {
	t.Helper()
	_, err := w.partition.Update(t.Context(), fn)
	require.NoError(t, err)
}

// knows reports whether somebody is a contact, and none who was merged.
func (w *pushdown) knows(id audience.ContactID) bool {
	return slices.ContainsFunc(w.profiles, func(p *audience.Profile) bool { return p.Contact.ID == id })
}

// view calls fn with the roles and their capability.
func (w *pushdown) view(t *testing.T, fn func(ctx context.Context, r store.PredicateReader)) {
	t.Helper()
	require.NoError(t, w.partition.View(t.Context(), func(roles store.ReadRoles) error {
		r, ok := store.As[store.PredicateReader](roles)
		require.True(t, ok)
		fn(t.Context(), r)
		return nil
	}))
}

// add stores contacts as they are.
func (w *pushdown) add(t *testing.T, contacts ...audience.Contact) []audience.ContactID {
	t.Helper()
	var ids []audience.ContactID
	w.update(t, func(roles store.WriteRoles) error {
		var err error
		if ids, err = roles.NewContactIDs(t.Context(), len(contacts)); err != nil {
			return err
		}
		rows := make([]store.ContactRow, len(contacts))
		for i := range contacts {
			contacts[i].ID, contacts[i].Version = ids[i], 1
			rows[i].Contact = &contacts[i]
		}
		return roles.PutContacts(t.Context(), rows)
	})
	return ids
}

// fill adds random contacts, some of whom have merged contacts.
func (w *pushdown) fill(t *testing.T, seed uint64, n int) {
	t.Helper()
	d := dice{rand.New(rand.NewPCG(seed, 7))}
	contacts := make([]audience.Contact, n)
	for i := range contacts {
		contacts[i] = d.contact(0)
	}
	w.add(t, contacts...)
	before := len(w.profiles)
	w.update(t, func(roles store.WriteRoles) error { // it may be called again
		w.profiles = w.profiles[:before]
		d := dice{rand.New(rand.NewPCG(seed, 8))}
		losers, err := roles.NewContactIDs(t.Context(), n)
		if err != nil {
			return err
		}
		for i := range contacts {
			origins := []audience.ContactID{contacts[i].ID}
			if d.IntN(10) == 0 {
				origins = append(origins, losers[i])
			}
			p, err := w.write(t.Context(), roles, d, &contacts[i], origins)
			if err != nil {
				return err
			}
			w.profiles = append(w.profiles, p)
		}
		return nil
	})
}

// write writes what one contact and those merged into her have, and gives the
// profile of her.
func (w *pushdown) write(ctx context.Context, roles store.WriteRoles, d dice, c *audience.Contact, origins []audience.ContactID) (*audience.Profile, error) {
	p := &audience.Profile{Contact: *c, Parts: audience.ProfileParts{Events: eventTypes(), Lists: true, Ledger: true, Suppressed: true}}
	var all []audience.Event
	for k, origin := range origins {
		var events []audience.Event
		for i := range d.IntN(12) {
			e := d.event(origin, i)
			events = append(events, e)
			if k == 0 || !slices.ContainsFunc(all, func(f audience.Event) bool { return f.Origin == c.ID && f.ID == e.ID }) {
				all = append(all, e)
			}
		}
		var members []store.Membership
		for _, name := range d.someLists() {
			members = append(members, store.Membership{List: name, Origin: origin, At: pushdownNow()})
			p.Lists = append(p.Lists, name)
		}
		chain := d.chain(origin)
		if k == 0 {
			p.History.Records = chain
		} else {
			at := pushdownNow().Add(-time.Hour)
			p.History.Merged = append(p.History.Merged, audience.MergedHistory{
				At: at, Seq: uint64(len(p.History.Records)), History: audience.History{Records: chain},
			})
			if err := roles.PutMerge(ctx, store.Merge{Loser: origin, Winner: c.ID, At: at, WinnerSeq: uint64(len(p.History.Records))}); err != nil {
				return nil, err
			}
		}
		if err := roles.PutEvents(ctx, events); err != nil {
			return nil, err
		}
		if err := roles.AddMembers(ctx, members); err != nil {
			return nil, err
		}
		if err := roles.AppendLedger(ctx, chain); err != nil {
			return nil, err
		}
	}
	slices.Sort(p.Lists)
	p.Lists = slices.Compact(p.Lists)
	p.Streams = streamsOf(all)
	if d.IntN(3) == 0 {
		p.SuppressedFrom = d.instant()
	}
	return p, nil
}

func streamsOf(events []audience.Event) []audience.EventStream {
	var out []audience.EventStream
	for _, name := range slices.Sorted(slices.Values(eventTypes())) {
		s := audience.EventStream{Type: name}
		for i := range events {
			if e := &events[i]; e.Type == name && !e.Retracted {
				s.Events = append(s.Events, *e)
			}
		}
		slices.SortFunc(s.Events, func(a, b audience.Event) int { return a.Time.Compare(b.Time) })
		out = append(out, s)
	}
	return out
}
