package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

type recordStatements struct {
	one, after, within, lock, lockOne, remove, of, removeOf *statement
	put, add                                                *insertion
}

func newRecordStatements(c *catalog) recordStatements {
	const columns = "SELECT namespace, name, version, expires_us, contact, value FROM {records} WHERE audience = ? AND namespace = ? AND "
	put := insertion{
		name: "put records", key: byRecord, table: "records", keys: []string{"audience", "namespace", "name"}, existing: replace,
		columns: []column{
			{"audience", intColumn},
			{"namespace", textColumn},
			{"name", textColumn},
			{"version", intColumn},
			{"expires_us", intColumn},
			{"contact", intColumn},
			{"value", bytesColumn},
		},
	}
	add := put
	add.name, add.existing = "add records", compete
	byName := keyed{table: "records", columns: "name, version, expires_us", column: "name", kind: "text", where: "audience = ? AND namespace = ?"}
	return recordStatements{
		one:      c.add(byRecord, "record", columns+"name = ?"),
		after:    c.add(everywhere, "records after", columns+"name > ? AND name >= ? AND (expires_us IS NULL OR expires_us > ?) ORDER BY name LIMIT ?"),
		within:   c.add(everywhere, "records within", columns+"name > ? AND name >= ? AND name < ? AND (expires_us IS NULL OR expires_us > ?) ORDER BY name LIMIT ?"),
		lock:     c.points(byRecord, "lock records", byName.find(c.dialect, c.dialect.lock)),
		lockOne:  c.add(byRecord, "lock record", "SELECT version FROM {records} WHERE audience = ? AND namespace = ? AND name = ?"+c.dialect.lock),
		remove:   c.add(byRecord, "delete record", "DELETE FROM {records} WHERE audience = ? AND namespace = ? AND name = ?"),
		of:       c.add(everywhere, "namespaces of contacts", "SELECT DISTINCT namespace FROM {records} WHERE audience = ? AND contact <> 0 AND contact {in bigint}"),
		removeOf: c.add(everywhere, "delete records of contacts", c.dialect.removeListed("records", "{records}_contact", "contact", "audience")+" AND contact <> 0 AND namespace {in text}"),
		put:      c.insert(put),
		add:      c.insert(add),
	}
}

func notFoundRecord() error {
	return wrap(&audience.NotFoundError{Kind: "record"}) // its key may be personal
}

func recordChanged() error {
	return wrap(&audience.ConflictError{Kind: "version", Hint: "the record was changed; read it again"})
}

func scanRecord(rows *sql.Rows) (store.Record, error) {
	var rec store.Record
	var version, contact int64
	var expires sql.NullInt64
	if err := rows.Scan(&rec.Namespace, &rec.Key, &version, &expires, &contact, &rec.Value); err != nil {
		return store.Record{}, err
	}
	rec.Version, rec.Contact = uint64(version), audience.ContactID(contact)
	if expires.Valid {
		rec.Expires = audience.FromMicros(expires.Int64)
	}
	return rec, nil
}

func (r *reader) records(ctx context.Context, st *statement, args ...any) ([]store.Record, error) {
	var out []store.Record
	err := r.query(ctx, st, func(rows *sql.Rows) error {
		rec, err := scanRecord(rows)
		out = append(out, rec)
		return err
	}, args...)
	return out, err
}

// expired reports whether a record is over: from the instant of its expiry on.
func expired(expires, at time.Time) bool { return !expires.IsZero() && !at.Before(expires) }

// Record gives one record.
func (r *reader) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	if err := r.enter(ctx); err != nil {
		return store.Record{}, err
	}
	found, err := r.records(ctx, r.p.store.sql.records.one, r.p.id, namespace, key)
	if err != nil {
		return store.Record{}, err
	}
	if len(found) == 0 || expired(found[0].Expires, at) {
		return store.Record{}, notFoundRecord()
	}
	return found[0], nil
}

// RecordsAfter gives records of a namespace in order of key bytes.
func (r *reader) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	st := &r.p.store.sql.records
	if end, ok := behindPrefix(prefix); ok {
		return r.records(ctx, st.within, r.p.id, namespace, after, prefix, end, audience.Micros(at), int64(limit))
	}
	return r.records(ctx, st.after, r.p.id, namespace, after, prefix, audience.Micros(at), int64(limit))
}

// behindPrefix gives the least text above every text with a prefix, which has
// to be valid UTF-8, since databases take nothing else; false when there is
// none.
func behindPrefix(prefix string) (string, bool) {
	runes := []rune(prefix)
	for len(runes) > 0 {
		last := len(runes) - 1
		switch next := runes[last] + 1; {
		case next == 0xd800:
			runes[last] = 0xe000 // what is between is no character
			return string(runes), true
		case runes[last] < 0x10ffff:
			runes[last] = next
			return string(runes), true
		}
		runes = runes[:last]
	}
	return "", false
}

// PutRecords stores records whose stored versions are those given.
func (w *writer) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	for i := range records {
		r := &records[i]
		if r.Namespace == "" || r.Key == "" {
			return nil, wrap(&audience.FieldError{Path: "record", Rule: "empty", Hint: "a namespace and a key"})
		}
		if err := w.checkKey("record.key", r.Key, longestKey); err != nil {
			return nil, err
		}
		if err := w.checkKey("record.namespace", r.Namespace, namespaceBytes); err != nil {
			return nil, err
		}
	}
	stored, err := w.lockRecords(ctx, records)
	if err != nil {
		return nil, err
	}
	var present, absent []int
	for i := range records {
		old, ok := stored[recordKey{records[i].Namespace, records[i].Key}]
		version := old.version
		if expired(old.expires, at) {
			version = 0
		}
		if version != records[i].Version {
			return nil, recordChanged()
		}
		if ok {
			present = append(present, i)
		} else {
			absent = append(absent, i)
		}
	}
	numbers, err := w.recordVersions(ctx, records, stored)
	if err != nil {
		return nil, err
	}
	st := &w.p.store.sql.records
	if _, err := w.insert(ctx, st.put, len(present), w.recordRows(records, numbers, present)); err != nil {
		return nil, err
	}
	if err := w.add(ctx, st.add, len(absent), w.recordRows(records, numbers, absent)); err != nil {
		return nil, err
	}
	return numbers, nil
}

type recordKey struct{ namespace, key string }

type storedRecord struct {
	version uint64
	expires time.Time
}

// lockRecords locks the rows that exist.
func (w *writer) lockRecords(ctx context.Context, records []store.Record) (map[recordKey]storedRecord, error) {
	keys := make(map[string][]string)
	for i := range records {
		keys[records[i].Namespace] = append(keys[records[i].Namespace], records[i].Key)
	}
	stored := make(map[recordKey]storedRecord, len(records))
	for _, namespace := range sortedKeys(keys) {
		for part := range parts(distinct(keys[namespace])) {
			if err := w.query(ctx, w.p.store.sql.records.lock, func(rows *sql.Rows) error {
				var name string
				var version int64
				var expires sql.NullInt64
				if err := rows.Scan(&name, &version, &expires); err != nil {
					return err
				}
				rec := storedRecord{version: uint64(version)}
				if expires.Valid {
					rec.expires = audience.FromMicros(expires.Int64)
				}
				stored[recordKey{namespace, name}] = rec
				return nil
			}, textList(part), w.p.id, namespace); err != nil {
				return nil, err
			}
		}
	}
	return stored, nil
}

// recordVersions gives a number to each record that nobody was given before,
// above what is stored.
func (w *writer) recordVersions(ctx context.Context, records []store.Record, stored map[recordKey]storedRecord) ([]uint64, error) {
	var above uint64
	for _, old := range stored {
		above = max(above, old.version)
	}
	return w.numbersAbove(ctx, countRecordVersions, len(records), above)
}

// recordRows gives some of the records as rows, in the order of their keys.
func (w *writer) recordRows(records []store.Record, versions []uint64, which []int) row {
	slices.SortFunc(which, func(a, b int) int {
		return cmp.Or(strings.Compare(records[a].Namespace, records[b].Namespace), strings.Compare(records[a].Key, records[b].Key))
	})
	return func(i int, values []any) {
		r := &records[which[i]]
		values[0], values[1], values[2], values[3] = w.p.id, r.Namespace, r.Key, int64(versions[which[i]])
		values[4], values[5], values[6] = nil, int64(r.Contact), append([]byte{}, r.Value...)
		if !r.Expires.IsZero() {
			values[4] = audience.Micros(r.Expires)
		}
	}
}

// DeleteRecord removes a record of a version, expired or not.
func (w *writer) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	st, stored := &w.p.store.sql.records, int64(-1)
	if err := w.query(ctx, st.lockOne, func(rows *sql.Rows) error { return rows.Scan(&stored) }, w.p.id, namespace, key); err != nil {
		return err
	}
	switch {
	case stored < 0:
		return notFoundRecord()
	case version > math.MaxInt64 || stored != int64(version):
		return recordChanged()
	}
	_, err := w.exec(ctx, st.remove, w.p.id, namespace, key)
	return err
}

// DeleteRecordsOf removes the contacts' records but those of the namespaces
// kept.
func (w *writer) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	st := &w.p.store.sql.records
	for part := range parts(distinct(contacts)) {
		var namespaces []string
		if err := w.query(ctx, st.of, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			if !slices.Contains(keep, name) {
				namespaces = append(namespaces, name)
			}
			return err
		}, w.p.id, idList(part)); err != nil {
			return err
		}
		for some := range parts(namespaces) {
			if _, err := w.exec(ctx, st.removeOf, w.p.id, idList(part), textList(some)); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
