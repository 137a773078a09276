package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestRecords(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{RecordBytes: 4, KeyBytes: 4} })
	load := func(key string) (rec store.Record, err error) {
		return rec, f.View(t.Context(), func(r *store.Reader) error {
			rec, err = r.LoadRecord(t.Context(), "import", key)
			return err
		})
	}
	var first, second uint64
	f.update(func(tx *store.Tx) (err error) {
		first, err = tx.SaveRecord(t.Context(), store.Record{Namespace: "import", Key: "k", Value: []byte("one"), Expires: f.now.Add(time.Hour)})
		return err
	})
	rec, err := load("k")
	require.NoError(t, err)
	require.Equal(t, store.Record{Namespace: "import", Key: "k", Value: []byte("one"), Version: first, Expires: f.now.Add(time.Hour)}, rec)

	refused := map[string]struct {
		rec  store.Record
		want error
	}{
		"another version": {store.Record{Namespace: "import", Key: "k", Version: first + 1}, audience.ErrConflict},
		"not the first":   {store.Record{Namespace: "import", Key: "k"}, audience.ErrConflict},
		"no namespace":    {store.Record{Key: "k"}, audience.ErrInvalid},
		"no key":          {store.Record{Namespace: "import"}, audience.ErrInvalid},
		"long value":      {store.Record{Namespace: "import", Key: "l", Value: []byte("12345")}, audience.ErrLimit},
		"long key":        {store.Record{Namespace: "import", Key: "12345"}, audience.ErrLimit},
		"no text":         {store.Record{Namespace: "import", Key: "\xff"}, audience.ErrInvalid},
		"NUL":             {store.Record{Namespace: "import", Key: "\x00"}, audience.ErrInvalid},
		"settings":        {store.Record{Namespace: "audience", Key: "k"}, audience.ErrDenied},
		"evidence":        {store.Record{Namespace: "evidence", Key: "1/1"}, audience.ErrDenied},
		"deleted":         {store.Record{Namespace: "deleted", Key: "1"}, audience.ErrDenied},
		"unmerged":        {store.Record{Namespace: "unmerged", Key: "1/2"}, audience.ErrDenied},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, f.refused(func(tx *store.Tx) error { _, err := tx.SaveRecord(t.Context(), tt.rec); return err }), tt.want)
			if errors.Is(tt.want, audience.ErrDenied) {
				require.ErrorIs(t, f.refused(func(tx *store.Tx) error {
					return tx.DeleteRecord(t.Context(), tt.rec.Namespace, tt.rec.Key, 1)
				}), audience.ErrDenied)
			}
		})
	}

	f.update(func(tx *store.Tx) (err error) {
		second, err = tx.SaveRecord(t.Context(), store.Record{Namespace: "import", Key: "k", Value: []byte("two"), Version: first})
		require.NoError(t, err)
		_, err = tx.SaveRecord(t.Context(), store.Record{Namespace: "import", Key: "kk", Value: []byte("x")})
		require.NoError(t, err)
		rec, err := tx.LoadRecord(t.Context(), "import", "k")
		require.Equal(t, "two", string(rec.Value))
		return err
	})
	require.Greater(t, second, first)
	rec.Key, rec.Value = "ann@example.com", []byte("personal")
	text, err := json.Marshal(rec)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", rec, rec, []store.Record{rec}, &rec), string(text), rec.LogValue().String()} {
		require.Contains(t, shown, "import")
		require.NotContains(t, shown, "ann")
		require.NotContains(t, shown, "personal")
	}
	f.view(func(r *store.Reader) error {
		all, err := r.Records(t.Context(), "import", "k", "", 10)
		require.NoError(t, err)
		require.Len(t, all, 2)
		all, err = r.Records(t.Context(), "import", "k", "k", 10)
		require.Len(t, all, 1)
		require.Equal(t, "kk", all[0].Key)
		return err
	})
	require.ErrorIs(t, f.refused(func(tx *store.Tx) error { return tx.DeleteRecord(t.Context(), "import", "k", first) }), audience.ErrConflict)
	f.update(func(tx *store.Tx) error { return tx.DeleteRecord(t.Context(), "import", "k", second) })
	require.ErrorIs(t, f.refused(func(tx *store.Tx) error { return tx.DeleteRecord(t.Context(), "import", "k", second) }), audience.ErrNotFound)
	require.Len(t, f.changes(), 1, "features' own state is no part of the feed")
}

// An expired record stays expired when the clock is put back.
func TestRecordsExpire(t *testing.T) {
	f := newFixture(t)
	start := f.now
	load := func() error {
		return f.View(t.Context(), func(r *store.Reader) error {
			_, err := r.LoadRecord(t.Context(), "import", "lease")
			all, listErr := r.Records(t.Context(), "import", "", "", 10)
			require.NoError(t, listErr)
			require.Equal(t, err == nil, len(all) == 1)
			return err
		})
	}
	f.update(func(tx *store.Tx) error {
		_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: "import", Key: "lease", Expires: start.Add(time.Hour)})
		return err
	})
	f.now = start.Add(time.Hour - time.Microsecond)
	require.NoError(t, load())
	f.later(time.Microsecond)
	require.ErrorIs(t, load(), audience.ErrNotFound)
	f.put("ann")
	f.now = start
	require.ErrorIs(t, load(), audience.ErrNotFound, "as of the last commit it was over")
	f.update(func(tx *store.Tx) error {
		_, err := tx.LoadRecord(t.Context(), "import", "lease")
		require.ErrorIs(t, err, audience.ErrNotFound)
		_, err = tx.SaveRecord(t.Context(), store.Record{Namespace: "import", Key: "lease"})
		return err
	})
}
