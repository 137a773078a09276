package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) join(list string, refs ...audience.Ref) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.AddToList(f.t.Context(), list, audience.Source{}, refs...) })
}

func (f *fixture) leave(refs ...audience.Ref) {
	f.t.Helper()
	f.update(func(tx *store.Tx) error { return tx.RemoveFromList(f.t.Context(), "vip", audience.Source{}, refs...) })
}

// vips gives everybody on the list vip, page by page.
func (f *fixture) vips(limit int) []audience.ContactID {
	f.t.Helper()
	var out []audience.ContactID
	f.view(func(r *store.Reader) error {
		for after := store.Cursor(""); ; {
			page, err := r.Members(f.t.Context(), "vip", after, limit)
			if err != nil {
				return err
			}
			require.LessOrEqual(f.t, len(page.Items), limit)
			out = append(out, page.Items...)
			if page.Next == "" {
				return nil
			}
			after = page.Next
		}
	})
	return out
}

func TestLists(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Schema.Lists = append(o.Schema.Lists, audience.List{Name: "seed", Kind: audience.ListTest})
	})
	ann, bob, eve := f.put("ann"), f.put("bob"), f.put("eve")
	source := audience.Source{Kind: audience.SourcePerson, Actor: "op-1"}
	f.update(func(tx *store.Tx) error {
		return tx.AddToList(t.Context(), "vip", source, audience.Key("eve"), audience.Key("ann"), audience.ID(eve))
	})
	require.Equal(t, []audience.ContactID{ann, eve}, f.vips(10))
	all := f.changes()
	require.Equal(t, []store.Change{
		{Kind: store.ChangeList, Contact: eve, List: "vip", Source: source},
		{Kind: store.ChangeList, Contact: ann, List: "vip", Source: source},
	}, all[len(all)-2:])

	f.join("vip", audience.Key("ann"), audience.Key("bob"))
	require.Equal(t, []audience.ContactID{ann, bob, eve}, f.vips(1))
	require.Len(t, f.changes(), len(all)+1, "she was on it already")
	f.join("seed", audience.Key("bob"))
	require.Equal(t, []string{"seed", "vip"}, f.profile(audience.Key("bob")).Lists)

	f.leave(audience.Key("bob"), audience.Key("bob"))
	require.Equal(t, store.Change{Kind: store.ChangeList, Contact: bob, List: "vip", Left: true}, f.last())
	require.Len(t, f.changes(), len(all)+3)
	require.Equal(t, []audience.ContactID{ann, eve}, f.vips(10))
	f.leave(audience.Key("bob"))
	require.Len(t, f.changes(), len(all)+3, "she was not on it")
	require.Equal(t, []string{"seed"}, f.profile(audience.Key("bob")).Lists)

	f.update(func(tx *store.Tx) error {
		require.NoError(t, tx.RemoveFromList(t.Context(), "vip", source, audience.Key("ann")))
		require.NoError(t, tx.AddToList(t.Context(), "vip", source, audience.Key("ann")))
		page, err := tx.Members(t.Context(), "vip", "", 10)
		require.Equal(t, []audience.ContactID{ann, eve}, page.Items)
		return err
	})
}

func TestListsRefused(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{BatchItems: 2} })
	f.put("ann")
	ann, eve := audience.Key("ann"), audience.Key("eve")
	bad := audience.Source{Name: "\xff"}
	calls := map[string]func(*store.Tx, string, audience.Source, ...audience.Ref) error{
		"join": func(tx *store.Tx, l string, s audience.Source, r ...audience.Ref) error {
			return tx.AddToList(t.Context(), l, s, r...)
		},
		"leave": func(tx *store.Tx, l string, s audience.Source, r ...audience.Ref) error {
			return tx.RemoveFromList(t.Context(), l, s, r...)
		},
	}
	tests := map[string]struct {
		list   string
		source audience.Source
		refs   []audience.Ref
		want   error
	}{
		"unknown list":   {list: "nothing", refs: []audience.Ref{ann}, want: audience.ErrNotFound},
		"topic":          {list: "news", refs: []audience.Ref{ann}, want: audience.ErrUnsupported},
		"stranger":       {list: "vip", refs: []audience.Ref{ann, eve}, want: audience.ErrNotFound},
		"too many":       {list: "vip", refs: []audience.Ref{ann, ann, ann}, want: audience.ErrLimit},
		"bad source":     {list: "vip", source: bad, refs: []audience.Ref{ann}, want: audience.ErrInvalid},
		"nobody by name": {list: "vip", refs: []audience.Ref{{}}, want: audience.ErrNotFound},
	}
	for call, do := range calls {
		for name, tt := range tests {
			t.Run(call+" "+name, func(t *testing.T) {
				err := f.refused(func(tx *store.Tx) error { return do(tx, tt.list, tt.source, tt.refs...) })
				require.ErrorIs(t, err, tt.want)
				if name == "stranger" {
					requireBatch(t, err, map[int]error{1: audience.ErrNotFound})
				}
			})
		}
	}
	require.Empty(t, f.vips(10))
	f.view(func(r *store.Reader) error {
		_, err := r.Members(t.Context(), "nothing", "", 10)
		require.ErrorIs(t, err, audience.ErrNotFound)
		_, err = r.Members(t.Context(), "news", "", 10)
		require.ErrorIs(t, err, audience.ErrUnsupported)
		_, err = r.Members(t.Context(), "vip", "damaged", 10)
		require.ErrorIs(t, err, audience.ErrInvalidCursor)
		return nil
	})
}

func TestListsOfMerged(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann"), f.put("bob")
	f.join("vip", audience.Key("bob"))
	f.merge(audience.Key("ann"), audience.Key("bob"))
	require.Equal(t, []audience.ContactID{ann}, f.vips(10), "she stands under her winner")
	before := len(f.changes())
	f.join("vip", audience.Key("ann"))
	require.Len(t, f.changes(), before, "she is on it by the merge")
	f.leave(audience.ID(ann))
	require.Empty(t, f.vips(10))
	require.Empty(t, f.profile(audience.Key("ann")).Lists)
	f.unmerge(bob)
	require.Empty(t, f.profile(audience.Key("bob")).Lists)
}

// Both were on the list before they were merged.
func TestListsOfMergedTwice(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann"), f.put("bob")
	f.join("vip", audience.Key("ann"), audience.Key("bob"))
	f.merge(audience.Key("ann"), audience.Key("bob"))
	require.Equal(t, []audience.ContactID{ann, ann}, f.vips(10), "as Members says")
	require.Equal(t, []string{"vip"}, f.profile(audience.Key("ann")).Lists)
	before := len(f.changes())
	f.leave(audience.Key("ann"))
	require.Len(t, f.changes(), before+1)
	require.Empty(t, f.vips(10))
	f.unmerge(bob)
	require.Empty(t, f.profile(audience.Key("bob")).Lists)
}

func TestListsOfDeleted(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	bob := f.put("bob")
	f.join("vip", audience.Key("ann"), audience.Key("bob"))
	f.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.Key("ann")) })
	require.Equal(t, []audience.ContactID{bob}, f.vips(1))
}
