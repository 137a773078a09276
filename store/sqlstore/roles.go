package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var (
	_ store.ReadRoles      = (*reader)(nil)
	_ store.WriteRoles     = (*writer)(nil)
	_ store.Partition      = (*partition)(nil)
	_ store.ContactCounter = (*reader)(nil)
	_ store.CrowdReader    = (*reader)(nil)
)

// reader is what can be read in a transaction.
type reader struct {
	*session
	standing *standing // of the feed: when the transaction began
}

// writer is what can be done in a transaction that writes.
type writer struct {
	reader
	locked map[audience.ContactID]*audience.Contact // rows this transaction has locked or written; nil: none is there
	absent map[store.EventKey]bool                  // events that this transaction has looked for in vain, and not written
	free   map[identityKey]bool                     // identities that nobody held when this transaction looked, and that it has not claimed
	// suppressed are the suppressions of hashes as this transaction has read them
	// for the first time, and written them since
	suppressed map[audience.AddressHash][]audience.Suppression
	drawn      map[countKind]uint64 // how many numbers this transaction was given
	at         time.Time            // of the changes
	pending    []store.Change       // to be written when the transaction ends
	doomed     error                // a lost race was found after something was written
	current    maybe                // every statement of the host's transaction sees what is committed by then
}

func newWriter(s *session) *writer {
	return &writer{
		reader: reader{session: s}, locked: make(map[audience.ContactID]*audience.Contact), absent: make(map[store.EventKey]bool),
		free: make(map[identityKey]bool), suppressed: make(map[audience.AddressHash][]audience.Suppression),
		drawn: make(map[countKind]uint64),
	}
}

// enterWrite is what every write checks first.
func (w *writer) enterWrite(ctx context.Context) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	return w.doomed
}

// lost gives the error of a transaction that has to begin again, whatever its
// function says; nil when it has not.
func (w *writer) lost() error {
	if w.doomed != nil {
		return w.doomed
	}
	if errors.Is(w.broken, audience.ErrRetryable) {
		return w.broken
	}
	return nil
}
