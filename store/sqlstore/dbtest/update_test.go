package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

func partition(t testing.TB, a store.Adapter) store.Partition {
	t.Helper()
	p, err := a.Partition(t.Context(), "main")
	require.NoError(t, err)
	return p
}

// draw commits n plain contacts.
func draw(t testing.TB, p store.Partition, n int) (ids []audience.ContactID) {
	t.Helper()
	_, err := p.Update(t.Context(), func(w store.WriteRoles) (err error) {
		ids, err = add(t.Context(), w, n)
		return err
	})
	require.NoError(t, err)
	return ids
}

func add(ctx context.Context, w store.WriteRoles, n int) ([]audience.ContactID, error) {
	ids, err := w.NewContactIDs(ctx, n)
	if err != nil {
		return nil, err
	}
	rows := make([]store.ContactRow, n)
	for i, id := range ids {
		rows[i].Contact = &audience.Contact{ID: id, Version: 1, CreatedAt: audience.FromMicros(1), UpdatedAt: audience.FromMicros(1)}
	}
	return ids, w.PutContacts(ctx, rows)
}

func host(key string) audience.Identity {
	return audience.ExternalIdentity(audience.External(audience.HostSystem, key))
}

// TestNothingStaysOpen ends transactions in every way and requires that no
// connection is kept, and that a writer can go on.
func TestNothingStaysOpen(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		p := partition(t, openStore(t, db, d.Engine))
		id := draw(t, p, 1)[0]
		failed := errors.New("failed")
		ends := map[string]func(cancel func()) error{
			"error":  func(func()) error { return failed },
			"panic":  func(func()) error { panic("a bug") },
			"cancel": func(cancel func()) error { cancel(); return nil },
		}
		for name, end := range ends {
			run := func(call func(context.Context, func() error) error) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				defer func() { _ = recover() }()
				require.Error(t, call(ctx, func() error { return end(cancel) }), name)
			}
			run(func(ctx context.Context, end func() error) error {
				_, err := p.Update(ctx, func(w store.WriteRoles) error {
					if _, err := w.LockContacts(ctx, []audience.ContactID{id}); err != nil {
						return err
					}
					return end()
				})
				return err
			})
			if name != "cancel" { // a View that has read everything has nothing to fail with
				run(func(ctx context.Context, end func() error) error {
					return p.View(ctx, func(r store.ReadRoles) error {
						if _, err := r.ContactsAfter(ctx, 0, 1); err != nil {
							return err
						}
						return end()
					})
				})
			}
			require.Zero(t, db.Stats().InUse, name)
			draw(t, p, 1)
		}
	})
}

// TestUseAfterItsEnd holds that roles are of no use when their function has
// returned.
func TestUseAfterItsEnd(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		p := partition(t, openStore(t, d.Open(t), d.Engine))
		var r store.ReadRoles
		var w store.WriteRoles
		require.NoError(t, p.View(t.Context(), func(roles store.ReadRoles) error { r = roles; return nil }))
		_, err := p.Update(t.Context(), func(roles store.WriteRoles) error { w = roles; return nil })
		require.NoError(t, err)
		_, err = r.ContactsAfter(t.Context(), 0, 1)
		require.ErrorIs(t, err, audience.ErrClosed)
		_, err = w.NewContactIDs(t.Context(), 1)
		require.ErrorIs(t, err, audience.ErrClosed)
	})
}

// TestClosedMeanwhile holds that what has not committed when the store is
// closed never does.
func TestClosedMeanwhile(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		s := openStore(t, db, d.Engine)
		p := partition(t, s)
		_, err := p.Update(t.Context(), func(w store.WriteRoles) error {
			_, err := add(t.Context(), w, 1)
			return errors.Join(err, s.Close())
		})
		require.ErrorIs(t, err, audience.ErrClosed)
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_contacts").Scan(&n), "the database is the host's to close")
		require.Zero(t, n)
	})
}

// TestDeadlock lets two transactions lock two rows in two orders: one of them
// begins again, and nobody hears of it.
func TestDeadlock(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine == dbtest.SQLite {
			t.Skip("one writer at a time")
		}
		p := partition(t, openStore(t, d.Open(t), d.Engine))
		ids := draw(t, p, 2)
		var both, done sync.WaitGroup
		both.Add(2)
		calls, errs := make([]int, 2), make([]error, 2)
		for i := range 2 {
			done.Go(func() {
				_, errs[i] = p.Update(t.Context(), func(w store.WriteRoles) error {
					calls[i]++
					if _, err := w.LockContacts(t.Context(), ids[i:i+1]); err != nil {
						return err
					}
					if calls[i] == 1 {
						both.Done()
						both.Wait()
					}
					rows, err := w.LockContacts(t.Context(), ids)
					if err != nil {
						return err
					}
					for k := range rows {
						rows[k].Version++
					}
					return w.PutContacts(t.Context(), []store.ContactRow{{Contact: &rows[0], Expect: rows[0].Version - 1}, {Contact: &rows[1], Expect: rows[1].Version - 1}})
				})
			})
		}
		done.Wait()
		require.NoError(t, errors.Join(errs...))
		require.GreaterOrEqual(t, calls[0]+calls[1], 3, "one of them was in the way")
		require.NoError(t, p.View(t.Context(), func(r store.ReadRoles) error {
			rows, err := r.Contacts(t.Context(), ids)
			require.NoError(t, err)
			require.EqualValues(t, 3, rows[0].Version)
			require.EqualValues(t, 3, rows[1].Version)
			return nil
		}))
	})
}

// TestLostRace lets two transactions put a row under an id that had none when
// both looked: whoever is second looks again and is refused.
func TestLostRace(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine == dbtest.SQLite {
			t.Skip("one writer at a time")
		}
		p := partition(t, openStore(t, d.Open(t), d.Engine))
		ids := draw(t, p, 1)
		_, err := p.Update(t.Context(), func(w store.WriteRoles) error { return w.DeleteContacts(t.Context(), ids) })
		require.NoError(t, err)
		put := func(w store.WriteRoles, version uint64) error {
			return w.PutContacts(t.Context(), []store.ContactRow{{Contact: &audience.Contact{ID: ids[0], Version: version}}})
		}
		looked, committed, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		calls := 0
		_, err = p.Update(t.Context(), func(w store.WriteRoles) error {
			go func() {
				_, err := p.Update(t.Context(), func(w store.WriteRoles) error {
					calls++
					if _, err := w.LockContacts(t.Context(), ids); err != nil {
						return err
					}
					if calls == 1 {
						close(looked)
						<-committed
					}
					return put(w, 8)
				})
				second <- err
			}()
			<-looked
			return put(w, 7)
		})
		close(committed)
		require.NoError(t, err)
		require.ErrorIs(t, <-second, audience.ErrConflict)
		require.Equal(t, 2, calls)
		require.NoError(t, p.View(t.Context(), func(r store.ReadRoles) error {
			rows, err := r.Contacts(t.Context(), ids)
			require.NoError(t, err)
			require.EqualValues(t, 7, rows[0].Version)
			return nil
		}))
	})
}

// awaited is a context that tells when somebody waits for its end.
type awaited struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (a *awaited) Done() <-chan struct{} {
	a.once.Do(func() { close(a.asked) })
	return a.Context.Done()
}

// TestWaitingEndsWithTheContext lets a writer wait for another one.
func TestWaitingEndsWithTheContext(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		p := partition(t, openStore(t, d.Open(t), d.Engine))
		ids := draw(t, p, 1)
		_, err := p.Update(t.Context(), func(w store.WriteRoles) error {
			if _, err := w.LockContacts(t.Context(), ids); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 1)
			defer cancel()
			_, err := p.Update(ctx, func(w store.WriteRoles) error {
				_, err := w.LockContacts(ctx, ids)
				return err
			})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancelled, stop := context.WithCancel(t.Context())
			late := &awaited{Context: cancelled, asked: make(chan struct{})}
			waits := make(chan error)
			go func() {
				_, err := p.Update(late, func(w store.WriteRoles) error {
					_, err := w.LockContacts(late, ids)
					return err
				})
				waits <- err
			}()
			<-late.asked
			stop()
			require.ErrorIs(t, <-waits, context.Canceled)
			return nil
		})
		require.NoError(t, err)
	})
}

// TestErrorsOfTheDatabase is G7: the database says the address, we do not, and
// a host that may look finds what the driver said.
func TestErrorsOfTheDatabase(t *testing.T) {
	const secret = "ann-4711"
	says := map[dbtest.Engine][]string{
		dbtest.Postgres: {
			"CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bad %', NEW.ident; END $$",
			"CREATE TRIGGER tell BEFORE INSERT ON ak_identities FOR EACH ROW EXECUTE FUNCTION tell()",
		},
		dbtest.MySQL:  {"CREATE TRIGGER tell BEFORE INSERT ON ak_identities FOR EACH ROW BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'bad " + secret + "'; END"},
		dbtest.SQLite: {"CREATE TRIGGER tell BEFORE INSERT ON ak_identities BEGIN SELECT RAISE(ABORT, 'bad " + secret + "'); END"},
	}
	codes := map[dbtest.Engine]string{dbtest.Postgres: "P0001", dbtest.MySQL: "1644", dbtest.SQLite: "1811"}
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		p := partition(t, openStore(t, db, d.Engine))
		id := draw(t, p, 1)[0]
		exec(t, db, says[d.Engine]...)
		calls := 0
		_, err := p.Update(t.Context(), func(w store.WriteRoles) error {
			calls++
			_ = w.ClaimIdentities(t.Context(), []store.Claim{{Identity: host(secret), Contact: id}}) // which it takes for harmless
			return nil
		})
		require.Equal(t, 1, calls)
		var refused *sqlstore.DatabaseError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, codes[d.Engine], refused.Code)
		require.Equal(t, "add identities", refused.Statement)
		require.NotContains(t, err.Error(), secret)
		require.ErrorContains(t, refused.Unwrap(), secret)
		require.NotErrorIs(t, err, audience.ErrRetryable)
	})
}

// TestNumbersOfTwoProcesses draws ids and record versions in two stores on one
// database, of all sizes, with rollbacks: no number comes twice, and versions
// of one record grow whoever writes it.
func TestNumbersOfTwoProcesses(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		source := d.Fresh(t)
		partitions := []store.Partition{partition(t, openStore(t, source.Open(t), d.Engine)), partition(t, openStore(t, source.Open(t), d.Engine))}
		var mu sync.Mutex
		given := make(map[audience.ContactID]int)
		var wg sync.WaitGroup
		errs := make([]error, 6)
		undone := errors.New("undone")
		for i := range errs {
			wg.Go(func() {
				p := partitions[i%2]
				for round := range 6 {
					n := []int{1, 3, 70, 200, 1, 1500}[(round+i)%6]
					var ids []audience.ContactID
					_, err := p.Update(t.Context(), func(w store.WriteRoles) (err error) {
						if ids, err = w.NewContactIDs(t.Context(), n); err == nil && round%3 == 1 {
							return undone
						}
						return err
					})
					if err != nil && !errors.Is(err, undone) || len(ids) != n {
						errs[i] = errors.Join(err, errors.New("no ids"))
						return
					}
					mu.Lock()
					for _, id := range ids {
						given[id]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Len(t, given, 6*(1+3+70+200+1+1500))
		for id, n := range given {
			require.Equal(t, 1, n, "id %d", id)
		}
		var version uint64
		for round := range 20 {
			_, err := partitions[round%2].Update(t.Context(), func(w store.WriteRoles) error {
				versions, err := w.PutRecords(t.Context(), []store.Record{{Namespace: "x", Key: "y", Version: version}}, audience.FromMicros(1))
				if err != nil {
					return err
				}
				require.Greater(t, versions[0], version)
				version = versions[0]
				return nil
			})
			require.NoError(t, err)
		}
	})
}

// TestSmallPool lets many writers who all need new ids share few connections.
func TestSmallPool(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		db.SetMaxOpenConns(2)
		p := partition(t, openStore(t, db, d.Engine))
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				for range 3 {
					if _, err := p.Update(t.Context(), func(w store.WriteRoles) error {
						_, err := add(t.Context(), w, 100)
						return err
					}); err != nil {
						errs[i] = err
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ak_contacts").Scan(&n))
		require.Equal(t, 2400, n)
	})
}

// TestTags holds that the tags to be found by are those of the rows.
func TestTags(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		db := d.Open(t)
		p := partition(t, openStore(t, db, d.Engine))
		ids := draw(t, p, 2)
		version := uint64(1)
		for _, tags := range [][]string{{"a", "b"}, {"b", "c"}, {"b", "c"}, {}, {"z"}} {
			_, err := p.Update(t.Context(), func(w store.WriteRoles) error {
				rows, err := w.LockContacts(t.Context(), ids)
				if err != nil {
					return err
				}
				put := make([]store.ContactRow, len(rows))
				for i := range rows {
					rows[i].Tags = nil
					for _, tag := range tags {
						rows[i].Tags = append(rows[i].Tags, audience.Tag{Name: tag})
					}
					rows[i].Version++
					put[i] = store.ContactRow{Contact: &rows[i], Expect: version}
				}
				return w.PutContacts(t.Context(), put)
			})
			require.NoError(t, err)
			version++
			require.Equal(t, append(append([]string{}, tags...), tags...), storedTags(t, db))
		}
		_, err := p.Update(t.Context(), func(w store.WriteRoles) error { return w.DeleteContacts(t.Context(), ids[:1]) })
		require.NoError(t, err)
		require.Equal(t, []string{"z"}, storedTags(t, db))
	})
}

func storedTags(t testing.TB, db *sql.DB) []string {
	t.Helper()
	out := []string{}
	rows, err := db.QueryContext(t.Context(), "SELECT tag FROM ak_tags ORDER BY contact, tag")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var tag string
		require.NoError(t, rows.Scan(&tag))
		out = append(out, tag)
	}
	require.NoError(t, rows.Err())
	return out
}
