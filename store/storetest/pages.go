package storetest

import (
	"fmt"
	"math"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicPages = "pages"

func pageChecks() []Check {
	return []Check{
		{
			Topic: topicPages, Name: "every-size", run: pagesEverySize,
			Reason: "An evaluation, an export and a screen read with different pages, and must find the same people.",
		},
		{
			Topic: topicPages, Name: "list-members", run: pagesMembers,
			Reason: "Who is on a list is read in pages too, through merges and deletions.",
		},
		{ // G5
			Topic: topicPages, Name: "cursor-is-bound", run: pagesCursor,
			Reason: "A cursor comes back from a browser: one of another audience, query or age must be refused and not go on somewhere.",
		},
	}
}

func pagesEverySize(k *kit) {
	const n = 7
	aud := k.open(mainAudience)
	var all, some []audience.ContactID
	for i := range n {
		id := k.people(aud, fmt.Sprintf("p%d", i))[0]
		_, err := aud.Append(k.ctx, audience.EventWrite{Contact: audience.ID(id), ID: "1", Type: "visit", Time: at(i)})
		require.NoError(k, err)
		all = append(all, id)
		if i%3 == 0 {
			some = append(some, id)
			k.change(aud, func(tx *store.Tx) error { return tx.AddToList(k.ctx, "gold", source(), audience.ID(id)) })
		}
	}
	declared := aud.Schema()
	list, ok := declared.ListNamed("gold")
	require.True(k, ok)
	k.look(aud, func(r *store.Reader) {
		for size := 1; size <= n+1; size++ {
			for _, where := range []store.Predicate{nil, store.OnList{List: list}} {
				want := all
				if where != nil {
					want = some
				}
				var got []audience.ContactID
				for p, err := range r.AllProfiles(k.ctx, store.ProfileQuery{ContactQuery: store.ContactQuery{Where: where, Limit: size}, Parts: parts()}) {
					require.NoError(k, err)
					require.Len(k, p.Events("visit"), 1)
					require.Equal(k, p.Contact.ID, p.Events("visit")[0].Contact)
					got = append(got, p.Contact.ID)
				}
				require.Equal(k, want, got, "pages of %d", size)
			}
		}
	})
}

func pagesMembers(k *kit) {
	aud := k.open(mainAudience)
	ids := k.people(aud, "a", "b", "c", "d", "e", "f")
	k.change(aud, func(tx *store.Tx) error {
		var refs []audience.Ref
		for _, id := range ids {
			refs = append(refs, audience.ID(id))
		}
		return tx.AddToList(k.ctx, "gold", source(), refs...)
	})
	k.change(aud, func(tx *store.Tx) error {
		if err := tx.Delete(k.ctx, source(), audience.ID(ids[4])); err != nil {
			return err
		}
		return tx.Merge(k.ctx, audience.ID(ids[5]), audience.ID(ids[0]), source())
	})
	want := []audience.ContactID{ids[5], ids[1], ids[2], ids[3], ids[5]} // in order of the row; a may come twice
	k.look(aud, func(r *store.Reader) {
		for size := 1; size <= len(want)+1; size++ {
			var got []audience.ContactID
			for after := store.Cursor(""); ; {
				page, err := r.Members(k.ctx, "gold", after, size)
				require.NoError(k, err)
				require.LessOrEqual(k, len(got), len(want), "the pages go round")
				got = append(got, page.Items...)
				if page.Next == "" {
					break
				}
				require.NotEqual(k, after, page.Next)
				after = page.Next
			}
			require.Equal(k, want, got, "pages of %d", size)
		}
	})
}

func pagesCursor(k *kit) {
	aud, other := k.open(mainAudience), k.open("other")
	for _, a := range []*store.Audience{aud, other} {
		k.people(a, "a", "b", "c")
	}
	var cursor store.Cursor
	k.look(aud, func(r *store.Reader) {
		page, err := r.Contacts(k.ctx, store.ContactQuery{Limit: 1})
		require.NoError(k, err)
		cursor = page.Next
		require.NotEmpty(k, cursor)
	})
	refused := func(a *store.Audience, q store.ContactQuery, why string) {
		k.look(a, func(r *store.Reader) {
			q.Limit = math.MaxInt32
			_, err := r.Contacts(k.ctx, q)
			require.ErrorIs(k, err, audience.ErrInvalidCursor, why)
		})
	}
	refused(other, store.ContactQuery{After: cursor}, "of another audience")
	refused(aud, store.ContactQuery{After: cursor, Where: store.HasTag{Tag: "x"}}, "of another query")
	refused(aud, store.ContactQuery{After: cursor[:len(cursor)-1]}, "damaged")
	refused(aud, store.ContactQuery{After: "?"}, "no cursor at all")

	// What features and adapters make is bound alike.
	key := []byte{0, 1, 0xff}
	made := k.codec.encode("main", "query", key)
	got, err := k.codec.decode("main", "query", made)
	require.NoError(k, err)
	require.Equal(k, key, got)
	for _, bound := range [][2]string{{"other", "query"}, {"main", "other"}, {"mainq", "uery"}} {
		_, err = k.codec.decode(bound[0], bound[1], made)
		require.ErrorIs(k, err, audience.ErrInvalidCursor, bound)
	}
	b := []byte(made)
	b[len(b)-1] ^= 4
	_, err = k.codec.decode("main", "query", store.Cursor(b))
	require.ErrorIs(k, err, audience.ErrInvalidCursor, "another place")
}
