package sqlstore

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var (
	_ store.ReadRoles  = (*reader)(nil)
	_ store.WriteRoles = (*writer)(nil)
	_ store.Partition  = (*partition)(nil)
)

// reader is what can be read in a transaction.
type reader struct {
	*session
	standing *standing // of the feed: when the transaction began
}

// writer is what can be done in a transaction that writes.
type writer struct {
	reader
	locked  map[audience.ContactID]*audience.Contact // rows this transaction has locked or written; nil: none is there
	at      time.Time                                // of the changes
	pending []store.Change                           // to be written when the transaction ends
	doomed  error                                    // a lost race was found after something was written
}
