package storetest

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// call is one method of a role with something to do.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// readCalls has every read of the roles.
func readCalls(r store.ReadRoles, u universe) []call {
	suppression := audience.Suppression{Hash: u.hashes[0]}
	return []call{
		{"Position", func(ctx context.Context) error { _, err := r.Position(ctx); return err }},
		{"LastCommit", func(ctx context.Context) error { _, err := r.LastCommit(ctx); return err }},
		{"Resolve", func(ctx context.Context) error { _, err := r.Resolve(ctx, u.identities); return err }},
		{"Contacts", func(ctx context.Context) error { _, err := r.Contacts(ctx, u.ids); return err }},
		{"ContactsAfter", func(ctx context.Context) error { _, err := r.ContactsAfter(ctx, 0, 10); return err }},
		{"Events", func(ctx context.Context) error { _, err := r.Events(ctx, store.EventQuery{Origins: u.ids}); return err }},
		{"EventsByKey", func(ctx context.Context) error { _, err := r.EventsByKey(ctx, u.keys); return err }},
		{"EventCounts", func(ctx context.Context) error {
			_, err := r.EventCounts(ctx, []store.EventCountKey{{Origin: u.ids[0], Type: "visit"}})
			return err
		}},
		{"Memberships", func(ctx context.Context) error { _, err := r.Memberships(ctx, u.ids); return err }},
		{"MembersAfter", func(ctx context.Context) error { _, err := r.MembersAfter(ctx, "gold", 0, 10); return err }},
		{"Ledger", func(ctx context.Context) error { _, err := r.Ledger(ctx, u.ids); return err }},
		{"LedgerHeads", func(ctx context.Context) error { _, err := r.LedgerHeads(ctx, u.ids); return err }},
		{"LedgerHeadsAfter", func(ctx context.Context) error { _, err := r.LedgerHeadsAfter(ctx, 0, 10); return err }},
		{"Suppressions", func(ctx context.Context) error { _, err := r.Suppressions(ctx, u.hashes); return err }},
		{"SuppressionsAfter", func(ctx context.Context) error { _, err := r.SuppressionsAfter(ctx, suppression, 10); return err }},
		{"SuppressionKeys", func(ctx context.Context) error { _, err := r.SuppressionKeys(ctx); return err }},
		{"Record", func(ctx context.Context) error { _, err := r.Record(ctx, "caps", "a-0", start()); return err }},
		{"RecordsAfter", func(ctx context.Context) error {
			_, err := r.RecordsAfter(ctx, "caps", "", "", 10, start())
			return err
		}},
		{"Redirect", func(ctx context.Context) error { _, err := r.Redirect(ctx, u.ids); return err }},
		{"Merges", func(ctx context.Context) error { _, err := r.Merges(ctx, u.ids); return err }},
		{"MergeOf", func(ctx context.Context) error { _, err := r.MergeOf(ctx, u.ids[0]); return err }},
	}
}

// writeCalls has every write of the roles, each of which changes something of
// a furnished partition.
func writeCalls(w store.WriteRoles, u universe) []call {
	id := u.ids[2]
	claims := []store.Claim{{Identity: u.identities[2], Contact: id}}
	members := []store.Membership{{List: "gold", Origin: id}}
	return []call{
		{"NewContactIDs", func(ctx context.Context) error { _, err := w.NewContactIDs(ctx, 1); return err }},
		{"LockContacts", func(ctx context.Context) error { _, err := w.LockContacts(ctx, u.ids); return err }},
		{"PutContacts", func(ctx context.Context) error {
			return w.PutContacts(ctx, []store.ContactRow{{Contact: new(plainContact(id, 2)), Expect: 1}})
		}},
		{"DeleteContacts", func(ctx context.Context) error { return w.DeleteContacts(ctx, u.ids) }},
		{"ClaimIdentities", func(ctx context.Context) error {
			return w.ClaimIdentities(ctx, []store.Claim{{Identity: host("free"), Contact: id}})
		}},
		{"ReleaseIdentities", func(ctx context.Context) error { return w.ReleaseIdentities(ctx, claims) }},
		{"PutEvents", func(ctx context.Context) error {
			return w.PutEvents(ctx, []audience.Event{event(id, "visit", "more", start())})
		}},
		{"DeleteEvents", func(ctx context.Context) error { return w.DeleteEvents(ctx, u.ids) }},
		{"AddMembers", func(ctx context.Context) error {
			return w.AddMembers(ctx, []store.Membership{{List: "more", Origin: id}})
		}},
		{"RemoveMembers", func(ctx context.Context) error { return w.RemoveMembers(ctx, members) }},
		{"AppendLedger", func(ctx context.Context) error {
			first := linked(mainAudience, id, nil, audience.ConsentWithdrawn, start())
			return w.AppendLedger(ctx, []audience.ConsentRecord{linked(mainAudience, id, &first, audience.ConsentGranted, at(1))})
		}},
		{"PutSuppressions", func(ctx context.Context) error {
			return w.PutSuppressions(ctx, []audience.Suppression{{Hash: hashed("k1", 9), Reason: audience.SuppressedManually, At: start()}})
		}},
		{"MoveSuppressions", func(ctx context.Context) error {
			to := audience.Suppression{Hash: hashed("k1", 9), Reason: audience.SuppressedManually, At: start()}
			return w.MoveSuppressions(ctx, []store.SuppressionMove{{From: hashed("k0", 9), To: to}})
		}},
		{"PutRecords", func(ctx context.Context) error {
			_, err := w.PutRecords(ctx, []store.Record{{Namespace: "caps", Key: "more"}}, start())
			return err
		}},
		{"DeleteRecordsOf", func(ctx context.Context) error { return w.DeleteRecordsOf(ctx, u.ids, nil) }},
		{"PutMerge", func(ctx context.Context) error {
			return w.PutMerge(ctx, store.Merge{Loser: id, Winner: u.ids[0], At: start()})
		}},
		{"DeleteMerges", func(ctx context.Context) error { return w.DeleteMerges(ctx, u.ids) }},
		{"AppendChanges", func(ctx context.Context) error {
			return w.AppendChanges(ctx, start(), []store.Change{{Kind: store.ChangeSchema}})
		}},
		{"BlankChanges", func(ctx context.Context) error { return w.BlankChanges(ctx, u.ids) }},
	}
}

// emptyCalls has every batch of the roles with nothing in it.
func emptyCalls(w store.WriteRoles) []call {
	return []call{
		{"Resolve", func(ctx context.Context) error { _, err := w.Resolve(ctx, nil); return err }},
		{"Contacts", func(ctx context.Context) error { _, err := w.Contacts(ctx, nil); return err }},
		{"EventsByKey", func(ctx context.Context) error { _, err := w.EventsByKey(ctx, nil); return err }},
		{"EventCounts", func(ctx context.Context) error { _, err := w.EventCounts(ctx, nil); return err }},
		{"Memberships", func(ctx context.Context) error { _, err := w.Memberships(ctx, nil); return err }},
		{"Ledger", func(ctx context.Context) error { _, err := w.Ledger(ctx, nil); return err }},
		{"LedgerHeads", func(ctx context.Context) error { _, err := w.LedgerHeads(ctx, nil); return err }},
		{"Suppressions", func(ctx context.Context) error { _, err := w.Suppressions(ctx, nil); return err }},
		{"Redirect", func(ctx context.Context) error { _, err := w.Redirect(ctx, nil); return err }},
		{"Merges", func(ctx context.Context) error { _, err := w.Merges(ctx, nil); return err }},
		{"NewContactIDs", func(ctx context.Context) error { _, err := w.NewContactIDs(ctx, 0); return err }},
		{"LockContacts", func(ctx context.Context) error { _, err := w.LockContacts(ctx, nil); return err }},
		{"PutContacts", func(ctx context.Context) error { return w.PutContacts(ctx, nil) }},
		{"DeleteContacts", func(ctx context.Context) error { return w.DeleteContacts(ctx, nil) }},
		{"ClaimIdentities", func(ctx context.Context) error { return w.ClaimIdentities(ctx, nil) }},
		{"ReleaseIdentities", func(ctx context.Context) error { return w.ReleaseIdentities(ctx, nil) }},
		{"PutEvents", func(ctx context.Context) error { return w.PutEvents(ctx, nil) }},
		{"DeleteEvents", func(ctx context.Context) error { return w.DeleteEvents(ctx, nil) }},
		{"AddMembers", func(ctx context.Context) error { return w.AddMembers(ctx, nil) }},
		{"RemoveMembers", func(ctx context.Context) error { return w.RemoveMembers(ctx, nil) }},
		{"AppendLedger", func(ctx context.Context) error { return w.AppendLedger(ctx, nil) }},
		{"PutSuppressions", func(ctx context.Context) error { return w.PutSuppressions(ctx, nil) }},
		{"MoveSuppressions", func(ctx context.Context) error { return w.MoveSuppressions(ctx, nil) }},
		{"PutRecords", func(ctx context.Context) error { _, err := w.PutRecords(ctx, nil, start()); return err }},
		{"DeleteRecordsOf", func(ctx context.Context) error { return w.DeleteRecordsOf(ctx, nil, nil) }},
		{"DeleteMerges", func(ctx context.Context) error { return w.DeleteMerges(ctx, nil) }},
		{"AppendChanges", func(ctx context.Context) error { return w.AppendChanges(ctx, start(), nil) }},
		{"BlankChanges", func(ctx context.Context) error { return w.BlankChanges(ctx, nil) }},
	}
}
