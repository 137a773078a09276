package dbtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestCheckGoesThroughPages: what is held and tagged is looked at page by page,
// each row once, on every database.
func TestCheckGoesThroughPages(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		var writes []audience.ContactWrite
		for i := range 700 {
			w := person(fmt.Sprintf("p%03d", i))
			w.AddTags = []string{"all", fmt.Sprintf("tag%d", i%3)}
			writes = append(writes, w)
		}
		_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { _, err := tx.Put(s.ctx, writes...); return err })
		require.NoError(t, err)
		s.exec(s.db, "UPDATE ak_tags SET tag = 'zzz' WHERE tag = 'tag2'")
		s.exec(s.db, "UPDATE ak_identities SET ident = 'zzz' WHERE ident = 'p650'")
		for _, mend := range []bool{false, true, false} {
			found := map[sqlstore.FindingKind]int{}
			require.NoError(t, sqlstore.Check(s.ctx, s.aud, mend, func(f sqlstore.Finding) error { found[f.Kind]++; return nil }, nil))
			if want := s.count("SELECT COUNT(*) FROM ak_tags WHERE tag = 'zzz'"); !mend && want > 0 {
				require.Equal(t, map[sqlstore.FindingKind]int{sqlstore.FindingTags: 2 * want, sqlstore.FindingIdentity: 1, sqlstore.FindingUnclaimed: 1}, found)
			} else if !mend {
				require.Empty(t, found)
			}
		}
	})
}
