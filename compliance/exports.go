package compliance

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// ExportGate lets out of an export whom the messages of an intent may go to:
// it is what package exporter asks for as its Gate. How often and when
// messages go out is not for it to say, so that caps, pauses and quiet hours
// keep nobody in.
type ExportGate struct {
	gate   *Gate
	intent Intent
}

// Exports gives the gate for exports on behalf of an intent, whose Contact is
// not used.
func (g *Gate) Exports(in Intent) *ExportGate { return &ExportGate{gate: g, intent: in} }

// String names the purpose, for logs.
func (e *ExportGate) String() string { return "compliance for " + e.intent.purpose() }

// Judge calls release for those who may leave, by index.
func (e *ExportGate) Judge(ctx context.Context, r *store.Reader, at time.Time, people []audience.Profile, release func(i int, without ...string)) error {
	ids := make([]audience.ContactID, len(people))
	for i := range people {
		ids[i] = people[i].Contact.ID
	}
	looks, err := e.gate.lookAt(ctx, r, ids, e.intent, at)
	if err != nil {
		return err
	}
	for i := range looks {
		if e.gate.mayAtAll(&looks[i]) {
			release(i)
		}
	}
	return nil
}

// mayAtAll asks the rules that do not depend on how often and when.
func (g *Gate) mayAtAll(l *look) bool {
	if l.profile == nil {
		return false
	}
	for i := range g.rules {
		if g.rules[i].timing {
			continue
		}
		if v, _, _ := g.rules[i].ask(l); v == VerdictDeny || v == VerdictError {
			return false
		}
	}
	return true
}
