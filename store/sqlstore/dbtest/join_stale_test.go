package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestJoinAfterTrim: that the feed no longer tells of a commit does not hide
// from a host's snapshot that it is too old.
func TestJoinAfterTrim(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		for level, snapshot := range levels(d) {
			if !snapshot || d.Engine == SQLite {
				continue
			}
			t.Run(level.String(), func(t *testing.T) {
				s := newShop(t, d)
				s.put("ann", "bea")
				_, err := s.aud.Append(s.ctx, visit("ann", "e1", 1))
				require.NoError(t, err)
				tx := s.begin(level)
				_, err = s.aud.Append(s.ctx, visit("ann", "e1", 3))
				require.NoError(t, err)
				s.put("cleo")
				require.NoError(t, s.aud.Trim(s.ctx, s.head()))
				_, err = sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
					_, err := tx.Append(s.ctx, visit("ann", "e1", 2))
					return err
				})
				require.ErrorIs(t, err, audience.ErrRetryable)
				require.NoError(t, tx.Rollback())
				require.Equal(t, []uint64{3}, s.visits("ann"))
			})
		}
	})
}

// TestJoinErasesBesideErasure: of a commit in parts a host's old snapshot sees
// what it had before somebody else was erased, which must not come back.
func TestJoinErasesBesideErasure(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		for level := range levels(d) {
			t.Run(level.String(), func(t *testing.T) {
				s := newShop(t, d)
				var writes []audience.ContactWrite
				for i := range 40 {
					w := person(fmt.Sprintf("p%02d", i))
					note := audience.StringValue(strings.Repeat(fmt.Sprintf("note of p%02d ", i), 2_000))
					w.Set = map[string]audience.Value{"note": note}
					writes = append(writes, w)
				}
				_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { _, err := tx.Put(s.ctx, writes...); return err })
				require.NoError(t, err)
				erase := func(ctx context.Context, tx *store.Tx, name string) error {
					return tx.Erase(ctx, audience.Source{}, audience.Key(name))
				}
				host := s.begin(level)
				if d.Engine != SQLite {
					_, err = s.aud.Update(s.ctx, func(tx *store.Tx) error { return erase(s.ctx, tx, "p35") })
					require.NoError(t, err)
				}
				_, err = sqlstore.Join(s.ctx, s.aud, host, func(tx *store.Tx) error { return erase(s.ctx, tx, "p05") })
				if err != nil {
					require.ErrorIs(t, err, audience.ErrRetryable)
					require.NoError(t, host.Rollback())
					host = s.begin(sql.LevelDefault)
					_, err = sqlstore.Join(s.ctx, s.aud, host, func(tx *store.Tx) error { return erase(s.ctx, tx, "p05") })
				}
				require.NoError(t, err)
				require.NoError(t, host.Commit())
				for _, c := range s.feed(store.Position{}) {
					for _, change := range c.Changes {
						if change.After != nil {
							name := change.After.External[0].ID.Reveal()
							require.NotEqual(t, "p05", name)
							if d.Engine != SQLite {
								require.NotEqual(t, "p35", name)
							}
						}
					}
				}
			})
		}
	})
}
