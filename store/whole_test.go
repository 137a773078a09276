package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// openBreaking is newFixture over an adapter that breaks, with three contacts
// of whom the second was merged into the first. It is armed.
func openBreaking(t *testing.T, fails int) (*fixture, *breaking) {
	t.Helper()
	f := newFixture(t)
	b := &breaking{Adapter: memstore.New(), fails: fails}
	f.adapter = b
	schema := f.Schema()
	f.Audience = f.reopen(declare(schema))
	ann := audience.Key("ann")
	f.put("ann", "ann@example.com")
	f.put("bob", "bob@example.com")
	f.put("eve", "eve@example.com")
	f.join("vip", ann)
	f.event(ann, "e1", "purchase", 0)
	f.record(grant(ann, audience.MechanismVerbal))
	f.merge(ann, audience.Key("bob"))
	f.record(refusal(ann, audience.ConsentWithdrawn)) // unmerging copies it
	b.armed = true
	return f, b
}

// changingCalls change something of what openBreaking made.
func changingCalls() map[string]func(context.Context, *store.Tx) error {
	ann, eve := audience.Key("ann"), audience.Key("eve")
	var source audience.Source
	return map[string]func(context.Context, *store.Tx) error{
		"put": func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Put(ctx, contactWrite("new"), audience.ContactWrite{
				Match: ann, Email: audience.MustAddress("ann@example.net"), Set: map[string]audience.Value{"tier": audience.IntValue(1)},
				Detach: []audience.Identity{audience.AddressIdentity(audience.MustAddress("ann@example.com"))},
			}, audience.ContactWrite{Match: audience.ID(2), LastName: audience.NewPrivate("Example")})
			return err
		},
		"append": func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Append(ctx, audience.EventWrite{Contact: ann, ID: "e2", Type: "visit", Time: tx.At()})
			return err
		},
		"record": func(ctx context.Context, tx *store.Tx) error {
			w := refusal(ann, audience.ConsentComplained)
			w.Evidence = []byte("the report")
			_, err := tx.Record(ctx, w)
			return err
		},
		"suppress": func(ctx context.Context, tx *store.Tx) error {
			return tx.Suppress(ctx, store.SuppressionWrite{Address: audience.MustAddress("ann@example.com"), Reason: audience.SuppressedManually})
		},
		"join":    func(ctx context.Context, tx *store.Tx) error { return tx.AddToList(ctx, "vip", source, eve) },
		"leave":   func(ctx context.Context, tx *store.Tx) error { return tx.RemoveFromList(ctx, "vip", source, ann) },
		"merge":   func(ctx context.Context, tx *store.Tx) error { return tx.Merge(ctx, ann, eve, source) },
		"unmerge": func(ctx context.Context, tx *store.Tx) error { return tx.Unmerge(ctx, 2, source) },
		"delete":  func(ctx context.Context, tx *store.Tx) error { return tx.Delete(ctx, source, ann) },
		"erase":   func(ctx context.Context, tx *store.Tx) error { return tx.Erase(ctx, source, ann) },
		"declare": func(ctx context.Context, tx *store.Tx) error {
			return tx.Declare(ctx, audience.Schema{Purposes: []audience.Purpose{{Name: "sales"}}})
		},
	}
}

// Whichever call to the adapter fails: the error comes out, and nothing is
// committed, neither by a host that gives the error on nor by one that goes
// on and wants to commit. Half a call is never committed.
func TestHalfACallNeverCommits(t *testing.T) {
	for name, call := range changingCalls() {
		for _, looks := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				for fails := 1; ; fails++ {
					require.Less(t, fails, 100, "it ends")
					f, b := openBreaking(t, fails)
					b.armed = false
					head, err := f.Head(t.Context())
					require.NoError(t, err)
					b.armed = true
					var inside error
					_, err = f.Update(t.Context(), func(tx *store.Tx) error {
						if inside = call(t.Context(), tx); looks {
							return inside
						}
						return nil
					})
					after, headErr := f.Head(t.Context())
					require.NoError(t, headErr)
					if b.calls < fails { // it went well, and so does the test
						require.NoError(t, err)
						require.NotEqual(t, head, after)
						require.Greater(t, fails, 4)
						return
					}
					if looks || inside == nil {
						require.ErrorIs(t, err, errBroken, "call %d", fails)
					}
					require.Equal(t, head, after, "call %d", fails)
				}
			})
		}
	}
}

// Whichever call to the adapter fails, a read gives its error and no answer.
func TestReadsGiveErrors(t *testing.T) {
	ann := audience.Key("ann")
	all := audience.ProfileParts{Events: []string{"purchase"}, Lists: true, Ledger: true, Suppressed: true}
	reads := map[string]func(context.Context, *store.Reader) error{
		"contact": func(ctx context.Context, r *store.Reader) error { _, err := r.Contact(ctx, ann); return err },
		"by id":   func(ctx context.Context, r *store.Reader) error { _, err := r.Contact(ctx, audience.ID(2)); return err },
		"profile": func(ctx context.Context, r *store.Reader) error { _, err := r.Profile(ctx, ann, all); return err },
		"events":  func(ctx context.Context, r *store.Reader) error { _, err := r.Events(ctx, ann); return err },
		"history": func(ctx context.Context, r *store.Reader) error { _, err := r.History(ctx, ann); return err },
		"gone": func(ctx context.Context, r *store.Reader) error {
			_, err := r.History(ctx, audience.ID(99))
			return foundNothing(err)
		},
		"members": func(ctx context.Context, r *store.Reader) error { _, err := r.Members(ctx, "vip", "", 1); return err },
		"records": func(ctx context.Context, r *store.Reader) error {
			_, err := r.Records(ctx, "evidence", "", "", 1)
			return err
		},
		"record": func(ctx context.Context, r *store.Reader) error {
			_, err := r.LoadRecord(ctx, "evidence", "1/1")
			return err
		},
		"position": func(ctx context.Context, r *store.Reader) error { _, err := r.Position(ctx); return err },
		"contacts": func(ctx context.Context, r *store.Reader) error {
			_, err := r.Contacts(ctx, store.ContactQuery{})
			return err
		},
		"suppressions": func(ctx context.Context, r *store.Reader) error {
			_, err := r.Suppressions(ctx, audience.MustAddress("ann@example.com"))
			return err
		},
		"evidence": func(ctx context.Context, r *store.Reader) error {
			h, err := r.History(ctx, ann)
			if err == nil {
				_, err = r.Evidence(ctx, h.Records[0])
			}
			return err
		},
		"all profiles": func(ctx context.Context, r *store.Reader) (err error) {
			q := store.ProfileQuery{ContactQuery: store.ContactQuery{Where: store.IsSuppressed{}, Limit: 1}, Parts: all}
			for _, err = range r.AllProfiles(ctx, q) {
				if err != nil {
					break
				}
			}
			return err
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			for fails := 1; ; fails++ {
				require.Less(t, fails, 100, "it ends")
				f, b := openBreaking(t, fails)
				err := f.View(t.Context(), func(r *store.Reader) error { return read(t.Context(), r) })
				if b.calls < fails {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, errBroken, "call %d", fails)
				require.NotErrorIs(t, err, audience.ErrNotFound, "call %d: nobody knows", fails)
			}
		})
	}
}

func TestOpenGivesErrors(t *testing.T) {
	for fails := 1; ; fails++ {
		require.Less(t, fails, 100, "it ends")
		b := &breaking{Adapter: memstore.New(), fails: fails, armed: true}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		aud, err := store.Open(t.Context(), b, "main", store.Options{Keys: testKeys(t, "a"), Clock: func() time.Time { return now }})
		if b.calls < fails {
			require.NoError(t, err)
			require.Greater(t, fails, 3)
			return
		}
		require.ErrorIs(t, err, errBroken, "call %d", fails)
		require.Nil(t, aud)
	}
}

// foundNothing takes it as an answer that there is nobody.
func foundNothing(err error) error {
	if errors.Is(err, audience.ErrNotFound) && !errors.Is(err, errBroken) {
		return nil
	}
	return err
}
