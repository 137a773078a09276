package store_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// everything writes something of every kind.
func everything(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.Put(ctx, contactWrite("new"), audience.ContactWrite{
		Match: audience.Key("ann"), FirstName: audience.NewPrivate("Ann"), Set: map[string]audience.Value{"tier": audience.IntValue(1)},
	}); err != nil {
		return err
	}
	if _, err := tx.Append(ctx, audience.EventWrite{Contact: audience.Key("ann"), ID: "e1", Type: "visit", Time: tx.At()}); err != nil {
		return err
	}
	if _, err := tx.Record(ctx, grant(audience.Key("ann"), audience.MechanismVerbal)); err != nil {
		return err
	}
	if err := tx.AddToList(ctx, "vip", audience.Source{}, audience.Key("ann")); err != nil {
		return err
	}
	_, err := tx.SaveRecord(ctx, store.Record{Namespace: "feature", Key: "k", Value: []byte("v")})
	return err
}

// requireUntouched wants nothing of everything to be there.
func (f *fixture) requireUntouched(head store.Position) {
	f.t.Helper()
	_, err := f.Contact(f.t.Context(), audience.Key("new"))
	require.ErrorIs(f.t, err, audience.ErrNotFound)
	p := f.profile(audience.Key("ann"))
	require.EqualValues(f.t, 1, p.Contact.Version)
	require.True(f.t, p.Contact.FirstName.IsZero())
	require.Empty(f.t, p.Contact.Fields)
	require.Empty(f.t, p.Lists)
	require.Empty(f.t, p.History.Records)
	require.Empty(f.t, f.events(audience.Key("ann")))
	schema := f.Schema()
	_, known := schema.EventNamed("visit")
	require.False(f.t, known)
	f.view(func(r *store.Reader) error {
		_, err := r.LoadRecord(f.t.Context(), "feature", "k")
		require.ErrorIs(f.t, err, audience.ErrNotFound)
		return nil
	})
	now, err := f.Head(f.t.Context())
	require.NoError(f.t, err)
	require.Equal(f.t, head, now)
}

// G3: a transaction that ends in any other way than nil leaves nothing.
func TestUpdateRollsBack(t *testing.T) {
	stop := errors.New("stop")
	tests := map[string]func(t *testing.T, f *fixture){
		"error": func(t *testing.T, f *fixture) {
			pos, err := f.Update(t.Context(), func(tx *store.Tx) error {
				require.NoError(t, everything(t.Context(), tx))
				return stop
			})
			require.ErrorIs(t, err, stop)
			require.True(t, pos.IsZero())
		},
		"panic": func(t *testing.T, f *fixture) {
			require.PanicsWithError(t, "stop", func() {
				_, _ = f.Update(t.Context(), func(tx *store.Tx) error {
					require.NoError(t, everything(t.Context(), tx))
					panic(stop)
				})
			})
		},
		"refused batch": func(t *testing.T, f *fixture) {
			_, err := f.Update(t.Context(), func(tx *store.Tx) error {
				require.NoError(t, everything(t.Context(), tx))
				_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.ID(99)})
				return err
			})
			requireBatch(t, err, map[int]error{0: audience.ErrNotFound})
		},
		"cancelled within": func(t *testing.T, f *fixture) {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := f.Update(ctx, func(tx *store.Tx) error {
				defer cancel()
				return everything(ctx, tx)
			})
			require.ErrorIs(t, err, context.Canceled)
		},
		"cancelled before": func(t *testing.T, f *fixture) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := f.Update(ctx, func(*store.Tx) error {
				t.Error("called though its context was over")
				return nil
			})
			require.ErrorIs(t, err, context.Canceled)
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.put("ann", "ann@example.com")
			head, err := f.Head(t.Context())
			require.NoError(t, err)
			end(t, f)
			f.requireUntouched(head)

			// The store goes on, and what was rolled back can be done.
			pos := f.update(func(tx *store.Tx) error { return everything(t.Context(), tx) })
			require.False(t, pos.IsZero())
			require.EqualValues(t, 2, f.contact(audience.Key("ann")).Version)
			require.Greater(t, f.contact(audience.Key("new")).ID, audience.ContactID(1))
			commits, err := f.Commits(t.Context(), head, 10)
			require.NoError(t, err)
			require.Len(t, commits, 1, "one commit per transaction")
			require.Equal(t, pos, commits[0].Position)
		})
	}
}

func TestViewErrors(t *testing.T) {
	f := newFixture(t)
	stop := errors.New("stop")
	require.ErrorIs(t, f.View(t.Context(), func(*store.Reader) error { return stop }), stop)
	require.PanicsWithError(t, "stop", func() { _ = f.View(t.Context(), func(*store.Reader) error { panic(stop) }) })
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, f.View(ctx, func(r *store.Reader) error {
		cancel()
		_, err := r.Contact(ctx, audience.ID(1))
		return err
	}), context.Canceled)
	require.ErrorIs(t, f.View(ctx, func(*store.Reader) error { return nil }), context.Canceled)
	f.put("ann")
}

// Who keeps a reader or a transaction beyond its call gets an error, neither
// data nor a panic.
func TestUseAfterEnd(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	var reader *store.Reader
	f.view(func(r *store.Reader) error { reader = r; return nil })
	var kept *store.Tx
	f.update(func(tx *store.Tx) error { kept = tx; return nil })
	ctx, ann := t.Context(), audience.Key("ann")
	reads := map[string]func(*store.Reader) error{
		"contact":      func(r *store.Reader) error { _, err := r.Contact(ctx, ann); return err },
		"profile":      func(r *store.Reader) error { _, err := r.Profile(ctx, ann, audience.ProfileParts{}); return err },
		"contacts":     func(r *store.Reader) error { _, err := r.Contacts(ctx, store.ContactQuery{}); return err },
		"events":       func(r *store.Reader) error { _, err := r.Events(ctx, ann); return err },
		"history":      func(r *store.Reader) error { _, err := r.History(ctx, ann); return err },
		"members":      func(r *store.Reader) error { _, err := r.Members(ctx, "vip", "", 1); return err },
		"resolve":      func(r *store.Reader) error { _, err := r.Resolve(ctx, ann); return err },
		"position":     func(r *store.Reader) error { _, err := r.Position(ctx); return err },
		"suppressions": func(r *store.Reader) error { _, err := r.Suppressions(ctx, address(t, "ann@example.com")); return err },
		"record":       func(r *store.Reader) error { _, err := r.LoadRecord(ctx, "feature", "k"); return err },
		"records":      func(r *store.Reader) error { _, err := r.Records(ctx, "feature", "", "", 1); return err },
		"iterator": func(r *store.Reader) (err error) {
			for _, err = range r.AllContacts(ctx, store.ContactQuery{}) {
				require.Error(t, err)
			}
			return err
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, read(reader), audience.ErrInvalid)
			require.ErrorIs(t, read(&kept.Reader), audience.ErrInvalid)
		})
	}
	before := len(f.changes())
	require.ErrorIs(t, everything(ctx, kept), audience.ErrInvalid)
	require.Len(t, f.changes(), before)
}

// A view sees one commit, whoever writes meanwhile.
func TestViewIsASnapshot(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.view(func(r *store.Reader) error {
		before, err := r.Position(t.Context())
		require.NoError(t, err)
		pos := f.update(func(tx *store.Tx) error { return everything(t.Context(), tx) })
		c, err := r.Contact(t.Context(), audience.Key("ann"))
		require.NoError(t, err)
		require.EqualValues(t, 1, c.Version)
		_, err = r.Contact(t.Context(), audience.Key("new"))
		require.ErrorIs(t, err, audience.ErrNotFound)
		page, err := r.Contacts(t.Context(), store.ContactQuery{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		schema := r.Schema()
		_, known := schema.FieldNamed("tier")
		require.False(t, known)
		after, err := r.Position(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, after)
		commits, err := f.Commits(t.Context(), after, 10)
		require.NoError(t, err)
		require.Len(t, commits, 1, "the feed after the snapshot has what it does not contain")
		require.Equal(t, pos, commits[0].Position)
		return nil
	})
}

// Instants never run backwards, whatever the clock does.
func TestUpdateIsNeverDatedBack(t *testing.T) {
	f := newFixture(t)
	start := f.now
	f.put("ann", "ann@example.com")
	steps := []struct{ clock, want time.Duration }{
		{time.Hour, time.Hour}, {0, time.Hour}, {-24 * time.Hour, time.Hour}, {time.Hour, time.Hour}, {2*time.Hour + 999, 2 * time.Hour},
	}
	for i, s := range steps {
		f.now = start.Add(s.clock)
		want := start.Add(s.want)
		f.update(func(tx *store.Tx) error {
			require.Equal(t, want, tx.At(), "step %d", i)
			_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), FirstName: audience.NewPrivate(strconv.Itoa(i))})
			require.NoError(t, err)
			f.later(time.Minute) // the clock goes on within a transaction, which is dated once
			_, err = tx.Put(t.Context(), contactWrite(strconv.Itoa(i)))
			require.NoError(t, err)
			w := grant(audience.Key("ann"), audience.MechanismVerbal)
			w.Acted = want.Add(time.Hour)
			records, err := tx.Record(t.Context(), w)
			require.NoError(t, err)
			require.Equal(t, want, records[0].Acted, "nobody acts in the future")
			return nil
		})
		require.Equal(t, want, f.contact(audience.Key("ann")).UpdatedAt)
		require.Equal(t, want, f.contact(audience.Key(strconv.Itoa(i))).CreatedAt)
	}
	commits, err := f.Commits(t.Context(), store.Position{}, 100)
	require.NoError(t, err)
	require.Len(t, commits, 2+len(steps))
	for i := 1; i < len(commits); i++ {
		require.False(t, commits[i].At.Before(commits[i-1].At))
	}
	require.Equal(t, start.Add(2*time.Hour), commits[len(commits)-1].At)
}

// A batch of one gives the cause of its item, of several all of them.
func TestSingleErrors(t *testing.T) {
	f := newFixture(t)
	var batch *audience.BatchError
	_, err := f.Put(t.Context(), audience.ContactWrite{Match: audience.ID(9)})
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NotErrorAs(t, err, &batch)
	_, err = f.Append(t.Context(), audience.EventWrite{Contact: audience.ID(9), Type: "visit", Time: f.now})
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NotErrorAs(t, err, &batch)
	_, err = f.Record(t.Context(), audience.ConsentWrite{Contact: audience.ID(9), Kind: audience.ConsentWithdrawn})
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.NotErrorAs(t, err, &batch)
}

// Every batch is bounded, and refused whole.
func TestBatchLimits(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{BatchItems: 2} })
	f.put("ann", "ann@example.com")
	ctx, ann := t.Context(), audience.Key("ann")
	before := len(f.changes())
	calls := map[string]func(*store.Tx) error{
		"put":      func(tx *store.Tx) error { _, err := tx.Put(ctx, make([]audience.ContactWrite, 3)...); return err },
		"append":   func(tx *store.Tx) error { _, err := tx.Append(ctx, make([]audience.EventWrite, 3)...); return err },
		"record":   func(tx *store.Tx) error { _, err := tx.Record(ctx, make([]audience.ConsentWrite, 3)...); return err },
		"suppress": func(tx *store.Tx) error { return tx.Suppress(ctx, make([]store.SuppressionWrite, 3)...) },
		"delete":   func(tx *store.Tx) error { return tx.Delete(ctx, audience.Source{}, ann, ann, ann) },
		"erase":    func(tx *store.Tx) error { return tx.Erase(ctx, audience.Source{}, ann, ann, ann) },
		"join":     func(tx *store.Tx) error { return tx.AddToList(ctx, "vip", audience.Source{}, ann, ann, ann) },
		"leave":    func(tx *store.Tx) error { return tx.RemoveFromList(ctx, "vip", audience.Source{}, ann, ann, ann) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := f.refused(call)
			require.ErrorIs(t, err, audience.ErrLimit)
			var batch *audience.BatchError
			require.NotErrorAs(t, err, &batch, "no item is at fault")
		})
	}
	require.Len(t, f.changes(), before)
}

// Every call that keeps a source checks it.
func TestSourcesAreChecked(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	bob := f.put("bob", "bob@example.com")
	f.merge(audience.Key("ann"), audience.Key("bob"))
	f.put("eve", "eve@example.com")
	before := len(f.changes())
	ctx, ann, eve := t.Context(), audience.Key("ann"), audience.Key("eve")
	for _, bad := range []audience.Source{{Kind: 99}, {Name: "\xff"}, {Actor: "a\x00"}} {
		calls := map[string]func(*store.Tx) error{
			"put": func(tx *store.Tx) error {
				_, err := tx.Put(ctx, audience.ContactWrite{Match: ann, Source: bad})
				return err
			},
			"append": func(tx *store.Tx) error {
				_, err := tx.Append(ctx, audience.EventWrite{Contact: ann, Type: "visit", Time: f.now, Source: bad})
				return err
			},
			"record": func(tx *store.Tx) error {
				w := refusal(ann, audience.ConsentWithdrawn)
				w.Source = bad
				_, err := tx.Record(ctx, w)
				return err
			},
			"suppress": func(tx *store.Tx) error {
				return tx.Suppress(ctx, store.SuppressionWrite{Address: address(t, "eve@example.com"), Reason: audience.SuppressedManually, Source: bad})
			},
			"delete":  func(tx *store.Tx) error { return tx.Delete(ctx, bad, ann) },
			"erase":   func(tx *store.Tx) error { return tx.Erase(ctx, bad, ann) },
			"join":    func(tx *store.Tx) error { return tx.AddToList(ctx, "vip", bad, ann) },
			"leave":   func(tx *store.Tx) error { return tx.RemoveFromList(ctx, "vip", bad, ann) },
			"merge":   func(tx *store.Tx) error { return tx.Merge(ctx, ann, eve, bad) },
			"unmerge": func(tx *store.Tx) error { return tx.Unmerge(ctx, bob, bad) },
		}
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				require.ErrorIs(t, f.refused(call), audience.ErrInvalid)
			})
		}
	}
	require.Len(t, f.changes(), before)
}

func TestFeedOfHandle(t *testing.T) {
	f := newFixture(t)
	var at []store.Position
	for i := range 3 {
		at = append(at, f.update(func(tx *store.Tx) error {
			_, err := tx.Put(t.Context(), contactWrite(strconv.Itoa(i)))
			return err
		}))
	}
	head, err := f.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, at[2], head)
	commits, err := f.Commits(t.Context(), at[0], 0)
	require.NoError(t, err)
	require.Len(t, commits, 1, "at least one is read")
	require.Equal(t, at[1], commits[0].Position)
	commits, err = f.Commits(t.Context(), head, 10)
	require.NoError(t, err)
	require.Empty(t, commits)
	require.NoError(t, f.Trim(t.Context(), at[1]))
	_, err = f.Commits(t.Context(), at[0], 10)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	commits, err = f.Commits(t.Context(), at[1], 10)
	require.NoError(t, err)
	require.Len(t, commits, 1)
}

// Join is a transaction within the host's: its schema is stored by finish.
func TestJoin(t *testing.T) {
	f := newFixture(t)
	partition, ok := store.As[store.Partition](f.Audience)
	require.True(t, ok)
	_, err := partition.Update(t.Context(), func(roles store.WriteRoles) error {
		tx, finish, err := f.Join(t.Context(), roles)
		require.NoError(t, err)
		_, err = tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.IntValue(1)}})
		require.NoError(t, err)
		return finish(t.Context())
	})
	require.NoError(t, err)
	f.view(func(r *store.Reader) error {
		schema := r.Schema()
		c, err := r.Contact(t.Context(), audience.Key("ann"))
		require.True(t, c.Field(&schema, "tier").Equal(audience.IntValue(1)))
		return err
	})
}

func TestClosedStore(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	require.NoError(t, f.adapter.Close())
	_, err := f.Contact(t.Context(), audience.Key("ann"))
	require.ErrorIs(t, err, audience.ErrClosed)
	_, err = f.Put(t.Context(), contactWrite("bob"))
	require.ErrorIs(t, err, audience.ErrClosed)
	_, err = f.Commits(t.Context(), store.Position{}, 1)
	require.ErrorIs(t, err, audience.ErrClosed)
	_, err = f.again()
	require.ErrorIs(t, err, audience.ErrClosed)
}

// One handle serves many goroutines; the race detector looks on.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds = 4, 25
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f := newFixture(t, func(o *store.Options) { o.Clock = func() time.Time { return now } })
	other := f.reopen(func(o *store.Options) { o.Clock = func() time.Time { return now } })
	failed := make(chan error, 2*workers)
	var wg sync.WaitGroup
	for worker := range workers {
		handle := f.Audience
		if worker%2 == 0 {
			handle = other
		}
		wg.Go(func() {
			for i := range rounds {
				_, err := handle.Put(t.Context(), audience.ContactWrite{
					Match: audience.Key("shared"), AddTags: []string{strconv.Itoa(worker) + "/" + strconv.Itoa(i)},
					Set: map[string]audience.Value{"field" + strconv.Itoa(i): audience.IntValue(int64(worker))},
				})
				if err != nil {
					failed <- err
					return
				}
			}
		})
		wg.Go(func() {
			for range rounds {
				_ = handle.Schema()
				if err := handle.View(t.Context(), func(r *store.Reader) error {
					for _, err := range r.AllContacts(t.Context(), store.ContactQuery{Where: store.HasTag{Tag: "0/0"}}) {
						if err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	c := f.contact(audience.Key("shared"))
	require.EqualValues(t, workers*rounds, c.Version)
	require.Len(t, c.Tags, workers*rounds)
	for _, handle := range []*store.Audience{f.Audience, other} {
		require.NoError(t, handle.View(t.Context(), func(*store.Reader) error { return nil }))
		require.Len(t, handle.Schema().Fields, rounds)
	}
}
