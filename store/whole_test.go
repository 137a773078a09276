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

var errBroken = errors.New("the disk is gone")

// breaking is an adapter one of whose writes fails, counted from when it is
// armed.
type breaking struct {
	store.Adapter
	armed  bool
	writes int // so far
	fails  int // the number of the one that fails
}

func (b *breaking) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := b.Adapter.Partition(ctx, name)
	return breakingPartition{p, b}, err
}

type breakingPartition struct {
	store.Partition
	b *breaking
}

func (p breakingPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(breakingWriter{w, p.b}) })
}

type breakingWriter struct {
	store.WriteRoles
	b *breaking
}

func (w breakingWriter) broken() error {
	if !w.b.armed {
		return nil
	}
	if w.b.writes++; w.b.writes == w.b.fails {
		return errBroken
	}
	return nil
}

func (w breakingWriter) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	return errors.Join(w.broken(), w.WriteRoles.PutContacts(ctx, rows))
}

func (w breakingWriter) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	return errors.Join(w.broken(), w.WriteRoles.DeleteContacts(ctx, ids))
}

func (w breakingWriter) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	return errors.Join(w.broken(), w.WriteRoles.ClaimIdentities(ctx, claims))
}

func (w breakingWriter) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	return errors.Join(w.broken(), w.WriteRoles.ReleaseIdentities(ctx, claims))
}

func (w breakingWriter) PutEvents(ctx context.Context, events []audience.Event) error {
	return errors.Join(w.broken(), w.WriteRoles.PutEvents(ctx, events))
}

func (w breakingWriter) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return errors.Join(w.broken(), w.WriteRoles.DeleteEvents(ctx, origins))
}

func (w breakingWriter) AddMembers(ctx context.Context, members []store.Membership) error {
	return errors.Join(w.broken(), w.WriteRoles.AddMembers(ctx, members))
}

func (w breakingWriter) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return errors.Join(w.broken(), w.WriteRoles.RemoveMembers(ctx, members))
}

func (w breakingWriter) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	return errors.Join(w.broken(), w.WriteRoles.AppendLedger(ctx, records))
}

func (w breakingWriter) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	return errors.Join(w.broken(), w.WriteRoles.PutSuppressions(ctx, suppressions))
}

func (w breakingWriter) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	versions, err := w.WriteRoles.PutRecords(ctx, records, at)
	return versions, errors.Join(w.broken(), err)
}

func (w breakingWriter) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	return errors.Join(w.broken(), w.WriteRoles.DeleteRecordsOf(ctx, contacts, keep))
}

func (w breakingWriter) PutMerge(ctx context.Context, m store.Merge) error {
	return errors.Join(w.broken(), w.WriteRoles.PutMerge(ctx, m))
}

func (w breakingWriter) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return errors.Join(w.broken(), w.WriteRoles.DeleteMerges(ctx, losers))
}

func (w breakingWriter) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	return errors.Join(w.broken(), w.WriteRoles.AppendChanges(ctx, at, changes))
}

func (w breakingWriter) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	return errors.Join(w.broken(), w.WriteRoles.BlankChanges(ctx, contacts, kinds...))
}

// Whichever write of a call fails, and although the host goes on and wants to
// commit: half a call is never committed.
func TestHalfACallNeverCommits(t *testing.T) {
	ann, bob, eve := audience.Key("ann"), audience.Key("bob"), audience.Key("eve")
	var source audience.Source
	calls := map[string]func(context.Context, *store.Tx) error{
		"put": func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Put(ctx, contactWrite("new"), audience.ContactWrite{
				Match: ann, Email: audience.MustAddress("ann@example.net"), Set: map[string]audience.Value{"tier": audience.IntValue(1)},
				Detach: []audience.Identity{audience.AddressIdentity(audience.MustAddress("ann@example.com"))},
			})
			return err
		},
		"append": func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Append(ctx, audience.EventWrite{Contact: ann, Type: "visit", Time: tx.At()})
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
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			writes := 0
			for fails := 1; ; fails++ {
				b := &breaking{Adapter: memstore.New(), fails: fails}
				f := openBreaking(t, b)
				f.put("ann", "ann@example.com")
				f.put("bob", "bob@example.com")
				f.put("eve", "eve@example.com")
				f.join("vip", ann)
				f.event(ann, "e1", "purchase", 0)
				f.record(grant(ann, audience.MechanismVerbal))
				f.merge(ann, bob)
				f.record(refusal(ann, audience.ConsentWithdrawn)) // unmerging copies it
				head, err := f.Head(t.Context())
				require.NoError(t, err)

				b.armed = true
				_, err = f.Update(t.Context(), func(tx *store.Tx) error {
					_ = call(t.Context(), tx) // a host that does not look
					return nil
				})
				after, headErr := f.Head(t.Context())
				require.NoError(t, headErr)
				if b.writes < fails { // there was no such write
					require.NoError(t, err)
					require.NotEqual(t, head, after)
					break
				}
				require.ErrorIs(t, err, errBroken, "write %d", fails)
				require.Equal(t, head, after)
				writes++
			}
			require.GreaterOrEqual(t, writes, 2)
		})
	}
}

// openBreaking is newFixture over an adapter that breaks.
func openBreaking(t *testing.T, b *breaking) *fixture {
	t.Helper()
	f := newFixture(t)
	f.adapter = b
	schema := f.Schema()
	aud, err := store.Open(t.Context(), b, "main", store.Options{Keys: f.Keys(), Clock: func() time.Time { return f.now }, Schema: schema})
	require.NoError(t, err)
	f.Audience = aud
	return f
}
