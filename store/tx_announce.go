package store

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// Announce tells the feed that this transaction changed records of a
// namespace that belong to nobody, so that the same feature in other processes
// reads them again, in the order of everything else: see [ChangeRecord].
// Nothing of the records themselves is told.
func (tx *Tx) Announce(ctx context.Context, namespace string) error {
	if err := audience.CheckName("namespace", namespace, tx.audience.limits); err != nil {
		return err
	}
	if isReserved(namespace) {
		return &audience.DeniedError{Rule: "namespace", Hint: "a namespace of the feature's own"}
	}
	return tx.log(ctx, Change{Kind: ChangeRecord, List: namespace})
}
