package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestErased(t *testing.T) {
	for _, tt := range []struct {
		name   string
		others int // deleted as well
	}{{"few", 0}, {"many", 100}} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			there, deleted, erased := f.put("there"), f.put("deleted"), f.put("erased")
			mergedThere, mergedDeleted, mergedErased := f.put("m1"), f.put("m2"), f.put("m3")
			ids := []audience.ContactID{there, deleted, erased, mergedThere, mergedDeleted, mergedErased, 0, 1_000_000}
			want := []bool{false, false, true, false, false, true, true, true}
			f.update(func(tx *store.Tx) error {
				for winner, loser := range map[audience.ContactID]audience.ContactID{there: mergedThere, deleted: mergedDeleted, erased: mergedErased} {
					if err := tx.Merge(t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{}); err != nil {
						return err
					}
				}
				return nil
			})
			gone := []audience.Ref{audience.ID(deleted)}
			for i := range tt.others {
				id := f.put(fmt.Sprintf("other%d", i))
				gone, ids, want = append(gone, audience.ID(id)), append(ids, id), append(want, false)
			}
			f.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, gone...) })
			f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(erased)) })
			f.view(func(r *store.Reader) error {
				got, err := r.Erased(t.Context(), ids)
				require.Equal(t, want, got)
				return err
			})
		})
	}
}

// A feature that writes about somebody after her erasure, since it does not
// know yet, can take it back when it learns of it.
func TestSweepErased(t *testing.T) {
	f := newFixture(t)
	deleted, erased := f.put("ann"), f.put("bea")
	f.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(deleted)) })
	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(erased)) })
	var late []store.Record
	for _, id := range []audience.ContactID{deleted, erased} {
		late = append(late, store.Record{Namespace: store.NamespaceTransitions, Key: id.String(), Contact: id})
	}
	f.update(func(tx *store.Tx) error {
		versions, err := tx.SaveRecords(t.Context(), late)
		require.Len(t, versions, 2)
		return err
	})
	f.update(func(tx *store.Tx) error {
		return tx.SweepErased(t.Context(), []audience.ContactID{deleted, erased, 0})
	})
	f.view(func(r *store.Reader) error {
		kept, err := r.Records(t.Context(), store.NamespaceTransitions, "", "", 10)
		require.Len(t, kept, 1)
		require.Equal(t, deleted, kept[0].Contact)
		return err
	})
}

func TestTransitionsOutliveDeletingButNotErasing(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann")
	f.update(func(tx *store.Tx) error {
		_, err := tx.SaveRecords(t.Context(), []store.Record{
			{Namespace: store.NamespaceTransitions, Key: "1", Contact: id}, {Namespace: "caps", Key: "1", Contact: id},
		})
		return err
	})
	count := func(namespace string) (n int) {
		f.view(func(r *store.Reader) error {
			all, err := r.Records(t.Context(), namespace, "", "", 10)
			n = len(all)
			return err
		})
		return n
	}
	f.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(id)) })
	require.Equal(t, []int{1, 0}, []int{count(store.NamespaceTransitions), count("caps")})
	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(id)) })
	require.Zero(t, count(store.NamespaceTransitions))
}

func TestSaveRecordsIsAllOrNothing(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{RecordBytes: 4, BatchItems: 2} })
	good := store.Record{Namespace: "import", Key: "a"}
	for name, tt := range map[string]struct {
		records []store.Record
		want    error
	}{
		"reserved":  {[]store.Record{good, {Namespace: "evidence", Key: "b"}}, audience.ErrDenied},
		"too long":  {[]store.Record{good, {Namespace: "import", Key: "b", Value: []byte("12345")}}, audience.ErrLimit},
		"version":   {[]store.Record{good, {Namespace: "import", Key: "b", Version: 7}}, audience.ErrConflict},
		"too many":  {[]store.Record{good, {Namespace: "import", Key: "b"}, {Namespace: "import", Key: "c"}}, audience.ErrLimit},
		"nameless":  {[]store.Record{good, {Key: "b"}}, audience.ErrInvalid},
		"no string": {[]store.Record{good, {Namespace: "import", Key: "\xff"}}, audience.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			f.update(func(tx *store.Tx) error {
				_, err := tx.SaveRecords(t.Context(), tt.records)
				require.ErrorIs(t, err, tt.want)
				return nil
			})
			f.view(func(r *store.Reader) error {
				_, err := r.LoadRecord(t.Context(), "import", "a")
				require.ErrorIs(t, err, audience.ErrNotFound)
				return nil
			})
		})
	}
}

// Who was deleted can be found by her id and by those of whom was merged into
// her, until she is erased.
func TestDeletedAs(t *testing.T) {
	f := newFixture(t)
	there, deleted, loser, erased := f.put("there"), f.put("deleted"), f.put("loser"), f.put("erased")
	var created audience.Contact
	f.view(func(r *store.Reader) (err error) {
		created, err = r.Contact(t.Context(), audience.ID(deleted))
		return err
	})
	f.update(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(deleted), audience.ID(loser), audience.Source{})
	})
	f.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(deleted)) })
	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(erased)) })
	all := func() (out []audience.ContactID) {
		for after := audience.ContactID(0); ; {
			f.view(func(r *store.Reader) error {
				page, err := r.DeletedIDs(t.Context(), after, 1)
				if len(page) == 0 {
					after = 0
					return err
				}
				after = page[0]
				out = append(out, page...)
				return err
			})
			if after == 0 {
				return out
			}
		}
	}
	f.view(func(r *store.Reader) error {
		for id, want := range map[audience.ContactID]store.Deleted{
			there: {}, erased: {}, 0: {}, 1_000_000: {},
			deleted: {Contact: deleted, Created: created.CreatedAt}, loser: {Contact: deleted, Created: created.CreatedAt},
		} {
			got, err := r.DeletedAs(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, got, "contact %s", id)
		}
		return nil
	})
	require.ElementsMatch(t, []audience.ContactID{deleted, loser}, all())
	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(loser)) })
	require.Empty(t, all())
}
