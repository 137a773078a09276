package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// overlapTx is one transaction on its own copy of the rows.
type overlapTx struct {
	overlapReads
	copy   store.WriteRoles
	p      *overlapped
	seen   int                // of the partition's log, that the copy has
	given  audience.ContactID // the copy knows ids up to it
	log    []write
	held   map[string]bool
	read   map[audience.AddressHash]string // the suppressions as they were read first, and not written since
	blanks []blanking
	commit overlapCommit
}

func (tx *overlapTx) release() {
	for key := range tx.held {
		tx.p.unlock(key)
	}
}

// catchUp brings what others committed into the copy.
func (tx *overlapTx) catchUp(ctx context.Context) error {
	tx.p.mu.Lock()
	log, given := tx.p.log[tx.seen:], tx.p.lastID
	tx.seen += len(log)
	tx.p.mu.Unlock()
	if given > tx.given {
		if _, err := tx.copy.NewContactIDs(ctx, int(given-tx.given)); err != nil {
			return err
		}
		tx.given = given
	}
	for _, again := range log {
		if err := again(ctx, tx.copy); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return tx.p.wrap(errors.Join(audience.ErrRetryable, err))
		}
	}
	return nil
}

// hold locks what is named until the end of the transaction and looks at what
// became of it.
func (tx *overlapTx) hold(ctx context.Context, keys ...string) error {
	slices.Sort(keys)
	for _, key := range keys {
		if tx.held[key] {
			continue
		}
		if err := tx.p.lock(ctx, key); err != nil {
			return err
		}
		tx.held[key] = true
	}
	return tx.catchUp(ctx)
}

func contactKeys(ids []audience.ContactID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "contact " + strconv.Itoa(int(id))
	}
	return out
}

// do writes to the copy, and remembers the write for the rows.
func (tx *overlapTx) do(ctx context.Context, w write) error {
	if err := w(ctx, tx.copy); err != nil {
		return err
	}
	tx.log = append(tx.log, w)
	return nil
}

func (tx *overlapTx) NewContactIDs(ctx context.Context, n int) (ids []audience.ContactID, err error) {
	tx.p.mu.Lock()
	_, err = tx.p.Partition.Update(ctx, func(w store.WriteRoles) error {
		ids, err = w.NewContactIDs(ctx, n)
		return err
	})
	for _, id := range ids {
		tx.p.lastID = max(tx.p.lastID, id)
	}
	tx.p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return ids, tx.catchUp(ctx)
}

func (tx *overlapTx) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	if !tx.p.planted.noLocks {
		if err := tx.hold(ctx, contactKeys(ids)...); err != nil {
			return nil, err
		}
	}
	return tx.copy.Contacts(ctx, ids)
}

func (tx *overlapTx) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	ids := make([]audience.ContactID, len(rows))
	for i := range rows {
		ids[i] = rows[i].Contact.ID
	}
	if tx.p.planted.lastWriterWins {
		return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return putAnyway(ctx, w, rows) })
	}
	if err := tx.hold(ctx, contactKeys(ids)...); err != nil {
		return err
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.PutContacts(ctx, rows) })
}

func (tx *overlapTx) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	if err := tx.hold(ctx, contactKeys(ids)...); err != nil {
		return err
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.DeleteContacts(ctx, ids) })
}

func identityKey(i audience.Identity) string { return "identity " + i.Index() }

func (tx *overlapTx) holdIdentities(ctx context.Context, claims []store.Claim) error {
	keys := make([]string, len(claims))
	for i := range claims {
		keys[i] = identityKey(claims[i].Identity)
	}
	return tx.hold(ctx, keys...)
}

func (tx *overlapTx) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	if err := tx.holdIdentities(ctx, claims); err != nil {
		return err
	}
	if tx.p.planted.nobodyIsWaitedFor && !slices.ContainsFunc(claims, func(c store.Claim) bool { return c.Contact != 0 }) {
		for _, claim := range claims {
			if key := identityKey(claim.Identity); tx.held[key] {
				delete(tx.held, key)
				tx.p.unlock(key)
			}
		}
		return tx.copy.ClaimIdentities(ctx, claims)
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.ClaimIdentities(ctx, claims) })
}

func (tx *overlapTx) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	if err := tx.holdIdentities(ctx, claims); err != nil {
		return err
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.ReleaseIdentities(ctx, claims) })
}

func (tx *overlapTx) PutEvents(ctx context.Context, events []audience.Event) error {
	events = slices.Clone(events)
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.PutEvents(ctx, events) })
}

func (tx *overlapTx) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.DeleteEvents(ctx, origins) })
}

func (tx *overlapTx) AddMembers(ctx context.Context, members []store.Membership) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.AddMembers(ctx, members) })
}

func (tx *overlapTx) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.RemoveMembers(ctx, members) })
}

func (tx *overlapTx) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.AppendLedger(ctx, records) })
}

// Suppressions remembers what it gave first.
func (tx *overlapTx) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	found, err := tx.overlapReads.Suppressions(ctx, hashes)
	for _, h := range hashes {
		if _, ok := tx.read[h]; !ok {
			tx.read[h] = suppressionsText(found, h)
		}
	}
	return found, err
}

// PutSuppressions begins again when what the caller has read is not so any
// more.
func (tx *overlapTx) PutSuppressions(ctx context.Context, rows []audience.Suppression) error {
	hashes, keys := make([]audience.AddressHash, len(rows)), make([]string, len(rows))
	for i := range rows {
		hashes[i], keys[i] = rows[i].Hash, fmt.Sprintf("suppression %s %x", rows[i].Hash.Key, rows[i].Hash.Sum)
	}
	if !tx.p.planted.lastRefusalWins {
		if err := tx.hold(ctx, keys...); err != nil {
			return err
		}
	}
	now, err := tx.copy.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if text, ok := tx.read[h]; ok && !tx.p.planted.lastRefusalWins && text != suppressionsText(now, h) {
			return tx.p.wrap(audience.ErrRetryable)
		}
		delete(tx.read, h) // it is held from now on
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.PutSuppressions(ctx, rows) })
}

// MoveSuppressions is PutSuppressions, and takes away what was read and is so
// still.
func (tx *overlapTx) MoveSuppressions(ctx context.Context, moves []store.SuppressionMove) error {
	rows := make([]audience.Suppression, 0, len(moves))
	for i := range moves {
		rows = append(rows, moves[i].To)
	}
	if err := tx.PutSuppressions(ctx, rows); err != nil {
		return err
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.MoveSuppressions(ctx, moves) })
}

// suppressionsText gives those of a hash, in order.
func suppressionsText(all []audience.Suppression, h audience.AddressHash) string {
	of := slices.DeleteFunc(slices.Clone(all), func(s audience.Suppression) bool { return s.Hash != h })
	slices.SortFunc(of, compareSuppressions)
	return strings.Join(texts(of, suppressionText), "\n")
}

func (tx *overlapTx) PutMerge(ctx context.Context, m store.Merge) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.PutMerge(ctx, m) })
}

func (tx *overlapTx) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.DeleteMerges(ctx, losers) })
}

func (tx *overlapTx) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return w.DeleteRecordsOf(ctx, contacts, keep) })
}

func (tx *overlapTx) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	keys := make([]string, len(records))
	for i := range records {
		keys[i] = "record " + strconv.Quote(records[i].Namespace) + records[i].Key
	}
	if err := tx.hold(ctx, keys...); err != nil {
		return nil, err
	}
	tx.p.mu.Lock()
	versions := make([]uint64, len(records))
	packed := make([]store.Record, len(records))
	for i, rec := range records {
		tx.p.versions++
		versions[i] = tx.p.versions
		packed[i] = rec
		packed[i].Value = append(binary.BigEndian.AppendUint64(nil, versions[i]), rec.Value...)
	}
	tx.p.mu.Unlock()
	err := tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error { return putPacked(ctx, w, packed, at) })
	if err != nil {
		return nil, err
	}
	return versions, nil
}

// putAnyway stores rows whatever is there.
func putAnyway(ctx context.Context, w store.WriteRoles, rows []store.ContactRow) error {
	for _, row := range rows {
		stored, err := w.Contacts(ctx, []audience.ContactID{row.Contact.ID})
		if err != nil {
			return err
		}
		row.Expect = 0
		if len(stored) > 0 {
			row.Expect = stored[0].Version
		}
		if err := w.PutContacts(ctx, []store.ContactRow{row}); err != nil {
			return err
		}
	}
	return nil
}

// putPacked compares the versions that are in the values.
func putPacked(ctx context.Context, w store.WriteRoles, packed []store.Record, at time.Time) error {
	raw := slices.Clone(packed)
	for i := range raw {
		stored, err := w.Record(ctx, raw[i].Namespace, raw[i].Key, at)
		want := raw[i].Version
		raw[i].Version = stored.Version
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		if unpack(stored).Version != want {
			raw[i].Version = math.MaxUint64 // a conflict
		}
	}
	_, err := w.PutRecords(ctx, raw, at)
	return err
}

func (tx *overlapTx) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	if err := tx.hold(ctx, "record "+strconv.Quote(namespace)+key); err != nil {
		return err
	}
	return tx.do(ctx, func(ctx context.Context, w store.WriteRoles) error {
		stored, err := w.Record(ctx, namespace, key, audience.MinInstant())
		if err != nil {
			return err
		}
		raw := stored.Version
		if unpack(stored).Version != version {
			raw = math.MaxUint64
		}
		return w.DeleteRecord(ctx, namespace, key, raw)
	})
}

func (tx *overlapTx) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	if _, err := tx.copy.Position(ctx); err != nil {
		return err
	}
	tx.p.mu.Lock()
	defer tx.p.mu.Unlock()
	c := &tx.commit
	for _, change := range changes {
		tx.p.sequence++
		if c.first == 0 {
			c.first = tx.p.sequence
		}
		c.last = tx.p.sequence
		c.changes = append(c.changes, change)
		if at.After(c.at) {
			c.at = at
		}
	}
	return nil
}

func (tx *overlapTx) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	if _, err := tx.copy.Position(ctx); err != nil {
		return err
	}
	b := blanking{slices.Clone(contacts), kinds}
	tx.blanks = append(tx.blanks, b)
	tx.commit.changes = blankOf(tx.commit.changes, b)
	return nil
}
