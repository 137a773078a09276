package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestOpenTransactionDelaysNobody: while a host's transaction is open others
// write other contacts, and the feed is read.
func TestOpenTransactionDelaysNobody(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("SQLite has one writer at a time")
		}
		for level := range levels(d) {
			if d.Engine == MySQL && level == sql.LevelSerializable {
				continue // where every read of the host locks what it reads
			}
			for _, erases := range []bool{false, true} {
				if erases && d.Engine == MySQL && level != sql.LevelReadCommitted {
					continue // InnoDB locks the gaps between the rows that it removes
				}
				t.Run(level.String()+" erases "+strconv.FormatBool(erases), func(t *testing.T) {
					s := newShop(t, d)
					s.put("ann", "bea", "cleo", "dora")
					_, err := s.aud.Append(s.ctx, visit("bea", "e0", 1)) // without a number
					require.NoError(t, err)
					tx := s.begin(level)
					host := func() (sqlstore.Token, error) {
						return sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
							if erases {
								return tx.Erase(s.ctx, audience.Source{}, audience.Key("bea"))
							}
							if _, err := tx.Append(s.ctx, visit("bea", "e1", 1), visit("bea", "e2", 1)); err != nil {
								return err
							}
							if err := tx.Suppress(s.ctx, store.SuppressionWrite{Address: person("fred").Email, Reason: audience.SuppressedManually}); err != nil {
								return err
							}
							_, err := tx.Put(s.ctx, person("emma"))
							return err
						})
					}
					token, err := host()
					if errors.Is(err, audience.ErrRetryable) { // its commits got their numbers meanwhile
						require.True(t, erases)
						require.NoError(t, tx.Rollback())
						tx = s.begin(level)
						token, err = host()
					}
					require.NoError(t, err)

					ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
					defer cancel()
					before := s.head()
					for i, name := range []string{"ann", "cleo", "dora", "fran", "gwen", "zoe"} {
						_, err := s.aud.Put(ctx, person(name))
						require.NoError(t, err, "who writes others does not wait")
						_, err = s.aud.Append(ctx, visit(name, "e1", 1))
						require.NoError(t, err)
						require.Len(t, s.feed(before), 2*(i+1)-min(i+1, 3), "who reads the feed does not wait")
						var at store.Position
						require.NoError(t, s.aud.View(ctx, func(r *store.Reader) (err error) {
							at, err = r.Position(ctx)
							return err
						}))
						require.Equal(t, s.head(), at)
					}
					after := s.head()
					require.NoError(t, tx.Commit())
					pos, err := token.Position(s.ctx)
					require.NoError(t, err)
					require.Len(t, s.feed(after), 1)
					require.Empty(t, s.feed(pos))
				})
			}
		}
	})
}

// TestJoinOverTrim: a host's snapshot that is older than what the feed still
// has may have missed anything.
func TestJoinOverTrim(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("nobody else writes while a host's transaction is open")
		}
		for level := range levels(d) {
			for _, trimmed := range []string{"that commit alone", "some", "all"} {
				t.Run(level.String()+"/"+trimmed, func(t *testing.T) {
					s := newShop(t, d)
					s.put("ann", "bea")
					_, err := s.aud.Append(s.ctx, visit("ann", "e1", 1))
					require.NoError(t, err)
					attempts := 0
					for done := false; !done; attempts++ {
						require.Less(t, attempts, 5)
						tx := s.begin(level)
						if attempts == 0 {
							_, err := s.aud.Append(s.ctx, visit("ann", "e1", 3))
							require.NoError(t, err)
							marks := map[string]store.Position{"that commit alone": s.head()}
							for i := range uint64(3) {
								_, err := s.aud.Append(s.ctx, visit("bea", "e1", 1+i))
								require.NoError(t, err)
								if i == 1 {
									marks["some"] = s.head()
								}
							}
							marks["all"] = s.head()
							require.NoError(t, s.aud.Trim(s.ctx, marks[trimmed]))
						}
						_, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
							_, err := tx.Append(s.ctx, visit("ann", "e1", 2))
							return err
						})
						if errors.Is(err, audience.ErrRetryable) {
							require.NoError(t, tx.Rollback())
							continue
						}
						require.NoError(t, err)
						require.NoError(t, tx.Commit())
						done = true
					}
					require.Equal(t, []uint64{3}, s.visits("ann"))
				})
			}
		}
	})
}
