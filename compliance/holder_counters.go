package compliance

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// namespaceMail is where package compliance/mail counts failures under each
// contact. It is read here, since whoever uses that package would else have to
// remember a holder of its own; a test holds both against each other.
const namespaceMail = "compliance/mail"

// mailFailures are those counters.
type mailFailures struct {
	Soft    []int64 `json:"soft"` // instants in microseconds
	Guessed int     `json:"guessed"`
}

// counters emits what is counted about a contact before it means anything:
// deliveries that failed, and grants that were no consent. They lie under the
// contact, so that erasing her takes them out.
func (h *audienceHolder) counters(ctx context.Context, r *store.Reader, id audience.ContactID, merged []audience.ContactID, c *collector) error {
	for _, id := range append([]audience.ContactID{id}, merged...) {
		rec, err := r.LoadRecord(ctx, namespaceMail, "soft/"+id.String())
		switch {
		case isNotFound(err):
		case err != nil:
			return err
		default:
			c.failures(rec.Value)
		}
		attempts, err := attemptsIn(ctx, r, id)
		if err != nil {
			return err
		}
		for i := range attempts {
			a := &attempts[i]
			what := fmt.Sprintf("%s by %s, %d times: no consent", a.Scope, a.Mechanism, a.Count)
			c.add("consent", "attempt", audience.NewPrivate(what), a.Last, OriginObserved)
		}
	}
	return c.err
}

// failures emits the counter of one contact. One that cannot be read is said to
// be there all the same.
func (c *collector) failures(value []byte) {
	var f mailFailures
	if err := json.Unmarshal(value, &f); err != nil {
		c.item(Item{Category: "deliveries", Field: "failed", Value: audience.NewPrivate("a counter that cannot be read"), Origin: OriginObserved})
		return
	}
	for _, at := range f.Soft {
		c.add("deliveries", "failed", audience.NewPrivate("a failure that may pass"), audience.FromMicros(at), OriginObserved)
	}
	if f.Guessed > 0 {
		c.item(Item{Category: "deliveries", Field: "failed on suspicion", Value: audience.NewPrivate(fmt.Sprintf("%d reports that only words made", f.Guessed)), Origin: OriginObserved})
	}
}

// attemptsIn gives the attempts that were written under one contact.
func attemptsIn(ctx context.Context, r *store.Reader, id audience.ContactID) (out []Attempt, err error) {
	recs, err := r.Records(ctx, namespaceAttempts, id.String()+"/", "", 1_000)
	for _, rec := range recs {
		var a Attempt
		if json.Unmarshal(rec.Value, &a) == nil {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b Attempt) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Mechanism, b.Mechanism))
	})
	return out, err
}
