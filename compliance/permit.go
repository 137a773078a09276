package compliance

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Permit is the right to send one message, reserved against the caps. It is
// plain data without an address, so that a queue can keep it: whoever takes
// the message out of the queue asks Recheck right before it is handed over,
// then Commit or Release.
type Permit struct {
	ID      string             `json:"id"`
	Contact audience.ContactID `json:"contact"`
	Purpose string             `json:"purpose,omitempty"`
	List    string             `json:"list,omitempty"`
	Channel string             `json:"channel,omitempty"`
	Ask     Ask                `json:"ask,omitempty"`
	Sender  string             `json:"sender,omitempty"`
	Product string             `json:"product,omitempty"`
}

func (p *Permit) intent() Intent {
	return Intent{
		Contact: audience.ID(p.Contact), Purpose: p.Purpose, List: p.List, Channel: p.Channel,
		Ask: p.Ask, Sender: p.Sender, Product: p.Product,
	}
}

// Acquire decides as Check does and, when the message may go out, reserves its
// place under the caps: of many who ask at once, no more get one than the caps
// allow. A permit that is neither committed nor released stops counting after
// Policy.HoldFor; then it needs Renew. Without one the permit is zero.
func (g *Gate) Acquire(ctx context.Context, in Intent) (Permit, Decision, error) {
	return g.take(ctx, in, Permit{
		ID: rand.Text(), Purpose: in.Purpose, List: in.List, Channel: in.Channel, Ask: in.Ask, Sender: in.Sender, Product: in.Product,
	}, false)
}

// Renew decides anew about the message of a permit and, when it may go out,
// reserves its place for Policy.HoldFor from now on. It is for a queue that
// took longer: a permit that ran out is denied by Recheck, under the rule
// "permit". The permit stays the same and counts once, however often it is
// renewed; it does not count against itself, while a place that somebody else
// has got meanwhile is taken. A message that was committed is denied: it was
// sent, as far as it is counted and among the latest 200. Without a place the
// permit is zero.
func (g *Gate) Renew(ctx context.Context, p Permit) (Permit, Decision, error) {
	if err := p.check(); err != nil {
		return Permit{}, g.failed(), err
	}
	return g.take(ctx, p.intent(), p, true)
}

func (p *Permit) check() error {
	if p.ID == "" || p.Contact == 0 {
		return &audience.FieldError{Path: "permit", Rule: "empty", Hint: "a permit that Acquire gave"}
	}
	return nil
}

// take reserves a place for a permit, a new one or one that has to be renewed.
func (g *Gate) take(ctx context.Context, in Intent, p Permit, renew bool) (Permit, Decision, error) {
	d := g.undecided()
	_, err := g.ledger.aud.Update(ctx, func(tx *store.Tx) (err error) {
		d, err = g.reserve(ctx, tx, in, p.ID, renew)
		return err
	})
	switch {
	case err != nil:
		return Permit{}, g.failed(), err
	case !d.Allow:
		return Permit{}, d, nil
	}
	p.Contact = d.Contact
	return p, d, nil
}

func (g *Gate) reserve(ctx context.Context, tx *store.Tx, in Intent, permit string, renew bool) (Decision, error) {
	ids, err := tx.Resolve(ctx, in.Contact)
	if err != nil {
		return g.failed(), err
	}
	if _, err := tx.Lock(ctx, ids...); err != nil {
		return g.failed(), err
	}
	var again asked
	if renew {
		again = asked{permit: permit, renew: true}
	}
	d, err := g.decide(ctx, &tx.Reader, in, tx.At(), again)
	if err != nil || !d.Allow || !g.counts(in) {
		return d, err
	}
	log, version, err := loadSentRecord(ctx, &tx.Reader, d.Contact)
	if err != nil {
		return d, err
	}
	log = append(log.counting(tx.At()).without(permit), sentMessage{
		Permit: permit, Purpose: in.purpose(), At: tx.At(), Held: tx.At().Add(g.policy.HoldFor),
	})
	return d, g.saveSent(ctx, tx, d.Contact, log, version)
}

// Recheck decides again about a message with a permit, right before it is
// handed over. When the answer is no, the permit is released; of one that ran
// out, so that only the rule "permit" denies it, ask Renew.
func (g *Gate) Recheck(ctx context.Context, p Permit) (Decision, error) {
	d := g.undecided()
	err := g.ledger.aud.View(ctx, func(r *store.Reader) (err error) {
		at, err := r.Instant(ctx)
		if err != nil {
			return err
		}
		d, err = g.decide(ctx, r, p.intent(), at, asked{permit: p.ID})
		return err
	})
	if err != nil {
		return g.failed(), err
	}
	if !d.Allow {
		return d, g.Release(ctx, p)
	}
	return d, nil
}

// Commit says that the message of a permit was sent. It is harmless to say it
// twice, and also after the permit ran out: what was sent counts.
func (g *Gate) Commit(ctx context.Context, p Permit) error {
	return g.settle(ctx, p, func(log sentLog, i int, m sentMessage) sentLog {
		if i < 0 {
			return append(log, m)
		}
		log[i].Held = m.Held
		return log
	})
}

// Release gives back the place of a message that will not be sent. It is
// harmless to say it twice; a message that was committed stays counted.
func (g *Gate) Release(ctx context.Context, p Permit) error {
	return g.settle(ctx, p, func(log sentLog, i int, _ sentMessage) sentLog {
		if i < 0 || log[i].Held.IsZero() {
			return log
		}
		return slices.Delete(log, i, i+1)
	})
}

// counts reports whether messages of an intent are written down: those that
// nobody can refuse neither count nor are capped.
func (g *Gate) counts(in Intent) bool {
	l := look{in: in}
	if p, err := g.ledger.Purpose(in.purpose()); err == nil {
		l.purpose = &p
	}
	return l.optional()
}

// settle changes the log of whoever the permit is about, if she is still
// there.
func (g *Gate) settle(ctx context.Context, p Permit, change func(log sentLog, i int, sent sentMessage) sentLog) error {
	if err := p.check(); err != nil {
		return err
	}
	if !g.counts(p.intent()) {
		return nil
	}
	_, err := g.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		ids, err := tx.Resolve(ctx, audience.ID(p.Contact))
		if err != nil || len(ids) == 0 || ids[0] == 0 {
			return err
		}
		if _, err := tx.Lock(ctx, ids[0]); err != nil {
			return err
		}
		log, version, err := loadSentRecord(ctx, &tx.Reader, ids[0])
		if err != nil {
			return err
		}
		i := slices.IndexFunc(log, func(m sentMessage) bool { return m.Permit == p.ID })
		in := p.intent()
		log = change(log, i, sentMessage{Permit: p.ID, Purpose: in.purpose(), At: tx.At()})
		return g.saveSent(ctx, tx, ids[0], log, version)
	})
	return err
}
