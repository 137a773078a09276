package compliance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// namespaceAudit is that of what was done, by whom.
const namespaceAudit = "compliance/audit"

// AuditEntry is one thing that was done with somebody's data. It holds no
// address and no value.
type AuditEntry struct {
	At      time.Time          `json:"at"`
	Action  string             `json:"action"` // such as "request.refused"
	Contact audience.ContactID `json:"contact,omitempty"`
	Object  string             `json:"object,omitempty"` // such as the id of a request
	Source  audience.Source    `json:"source"`
}

// audit writes down what is done in the same transaction.
func (l *Ledger) audit(ctx context.Context, tx *store.Tx, action string, contact audience.ContactID, object string, by audience.Source) error {
	b, err := json.Marshal(AuditEntry{At: tx.At(), Action: action, Contact: contact, Object: object, Source: by})
	if err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceAudit, Key: auditKey(tx.At()) + rand.Text(), Value: b})
	return err
}

// auditKey makes keys that have the order of time.
func auditKey(at time.Time) string {
	return fmt.Sprintf("%020d/", audience.Micros(at)-audience.Micros(audience.MinInstant()))
}

// Audit gives what was done from an instant on and before another one (zero:
// until now), in the order of time.
func (l *Ledger) Audit(ctx context.Context, from, until time.Time) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		if from.IsZero() {
			from = audience.MinInstant()
		}
		for after := auditKey(from); ; {
			var page []store.Record
			err := l.aud.View(ctx, func(r *store.Reader) (err error) {
				page, err = r.Records(ctx, namespaceAudit, "", after, batch)
				return err
			})
			if err != nil {
				yield(AuditEntry{}, err)
				return
			}
			for _, rec := range page {
				after = rec.Key
				var e AuditEntry
				if err := json.Unmarshal(rec.Value, &e); err != nil {
					yield(e, &audience.ConflictError{Kind: "audit", Hint: "an entry cannot be read"})
					return
				}
				if !until.IsZero() && !e.At.Before(until) {
					return
				}
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < batch {
				return
			}
		}
	}
}
