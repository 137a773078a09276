package memstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// readCalls has every read of the roles.
func readCalls(r store.ReadRoles) map[string]func(context.Context) error {
	ids := []audience.ContactID{1}
	return map[string]func(context.Context) error{
		"Position":         func(ctx context.Context) error { _, err := r.Position(ctx); return err },
		"LastCommit":       func(ctx context.Context) error { _, err := r.LastCommit(ctx); return err },
		"Resolve":          func(ctx context.Context) error { _, err := r.Resolve(ctx, nil); return err },
		"Contacts":         func(ctx context.Context) error { _, err := r.Contacts(ctx, ids); return err },
		"ContactsAfter":    func(ctx context.Context) error { _, err := r.ContactsAfter(ctx, 0, 1); return err },
		"CountContacts":    func(ctx context.Context) error { _, err := r.(store.ContactCounter).CountContacts(ctx); return err },
		"Events":           func(ctx context.Context) error { _, err := r.Events(ctx, store.EventQuery{Origins: ids}); return err },
		"EventsByKey":      func(ctx context.Context) error { _, err := r.EventsByKey(ctx, nil); return err },
		"EventCounts":      func(ctx context.Context) error { _, err := r.EventCounts(ctx, nil); return err },
		"Memberships":      func(ctx context.Context) error { _, err := r.Memberships(ctx, ids); return err },
		"MembersAfter":     func(ctx context.Context) error { _, err := r.MembersAfter(ctx, "vip", 0, 1); return err },
		"Ledger":           func(ctx context.Context) error { _, err := r.Ledger(ctx, ids); return err },
		"LedgerHeadsAfter": func(ctx context.Context) error { _, err := r.LedgerHeadsAfter(ctx, 0, 10); return err },
		"LedgerHeads":      func(ctx context.Context) error { _, err := r.LedgerHeads(ctx, ids); return err },
		"Suppressions":     func(ctx context.Context) error { _, err := r.Suppressions(ctx, nil); return err },
		"SuppressionsAfter": func(ctx context.Context) error {
			_, err := r.SuppressionsAfter(ctx, audience.Suppression{}, 1)
			return err
		},
		"SuppressionKeys": func(ctx context.Context) error { _, err := r.SuppressionKeys(ctx); return err },
		"Record":          func(ctx context.Context) error { _, err := r.Record(ctx, "n", "kept", start()); return err },
		"RecordsAfter":    func(ctx context.Context) error { _, err := r.RecordsAfter(ctx, "n", "", "", 1, start()); return err },
		"Redirect":        func(ctx context.Context) error { _, err := r.Redirect(ctx, ids); return err },
		"Merges":          func(ctx context.Context) error { _, err := r.Merges(ctx, ids); return err },
		"MergeOf":         func(ctx context.Context) error { _, err := r.MergeOf(ctx, 7); return err },
	}
}

// writeCalls has every write of the roles, each one that would do something.
func writeCalls(w store.WriteRoles) map[string]func(context.Context) error {
	ids := []audience.ContactID{1}
	address := audience.AddressIdentity(audience.MustAddress("jane@example.com"))
	claims := []store.Claim{{Identity: address, Contact: 1}}
	members := []store.Membership{{List: "vip", Origin: 1}}
	return map[string]func(context.Context) error{
		"NewContactIDs": func(ctx context.Context) error { _, err := w.NewContactIDs(ctx, 1); return err },
		"LockContacts":  func(ctx context.Context) error { _, err := w.LockContacts(ctx, ids); return err },
		"PutContacts": func(ctx context.Context) error {
			return w.PutContacts(ctx, []store.ContactRow{{Contact: &audience.Contact{ID: 1, Version: 2}, Expect: 1}})
		},
		"DeleteContacts":    func(ctx context.Context) error { return w.DeleteContacts(ctx, ids) },
		"ClaimIdentities":   func(ctx context.Context) error { return w.ClaimIdentities(ctx, claims) },
		"ReleaseIdentities": func(ctx context.Context) error { return w.ReleaseIdentities(ctx, claims) },
		"PutEvents": func(ctx context.Context) error {
			return w.PutEvents(ctx, []audience.Event{{Origin: 1, ID: "1", Type: "visit", Time: start()}})
		},
		"DeleteEvents":  func(ctx context.Context) error { return w.DeleteEvents(ctx, ids) },
		"AddMembers":    func(ctx context.Context) error { return w.AddMembers(ctx, members) },
		"RemoveMembers": func(ctx context.Context) error { return w.RemoveMembers(ctx, members) },
		"AppendLedger": func(ctx context.Context) error {
			return w.AppendLedger(ctx, []audience.ConsentRecord{linked(1, nil, start())})
		},
		"PutSuppressions": func(ctx context.Context) error {
			return w.PutSuppressions(ctx, []audience.Suppression{{Reason: audience.SuppressedManually}})
		},
		"MoveSuppressions": func(ctx context.Context) error {
			return w.MoveSuppressions(ctx, []store.SuppressionMove{{To: audience.Suppression{Reason: audience.SuppressedManually}}})
		},
		"PutRecords": func(ctx context.Context) error {
			_, err := w.PutRecords(ctx, []store.Record{{Namespace: "n", Key: "new"}}, start())
			return err
		},
		"DeleteRecord":    func(ctx context.Context) error { return w.DeleteRecord(ctx, "n", "kept", 1) },
		"DeleteRecordsOf": func(ctx context.Context) error { return w.DeleteRecordsOf(ctx, ids, nil) },
		"PutMerge":        func(ctx context.Context) error { return w.PutMerge(ctx, store.Merge{Loser: 8, Winner: 1}) },
		"DeleteMerges":    func(ctx context.Context) error { return w.DeleteMerges(ctx, []audience.ContactID{7}) },
		"AppendChanges": func(ctx context.Context) error {
			return w.AppendChanges(ctx, start(), []store.Change{{Kind: store.ChangeDelete, Contact: 1}})
		},
		"BlankChanges": func(ctx context.Context) error { return w.BlankChanges(ctx, ids) },
	}
}

// furnished is a partition in which every call finds something.
func furnished(t *testing.T) store.Partition {
	t.Helper()
	p := open(t)
	update(t, p, func(w store.WriteRoles) error {
		if _, err := addContact(t.Context(), w); err != nil {
			return err
		}
		if err := w.PutMerge(t.Context(), store.Merge{Loser: 7, Winner: 1}); err != nil {
			return err
		}
		_, err := w.PutRecords(t.Context(), []store.Record{{Namespace: "n", Key: "kept", Contact: 1}}, start())
		return err
	})
	return p
}

func TestEveryCallChecksContextAndEnd(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	p := furnished(t)
	var late map[string]func(context.Context) error
	view(t, p, func(r store.ReadRoles) {
		late = readCalls(r)
		for name, call := range late {
			require.NoError(t, call(t.Context()), name)
			err := call(cancelled)
			require.ErrorIs(t, err, context.Canceled, name)
			require.EqualError(t, err, "memstore: context canceled", name)
		}
	})
	for name, call := range late {
		require.ErrorIs(t, call(t.Context()), audience.ErrInvalid, name)
	}

	names := writeCalls(nil)
	for name := range names {
		p := furnished(t)
		var call func(context.Context) error
		before, err := p.Head(t.Context())
		require.NoError(t, err)
		update(t, p, func(w store.WriteRoles) error {
			call = writeCalls(w)[name]
			require.ErrorIs(t, call(cancelled), context.Canceled, name)
			return nil
		})
		after, err := p.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, after, name)
		err = call(t.Context())
		require.ErrorIs(t, err, audience.ErrInvalid, name)
		require.ErrorContains(t, err, "memstore: used after", name)
		update(t, p, func(w store.WriteRoles) error { return writeCalls(w)[name](t.Context()) })
	}

	_, err := p.Update(cancelled, func(store.WriteRoles) error { panic("called") })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, p.View(cancelled, func(store.ReadRoles) error { panic("called") }), context.Canceled)
	_, err = p.Commits(cancelled, store.Position{}, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// cancelling is a context that ends itself at the n-th look at it.
type cancelling struct {
	context.Context
	looks *int
}

func (c cancelling) Err() error {
	*c.looks--
	if *c.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestLongCallsLookAtTheirContext(t *testing.T) {
	const many = 1000
	p := open(t)
	update(t, p, func(w store.WriteRoles) error {
		ids, err := w.NewContactIDs(t.Context(), many)
		require.NoError(t, err)
		rows := make([]store.ContactRow, many)
		events := make([]audience.Event, many)
		for i, id := range ids {
			rows[i] = store.ContactRow{Contact: &audience.Contact{ID: id, Version: 1}}
			events[i] = audience.Event{Origin: id, ID: "1", Type: "visit", Time: start()}
		}
		one := 1
		require.ErrorIs(t, w.PutContacts(cancelling{t.Context(), &one}, rows), context.Canceled)
		require.NoError(t, w.PutContacts(t.Context(), rows), "nothing of the cancelled batch was stored")
		one = 1
		require.ErrorIs(t, w.PutEvents(cancelling{t.Context(), &one}, events), context.Canceled)
		found, err := w.Events(t.Context(), store.EventQuery{Origins: ids})
		require.NoError(t, err)
		require.Empty(t, found)

		one = 1
		_, err = w.ContactsAfter(cancelling{t.Context(), &one}, 0, many)
		require.ErrorIs(t, err, context.Canceled)
		one = 1
		_, err = w.Contacts(cancelling{t.Context(), &one}, ids)
		require.ErrorIs(t, err, context.Canceled)
		return nil
	})
}
