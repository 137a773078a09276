package memstore

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func notFoundRecord() error {
	return wrap(&audience.NotFoundError{Kind: "record"}) // its key may be personal
}

// record gives what is stored under a key and has not expired, or nil.
func (v *version) record(key recordKey, at time.Time) *store.Record {
	r, ok := v.records.get(key)
	if !ok || expired(r, at) {
		return nil
	}
	return r
}

// expired reports whether a record is over: from the instant of its expiry on.
func expired(r *store.Record, at time.Time) bool {
	return !r.Expires.IsZero() && !at.Before(r.Expires)
}

// Record gives one record.
func (r *reader) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	if err := r.enter(ctx); err != nil {
		return store.Record{}, err
	}
	rec := r.v.record(recordKey{namespace, key}, at)
	if rec == nil {
		return store.Record{}, notFoundRecord()
	}
	return *rec, nil
}

// RecordsAfter gives records of a namespace in order of key bytes.
func (r *reader) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	var out []store.Record
	steps := 0
	for k, rec := range r.v.records.from(recordKey{namespace, max(prefix, after)}) {
		if k.namespace != namespace || !strings.HasPrefix(k.key, prefix) || len(out) == limit {
			break
		}
		steps++
		if err := sometimes(ctx, steps); err != nil {
			return nil, err
		}
		if k.key > after && !expired(rec, at) {
			out = append(out, *rec)
		}
	}
	return out, nil
}

// PutRecords stores records whose stored versions are those given.
func (w *writer) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	versions := make([]uint64, len(records))
	err := w.atomically(ctx, func() error {
		for i, r := range records {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			if r.Namespace == "" || r.Key == "" {
				return wrap(&audience.FieldError{Path: "record", Rule: "empty", Hint: "a namespace and a key"})
			}
			var stored uint64
			if old := w.v.record(keyOf(&r), at); old != nil {
				stored = old.Version
			}
			if stored != r.Version {
				return wrap(&audience.ConflictError{Kind: "version", Hint: "the record was changed; read it again"})
			}
			versions[i] = w.putRecord(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return versions, nil
}

// putRecord numbers versions over all records, so that one that was deleted
// and made again never has a version that somebody saw before.
func (w *writer) putRecord(r store.Record) uint64 {
	w.removeRecord(keyOf(&r))
	w.p.recordVersions++
	r.Version = w.p.recordVersions
	r.Value = bytes.Clone(r.Value)
	w.v.records.set(w.edit, keyOf(&r), &r)
	if r.Contact != 0 {
		w.v.recordsOf.set(w.edit, ownedKey{r.Contact, keyOf(&r)}, struct{}{})
	}
	return r.Version
}

func (w *writer) removeRecord(key recordKey) {
	r, ok := w.v.records.get(key)
	if !ok {
		return
	}
	w.v.records.delete(w.edit, key)
	w.v.recordsOf.delete(w.edit, ownedKey{r.Contact, key})
}

// DeleteRecord removes a record of a version, expired or not.
func (w *writer) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	return w.atomically(ctx, func() error {
		r, ok := w.v.records.get(recordKey{namespace, key})
		switch {
		case !ok:
			return notFoundRecord()
		case r.Version != version:
			return wrap(&audience.ConflictError{Kind: "version", Hint: "the record was changed; read it again"})
		}
		w.removeRecord(keyOf(r))
		return nil
	})
}

// DeleteRecordsOf removes the contacts' records but those of the namespaces
// kept.
func (w *writer) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	return w.atomically(ctx, func() error {
		var doomed []recordKey
		for i, id := range contacts {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			for k := range w.v.recordsOf.from(ownedKey{contact: id}) {
				if k.contact != id {
					break
				}
				if id != 0 && !slices.Contains(keep, k.record.namespace) {
					doomed = append(doomed, k.record)
				}
			}
		}
		for i, key := range doomed {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.removeRecord(key)
		}
		return nil
	})
}
