package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// Tx reads and writes in one transaction: see [Audience.Update]. It is valid
// within the call that gave it and not safe for concurrent use. Every batch
// is all or nothing: refused items are a [*audience.BatchError], and then
// the call has written nothing.
type Tx struct {
	Reader
	write           WriteRoles
	at              time.Time
	settingsChanged bool
	eventNumber     uint32
	half            error // why a call ended in the middle of its writes
	trying          bool
	tried           []Change // so far, when trying
}

// At gives the instant of the transaction: what it writes is dated with it. It
// never lies before that of an earlier commit. Where transactions overlap it
// moves on to what the transaction meets: what others wrote of a contact, who
// began later and were done earlier, is not after what is written now.
func (tx *Tx) At() time.Time { return tx.at }

// notBefore moves the instant of the transaction on.
func (tx *Tx) notBefore(t time.Time) {
	if t.After(tx.at) {
		tx.at = t
	}
}

// Unwrap gives the adapter's roles, for capabilities.
func (tx *Tx) Unwrap() any { return tx.write }

// whole runs the writes of one call. When one of them fails, those in front
// of it are there already: then the transaction must not commit, whatever the
// host makes of the error.
func (tx *Tx) whole(writes func() error) error {
	err := writes()
	if err != nil && tx.half == nil {
		tx.half = err
	}
	return err
}

func (tx *Tx) log(ctx context.Context, changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	if tx.trying {
		tx.tried = append(tx.tried, changes...)
	}
	return tx.write.AppendChanges(ctx, tx.at, changes)
}

// checkBatch bounds a batch and runs a check on each item.
func checkBatch[T any](limits audience.Limits, items []T, check func(*T) error) error {
	if len(items) > limits.BatchItems {
		return &audience.FieldError{Path: "batch", Rule: "max-items", Hint: fmt.Sprintf("at most %d items", limits.BatchItems), Limit: true}
	}
	var refused audience.BatchError
	for i := range items {
		if err := check(&items[i]); err != nil {
			refused.Add(i, err)
		}
	}
	return refused.OrNil()
}

// resolveAll resolves the Refs of a batch and locks the contacts, so that
// what follows sees and orders them as nobody else's changes can undo. Refs
// that name nobody are refused items.
func (tx *Tx) resolveAll(ctx context.Context, refs []audience.Ref) ([]audience.ContactID, map[audience.ContactID]*audience.Contact, error) {
	ids, err := tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, nil, err
	}
	rows, err := tx.lockResolved(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var refused audience.BatchError
	for i, id := range ids {
		if _, ok := rows[id]; !ok {
			refused.Add(i, notFound(refs[i]))
		}
	}
	return ids, rows, refused.OrNil()
}

// lockResolved is lock for contacts that were found just now: one that is
// gone was merged or deleted in between, and the transaction has to begin
// again.
func (tx *Tx) lockResolved(ctx context.Context, ids []audience.ContactID) (map[audience.ContactID]*audience.Contact, error) {
	rows, err := tx.lock(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, ok := rows[id]; !ok && id != 0 {
			return nil, fmt.Errorf("contact %s was merged or deleted meanwhile: %w", id, audience.ErrRetryable)
		}
	}
	return rows, nil
}

// lock locks contacts by id, each once; 0 is skipped.
func (tx *Tx) lock(ctx context.Context, ids []audience.ContactID) (map[audience.ContactID]*audience.Contact, error) {
	rows := make(map[audience.ContactID]*audience.Contact)
	unique := make([]audience.ContactID, 0, len(ids))
	for _, id := range ids {
		if id != 0 {
			unique = append(unique, id)
		}
	}
	slices.Sort(unique)
	unique = slices.Compact(unique)
	if len(unique) == 0 {
		return rows, nil
	}
	locked, err := tx.write.LockContacts(ctx, unique)
	if err != nil {
		return nil, err
	}
	rows = make(map[audience.ContactID]*audience.Contact, len(locked))
	for i := range locked {
		rows[locked[i].ID] = &locked[i]
		tx.notBefore(locked[i].UpdatedAt)
	}
	return rows, nil
}

// SaveRecord writes one record of a feature's own state and gives its new
// version. Version must be that of the stored record, 0 for a new one; else
// it is [audience.ErrConflict]. The namespaces audience, evidence, deleted
// and unmerged are this package's own: writing there is [audience.ErrDenied].
func (tx *Tx) SaveRecord(ctx context.Context, r Record) (uint64, error) {
	if err := tx.checkRecord(&r); err != nil {
		return 0, err
	}
	versions, err := tx.write.PutRecords(ctx, []Record{r}, tx.at)
	if err != nil {
		return 0, err
	}
	return versions[0], nil
}

// SaveRecords is [Tx.SaveRecord] for many records, each namespace and key at
// most once, and gives their new versions in order. A version that is not the
// stored one refuses them all.
func (tx *Tx) SaveRecords(ctx context.Context, records []Record) ([]uint64, error) {
	if err := checkBatch(tx.audience.limits, records, tx.checkRecord); err != nil || len(records) == 0 {
		return nil, err
	}
	return tx.write.PutRecords(ctx, records, tx.at)
}

func (tx *Tx) checkRecord(r *Record) error {
	if isReserved(r.Namespace) {
		return &audience.DeniedError{Rule: "namespace", Hint: "a namespace of the feature's own"}
	}
	if err := audience.CheckName("record.namespace", r.Namespace, tx.audience.limits); err != nil {
		return err
	}
	if limit := tx.audience.limits.RecordBytes; len(r.Value) > limit || len(r.Key) > tx.audience.limits.KeyBytes {
		return &audience.FieldError{Path: "record", Rule: "max-length", Hint: fmt.Sprintf("a value of at most %d bytes and a key of at most %d", limit, tx.audience.limits.KeyBytes), Limit: true}
	}
	if !utf8.ValidString(r.Key) || strings.Contains(r.Key, "\x00") {
		return &audience.FieldError{Path: "record.key", Rule: "utf8", Hint: "valid UTF-8 without NUL"}
	}
	return nil
}

// DeleteRecord removes a record of the version given.
func (tx *Tx) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	if isReserved(namespace) {
		return &audience.DeniedError{Rule: "namespace", Hint: "a namespace of the feature's own"}
	}
	return tx.write.DeleteRecord(ctx, namespace, key, version)
}
