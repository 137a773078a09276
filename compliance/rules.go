package compliance

import (
	"cmp"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// rule is one line of a decision.
type rule struct {
	id     string
	basis  string
	always bool // also of somebody who is not there
	timing bool // how often and when: it says nothing about whether at all
	ask    func(*look) (v Verdict, why string, until time.Time)
}

// rules gives all rules in the order in which decisions list them: who she
// is, what she refused, what the message rests on, how often and when.
func rules() []rule {
	out := []rule{
		{id: "contact.known", always: true, ask: (*look).known},
		{id: "contact.address", ask: (*look).address},
		{id: "contact.restricted", basis: "GDPR Art. 18(2)", ask: (*look).restriction},
	}
	for _, s := range []struct {
		reason audience.SuppressionReason
		basis  string
	}{
		{audience.SuppressedComplained, "GDPR Art. 21(3)"},
		{audience.SuppressedWithdrawn, "GDPR Art. 7(3), 21(3); 15 USC 7704(a)(4); CASL s. 11"},
		{audience.SuppressedErased, "GDPR Art. 17(1)"},
		{audience.SuppressedBounced, "delivery: the address failed for good"},
		{audience.SuppressedManually, "the host's own list"},
	} {
		out = append(out, rule{id: "suppression." + s.reason.String(), basis: s.basis, ask: func(l *look) (Verdict, string, time.Time) { return l.suppression(s.reason) }})
	}
	return slices.Concat(out, []rule{
		{id: "purpose.known", basis: "GDPR Art. 5(1)(b)", ask: (*look).purposeKnown},
		{id: "sender.known", basis: "ePrivacy Art. 13(4); 15 USC 7704(a)(1)", ask: (*look).senderKnown},
		{id: "consent.refused", basis: "GDPR Art. 7(3), 21(2)", ask: (*look).refused},
		{id: "basis.exists", basis: "GDPR Art. 6(1); ePrivacy Art. 13(1)", ask: (*look).basisExists},
		{id: "consent.given", basis: "GDPR Art. 6(1)(a), 7(1)", ask: (*look).given},
		{id: "consent.confirmed", basis: "BGH I ZR 164/09", ask: (*look).confirmed},
		{id: "consent.address", basis: "GDPR Art. 5(1)(d)", ask: (*look).addressOfConsent},
		{id: "consent.fresh", basis: "BGH III ZR 196/17", ask: (*look).fresh},
		{id: "consent.age", basis: "GDPR Art. 8(1)", ask: (*look).age},
	}, basisRules(), []rule{
		{id: "re-permission", basis: "ePrivacy Art. 13(1): to ask for consent by mail is marketing", ask: (*look).rePermission},
		{id: "referral.once", basis: "ECPR s. 4(1)", ask: (*look).referralOnce},
		{id: "sale-share.re-ask", basis: "Cal. Civ. Code 1798.135(c)(4)", ask: (*look).saleShareAsk},
		{id: "preference.pause", timing: true, ask: (*look).paused},
		{id: "preference.frequency", timing: true, ask: (*look).frequency},
		{id: "cap", timing: true, ask: (*look).caps},
		{id: "quiet-hours", timing: true, ask: (*look).quiet},
		{id: "complaint-rate", timing: true, basis: "sender guidelines of Gmail and Yahoo", ask: (*look).complaintRate},
		{id: "permit", timing: true, ask: (*look).held},
	})
}

func pass(why string) (Verdict, string, time.Time) { return VerdictPass, why, time.Time{} }
func deny(why string) (Verdict, string, time.Time) { return VerdictDeny, why, time.Time{} }
func skip(why string) (Verdict, string, time.Time) { return VerdictSkip, why, time.Time{} }
func warn(why string) (Verdict, string, time.Time) { return VerdictWarn, why, time.Time{} }

const notOptional = "nobody can refuse a message of this class"

func (l *look) known() (Verdict, string, time.Time) {
	if l.profile == nil {
		return deny("there is no such contact")
	}
	return pass("")
}

func (l *look) address() (Verdict, string, time.Time) {
	switch l.in.channel() {
	case audience.ChannelEmail:
		if l.profile.Contact.Email().IsZero() {
			return deny("she has no e-mail address")
		}
	case "sms", "phone":
		if l.profile.Contact.Phone.IsZero() {
			return deny("she has no phone number")
		}
	}
	return pass("")
}

func (l *look) restriction() (Verdict, string, time.Time) {
	if l.profile.History.Restricted(l.at) {
		return deny("processing is restricted: her data may only be stored")
	}
	return pass("")
}

// suppression asks for one reason. A failing address and the host's own list
// touch every message, the others those that people can refuse.
func (l *look) suppression(reason audience.SuppressionReason) (Verdict, string, time.Time) {
	if l.in.channel() != audience.ChannelEmail {
		return skip("suppressions are about e-mail addresses")
	}
	if !l.optional() && reason != audience.SuppressedBounced && reason != audience.SuppressedManually {
		return skip(notOptional)
	}
	var until time.Time
	for i := range l.suppressions {
		s := &l.suppressions[i]
		if s.Reason != reason {
			continue
		}
		if s.Stands(l.at) {
			return deny("the address is suppressed: " + reason.String())
		}
		if from, ok := s.StandsFrom(); ok { // it comes back
			until = from
		}
	}
	return VerdictPass, "", until
}

func (l *look) purposeKnown() (Verdict, string, time.Time) {
	if l.purpose == nil {
		return deny("the purpose is not one of the ledger's")
	}
	switch {
	case !l.in.Ask.known():
		return deny("what the message asks is not one of the constants")
	case !isChannel(l.in.channel()):
		return deny("the channel is not email, sms, phone, push or post")
	case l.in.List == "":
		return pass("")
	case l.list == nil || l.list.Kind == audience.ListTest:
		return deny("the list is not declared")
	case l.isTopic() && (l.in.channel() != audience.ChannelEmail || l.in.purpose() != cmp.Or(l.list.Purpose, audience.PurposeMarketing)):
		return deny("the topic is of another purpose, or not for this channel")
	}
	return pass("")
}

func (l *look) senderKnown() (Verdict, string, time.Time) {
	if !l.isSender {
		return deny("the sender is neither the controller nor one of the policy's senders")
	}
	return pass("")
}

func (l *look) refused() (Verdict, string, time.Time) {
	if !l.optional() {
		return skip(notOptional)
	}
	if l.standing.Status.IsRefusal() {
		return VerdictDeny, "her last word for this scope is: " + l.standing.Status.String(), l.standing.Until
	}
	// A refusal of all marketing covers every purpose of that class.
	if l.class() == ClassMarketing {
		s := l.marketingStanding()
		if s.Status.IsRefusal() && (l.standing.Status != audience.StatusSubscribed || !l.standing.Since.After(s.Since)) {
			return VerdictDeny, "she refused marketing: " + s.Status.String(), s.Until
		}
	}
	return VerdictPass, "", l.standing.Until
}

// basisExists asks whether each regime that applies knows what the purpose
// rests on. Of messages that nobody can refuse it says what the host names.
func (l *look) basisExists() (Verdict, string, time.Time) {
	if !l.optional() {
		for _, b := range []Basis{BasisContract, BasisLegalObligation, BasisLegitimateInterest} {
			if l.restsOn(b) {
				return pass("it rests on the basis " + string(b))
			}
		}
		return skip(notOptional)
	}
	if l.purpose == nil {
		return deny("no purpose, no basis")
	}
	if l.standing.Status == audience.StatusSubscribed {
		return pass("consent stands, which every regime knows")
	}
	for _, row := range l.rows {
		if b := l.purpose.basisUnder(row.Regime); !l.free(row) && !slices.Contains(row.Bases, b) {
			return deny(string(row.Regime) + " knows no marketing on the basis " + string(b))
		}
	}
	return pass("")
}

func (l *look) given() (Verdict, string, time.Time) {
	switch {
	case !l.optional():
		return skip(notOptional)
	case l.standing.Status == audience.StatusSubscribed && l.grant == nil:
		return deny("no grant for this scope is found")
	case l.standing.Status == audience.StatusSubscribed:
		return VerdictPass, "", l.standing.Until
	case l.needsConsent():
		return VerdictDeny, "consent does not stand: " + l.standing.Status.String(), l.standing.Until
	default:
		return VerdictSkip, "every regime that applies lets it rest on something else", l.standing.Until
	}
}

func (l *look) confirmed() (Verdict, string, time.Time) {
	switch {
	case !l.optional():
		return skip(notOptional)
	case l.standing.Status == audience.StatusPending:
		return deny("the signup has not been confirmed")
	case l.grant == nil:
		return skip("it does not rest on consent")
	case l.grant.Mechanism.Confirms():
		return pass("")
	case l.purpose != nil && l.purpose.DoubleOptIn:
		return deny("the purpose asks for a double opt-in")
	case slices.ContainsFunc(l.rows, func(r *RegimeRules) bool { return r.Confirmed }):
		return warn("without a double opt-in the sender has to prove who consented")
	default:
		return pass("")
	}
}

// addressOfConsent asks whether she consented for the address that she has
// now: consent does not follow to an address that nobody confirmed.
func (l *look) addressOfConsent() (Verdict, string, time.Time) {
	switch {
	case l.grant == nil || l.in.channel() != audience.ChannelEmail:
		return skip("it does not rest on consent for an address")
	case l.elsewhere:
		return deny("she consented for another address than the one she has now")
	default:
		return pass("")
	}
}

// fresh warns of consent that nobody made use of for long.
func (l *look) fresh() (Verdict, string, time.Time) {
	if l.grant == nil {
		return skip("it does not rest on consent")
	}
	used := l.grant.Acted
	if last := l.sent.without(l.permit).last(); last.After(used) {
		used = last
	}
	stale, ok := l.calendar.Ahead(used, l.gate.policy.StaleAfter)
	if ok && !stale.After(l.at) {
		return warn("consent is old, and nothing was sent for as long")
	}
	return VerdictPass, "", stale
}

func (l *look) age() (Verdict, string, time.Time) {
	if l.grant == nil || !l.facts.HasBorn {
		return skip("it does not rest on consent, or her age is not known")
	}
	years, ok := l.gate.policy.AgeOfConsent[l.facts.Country]
	if !ok {
		years = adultAge
	}
	from, ok := l.birthday(years)
	switch {
	case !ok || !from.After(l.at):
		return pass("")
	case l.facts.Guardian:
		return VerdictPass, "a guardian consented", from
	default:
		return VerdictDeny, "she is too young to consent for herself", from
	}
}

// birthday gives the first instant of the day on which she is so many years
// old.
func (l *look) birthday(years int) (time.Time, bool) {
	y, m, d := l.facts.Born.Civil()
	day, err := audience.NewDate(y+years, m, d)
	if err != nil { // 29 February
		day, err = audience.NewDate(y+years, m, d-1)
	}
	if err != nil {
		return time.Time{}, false
	}
	return l.calendar.StartOfDate(day)
}
