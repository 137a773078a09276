package compliance

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// intentFacts are what is the same for every contact that an intent is about.
type intentFacts struct {
	schema   *audience.Schema
	purpose  *Purpose // nil: unknown
	list     *audience.List
	sender   Party
	isSender bool // the sender is known
	tracking []string
}

// aboutIntent gives what an intent names.
func (g *Gate) aboutIntent(schema *audience.Schema, in Intent) intentFacts {
	f := intentFacts{schema: schema, sender: g.ledger.controller, isSender: true}
	for i := range g.ledger.purposes {
		p := &g.ledger.purposes[i]
		if p.ID == in.purpose() {
			f.purpose = p
		}
		if p.class() == ClassTracking {
			f.tracking = append(f.tracking, p.ID)
		}
	}
	if list, ok := schema.ListNamed(in.List); ok {
		f.list = &list
	}
	if in.Sender != "" && in.Sender != f.sender.ID {
		i := slices.IndexFunc(g.policy.Senders, func(p Party) bool { return p.ID == in.Sender })
		if f.isSender = i >= 0; f.isSender {
			f.sender = g.policy.Senders[i]
		}
	}
	return f
}

// asked says which permit is asked for again; zero: none is.
type asked struct {
	permit string // one of the sent log that does not count against itself
	renew  bool   // it gets a new place: that it ran out or was released does not matter
}

// look is everything that the rules look at for one message to one contact.
type look struct {
	gate *Gate
	intentFacts
	asked
	in           Intent
	at           time.Time
	profile      *audience.Profile // nil: there is no such contact
	suppressions []audience.Suppression
	relations    []Relation
	facts        Facts
	rows         []*RegimeRules
	zone         *time.Location
	calendar     audience.Calendar
	sent         sentLog
	standing     audience.Standing
	grant        *audience.ConsentRecord // that the standing rests on
	elsewhere    bool                    // the grant is known to be for another address
}

// class is the class of the message; that of an unknown purpose is marketing,
// and so is that of a message which asks for something: to ask is marketing.
func (l *look) class() Class {
	if l.purpose == nil {
		return ClassMarketing
	}
	c := l.purpose.class()
	if l.in.Ask != "" && (c == ClassTransactional || c == ClassService) {
		return ClassMarketing
	}
	return c
}

// optional reports whether the message is one that people can refuse.
func (l *look) optional() bool {
	c := l.class()
	return c != ClassTransactional && c != ClassService
}

// stand folds the ledger for the message's scope, and finds the grant that it
// rests on.
func (l *look) stand() {
	scope := l.in.scope()
	if l.list == nil {
		scope.List = "" // that it is not declared denies already, under its own rule
	}
	v := verdictOf(l.schema, &l.profile.History, scope, l.at)
	if l.standing = v.standing; v.standing.Status == audience.StatusSubscribed && v.record.Kind == audience.ConsentGranted {
		l.grant = &v.record
	}
}

func (l *look) isTopic() bool { return l.list != nil && l.list.Kind == audience.ListTopic }

// marketingStanding is her standing for marketing as a whole, on the message's
// channel.
func (l *look) marketingStanding() audience.Standing {
	return l.profile.History.Fold(audience.Scope{Channel: l.in.channel(), Purpose: audience.PurposeMarketing}, l.at)
}

// restsOn reports whether one of the regimes that apply lets the purpose rest
// on a basis other than consent, which does not stand.
func (l *look) restsOn(b Basis) bool {
	if l.purpose == nil || l.standing.Status == audience.StatusSubscribed {
		return false
	}
	return slices.ContainsFunc(l.rows, func(row *RegimeRules) bool { return !l.free(row) && l.purpose.basisUnder(row.Regime) == b })
}

// needsConsent reports whether one of the regimes that apply knows nothing but
// consent for the purpose.
func (l *look) needsConsent() bool {
	if l.purpose == nil || len(l.rows) == 0 {
		return true
	}
	return slices.ContainsFunc(l.rows, func(row *RegimeRules) bool { return !l.free(row) && l.purpose.basisUnder(row.Regime) == BasisConsent })
}

// free reports whether a regime asks for no basis, since it is a company.
func (l *look) free(row *RegimeRules) bool { return row.BusinessFree && l.facts.Business }

// has reports whether one of the regimes that apply is this one.
func (l *look) has(r Regime) bool {
	return slices.ContainsFunc(l.rows, func(row *RegimeRules) bool { return row.Regime == r })
}

// obligations are what the message must carry.
func (l *look) obligations(d *Decision) {
	if l.profile == nil || !l.optional() {
		return
	}
	for _, row := range l.rows {
		for _, o := range row.Obligations {
			d.oblige(o)
		}
	}
	if len(l.sent.without(l.permit)) == 0 {
		if l.has(RegimeGDPR) || l.has(RegimeUK) || l.has(RegimeGermany) {
			d.oblige(Obligation{OblObjectNotice, "GDPR Art. 21(4)"})
		}
		if l.imported() {
			d.oblige(Obligation{OblSourceNotice, "GDPR Art. 14(3)(b)"})
		}
	}
	if l.in.Ask == AskReferral {
		d.oblige(Obligation{OblReferrerName, "ECPR s. 4"})
	}
	if !l.tracked() {
		d.oblige(Obligation{OblNoOpenTracking, "ePrivacy Art. 5(3)"})
	}
	if l.has(RegimeCCPA) {
		d.oblige(Obligation{OblOptOutLink, "11 CCR 7013"})
	}
}

// imported reports whether the data came from somebody else than the contact.
func (l *look) imported() bool {
	from := func(s audience.SourceKind) bool { return s == audience.SourceImport || s == audience.SourceConnection }
	if l.grant != nil && from(l.grant.Source.Kind) {
		return true
	}
	return slices.ContainsFunc(l.profile.Contact.Fields, func(f audience.FieldValue) bool { return f.Origin != nil && from(f.Origin.Kind) })
}

// tracked reports whether she consented to a purpose of tracking.
func (l *look) tracked() bool {
	return slices.ContainsFunc(l.tracking, func(id string) bool {
		return l.profile.History.Fold(audience.Scope{Channel: l.in.channel(), Purpose: id}, l.at).Status == audience.StatusSubscribed
	})
}
