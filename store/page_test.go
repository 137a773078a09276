package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// crowd makes n contacts; every third has the tag "third", and some between
// them are deleted, so that there are gaps among the ids.
func crowd(t *testing.T, n int) (*fixture, []audience.ContactID) {
	t.Helper()
	f := newFixture(t)
	var gone []audience.Ref
	var ids []audience.ContactID
	f.update(func(tx *store.Tx) error {
		for i := range n {
			w := audience.ContactWrite{Match: audience.Key(strconv.Itoa(i)), Email: address(t, fmt.Sprintf("u%d@example.com", i))}
			if i%3 == 0 {
				w.AddTags = []string{"third"}
			}
			res, err := tx.Put(t.Context(), w)
			if err != nil {
				return err
			}
			if i%5 == 2 {
				gone = append(gone, w.Match)
			} else {
				ids = append(ids, res[0].ID)
			}
		}
		return tx.Delete(t.Context(), audience.Source{}, gone...)
	})
	return f, ids
}

func contactIDs(contacts []audience.Contact) []audience.ContactID {
	var out []audience.ContactID
	for _, c := range contacts {
		out = append(out, c.ID)
	}
	return out
}

// Whatever the size of the pages, they give every item once and in order.
func TestPages(t *testing.T) {
	f, ids := crowd(t, 31)
	tagged := slices.DeleteFunc(slices.Clone(ids), func(id audience.ContactID) bool {
		c := f.contact(audience.ID(id))
		return !c.HasTag("third")
	})
	require.NotEmpty(t, tagged)
	tests := map[string]struct {
		where store.Predicate
		want  []audience.ContactID
	}{
		"everybody": {nil, ids},
		"some":      {store.HasTag{Tag: "third"}, tagged},
		"nobody":    {store.HasTag{Tag: "none"}, nil},
	}
	f.view(func(r *store.Reader) error {
		for name, tt := range tests {
			for limit := range len(ids) + 2 {
				q := store.ContactQuery{Where: tt.where, Limit: limit}
				var got []audience.ContactID
				for pages := 0; ; pages++ {
					require.LessOrEqual(t, pages, len(ids)+1, "it ends")
					page, err := r.Contacts(t.Context(), q)
					require.NoError(t, err)
					if limit > 0 {
						require.LessOrEqual(t, len(page.Items), limit)
					}
					got = append(got, contactIDs(page.Items)...)
					if page.Next == "" {
						break
					}
					q.After = page.Next
				}
				require.Equal(t, tt.want, got, "%s by %d", name, limit)

				var iterated []audience.ContactID
				for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{ContactQuery: store.ContactQuery{Where: tt.where, Limit: limit}}) {
					require.NoError(t, err)
					iterated = append(iterated, p.Contact.ID)
				}
				require.Equal(t, tt.want, iterated, "%s iterated by %d", name, limit)
			}
		}
		return nil
	})
}

// A cursor goes on where it was made, also in a later snapshot.
func TestPagesAcrossSnapshots(t *testing.T) {
	f, ids := crowd(t, 12)
	var page store.Page[audience.Contact]
	next := func(q store.ContactQuery) {
		f.view(func(r *store.Reader) (err error) {
			page, err = r.Contacts(t.Context(), q)
			return err
		})
	}
	next(store.ContactQuery{Limit: 4})
	require.Equal(t, ids[:4], contactIDs(page.Items))
	added := f.put("new", "new@example.com")
	f.update(func(tx *store.Tx) error {
		return tx.Delete(t.Context(), audience.Source{}, audience.ID(ids[0]), audience.ID(ids[3]), audience.ID(ids[4]))
	})
	next(store.ContactQuery{After: page.Next})
	require.Equal(t, append(slices.Clone(ids[5:]), added), contactIDs(page.Items))
	require.Empty(t, page.Next)
}

func TestCursorOfAnotherQuery(t *testing.T) {
	f, _ := crowd(t, 6)
	f.join("vip", audience.Key("0"), audience.Key("1"))
	other, err := store.Open(t.Context(), f.adapter, "other", store.Options{Schema: f.Schema()})
	require.NoError(t, err)
	var contacts, tagged, vip store.Cursor
	f.view(func(r *store.Reader) error {
		page, err := r.Contacts(t.Context(), store.ContactQuery{Limit: 1})
		require.NoError(t, err)
		contacts = page.Next
		page, err = r.Contacts(t.Context(), store.ContactQuery{Limit: 1, Where: store.HasTag{Tag: "third"}})
		require.NoError(t, err)
		tagged = page.Next
		members, err := r.Members(t.Context(), "vip", "", 1)
		vip = members.Next
		return err
	})
	on := func(where store.Predicate) func(*store.Reader, store.Cursor) error {
		return func(r *store.Reader, after store.Cursor) error {
			_, err := r.Contacts(t.Context(), store.ContactQuery{Where: where, After: after})
			return err
		}
	}
	members := func(r *store.Reader, after store.Cursor) error {
		_, err := r.Members(t.Context(), "vip", after, 1)
		return err
	}
	iterated := func(r *store.Reader, after store.Cursor) (err error) {
		for _, err = range r.AllContacts(t.Context(), store.ContactQuery{After: after}) {
			require.Error(t, err)
		}
		return err
	}
	tests := map[string]struct {
		handle *store.Audience
		read   func(*store.Reader, store.Cursor) error
		cursor store.Cursor
		good   bool
	}{
		"its own":                {f.Audience, on(nil), contacts, true},
		"its own predicate":      {f.Audience, on(store.HasTag{Tag: "third"}), tagged, true},
		"its own list":           {f.Audience, members, vip, true},
		"another predicate":      {f.Audience, on(store.HasTag{Tag: "other"}), tagged, false},
		"no predicate":           {f.Audience, on(nil), tagged, false},
		"a predicate":            {f.Audience, on(store.HasTag{Tag: "third"}), contacts, false},
		"a list":                 {f.Audience, members, contacts, false},
		"contacts after members": {f.Audience, on(nil), vip, false},
		"another audience":       {other, on(nil), contacts, false},
		"damaged":                {f.Audience, on(nil), contacts[:len(contacts)-1] + "_", false},
		"cut":                    {f.Audience, on(nil), contacts[:4], false},
		"with a tail":            {f.Audience, on(nil), contacts + "AA", false},
		"no cursor at all":       {f.Audience, on(nil), "%%%", false},
		"iterated":               {f.Audience, iterated, tagged, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.handle.View(t.Context(), func(r *store.Reader) error { return tt.read(r, tt.cursor) })
			if tt.good {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, audience.ErrInvalidCursor)
		})
	}
}

func TestIterators(t *testing.T) {
	f, ids := crowd(t, 11)
	f.view(func(r *store.Reader) error {
		all := r.AllContacts(t.Context(), store.ContactQuery{Limit: 2})
		for range 2 { // ranging again begins again
			var got []audience.ContactID
			for c, err := range all {
				require.NoError(t, err)
				got = append(got, c.ID)
			}
			require.Equal(t, ids, got)
		}
		for c, err := range all {
			require.NoError(t, err)
			require.Equal(t, ids[0], c.ID)
			break // it stops when it is left
		}

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []audience.ContactID
		var last error
		for c, err := range r.AllContacts(ctx, store.ContactQuery{Limit: 3}) {
			require.NoError(t, last, "an error comes last")
			if last = err; err != nil {
				require.Zero(t, c)
				continue
			}
			if got = append(got, c.ID); len(got) == 3 {
				cancel()
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		require.Equal(t, ids[:3], got)
		return nil
	})
}

// The pages of one reader agree on the instant, whatever the clock does.
func TestPagesAtOneInstant(t *testing.T) {
	f := newFixture(t)
	for i := range 4 {
		f.put(strconv.Itoa(i), fmt.Sprintf("u%d@example.com", i))
		w := grant(audience.Key(strconv.Itoa(i)), audience.MechanismVerbal)
		w.Expires = f.now.Add(time.Hour)
		f.record(w)
	}
	subscribed := store.Consents{Purpose: "marketing"}
	count := func(at time.Time, tick time.Duration) (n int) {
		f.view(func(r *store.Reader) error {
			for _, err := range r.AllContacts(t.Context(), store.ContactQuery{Where: subscribed, Limit: 1, At: at}) {
				require.NoError(t, err)
				n++
				f.later(tick)
			}
			return nil
		})
		return n
	}
	start := f.now
	require.Equal(t, 4, count(time.Time{}, time.Hour), "consent did not expire between its pages")
	require.Zero(t, count(time.Time{}, 0), "it has by now")
	require.Equal(t, 4, count(start.Add(59*time.Minute), 0), "asked for an instant")

	for i := range 4 {
		w := refusal(audience.Key(strconv.Itoa(i)), audience.ConsentWithdrawn)
		f.record(w)
	}
	f.now = start
	require.Zero(t, count(time.Time{}, 0), "a clock that was put back does not revive what was withdrawn")
}

func TestProfilesHoldWhatWasAskedFor(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	f.record(grant(ann, audience.MechanismVerbal))
	f.join("vip", ann)
	f.event(ann, "e1", "purchase", 0)
	f.event(ann, "e2", "email.opened", 0)
	news := store.OnList{List: audience.List{Name: "news", Kind: audience.ListTopic}}
	tests := map[string]struct {
		query store.ProfileQuery
		want  audience.ProfileParts
	}{
		"nothing":           {store.ProfileQuery{}, audience.ProfileParts{}},
		"ledger":            {store.ProfileQuery{Parts: audience.ProfileParts{Ledger: true}}, audience.ProfileParts{Ledger: true}},
		"lists":             {store.ProfileQuery{Parts: audience.ProfileParts{Lists: true}}, audience.ProfileParts{Lists: true}},
		"events":            {store.ProfileQuery{Parts: audience.ProfileParts{Events: []string{"purchase", "refund"}}}, audience.ProfileParts{Events: []string{"purchase"}}},
		"what Where needs":  {store.ProfileQuery{ContactQuery: store.ContactQuery{Where: store.Not{Part: news}}}, audience.ProfileParts{Ledger: true}},
		"all event streams": {store.ProfileQuery{Parts: audience.ProfileParts{Events: []string{"purchase", "email.opened"}}}, audience.ProfileParts{Events: []string{"email.opened", "purchase"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f.view(func(r *store.Reader) error {
				page, err := r.Profiles(t.Context(), tt.query)
				require.NoError(t, err)
				require.Len(t, page.Items, 1)
				p := page.Items[0]
				got := audience.ProfileParts{Ledger: len(p.History.Records) > 0, Lists: len(p.Lists) > 0}
				for _, s := range p.Streams {
					require.Len(t, s.Events, 1)
					got.Events = append(got.Events, s.Type)
				}
				require.Equal(t, tt.want, got)
				return nil
			})
		})
	}
	f.view(func(r *store.Reader) error {
		_, err := r.Profile(t.Context(), audience.Key("bob"), audience.ProfileParts{})
		require.ErrorIs(t, err, audience.ErrNotFound)
		return nil
	})
	_, err := f.Profile(t.Context(), audience.ID(99), audience.ProfileParts{})
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.ErrorContains(t, err, "99", "a number may be shown")
	_, err = f.Contact(t.Context(), audience.Email("eve@example.com"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NotContains(t, err.Error(), "eve", "an address may not")
}

func TestPageSizes(t *testing.T) {
	f := newFixture(t)
	for start := 0; start < 10_001; start += 5_000 {
		f.update(func(tx *store.Tx) error {
			writes := make([]audience.ContactWrite, min(5_000, 10_001-start))
			for i := range writes {
				writes[i].Match = audience.Key(strconv.Itoa(start + i))
			}
			_, err := tx.Put(t.Context(), writes...)
			return err
		})
	}
	f.view(func(r *store.Reader) error {
		for limit, want := range map[int]int{-1: 1_000, 0: 1_000, 7: 7, 10_000: 10_000, 10_001: 10_000, 1 << 40: 10_000} {
			page, err := r.Contacts(t.Context(), store.ContactQuery{Limit: limit})
			require.NoError(t, err)
			require.Len(t, page.Items, want, "limit %d", limit)
			require.NotEmpty(t, page.Next)
		}
		return nil
	})
}
