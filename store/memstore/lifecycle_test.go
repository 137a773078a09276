package memstore_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// addContact puts one new contact and its change.
func addContact(ctx context.Context, w store.WriteRoles) (audience.ContactID, error) {
	ids, err := w.NewContactIDs(ctx, 1)
	if err != nil {
		return 0, err
	}
	c := audience.Contact{ID: ids[0], Version: 1}
	if err := w.PutContacts(ctx, []store.ContactRow{{Contact: &c}}); err != nil {
		return 0, err
	}
	return ids[0], w.AppendChanges(ctx, start(), []store.Change{{Kind: store.ChangeContact, Contact: c.ID, After: &c}})
}

func count(t testing.TB, p store.Partition) (n int) {
	t.Helper()
	view(t, p, func(r store.ReadRoles) {
		counter, ok := store.As[store.ContactCounter](r)
		require.True(t, ok)
		var err error
		n, err = counter.CountContacts(t.Context())
		require.NoError(t, err)
	})
	return n
}

func TestUpdateThatEndsWithoutACommit(t *testing.T) {
	failed := errors.New("failed")
	tests := []struct {
		name string
		run  func(t *testing.T, p store.Partition, write func(store.WriteRoles) error)
	}{
		{"error", func(t *testing.T, p store.Partition, write func(store.WriteRoles) error) {
			pos, err := p.Update(t.Context(), func(w store.WriteRoles) error { return errors.Join(write(w), failed) })
			require.ErrorIs(t, err, failed)
			require.True(t, pos.IsZero())
		}},
		{"panic", func(t *testing.T, p store.Partition, write func(store.WriteRoles) error) {
			require.PanicsWithValue(t, failed, func() {
				_, _ = p.Update(t.Context(), func(w store.WriteRoles) error {
					require.NoError(t, write(w))
					panic(failed)
				})
			})
		}},
		{"goroutine that ends itself", func(t *testing.T, p store.Partition, write func(store.WriteRoles) error) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = p.Update(t.Context(), func(w store.WriteRoles) error {
					if write(w) == nil {
						runtime.Goexit()
					}
					return nil
				})
			}()
			<-done
		}},
		{"context cancelled in fn", func(t *testing.T, p store.Partition, write func(store.WriteRoles) error) {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := p.Update(ctx, func(w store.WriteRoles) error {
				defer cancel()
				return write(w)
			})
			require.ErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, "memstore: context canceled")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t)
			first := update(t, p, func(w store.WriteRoles) error { _, err := addContact(t.Context(), w); return err })
			var lost audience.ContactID
			tt.run(t, p, func(w store.WriteRoles) (err error) {
				lost, err = addContact(t.Context(), w)
				return err
			})
			require.EqualValues(t, 2, lost)
			require.Equal(t, 1, count(t, p))
			head, err := p.Head(t.Context())
			require.NoError(t, err)
			require.Equal(t, first, head)

			var next audience.ContactID
			update(t, p, func(w store.WriteRoles) (err error) { next, err = addContact(t.Context(), w); return err })
			require.EqualValues(t, 3, next, "an id that was given is not given again")
		})
	}
}

func TestWriteThatFailsLeavesNothingInTheTransaction(t *testing.T) {
	p := open(t)
	email := audience.AddressIdentity(audience.MustAddress("jane@example.com"))
	shop := audience.ExternalIdentity(audience.External("shop", "1"))
	update(t, p, func(w store.WriteRoles) error {
		a, err := addContact(t.Context(), w)
		require.NoError(t, err)
		b, err := addContact(t.Context(), w)
		require.NoError(t, err)
		require.NoError(t, w.ClaimIdentities(t.Context(), []store.Claim{{Identity: email, Contact: a}}))

		err = w.ClaimIdentities(t.Context(), []store.Claim{{Identity: shop, Contact: b}, {Identity: email, Contact: b}})
		var conflict *audience.ConflictError
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, a, conflict.Contact)
		require.NotContains(t, err.Error(), "jane")

		err = w.PutContacts(t.Context(), []store.ContactRow{
			{Contact: &audience.Contact{ID: a, Version: 2}, Expect: 1},
			{Contact: &audience.Contact{ID: a, Version: 3}, Expect: 2}, // the row just put
			{Contact: &audience.Contact{ID: b, Version: 2}, Expect: 7},
		})
		require.ErrorIs(t, err, audience.ErrConflict)
		return nil
	})
	view(t, p, func(r store.ReadRoles) {
		held, err := r.Resolve(t.Context(), []audience.Identity{email, shop})
		require.NoError(t, err)
		require.Equal(t, []audience.ContactID{1, 0}, held)
		rows, err := r.Contacts(t.Context(), []audience.ContactID{2, 9, 1, 2})
		require.NoError(t, err)
		require.Len(t, rows, 3)
		require.Equal(t, []uint64{1, 1, 1}, []uint64{rows[0].Version, rows[1].Version, rows[2].Version})
		require.EqualValues(t, 2, rows[0].ID, "in the order of the ids that were asked for")
	})
}

func TestWriterWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t)
		busy, release := make(chan struct{}), make(chan struct{})
		go func() {
			_, _ = p.Update(t.Context(), func(w store.WriteRoles) error {
				close(busy)
				<-release
				_, err := addContact(t.Context(), w)
				return err
			})
		}()
		<-busy

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		called := false
		before := time.Now()
		_, err := p.Update(ctx, func(store.WriteRoles) error { called = true; return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, called)
		require.Equal(t, time.Minute, time.Since(before), "a waiting writer waits until its context ends")
		require.Zero(t, count(t, p), "a reader does not wait at all")

		seen := -1
		go func() {
			_, _ = p.Update(t.Context(), func(w store.WriteRoles) error {
				rows, err := w.ContactsAfter(t.Context(), 0, 10)
				seen = len(rows)
				return err
			})
		}()
		synctest.Wait()
		require.Equal(t, -1, seen)
		close(release)
		synctest.Wait()
		require.Equal(t, 1, seen, "the next writer sees the commit of the one before")
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		p, err := s.Partition(t.Context(), "main")
		require.NoError(t, err)
		update(t, p, func(w store.WriteRoles) error { _, err := addContact(t.Context(), w); return err })

		var waiting error
		require.NoError(t, p.View(t.Context(), func(r store.ReadRoles) error {
			_, err = p.Update(t.Context(), func(w store.WriteRoles) error {
				_, err := addContact(t.Context(), w)
				require.NoError(t, err)
				go func() {
					_, waiting = p.Update(t.Context(), func(store.WriteRoles) error { return nil })
				}()
				synctest.Wait()
				require.NoError(t, s.Close())
				synctest.Wait()
				require.ErrorIs(t, waiting, audience.ErrClosed, "who waits for a turn is told")
				return nil
			})
			require.ErrorIs(t, err, audience.ErrClosed, "what was not committed before Close never is")
			_, err = r.Contacts(t.Context(), []audience.ContactID{1})
			require.ErrorIs(t, err, audience.ErrClosed)
			return nil
		}))

		require.NoError(t, s.Close())
		_, err = s.Partition(t.Context(), "main")
		require.ErrorIs(t, err, audience.ErrClosed)
		require.ErrorIs(t, p.View(t.Context(), func(store.ReadRoles) error { panic("called") }), audience.ErrClosed)
		_, err = p.Update(t.Context(), func(store.WriteRoles) error { panic("called") })
		require.ErrorIs(t, err, audience.ErrClosed)
		_, err = p.Commits(t.Context(), store.Position{}, 1)
		require.ErrorIs(t, err, audience.ErrClosed)
		_, err = p.Head(t.Context())
		require.ErrorIs(t, err, audience.ErrClosed)
		require.ErrorIs(t, p.Trim(t.Context(), store.Position{}), audience.ErrClosed)
		require.EqualError(t, err, "memstore: closed")
	})
}

// TestPartitionsAreIsolated is G5 for the adapter.
func TestPartitionsAreIsolated(t *testing.T) {
	s := memstore.New()
	require.Equal(t, "memstore", s.Name())
	a, err := s.Partition(t.Context(), "a")
	require.NoError(t, err)
	b, err := s.Partition(t.Context(), "b")
	require.NoError(t, err)
	again, err := s.Partition(t.Context(), "a")
	require.NoError(t, err)

	pos := update(t, a, func(w store.WriteRoles) error { _, err := addContact(t.Context(), w); return err })
	update(t, b, func(w store.WriteRoles) error {
		return w.AppendChanges(t.Context(), start(), []store.Change{{Kind: store.ChangeSchema}})
	})
	require.Equal(t, 1, count(t, again))
	require.Zero(t, count(t, b))
	_, err = b.Commits(t.Context(), pos, 1)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	require.ErrorIs(t, b.Trim(t.Context(), pos), audience.ErrPositionGone)

	other, err := memstore.New().Partition(t.Context(), "a")
	require.NoError(t, err)
	_, err = other.Commits(t.Context(), pos, 1)
	require.ErrorIs(t, err, audience.ErrPositionGone, "another store of the same name is another life")
}
