package store_test

import (
	"context"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var errBroken = errors.New("the disk is gone")

// breaking is an adapter one of whose calls fails, counted from when it is
// armed. What the call was to do is done all the same: nobody may rely on its
// answer.
type breaking struct {
	store.Adapter
	armed bool
	calls int // so far
	fails int // the number of the one that fails
}

func (b *breaking) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := b.Adapter.Partition(ctx, name)
	return breakingPartition{p, b}, err
}

// call counts.
func (b *breaking) call() error {
	if !b.armed {
		return nil
	}
	if b.calls++; b.calls == b.fails {
		return errBroken
	}
	return nil
}

// answer gives the answer of a call, or nothing with the error.
func answer[T any](b *breaking, v T, err error) (T, error) {
	if broken := b.call(); broken != nil {
		var none T
		return none, broken
	}
	return v, err
}

type breakingPartition struct {
	store.Partition
	b *breaking
}

func (p breakingPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(breakingReader{r, p.b}) })
}

func (p breakingPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(breakingWriter{w, breakingReader{w, p.b}}) })
}

// breakingReader fails in reads.
type breakingReader struct {
	store.ReadRoles
	b *breaking
}

func (r breakingReader) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	v, err := r.ReadRoles.Resolve(ctx, identities)
	return answer(r.b, v, err)
}

func (r breakingReader) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	v, err := r.ReadRoles.Contacts(ctx, ids)
	return answer(r.b, v, err)
}

func (r breakingReader) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	v, err := r.ReadRoles.ContactsAfter(ctx, after, limit)
	return answer(r.b, v, err)
}

func (r breakingReader) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	v, err := r.ReadRoles.Events(ctx, q)
	return answer(r.b, v, err)
}

func (r breakingReader) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	v, err := r.ReadRoles.EventsByKey(ctx, keys)
	return answer(r.b, v, err)
}

func (r breakingReader) EventCounts(ctx context.Context, keys []store.EventCountKey) ([]int, error) {
	v, err := r.ReadRoles.EventCounts(ctx, keys)
	return answer(r.b, v, err)
}

func (r breakingReader) Memberships(ctx context.Context, origins []audience.ContactID) ([]store.Membership, error) {
	v, err := r.ReadRoles.Memberships(ctx, origins)
	return answer(r.b, v, err)
}

func (r breakingReader) MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]store.Membership, error) {
	v, err := r.ReadRoles.MembersAfter(ctx, list, after, limit)
	return answer(r.b, v, err)
}

func (r breakingReader) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	v, err := r.ReadRoles.Ledger(ctx, contacts)
	return answer(r.b, v, err)
}

func (r breakingReader) LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	v, err := r.ReadRoles.LedgerHeads(ctx, contacts)
	return answer(r.b, v, err)
}

func (r breakingReader) LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error) {
	v, err := r.ReadRoles.LedgerHeadsAfter(ctx, after, limit)
	return answer(r.b, v, err)
}

func (r breakingReader) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	v, err := r.ReadRoles.Suppressions(ctx, hashes)
	return answer(r.b, v, err)
}

func (r breakingReader) SuppressionKeys(ctx context.Context) ([]string, error) {
	v, err := r.ReadRoles.SuppressionKeys(ctx)
	return answer(r.b, v, err)
}

func (r breakingReader) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	v, err := r.ReadRoles.Record(ctx, namespace, key, at)
	return answer(r.b, v, err)
}

func (r breakingReader) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	v, err := r.ReadRoles.RecordsAfter(ctx, namespace, prefix, after, limit, at)
	return answer(r.b, v, err)
}

func (r breakingReader) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	v, err := r.ReadRoles.Redirect(ctx, ids)
	return answer(r.b, v, err)
}

func (r breakingReader) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	v, err := r.ReadRoles.Merges(ctx, winners)
	return answer(r.b, v, err)
}

func (r breakingReader) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	v, err := r.ReadRoles.MergeOf(ctx, loser)
	return answer(r.b, v, err)
}

func (r breakingReader) Position(ctx context.Context) (store.Position, error) {
	v, err := r.ReadRoles.Position(ctx)
	return answer(r.b, v, err)
}

func (r breakingReader) LastCommit(ctx context.Context) (time.Time, error) {
	v, err := r.ReadRoles.LastCommit(ctx)
	return answer(r.b, v, err)
}

// breakingWriter fails in reads and writes.
type breakingWriter struct {
	writes
	breakingReader
}

// writes are the roles below the reads.
type writes interface {
	store.ContactWriter
	store.EventWriter
	store.ListWriter
	store.LedgerWriter
	store.SuppressionWriter
	store.RecordWriter
	store.MergeWriter
	store.FeedWriter
}

func (w breakingWriter) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	v, err := w.writes.LockContacts(ctx, ids)
	return answer(w.b, v, err)
}

func (w breakingWriter) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	v, err := w.writes.NewContactIDs(ctx, n)
	return answer(w.b, v, err)
}

func (w breakingWriter) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	v, err := w.writes.PutRecords(ctx, records, at)
	return answer(w.b, v, err)
}

func (w breakingWriter) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	return errors.Join(w.b.call(), w.writes.PutContacts(ctx, rows))
}

func (w breakingWriter) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	return errors.Join(w.b.call(), w.writes.DeleteContacts(ctx, ids))
}

func (w breakingWriter) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	return errors.Join(w.b.call(), w.writes.ClaimIdentities(ctx, claims))
}

func (w breakingWriter) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	return errors.Join(w.b.call(), w.writes.ReleaseIdentities(ctx, claims))
}

func (w breakingWriter) PutEvents(ctx context.Context, events []audience.Event) error {
	return errors.Join(w.b.call(), w.writes.PutEvents(ctx, events))
}

func (w breakingWriter) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return errors.Join(w.b.call(), w.writes.DeleteEvents(ctx, origins))
}

func (w breakingWriter) AddMembers(ctx context.Context, members []store.Membership) error {
	return errors.Join(w.b.call(), w.writes.AddMembers(ctx, members))
}

func (w breakingWriter) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return errors.Join(w.b.call(), w.writes.RemoveMembers(ctx, members))
}

func (w breakingWriter) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	return errors.Join(w.b.call(), w.writes.AppendLedger(ctx, records))
}

func (w breakingWriter) MoveSuppressions(ctx context.Context, moves []store.SuppressionMove) error {
	return errors.Join(w.b.call(), w.writes.MoveSuppressions(ctx, moves))
}

func (w breakingWriter) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	return errors.Join(w.b.call(), w.writes.PutSuppressions(ctx, suppressions))
}

func (w breakingWriter) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	return errors.Join(w.b.call(), w.writes.DeleteRecordsOf(ctx, contacts, keep))
}

func (w breakingWriter) PutMerge(ctx context.Context, m store.Merge) error {
	return errors.Join(w.b.call(), w.writes.PutMerge(ctx, m))
}

func (w breakingWriter) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return errors.Join(w.b.call(), w.writes.DeleteMerges(ctx, losers))
}

func (w breakingWriter) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	return errors.Join(w.b.call(), w.writes.AppendChanges(ctx, at, changes))
}

func (w breakingWriter) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	return errors.Join(w.b.call(), w.writes.BlankChanges(ctx, contacts, kinds...))
}
