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
// Policy.HoldFor. Without one the permit is zero.
func (g *Gate) Acquire(ctx context.Context, in Intent) (Permit, Decision, error) {
	p := Permit{
		ID: rand.Text(), Purpose: in.Purpose, List: in.List, Channel: in.Channel, Ask: in.Ask, Sender: in.Sender, Product: in.Product,
	}
	d := g.undecided()
	_, err := g.ledger.aud.Update(ctx, func(tx *store.Tx) error {
		var err error
		if d, err = g.reserve(ctx, tx, in, &p); err != nil {
			return err
		}
		return nil
	})
	switch {
	case err != nil:
		return Permit{}, g.failed(), err
	case !d.Allow:
		return Permit{}, d, nil
	default:
		return p, d, nil
	}
}

func (g *Gate) reserve(ctx context.Context, tx *store.Tx, in Intent, p *Permit) (Decision, error) {
	ids, err := tx.Resolve(ctx, in.Contact)
	if err != nil {
		return g.failed(), err
	}
	if _, err := tx.Lock(ctx, ids...); err != nil {
		return g.failed(), err
	}
	d, err := g.decide(ctx, &tx.Reader, in, tx.At(), "")
	if err != nil || !d.Allow {
		return d, err
	}
	p.Contact = d.Contact
	if !g.counts(in) {
		return d, nil
	}
	log, version, err := loadSentRecord(ctx, &tx.Reader, d.Contact)
	if err != nil {
		return d, err
	}
	log = append(log.counting(tx.At()), sentMessage{
		Permit: p.ID, Purpose: in.purpose(), At: tx.At(), Held: tx.At().Add(g.policy.HoldFor),
	})
	return d, g.saveSent(ctx, tx, d.Contact, log, version)
}

// Recheck decides again about a message with a permit, right before it is
// handed over. When the answer is no, the permit is released.
func (g *Gate) Recheck(ctx context.Context, p Permit) (Decision, error) {
	d := g.undecided()
	err := g.ledger.aud.View(ctx, func(r *store.Reader) (err error) {
		at, err := r.Instant(ctx)
		if err != nil {
			return err
		}
		d, err = g.decide(ctx, r, p.intent(), at, p.ID)
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
	if p.ID == "" || p.Contact == 0 {
		return &audience.FieldError{Path: "permit", Rule: "empty", Hint: "a permit that Acquire gave"}
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
