package dbtest

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestFindNobodyGone (G1) finds contacts by what is kept of them outside of
// their row, while some are merged, deleted and erased: what is left of these
// is no contact.
func TestFindNobodyGone(t *testing.T) {
	filter := store.EventFilter{Types: []string{"email.opened"}, From: instant(-100)}
	subscribed := store.Compare{Feature: store.Feature{Kind: store.FeatureStatus}, Op: store.Equal, Value: audience.StringValue(audience.StatusSubscribed.String())}
	opened := store.CompareCount{Events: filter, Op: store.Greater, N: 0}
	names := []string{"stays", "wins", "loses", "unmerged", "deleted", "erased", "deleted winner", "her loser"}
	steps := []struct {
		name string
		do   func(t *testing.T, tx *store.Tx) error
		want []string
	}{
		{"all", func(*testing.T, *store.Tx) error { return nil }, names},
		{"merge", func(t *testing.T, tx *store.Tx) error {
			t.Helper()
			for winner, loser := range map[string]string{"wins": "loses", "stays": "unmerged", "deleted winner": "her loser"} {
				if err := tx.Merge(t.Context(), audience.Key(winner), audience.Key(loser), audience.Source{}); err != nil {
					return err
				}
			}
			return nil
		}, []string{"stays", "wins", "deleted", "erased", "deleted winner"}},
		{"delete", func(t *testing.T, tx *store.Tx) error {
			t.Helper()
			return tx.Delete(t.Context(), audience.Source{}, audience.Key("deleted"), audience.Key("deleted winner"))
		}, []string{"stays", "wins", "erased"}},
		{"erase", func(t *testing.T, tx *store.Tx) error {
			t.Helper()
			return tx.Erase(t.Context(), audience.Source{}, audience.Key("erased"))
		}, []string{"stays", "wins"}},
	}
	Run(t, func(t *testing.T, d Database) {
		keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
		require.NoError(t, err)
		aud, err := store.Open(t.Context(), openStore(t, d, d.Open(t), sqlstore.Options{}), "main", store.Options{Keys: keys, Clock: func() time.Time { return instant(0) }})
		require.NoError(t, err)
		ids := map[string]audience.ContactID{}
		_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
			for i, name := range names {
				who := audience.Key(name)
				put, err := tx.Put(t.Context(), audience.ContactWrite{Match: who, Email: audience.MustAddress(string(rune('a'+i)) + "@example.com")})
				if err != nil {
					return err
				}
				ids[name] = put[0].ID
				if _, err := tx.Record(t.Context(), audiencetest.Grant(name, tx.At())); err != nil {
					return err
				}
				if _, err := tx.Append(t.Context(), audience.EventWrite{Contact: who, ID: "e", Type: "email.opened", Time: instant(-1)}); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
		check := func(what string, names ...string) {
			var want []audience.ContactID
			for _, name := range names {
				want = append(want, ids[name])
			}
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				for _, p := range []store.Predicate{store.And{subscribed, opened}, opened, subscribed} {
					page, err := r.ContactIDs(t.Context(), store.ContactQuery{Where: p, At: instant(0)})
					require.NoError(t, err)
					require.Equal(t, want, page.Items, "%s: %#v", what, p)
				}
				return nil
			}))
		}
		for _, step := range steps {
			_, err := aud.Update(t.Context(), func(tx *store.Tx) error { return step.do(t, tx) })
			require.NoError(t, err, step.name)
			check(step.name, step.want...)
		}
		_, err = aud.Update(t.Context(), func(tx *store.Tx) error { return tx.Unmerge(t.Context(), ids["unmerged"], audience.Source{}) })
		require.NoError(t, err)
		check("unmerge", "stays", "wins", "unmerged")
	})
}
