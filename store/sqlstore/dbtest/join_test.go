package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// shop is a host with a table of its own, beside an audience.
type shop struct {
	testing.TB
	ctx   context.Context
	d     Database
	db    *sql.DB
	store *sqlstore.Store
	aud   *store.Audience
}

func newShop(t testing.TB, d Database) *shop {
	t.Helper()
	return newShopWith(t, d, sqlstore.Options{})
}

func newShopWith(t testing.TB, d Database, opts sqlstore.Options) *shop {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // who has to wait is found out
	t.Cleanup(cancel)
	db := d.Open(t)
	s := &shop{TB: t, ctx: ctx, d: d, db: db, store: openStore(t, d, db, opts)}
	s.aud = s.open(s.store)
	engine := ""
	if d.Engine == MySQL {
		engine = " ENGINE=InnoDB"
	}
	s.exec(db, "CREATE TABLE orders (id integer NOT NULL PRIMARY KEY)"+engine)
	return s
}

func instant(seconds int) time.Time {
	return time.Date(2026, 1, 31, 12, 0, seconds, 0, time.UTC)
}

func (s *shop) open(a store.Adapter) *store.Audience {
	s.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	require.NoError(s, err)
	schema := audience.Schema{Fields: []audience.Field{{Name: "note", Type: audience.TypeString}}, Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "n", Type: audience.TypeInt}}}}}
	aud, err := store.Open(s.ctx, a, "main", store.Options{Schema: schema, Keys: keys, Clock: func() time.Time { return instant(0) }})
	require.NoError(s, err)
	return aud
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (s *shop) exec(q execer, text string) {
	s.Helper()
	_, err := q.ExecContext(s.ctx, text)
	require.NoError(s, err)
}

// begin begins a transaction of the host's and lets it read, so that its
// snapshot is taken where it has one.
func (s *shop) begin(level sql.IsolationLevel) *sql.Tx {
	s.Helper()
	if s.d.Engine == SQLite {
		level = sql.LevelDefault
	}
	tx, err := s.db.BeginTx(s.ctx, &sql.TxOptions{Isolation: level})
	require.NoError(s, err)
	s.Cleanup(func() { _ = tx.Rollback() }) // the test may have ended it
	require.NoError(s, tx.QueryRowContext(s.ctx, "SELECT COUNT(*) FROM orders").Scan(new(int)))
	return tx
}

func (s *shop) orders() (n int) {
	s.Helper()
	require.NoError(s, s.db.QueryRowContext(s.ctx, "SELECT COUNT(*) FROM orders").Scan(&n))
	return n
}

func person(name string) audience.ContactWrite {
	return audience.ContactWrite{Email: audience.MustAddress(name + "@example.com"), External: []audience.ExternalID{audience.External(audience.HostSystem, name)}}
}

func (s *shop) put(names ...string) {
	s.Helper()
	for _, name := range names {
		_, err := s.aud.Put(s.ctx, person(name))
		require.NoError(s, err)
	}
}

func visit(name, id string, revision uint64) audience.EventWrite {
	return audience.EventWrite{
		Contact: audience.Key(name), ID: id, Type: "visit", Time: instant(0), Revision: revision,
		Props: map[string]audience.Value{"n": audience.IntValue(int64(revision))},
	}
}

func (s *shop) visits(name string) (revisions []uint64) {
	s.Helper()
	p, err := s.aud.Profile(s.ctx, audience.Key(name), audience.ProfileParts{Events: []string{"visit"}})
	require.NoError(s, err)
	for _, e := range p.Events("visit") {
		revisions = append(revisions, e.Revision)
	}
	return revisions
}

// feed reads the feed after a position.
func (s *shop) feed(after store.Position) (out []store.Commit) {
	s.Helper()
	for {
		page, err := s.aud.Commits(s.ctx, after, 7)
		require.NoError(s, err)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		after = page[len(page)-1].Position
	}
}

func (s *shop) head() store.Position {
	s.Helper()
	pos, err := s.aud.Head(s.ctx)
	require.NoError(s, err)
	return pos
}

func TestJoinIsTheHosts(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		s.put("ann")
		for _, commit := range []bool{false, true} {
			before := s.head()
			tx := s.begin(sql.LevelDefault)
			s.exec(tx, "INSERT INTO orders (id) VALUES (1)")
			token, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
				_, err := tx.Append(s.ctx, visit("ann", "e1", 1))
				return err
			})
			require.NoError(t, err)
			_, err = token.Position(s.ctx)
			require.ErrorIs(t, err, audience.ErrNotFound)
			require.Empty(t, s.visits("ann"))
			require.Empty(t, s.feed(before))
			if !commit {
				require.NoError(t, tx.Rollback())
				s.put("bea") // who may get what was drawn and not used
				_, err = token.Position(s.ctx)
				require.ErrorIs(t, err, audience.ErrNotFound)
				require.Empty(t, s.visits("ann"))
				require.Len(t, s.feed(before), 1)
				continue
			}
			require.NoError(t, tx.Commit())
			pos, err := token.Position(s.ctx)
			require.NoError(t, err)
			require.Equal(t, []uint64{1}, s.visits("ann"))
			commits := s.feed(before)
			require.Len(t, commits, 1)
			require.Equal(t, store.ChangeEvent, commits[0].Changes[0].Kind)
			require.Empty(t, s.feed(pos))
			require.Equal(t, 1, s.orders())
		}
	})
}

func TestJoinWithoutChanges(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		tx := s.begin(sql.LevelDefault)
		token, err := sqlstore.Join(s.ctx, s.aud, tx, func(*store.Tx) error { return nil })
		require.NoError(t, err)
		require.NoError(t, tx.Commit())
		pos, err := token.Position(s.ctx)
		require.NoError(t, err)
		require.True(t, pos.IsZero())
	})
}

func TestJoinLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	Run(t, func(t *testing.T, d Database) {
		for _, c := range []struct {
			name string
			fn   func() error
		}{
			{"error", func() error { return failed }},
			{"panic", func() error { panic(failed) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := newShop(t, d)
				s.put("ann")
				before := s.head()
				tx := s.begin(sql.LevelDefault)
				s.exec(tx, "INSERT INTO orders (id) VALUES (1)")
				var kept *store.Tx
				var err error
				func() {
					defer func() {
						if p := recover(); p != nil {
							err = p.(error)
						}
					}()
					_, err = sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
						kept = tx
						if _, err := tx.Append(s.ctx, visit("ann", "e1", 1)); err != nil {
							return err
						}
						if _, err := tx.Put(s.ctx, person("bea")); err != nil {
							return err
						}
						return c.fn()
					})
				}()
				require.ErrorIs(t, err, failed)
				_, err = kept.Put(s.ctx, person("cleo"))
				require.ErrorIs(t, err, audience.ErrClosed)
				s.exec(tx, "INSERT INTO orders (id) VALUES (2)")
				require.NoError(t, tx.Commit())
				require.Equal(t, 2, s.orders())
				require.Empty(t, s.feed(before))
				require.Empty(t, s.visits("ann"))
				_, err = s.aud.Contact(s.ctx, audience.Key("bea"))
				require.ErrorIs(t, err, audience.ErrNotFound)
			})
		}
	})
}

func TestJoinRefuses(t *testing.T) {
	d := Databases(t)[0]
	s := newShop(t, d)
	tx := s.begin(sql.LevelDefault)
	nothing := func(*store.Tx) error { return nil }
	for _, c := range []struct {
		name string
		aud  *store.Audience
		tx   *sql.Tx
		fn   func(*store.Tx) error
	}{
		{"no audience", nil, tx, nothing},
		{"no transaction", s.aud, nil, nothing},
		{"no function", s.aud, tx, nil},
		{"another adapter", s.open(memstore.New()), tx, nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := sqlstore.Join(s.ctx, c.aud, c.tx, c.fn)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			_, err = token.Position(s.ctx)
			require.ErrorIs(t, err, audience.ErrNotFound)
		})
	}
	require.NoError(t, s.store.Close())
	_, err := sqlstore.Join(s.ctx, s.aud, tx, nothing)
	require.ErrorIs(t, err, audience.ErrClosed)
}

// levels are the isolation levels of the host's, and whether a transaction has
// one snapshot in it.
func levels(d Database) map[sql.IsolationLevel]bool {
	switch d.Engine {
	case SQLite:
		return map[sql.IsolationLevel]bool{sql.LevelDefault: true}
	case MySQL: // reads lock in its SERIALIZABLE
		return map[sql.IsolationLevel]bool{sql.LevelDefault: true, sql.LevelReadCommitted: false, sql.LevelRepeatableRead: true, sql.LevelSerializable: false}
	default:
		return map[sql.IsolationLevel]bool{sql.LevelDefault: false, sql.LevelReadCommitted: false, sql.LevelRepeatableRead: true, sql.LevelSerializable: true}
	}
}

// suppressing are two who suppress one address, the second one for something
// that happened before.
func suppressing() (out []func(ctx context.Context, tx *store.Tx) error) {
	for _, at := range []time.Time{instant(0), instant(0).Add(-time.Hour)} {
		out = append(out, func(ctx context.Context, tx *store.Tx) error {
			return tx.Suppress(ctx, store.SuppressionWrite{Address: audience.MustAddress("x@example.com"), Reason: audience.SuppressedManually, At: at})
		})
	}
	return out
}

func suppressions(s *shop, aud *store.Audience) (out []audience.Suppression) {
	s.Helper()
	require.NoError(s, aud.View(s.ctx, func(r *store.Reader) (err error) {
		out, err = r.Suppressions(s.ctx, audience.MustAddress("x@example.com"))
		return err
	}))
	return out
}

// TestJoinLosesNothing has somebody else commit between the beginning of a
// host's transaction and Join.
func TestJoinLosesNothing(t *testing.T) {
	marketing := audience.Scope{Channel: audience.ChannelEmail}
	for _, c := range []struct {
		name        string
		other, host func(ctx context.Context, tx *store.Tx) error
		check       func(s *shop)
	}{
		{
			"a later revision",
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Append(ctx, visit("ann", "e1", 2))
				return err
			},
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Append(ctx, visit("ann", "e1", 1))
				return err
			},
			func(s *shop) { require.Equal(s, []uint64{2}, s.visits("ann")) },
		},
		{
			"a refusal",
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Record(ctx, audience.ConsentWrite{Contact: audience.Key("ann"), Kind: audience.ConsentComplained, Scope: marketing})
				return err
			},
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Record(ctx, audience.ConsentWrite{Contact: audience.Key("ann"), Kind: audience.ConsentBounced, Scope: marketing})
				return err
			},
			func(s *shop) {
				p, err := s.aud.Profile(s.ctx, audience.Key("ann"), audience.ProfileParts{Ledger: true})
				require.NoError(s, err)
				require.Len(s, p.History.Records, 2)
				require.Equal(s, audience.StatusComplained, p.Status(instant(1)).Status)
			},
		},
		{
			"a commit of several contacts",
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Append(ctx, visit("ann", "e1", 2), visit("bea", "e1", 2))
				return err
			},
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Append(ctx, visit("bea", "e1", 1))
				return err
			},
			func(s *shop) { require.Equal(s, []uint64{2}, s.visits("bea")) },
		},
		{
			"a claim of an address",
			func(ctx context.Context, tx *store.Tx) error { _, err := tx.Put(ctx, person("new")); return err },
			func(ctx context.Context, tx *store.Tx) error {
				w := person("new")
				w.AddTags = []string{"t"}
				_, err := tx.Put(ctx, w)
				return err
			},
			func(s *shop) {
				c, err := s.aud.Contact(s.ctx, audience.Key("new"))
				require.NoError(s, err)
				require.Len(s, c.Tags, 1)
			},
		},
		{
			"a suppression of an address of nobody's",
			suppressing()[0], suppressing()[1],
			func(s *shop) {
				m := s.open(memstore.New()) // where one came after the other
				for _, fn := range suppressing() {
					_, err := m.Update(s.ctx, func(tx *store.Tx) error { return fn(s.ctx, tx) })
					require.NoError(s, err)
				}
				require.Equal(s, suppressions(s, m), suppressions(s, s.aud))
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			Run(t, func(t *testing.T, d Database) {
				if d.Engine == SQLite {
					t.Skip("nobody else writes while a host's transaction is open")
				}
				for level, snapshot := range levels(d) {
					t.Run(level.String(), func(t *testing.T) {
						s := newShop(t, d)
						s.put("ann", "bea")
						attempts := s.joinAgain(level, c.other, c.host)
						if !snapshot {
							require.Equal(t, 1, attempts, "what is committed is seen")
						}
						c.check(s)
					})
				}
			})
		})
	}
}

// TestJoinOfOthersIsNotRefused: what somebody else commits about other contacts
// is no reason to begin again.
func TestJoinOfOthersIsNotRefused(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("nobody else writes while a host's transaction is open")
		}
		for level := range levels(d) {
			if level == sql.LevelSerializable {
				continue // where the database itself may say so
			}
			t.Run(level.String(), func(t *testing.T) {
				s := newShop(t, d)
				s.put("ann", "bea", "cleo")
				tx := s.begin(level)
				_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error { // one commit of two contacts, one of one
					_, err := tx.Append(s.ctx, visit("bea", "e1", 1), visit("cleo", "e1", 1))
					return err
				})
				require.NoError(t, err)
				_, err = s.aud.Append(s.ctx, visit("cleo", "e2", 1))
				require.NoError(t, err)
				_, err = sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
					_, err := tx.Append(s.ctx, visit("ann", "e1", 1))
					return err
				})
				require.NoError(t, err)
				require.NoError(t, tx.Commit())
				require.Equal(t, []uint64{1}, s.visits("ann"))
			})
		}
	})
}

// TestJoinTwice joins one transaction twice: what the first call wrote is
// there for the second one, also when it erases.
func TestJoinTwice(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		s.put("ann")
		before := s.head()
		tx := s.begin(sql.LevelDefault)
		first, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
			w := person("ann")
			w.FirstName = audience.NewPrivate("xylophone")
			_, err := tx.Put(s.ctx, w)
			return err
		})
		require.NoError(t, err)
		second, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
			at, err := tx.Position(s.ctx)
			if err != nil {
				return err
			}
			if d.Engine != SQLite { // which numbers in the transaction itself
				require.Equal(t, before, at)
			}
			return tx.Erase(s.ctx, audience.Source{}, audience.Key("ann"))
		})
		require.NoError(t, err)
		require.NoError(t, tx.Commit())
		commits := s.feed(store.Position{})
		for _, c := range commits {
			for _, change := range c.Changes {
				require.Nil(t, change.After, "nothing of her is left")
			}
		}
		pos, err := first.Position(s.ctx)
		require.NoError(t, err)
		require.Len(t, s.feed(pos), 1)
		pos, err = second.Position(s.ctx)
		require.NoError(t, err)
		require.Empty(t, s.feed(pos))
	})
}
