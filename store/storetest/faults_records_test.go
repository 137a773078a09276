package storetest

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func recordFaults() []fault {
	return []fault{
		{
			name: "values are text", found: []string{"records/round-trip"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return textValues{w} }),
		},
		{
			name: "versions of records are ignored", found: []string{"records/compare-and-swap", "records/refused-batch-stores-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return anyRecord{w} }),
		},
		{
			name: "records go in one by one", found: []string{"records/refused-batch-stores-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return recordByRecord{w} }),
		},
		{
			name: "each record counts its versions from 1", found: []string{"records/versions-never-come-again"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				counts := make(map[string]uint64)
				return func(w store.WriteRoles) store.WriteRoles { return ownVersions{w, counts} }
			},
		},
		{
			name: "expired records are still read", found: []string{"records/expiry"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return immortal{w} }),
		},
		{
			name: "a record lives through its last instant", found: []string{"records/expiry"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return lateExpiry{w} }),
		},
		{
			name: "a prefix is a pattern", found: []string{"records/range"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return likePrefix{w} }),
		},
		{
			name: "a page of records begins with the last one", found: []string{"records/pages", "records/range"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return repeatingRecords{w} }),
		},
		{
			name: "a record needs no key", found: []string{"records/names"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return nameless{w} }),
		},
		{
			name: "any version is deleted", found: []string{"records/delete"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return deletingAny{w} }),
		},
		{
			name: "erasing leaves the records", found: []string{"records/delete-of-a-contact", "deletion/erase-leaves-no-trace"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return keepingRecords{w} }),
		},
		{
			name: "erasing takes everybody's records", found: []string{"records/delete-of-a-contact", "deletion/others-stay"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return takingRecords{w} }),
		},
		{
			name: "what a feature wants to keep is not kept", found: []string{"records/delete-of-a-contact"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return keepingNothing{w} }),
		},
		{
			name: "the settings are the first ones", found: []string{"schema/known-to-everybody"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var first *store.Record
				return func(w store.WriteRoles) store.WriteRoles { return firstSettings{w, &first} }
			},
		},
		{
			name: "the settings are forgotten", found: []string{"schema/open-again", "schema/opened-by-many-at-once"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noSettings{w} }),
		},
	}
}

type textValues struct{ store.WriteRoles }

func (f textValues) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	records = slices.Clone(records)
	for i := range records {
		records[i].Value = bytes.ToValidUTF8(records[i].Value, []byte("?"))
	}
	return f.WriteRoles.PutRecords(ctx, records, at)
}

type anyRecord struct{ store.WriteRoles }

func (f anyRecord) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	records = slices.Clone(records)
	for i := range records {
		stored, err := f.Record(ctx, records[i].Namespace, records[i].Key, at)
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return nil, err
		}
		records[i].Version = stored.Version
	}
	return f.WriteRoles.PutRecords(ctx, records, at)
}

type recordByRecord struct{ store.WriteRoles }

func (f recordByRecord) PutRecords(ctx context.Context, records []store.Record, at time.Time) (out []uint64, err error) {
	for i := range records {
		versions, err := f.WriteRoles.PutRecords(ctx, records[i:i+1], at)
		if err != nil {
			return nil, err
		}
		out = append(out, versions...)
	}
	return out, nil
}

// ownVersions counts the versions of a record from 1 as long as it exists.
type ownVersions struct {
	store.WriteRoles
	counts map[string]uint64
}

func (f ownVersions) inner(ctx context.Context, r store.Record, at time.Time) uint64 {
	stored, err := f.Record(ctx, r.Namespace, r.Key, at)
	if err != nil {
		delete(f.counts, r.Namespace+"/"+r.Key)
	}
	if r.Version != f.counts[r.Namespace+"/"+r.Key] {
		return r.Version + 1<<40
	}
	return stored.Version
}

func (f ownVersions) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	records = slices.Clone(records)
	for i := range records {
		records[i].Version = f.inner(ctx, records[i], at)
	}
	versions, err := f.WriteRoles.PutRecords(ctx, records, at)
	for i := range versions {
		f.counts[records[i].Namespace+"/"+records[i].Key]++
		versions[i] = f.counts[records[i].Namespace+"/"+records[i].Key]
	}
	return versions, err
}

func (f ownVersions) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	r := store.Record{Namespace: namespace, Key: key, Version: version}
	return f.WriteRoles.DeleteRecord(ctx, namespace, key, f.inner(ctx, r, audience.MinInstant()))
}

type immortal struct{ store.WriteRoles }

func (f immortal) Record(ctx context.Context, namespace, key string, _ time.Time) (store.Record, error) {
	return f.WriteRoles.Record(ctx, namespace, key, audience.MinInstant())
}

type lateExpiry struct{ store.WriteRoles }

func (f lateExpiry) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	return f.WriteRoles.Record(ctx, namespace, key, at.Add(-time.Microsecond))
}

type likePrefix struct{ store.WriteRoles }

func (f likePrefix) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	records, err := f.WriteRoles.RecordsAfter(ctx, namespace, "", after, batchItems, at)
	pattern := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(prefix))
	like := regexp.MustCompile("^" + pattern)
	records = slices.DeleteFunc(records, func(r store.Record) bool { return !like.MatchString(r.Key) })
	return records[:min(limit, len(records))], err
}

type repeatingRecords struct{ store.WriteRoles }

func (f repeatingRecords) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	records, err := f.WriteRoles.RecordsAfter(ctx, namespace, prefix, after, limit, at)
	last, lastErr := f.Record(ctx, namespace, after, at)
	if lastErr == nil && strings.HasPrefix(after, prefix) {
		records = slices.Insert(records, 0, last)
	}
	return records[:min(limit, len(records))], err
}

type nameless struct{ store.WriteRoles }

func (f nameless) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	versions, err := f.WriteRoles.PutRecords(ctx, records, at)
	if errors.Is(err, audience.ErrInvalid) {
		return make([]uint64, len(records)), nil
	}
	return versions, err
}

type deletingAny struct{ store.WriteRoles }

func (f deletingAny) DeleteRecord(ctx context.Context, namespace, key string, _ uint64) error {
	stored, err := f.Record(ctx, namespace, key, audience.MinInstant())
	if err != nil {
		return err
	}
	return f.WriteRoles.DeleteRecord(ctx, namespace, key, stored.Version)
}

type keepingRecords struct{ store.WriteRoles }

func (f keepingRecords) DeleteRecordsOf(context.Context, []audience.ContactID, []string) error {
	return nil
}

type takingRecords struct{ store.WriteRoles }

func (f takingRecords) DeleteRecordsOf(ctx context.Context, _ []audience.ContactID, keep []string) error {
	rows, err := f.ContactsAfter(ctx, 0, batchItems)
	var all []audience.ContactID
	for _, c := range rows {
		all = append(all, c.ID)
	}
	return errors.Join(err, f.WriteRoles.DeleteRecordsOf(ctx, all, keep))
}

type keepingNothing struct{ store.WriteRoles }

func (f keepingNothing) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, _ []string) error {
	return f.WriteRoles.DeleteRecordsOf(ctx, contacts, nil)
}

type firstSettings struct {
	store.WriteRoles
	first **store.Record
}

func (f firstSettings) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	if namespace == "audience" && *f.first != nil {
		return **f.first, nil
	}
	rec, err := f.WriteRoles.Record(ctx, namespace, key, at)
	if namespace == "audience" && err == nil {
		*f.first = &rec
	}
	return rec, err
}

type noSettings struct{ store.WriteRoles }

func (f noSettings) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	if namespace == "audience" {
		return store.Record{}, audience.ErrNotFound
	}
	return f.WriteRoles.Record(ctx, namespace, key, at)
}
