package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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

// joinAgain has somebody else commit between the beginning of a host's
// transaction and Join, and begins again as long as it has to. It gives how
// often it did.
func (s *shop) joinAgain(level sql.IsolationLevel, other, host func(ctx context.Context, tx *store.Tx) error) (attempts int) {
	s.Helper()
	for done := false; !done; attempts++ {
		require.Less(s, attempts, 5)
		tx := s.begin(level)
		if attempts == 0 {
			_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { return other(s.ctx, tx) })
			require.NoError(s, err)
		}
		_, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error { return host(s.ctx, tx) })
		if errors.Is(err, audience.ErrRetryable) {
			require.NoError(s, tx.Rollback())
			continue
		}
		require.NoError(s, err)
		require.NoError(s, tx.Commit())
		done = true
	}
	return attempts
}

// TestJoinTellsOfSuppressions (G1): whoever gets an address in a host's
// transaction is told to be suppressed, also when the suppression is younger
// than what the transaction sees, and the other way round.
func TestJoinTellsOfSuppressions(t *testing.T) {
	x := audience.MustAddress("x@example.com")
	put := func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Put(ctx, person("x"))
		return err
	}
	move := func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Put(
			ctx,
			audience.ContactWrite{Match: audience.AddressRef(x), External: []audience.ExternalID{audience.External(audience.HostSystem, "old")}, Detach: []audience.Identity{audience.AddressIdentity(x)}},
			person("x"),
		)
		return err
	}
	manual := func(lift bool) func(ctx context.Context, tx *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			return tx.Suppress(ctx, store.SuppressionWrite{Address: x, Reason: audience.SuppressedManually, Lift: lift})
		}
	}
	for _, c := range []struct {
		name                string
		before, other, host func(ctx context.Context, tx *store.Tx) error
	}{
		{"suppressed, then made", nil, manual(false), put},
		{"lifted, then made", manual(false), manual(true), put},
		{"made, then suppressed", nil, put, manual(false)},
		{"moved, then suppressed", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Put(ctx, audience.ContactWrite{Email: x})
			return err
		}, move, manual(false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			Run(t, func(t *testing.T, d Database) {
				if d.Engine == SQLite {
					t.Skip("nobody else writes while a host's transaction is open")
				}
				for level, snapshot := range levels(d) {
					t.Run(level.String(), func(t *testing.T) {
						s := newShop(t, d)
						if c.before != nil {
							_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { return c.before(s.ctx, tx) })
							require.NoError(t, err)
						}
						if attempts := s.joinAgain(level, c.other, c.host); !snapshot {
							require.Equal(t, 1, attempts, "what is committed is seen")
						}
						from := s.toldOfSuppression("x")
						require.Equal(t, c.name == "lifted, then made", from.IsZero())
					})
				}
			})
		})
	}
}

// toldOfSuppression gives from when on a contact is suppressed, and wants the
// feed to have told so.
func (s *shop) toldOfSuppression(name string) time.Time {
	s.Helper()
	told := make(map[audience.ContactID]time.Time)
	for _, commit := range s.feed(store.Position{}) {
		for _, change := range commit.Changes {
			if change.SuppressedFrom != nil {
				told[change.Contact] = *change.SuppressedFrom
			}
		}
	}
	p, err := s.aud.Profile(s.ctx, audience.Key(name), audience.ProfileParts{Suppressed: true})
	require.NoError(s, err)
	require.Equal(s, p.SuppressedFrom, told[p.Contact.ID])
	return p.SuppressedFrom
}

// TestJoinSuppressesAndPuts: what a host's transaction itself has made of a
// suppression, which nobody else sees yet, is no reason to begin again.
func TestJoinSuppressesAndPuts(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		for level := range levels(d) {
			t.Run(level.String(), func(t *testing.T) {
				s := newShop(t, d)
				suppress := func(name string, lift bool) func(tx *store.Tx) error {
					return func(tx *store.Tx) error {
						return tx.Suppress(s.ctx, store.SuppressionWrite{Address: person(name).Email, Reason: audience.SuppressedManually, Lift: lift})
					}
				}
				_, err := s.aud.Update(s.ctx, suppress("lee", false))
				require.NoError(t, err)
				tx := s.begin(level)
				for _, fn := range []func(tx *store.Tx) error{
					suppress("lee", true), suppress("mia", false),
					func(tx *store.Tx) error { _, err := tx.Put(s.ctx, person("lee"), person("mia")); return err },
				} {
					_, err := sqlstore.Join(s.ctx, s.aud, tx, fn)
					require.NoError(t, err)
				}
				require.NoError(t, tx.Commit())
				require.Zero(t, s.toldOfSuppression("lee"))
				require.NotZero(t, s.toldOfSuppression("mia"))
			})
		}
	})
}
