package dbtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestUpdateOfManyBatches: a transaction may make any number of contacts, such
// as when an import of a large file is previewed.
func TestUpdateOfManyBatches(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		aud, end := openLoadOn(t, d.Fresh(t), d.Engine)
		defer end()
		const batches, each = 40, 100
		_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
			for batch := range batches {
				writes := make([]audience.ContactWrite, each)
				for i := range writes {
					writes[i] = audience.ContactWrite{Match: audience.Key(fmt.Sprint("many", batch*each+i))}
				}
				if _, err := tx.Put(t.Context(), writes...); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			n, err := r.CountContacts(t.Context())
			require.Equal(t, batches*each, n)
			return err
		}))
	})
}
