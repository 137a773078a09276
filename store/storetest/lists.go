package storetest

import (
	"math"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicLists = "lists"

func listChecks() []Check {
	return []Check{
		{
			Topic: topicLists, Name: "round-trip-and-order", run: listRoundTrip,
			Reason: "Profiles take the lists of a contact as a sorted set; names that a collation takes for the same put people on a list they are not on.",
		},
		{
			Topic: topicLists, Name: "the-first-addition-stays", run: listFirstStays,
			Reason: "Since when and through whom somebody is on a list is provenance; adding her again must not rewrite it.",
		},
		{
			Topic: topicLists, Name: "remove", run: listRemove,
			Reason: "Who was taken off a list must not get its mail; the others must.",
		},
		{
			Topic: topicLists, Name: "members-in-pages", run: listPages,
			Reason: "A list is exported and sent to page by page: a member at a boundary that comes twice is mailed twice.",
		},
	}
}

func (k *kit) memberships(p store.Partition, origins ...audience.ContactID) (lines []string) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		rows, err := r.Memberships(k.ctx, origins)
		require.NoError(k, err)
		lines = texts(rows, membershipText)
	})
	return lines
}

func listRoundTrip(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	var all []store.Membership
	for i, list := range names() {
		for _, id := range []audience.ContactID{ids[2], ids[0]} {
			all = append(all, store.Membership{List: list, Origin: id, At: at(i), Source: source()})
		}
	}
	k.update(p, func(w store.WriteRoles) error { return w.AddMembers(k.ctx, all) })
	want := slices.Clone(all)
	slices.SortFunc(want, func(a, b store.Membership) int {
		if a.Origin != b.Origin {
			return int(a.Origin) - int(b.Origin)
		}
		return strings.Compare(a.List, b.List)
	})
	require.Equal(k, texts(want, membershipText), k.memberships(p, ids[2], ids[1], ids[0], ids[2]))
	k.view(p, func(r store.ReadRoles) {
		for i := 0; i < len(all); i += 2 {
			got, err := r.MembersAfter(k.ctx, all[i].List, 0, 10)
			require.NoError(k, err)
			require.Equal(k, []string{membershipText(&all[i+1]), membershipText(&all[i])}, texts(got, membershipText))
		}
		none, err := r.MembersAfter(k.ctx, "nobody's", 0, 10)
		require.NoError(k, err)
		require.Empty(k, none)
	})
}

func listFirstStays(k *kit) {
	p := k.rows()
	id := k.contacts(p, 1)[0]
	first := store.Membership{List: "gold", Origin: id, At: at(1), Source: source()}
	again := store.Membership{List: "gold", Origin: id, At: at(2)}
	k.update(p, func(w store.WriteRoles) error { return w.AddMembers(k.ctx, []store.Membership{first}) })
	k.update(p, func(w store.WriteRoles) error { return w.AddMembers(k.ctx, []store.Membership{again}) })
	require.Equal(k, []string{membershipText(&first)}, k.memberships(p, id))
	k.view(p, func(r store.ReadRoles) {
		got, err := r.MembersAfter(k.ctx, "gold", 0, 10)
		require.NoError(k, err)
		require.Equal(k, []string{membershipText(&first)}, texts(got, membershipText))
	})
}

func listRemove(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	var all []store.Membership
	for _, id := range ids {
		for _, list := range []string{"a", "b"} {
			all = append(all, store.Membership{List: list, Origin: id, At: at(0)})
		}
	}
	k.update(p, func(w store.WriteRoles) error { return w.AddMembers(k.ctx, all) })
	doomed := []store.Membership{{List: "a", Origin: ids[0]}, {List: "A", Origin: ids[1]}, {List: "z", Origin: ids[1]}}
	for range 2 { // again is harmless
		k.update(p, func(w store.WriteRoles) error { return w.RemoveMembers(k.ctx, doomed) })
		require.Equal(k, texts(all[1:], membershipText), k.memberships(p, ids...))
		k.view(p, func(r store.ReadRoles) {
			got, err := r.MembersAfter(k.ctx, "a", 0, 10)
			require.NoError(k, err)
			require.Equal(k, texts(all[2:3], membershipText), texts(got, membershipText))
		})
	}
}

func listPages(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 5)
	var members []store.Membership
	for _, id := range ids {
		members = append(members, store.Membership{List: "gold", Origin: id, At: at(0)}, store.Membership{List: "gold2", Origin: id, At: at(0)})
	}
	k.update(p, func(w store.WriteRoles) error { return w.AddMembers(k.ctx, members) })
	k.view(p, func(r store.ReadRoles) {
		for size := 1; size <= len(ids)+1; size++ {
			var got []audience.ContactID
			for after := audience.ContactID(0); ; after = got[len(got)-1] {
				rows, err := r.MembersAfter(k.ctx, "gold", after, size)
				require.NoError(k, err)
				require.LessOrEqual(k, len(rows), size)
				for _, m := range rows {
					require.Equal(k, "gold", m.List)
					require.Greater(k, m.Origin, after)
					got = append(got, m.Origin)
				}
				if len(rows) < size {
					break
				}
			}
			require.Equal(k, ids, got, "pages of %d", size)
		}
		none, err := r.MembersAfter(k.ctx, "gold", math.MaxUint32, 1)
		require.NoError(k, err)
		require.Empty(k, none)
		_, err = r.MembersAfter(k.ctx, "gold", 0, 0)
		require.ErrorIs(k, err, audience.ErrInvalid)
	})
}
