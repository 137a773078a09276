package store

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// SweepRecords removes records of a feature's own that have expired, which do
// not exist for anybody but take their place in the store until then. Of a
// namespace it looks at up to limit records with keys behind after, in ascending
// order, and removes those that are over at [Tx.At]. It gives how many it
// removed, and the key to go on behind; "" when it has come to the end. limit is
// bounded as it is for [Reader.Records].
func (tx *Tx) SweepRecords(ctx context.Context, namespace, after string, limit int) (removed int, next string, err error) {
	if isReserved(namespace) {
		return 0, "", &audience.DeniedError{Rule: "namespace", Hint: "a namespace of the feature's own"}
	}
	limit = pageSize(limit, maxPage)
	records, err := tx.roles.RecordsAfter(ctx, namespace, "", after, limit, audience.MinInstant()) // when none had expired
	if err != nil {
		return 0, "", err
	}
	for i := range records {
		r := &records[i]
		if r.Expires.IsZero() || tx.at.Before(r.Expires) {
			continue
		}
		if err := tx.write.DeleteRecord(ctx, namespace, r.Key, r.Version); err != nil {
			return removed, "", err
		}
		removed++
	}
	if len(records) < limit {
		return removed, "", nil
	}
	return removed, records[len(records)-1].Key, nil
}
