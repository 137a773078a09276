package compliance

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Gate answers whether a message may go to a contact now. It fails closed:
// what cannot be looked at denies. It is safe for concurrent use.
type Gate struct {
	ledger *Ledger
	policy Policy
	rules  []rule
	parts  audience.ProfileParts
}

// NewGate makes a gate over a ledger.
func NewGate(l *Ledger, p Policy) (*Gate, error) {
	if l == nil {
		return nil, &audience.FieldError{Path: "ledger", Rule: "empty", Hint: "a ledger"}
	}
	p, err := p.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Gate{ledger: l, policy: p, rules: rules(), parts: audience.ProfileParts{Ledger: true, Suppressed: true}}, nil
}

// Check decides about one message. An unknown contact is denied, and so is
// everybody when there is an error: the decision says so, and the error too.
//
// A decision is about an instant. Between it and the message somebody may
// refuse: who sends takes a permit with Acquire, and asks it again when the
// message is handed over.
func (g *Gate) Check(ctx context.Context, in Intent) (Decision, error) {
	d := g.undecided()
	err := g.ledger.aud.View(ctx, func(r *store.Reader) error {
		at, err := r.Instant(ctx)
		if err != nil {
			return err
		}
		d, err = g.decide(ctx, r, in, at, asked{})
		return err
	})
	if err != nil {
		return g.failed(), err
	}
	return d, nil
}

// batch is how many contacts are read at a time.
const batch = 1000

// CheckAll decides about the same message to many contacts, in their order:
// Intent.Contact is not used. Ids that no contact has are denied. The
// decisions are those that Check would give; each thousand of them is of one
// instant. After an error there are no more.
func (g *Gate) CheckAll(ctx context.Context, contacts iter.Seq[audience.ContactID], in Intent) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		ids := make([]audience.ContactID, 0, batch)
		flush := func() bool {
			out, err := g.checkBatch(ctx, ids, in)
			if err != nil {
				yield(g.failed(), err)
				return false
			}
			ids = ids[:0]
			for i := range out {
				if !yield(out[i], nil) {
					return false
				}
			}
			return true
		}
		for id := range contacts {
			if ids = append(ids, id); len(ids) == batch && !flush() {
				return
			}
		}
		if len(ids) > 0 {
			flush()
		}
	}
}

func (g *Gate) checkBatch(ctx context.Context, ids []audience.ContactID, in Intent) (out []Decision, err error) {
	err = g.ledger.aud.View(ctx, func(r *store.Reader) error {
		out = make([]Decision, 0, len(ids))
		at, err := r.Instant(ctx)
		if err != nil {
			return err
		}
		standing, err := r.Resolve(ctx, refsOf(ids)...)
		if err != nil {
			return err
		}
		looks, err := g.lookAt(ctx, r, standing, in, at)
		if err != nil {
			return err
		}
		for i := range looks {
			out = append(out, g.judge(&looks[i]))
		}
		return nil
	})
	return out, err
}

func refsOf(ids []audience.ContactID) []audience.Ref {
	refs := make([]audience.Ref, len(ids))
	for i, id := range ids {
		refs[i] = audience.ID(id)
	}
	return refs
}

// decide is Check within a snapshot.
func (g *Gate) decide(ctx context.Context, r *store.Reader, in Intent, at time.Time, again asked) (Decision, error) {
	ids, err := r.Resolve(ctx, in.Contact)
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return g.failed(), err
	}
	if len(ids) == 0 {
		ids = []audience.ContactID{0}
	}
	looks, err := g.lookAt(ctx, r, ids, in, at)
	if err != nil {
		return g.failed(), err
	}
	looks[0].asked = again
	return g.judge(&looks[0]), nil
}

// lookAt reads what the rules look at, for contacts by id; 0 is nobody.
func (g *Gate) lookAt(ctx context.Context, r *store.Reader, ids []audience.ContactID, in Intent, at time.Time) ([]look, error) {
	known := slices.DeleteFunc(slices.Clone(ids), func(id audience.ContactID) bool { return id == 0 })
	profiles, err := r.ProfilesOf(ctx, g.parts, known...)
	if err != nil {
		return nil, err
	}
	suppressions, err := suppressionsOf(ctx, r, profiles)
	if err != nil {
		return nil, err
	}
	slices.Sort(known)
	sent, err := loadSent(ctx, r, slices.Compact(known), at)
	if err != nil {
		return nil, err
	}
	schema := r.Schema()
	shared := g.aboutIntent(&schema, in)
	out := make([]look, 0, len(ids))
	next := 0
	for _, id := range ids {
		l := look{gate: g, intentFacts: shared, in: in, at: at}
		if next < len(profiles) && profiles[next].Contact.ID == id {
			l.profile, l.suppressions = &profiles[next], suppressions[next]
			l.sent = sent[id]
			next++
			if err := g.complete(ctx, r, &l); err != nil {
				return nil, err
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// suppressionsOf gives what is held about any address of each of the people: a
// refusal at one of them is hers, whichever is written to.
func suppressionsOf(ctx context.Context, r *store.Reader, people []audience.Profile) ([][]audience.Suppression, error) {
	var addresses []audience.Address
	for i := range people {
		addresses = append(addresses, people[i].Contact.Addresses...)
	}
	held, err := r.SuppressionsOf(ctx, addresses...)
	if err != nil {
		return nil, err
	}
	out := make([][]audience.Suppression, len(people))
	for i := range people {
		n := len(people[i].Contact.Addresses)
		out[i] = slices.Concat(held[:n]...)
		held = held[n:]
	}
	return out, nil
}

// complete reads what concerns one contact alone.
func (g *Gate) complete(ctx context.Context, r *store.Reader, l *look) (err error) {
	c := &l.profile.Contact
	l.facts = g.policy.Facts(c, l.schema)
	l.rows = regimesOf(g.policy.Regimes, l.facts, l.sender.Country)
	if l.zone = l.facts.Zone; l.zone == nil {
		l.zone = r.Zone()
	}
	l.calendar = audience.NewCalendar(l.zone)
	if hasRelations(&l.profile.History) {
		if l.relations, err = g.ledger.RelationsIn(ctx, r, c.ID); err != nil {
			return err
		}
	}
	l.stand()
	if l.grant == nil || hasAddressesOf(c, l.grant) {
		return nil
	}
	same, known, err := g.ledger.GivenFor(ctx, r, *l.grant, c.Email())
	l.elsewhere = known && !same
	return err
}

// overlap is more than any update takes.
const overlap = 24 * time.Hour

// hasAddressesOf reports whether a contact surely has the addresses that she had
// when she consented, so that evidence need not be opened: she was never changed, or
// long before. An update that ran beside the consent may be dated before it and
// have changed her after it.
func hasAddressesOf(c *audience.Contact, grant *audience.ConsentRecord) bool {
	return c.Version == 1 || c.UpdatedAt.Add(overlap).Before(grant.Recorded)
}

// hasRelations reports whether a history holds any relation.
func hasRelations(h *audience.History) (found bool) {
	everyRecord(h, func(r *audience.ConsentRecord) { found = found || r.Kind == audience.ConsentRelation })
	return found
}

// judge asks every rule.
func (g *Gate) judge(l *look) Decision {
	d := Decision{
		Policy: g.policy.Version, At: l.at, ValidUntil: l.at.Add(g.policy.GoodFor),
		Rules: make([]RuleResult, 0, len(g.rules)),
	}
	if l.profile != nil {
		d.Contact = l.profile.Contact.ID
		for _, row := range l.rows {
			d.Regimes = append(d.Regimes, row.Regime)
		}
	}
	for i := range g.rules {
		r := &g.rules[i]
		if l.profile == nil && !r.always {
			d.add(RuleResult{Rule: r.id, Verdict: VerdictSkip, Why: "there is no such contact"})
			continue
		}
		verdict, why, until := r.ask(l)
		d.add(RuleResult{Rule: r.id, Verdict: verdict, Why: why, Basis: r.basis, Until: until})
	}
	d.Allow = len(d.Denied) == 0
	l.obligations(&d)
	return d
}

// undecided is what a decision is before anything was looked at.
func (g *Gate) undecided() Decision {
	at := g.ledger.aud.Now()
	return Decision{Policy: g.policy.Version, At: at, ValidUntil: at}
}

// failed is the decision when something could not be read.
func (g *Gate) failed() Decision {
	d := g.undecided()
	d.add(RuleResult{Rule: "store", Verdict: VerdictError, Why: "the store could not be read"})
	return d
}
