package compliance

import (
	"cmp"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// basisRules are those of messages that do not rest on consent. Each is about
// a relation that the ledger holds with evidence: without one nobody may be
// written to, whatever the regime would allow.
func basisRules() []rule {
	const directive = "ePrivacy Art. 13(2); PECR reg. 22(3)"
	return []rule{
		{id: "soft-opt-in.sale", basis: directive, ask: softOptIn("she has not bought anything", func(*look, *Relation) bool { return true })},
		{id: "soft-opt-in.same-entity", basis: directive, ask: softOptIn("she bought from somebody else", (*look).sameEntity)},
		{id: "soft-opt-in.similar", basis: directive, ask: softOptIn("she bought something else", func(l *look, r *Relation) bool { return l.sameEntity(r) && l.similar(r) })},
		{id: "soft-opt-in.offered", basis: directive, ask: softOptIn("she was not offered to refuse when her address was collected", func(l *look, r *Relation) bool {
			return l.sameEntity(r) && l.similar(r) && r.OptOutOffered
		})},
		{id: "casl.implied", basis: "CASL s. 10(9)-(14)", ask: (*look).implied},
		{id: "opt-out.origin", basis: "15 USC 7704(a)(4)", ask: (*look).origin},
		{id: "contract.shown", basis: "GDPR Art. 6(1)(b)", ask: (*look).contract},
		{id: "interest.objection", basis: "GDPR Art. 6(1)(f), 21(1)", ask: (*look).objection},
	}
}

// contract asks, of what is said to be needed for a contract, whether the
// ledger shows one. It warns only: no receipt waits for a record of a sale.
func (l *look) contract() (Verdict, string, time.Time) {
	if !l.restsOn(BasisContract) {
		return skip("it does not rest on a contract")
	}
	if slices.ContainsFunc(l.relations, func(r Relation) bool {
		dealt := r.Kind == audience.MechanismPurchase || r.Kind == audience.MechanismContract || r.Kind == audience.MechanismMembership
		return dealt && !r.At.After(l.at) && l.sameEntity(&r)
	}) {
		return pass("")
	}
	return warn("the ledger holds no contract or sale with the sender")
}

// objection asks whether she objected to what rests on the sender's interest,
// also of messages that nobody can refuse otherwise. She did so by a refusal
// that names the purpose: one of everything is about marketing.
func (l *look) objection() (Verdict, string, time.Time) {
	if l.purpose == nil || l.standing.Status == audience.StatusSubscribed || !l.purpose.CanObject() {
		return skip("it does not rest on the interest of the sender")
	}
	if s := l.purpose.objection(&l.profile.History, l.in.channel(), l.at); s.Status.IsRefusal() {
		return VerdictDeny, "she objected to the purpose", s.Until
	}
	return pass("")
}

// CanObject reports whether the purpose rests on the interest of the sender
// under any regime. Which regimes apply to somebody does not matter: who is
// offered to object is heard, wherever she lives and also as a company.
func (p *Purpose) CanObject() bool {
	for _, b := range p.Basis {
		if b == BasisLegitimateInterest {
			return true
		}
	}
	return false
}

// Objected reports whether somebody objected to the purpose on a channel
// (empty: e-mail), as the gate sees it under the rule "interest.objection": by a
// withdrawal that names the purpose, after which she has not consented. A
// refusal of everything or of marketing is not one. False where nobody can, see
// CanObject.
func (p *Purpose) Objected(h *audience.History, channel string, at time.Time) bool {
	return p.CanObject() && p.objection(h, cmp.Or(channel, audience.ChannelEmail), at).Status.IsRefusal()
}

func (p *Purpose) objection(h *audience.History, channel string, at time.Time) audience.Standing {
	own := objections(h.Resolved(), p.ID)
	return own.Fold(audience.Scope{Channel: channel, Purpose: p.ID}, at)
}

// objections leaves of the refusals in a history those of a purpose.
func objections(h *audience.History, purpose string) audience.History {
	out := audience.History{Merged: slices.Clone(h.Merged)}
	for _, r := range h.Records {
		if !r.Kind.IsRefusal() || r.Kind == audience.ConsentWithdrawn && r.Scope.Purpose == purpose {
			out.Records = append(out.Records, r)
		}
	}
	for i := range out.Merged {
		out.Merged[i].History = objections(&h.Merged[i].History, purpose)
	}
	return out
}

// softOptIn asks that a sale is such as the condition wants it.
func softOptIn(why string, holds func(*look, *Relation) bool) func(*look) (Verdict, string, time.Time) {
	return func(l *look) (Verdict, string, time.Time) {
		if !l.optional() || !l.restsOn(BasisSoftOptIn) {
			return skip("it does not rest on a sale")
		}
		for i := range l.relations {
			if r := &l.relations[i]; r.Kind == audience.MechanismPurchase && r.ObtainedBySale && !r.At.After(l.at) && holds(l, r) {
				return pass("")
			}
		}
		return deny(why)
	}
}

func (l *look) sameEntity(r *Relation) bool { return r.Entity != "" && r.Entity == l.sender.ID }

func (l *look) similar(r *Relation) bool { return r.Category != "" && r.Category == l.in.Product }

// implied asks for a relation from which CASL takes consent, and gives when
// that ends. On the anniversary itself it is over.
func (l *look) implied() (Verdict, string, time.Time) {
	if !l.optional() || !l.restsOn(BasisImplied) {
		return skip("it does not rest on implied consent")
	}
	var best time.Time
	for i := range l.relations {
		r := &l.relations[i]
		switch end, endless := l.impliedUntil(r); {
		case r.FactsUnavailable || r.At.After(l.at) || r.Kind != audience.MechanismPublished && !l.sameEntity(r):
		case endless:
			return pass("")
		case end.After(best):
			best = end
		}
	}
	if best.After(l.at) {
		return VerdictPass, "", best
	}
	return VerdictDeny, "nothing that she did implies consent, or it is too long ago", time.Time{}
}

// impliedUntil gives when consent that a relation implies is over; endless
// when it does not end.
func (l *look) impliedUntil(r *Relation) (end time.Time, endless bool) {
	period := ""
	switch r.Kind {
	case audience.MechanismPurchase, audience.MechanismContract, audience.MechanismMembership, audience.MechanismDonation:
		period = "2y"
	case audience.MechanismInquiry:
		period = "6mo"
	case audience.MechanismPublished:
		return time.Time{}, r.RoleRelevant && !r.NoSolicitation
	default:
		return time.Time{}, false
	}
	from := r.At
	if r.Kind == audience.MechanismContract || r.Kind == audience.MechanismMembership {
		if from = r.Ends; from.IsZero() {
			return time.Time{}, true // it has not ended
		}
	}
	p, err := audience.ParsePeriod(period)
	if err != nil {
		return time.Time{}, false
	}
	day, ok := l.calendar.StartOfDate(l.calendar.DateOf(from))
	if !ok {
		return time.Time{}, false
	}
	end, _ = l.calendar.Ahead(day, p)
	return end, false
}

// origin asks, where messages are allowed until they are refused, that the
// ledger says where the address is from.
func (l *look) origin() (Verdict, string, time.Time) {
	if !l.optional() || !l.restsOn(BasisOptOut) {
		return skip("it does not rest on an opt-out")
	}
	if slices.ContainsFunc(l.relations, func(r Relation) bool { return !r.At.After(l.at) && !r.FactsUnavailable }) {
		return pass("")
	}
	return deny("nothing says where the address is from")
}
