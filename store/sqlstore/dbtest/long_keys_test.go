package dbtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestLongKeys holds that a host which raises its limits beyond what an index
// of the database takes is told so, before anything is written, and goes on.
func TestLongKeys(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		limits := audience.Limits{NameBytes: 4_000, KeyBytes: 4_000}
		aud, err := store.Open(t.Context(), d.Fresh(t).Store(t, d.Engine), "main", store.Options{
			Limits: limits, Schema: audience.Schema{Lists: []audience.List{{Name: strings.Repeat("l", 2_500), Kind: audience.ListStatic}}},
		})
		require.NoError(t, err)
		ann := audience.Key("ann")
		_, err = aud.Put(t.Context(), audience.ContactWrite{Match: ann})
		require.NoError(t, err)
		long := strings.Repeat("x", 2_500)
		for name, write := range map[string]func(tx *store.Tx) error{
			"external id": func(tx *store.Tx) error {
				_, err := tx.Put(t.Context(), audience.ContactWrite{Match: ann, External: []audience.ExternalID{audience.External("crm", long)}})
				return err
			},
			"tag": func(tx *store.Tx) error {
				_, err := tx.Put(t.Context(), audience.ContactWrite{Match: ann, AddTags: []string{long}})
				return err
			},
			"event id": func(tx *store.Tx) error {
				_, err := tx.Append(t.Context(), audience.EventWrite{Contact: ann, ID: long, Type: "visit", Time: tx.At()})
				return err
			},
			"event type": func(tx *store.Tx) error {
				_, err := tx.Append(t.Context(), audience.EventWrite{Contact: ann, ID: "1", Type: long, Time: tx.At()})
				return err
			},
			"record": func(tx *store.Tx) error {
				_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: "n", Key: long})
				return err
			},
			"namespace": func(tx *store.Tx) error {
				_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: long, Key: "k"})
				return err
			},
			"list": func(tx *store.Tx) error {
				return tx.AddToList(t.Context(), strings.Repeat("l", 2_500), audience.Source{}, ann)
			},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := aud.Update(t.Context(), write)
				if d.Engine == SQLite {
					require.NoError(t, err)
					return
				}
				var refused *audience.FieldError
				require.ErrorAs(t, err, &refused, name)
				require.True(t, refused.Limit)
				require.NotContains(t, err.Error(), long)
				_, err = aud.Put(t.Context(), audience.ContactWrite{Match: ann, AddTags: []string{"goes on"}})
				require.NoError(t, err)
			})
		}
	})
}
