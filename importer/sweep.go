package importer

import (
	"context"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// sweepKey is that of the record which tells how far records were swept.
const sweepKey = "sweep"

// sweepRows is how many records are looked at in one transaction.
const sweepRows = 1_000

// Sweep removes what imports have kept and nobody can use any more: what undoing
// would need when its time is over, and answers that [Handler] kept for longer
// than it had to. It gives how many records it removed. Every [Run] with a name
// sweeps up to 1,000 records by itself, so that only hosts call it whose imports
// are rare, or who want personal data gone on the day. Each 1,000 are one
// transaction.
func Sweep(ctx context.Context, aud *store.Audience) (int, error) {
	total := 0
	for _, from := range []string{namespace, namespaceAnswers} {
		for after := ""; ; {
			var removed int
			var next string
			_, err := aud.Update(ctx, func(tx *store.Tx) (err error) {
				removed, next, err = tx.SweepRecords(ctx, from, after, sweepRows)
				return err
			})
			if err != nil {
				return total, err
			}
			total += removed
			if after = next; after == "" {
				break
			}
		}
	}
	return total, nil
}

// sweepSome sweeps a part of the journal, and the next part the next time.
func sweepSome(ctx context.Context, aud *store.Audience) error {
	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		place, err := tx.LoadRecord(ctx, namespace, sweepKey)
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		_, next, err := tx.SweepRecords(ctx, namespace, string(place.Value), sweepRows)
		if err != nil || next == string(place.Value) {
			return err
		}
		_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespace, Key: sweepKey, Value: []byte(next), Version: place.Version})
		return err
	})
	if errors.Is(err, audience.ErrConflict) { // another import sweeps
		return nil
	}
	return err
}
