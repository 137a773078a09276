package audience_test

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// oracle is a second reading of the fold: it keeps every fact that has ever
// counted and looks through all of them, where the library keeps the last of
// each kind. It shares no code with it and takes no care of cost.
type oracle struct {
	scope audience.Scope
	now   time.Time
}

// fact is one act that counts. worst is a refusal that a merge joined: it is
// shown as of since and is lifted by who acts after it happened.
type fact struct {
	kind      audience.ConsentKind
	at        time.Time
	since     time.Time
	confirmed bool
}

func (o oracle) status(h audience.History) (audience.Status, time.Time) {
	return standingOf(o.facts(h))
}

// facts gives what counts of a history, in the order of writing.
func (o oracle) facts(h audience.History) []fact {
	var out []fact
	next := 0
	upTo := func(seq uint64) {
		for ; next < len(h.Records) && h.Records[next].Seq <= seq; next++ {
			if r := h.Records[next]; o.sees(r) && !o.wasError(h.Records, r) {
				out = append(out, fact{kind: r.Kind, at: r.Acted, since: r.Acted, confirmed: r.Mechanism == "double-opt-in" && r.Kind == granted})
			}
		}
	}
	for _, m := range h.Merged {
		if !m.At.After(o.now) {
			upTo(m.Seq)
			out = joined(out, o.facts(m.History))
		}
	}
	upTo(^uint64(0))
	return out
}

// wasError reports whether somebody has said by now that a record was an error.
func (o oracle) wasError(chain []audience.ConsentRecord, r audience.ConsentRecord) bool {
	if r.Kind != requested && r.Kind != granted {
		return false
	}
	return slices.ContainsFunc(chain, func(x audience.ConsentRecord) bool {
		return x.Kind == retracted && x.Retracts == r.Seq && !o.now.Before(x.Acted)
	})
}

func (o oracle) sees(r audience.ConsentRecord) bool {
	for _, pair := range [][2]string{{r.Scope.Channel, o.scope.Channel}, {r.Scope.Purpose, o.scope.Purpose}, {r.Scope.List, o.scope.List}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if r.Acted.After(o.now) {
		return false
	}
	switch r.Kind {
	case withdrawn, bounced, complained:
		return true
	case requested, granted:
	default:
		return false
	}
	if r.Scope.List != o.scope.List || !r.Expires.IsZero() && !o.now.Before(r.Expires) {
		return false
	}
	affirms := []audience.Mechanism{"double-opt-in", "single-opt-in", "attested", "paper", "verbal"}
	return r.Kind == requested || r.Evidence != [32]byte{} && slices.Contains(affirms, r.Mechanism)
}

// unanswered gives the facts of these kinds after which nobody consented.
func unanswered(facts []fact, answers func(fact) bool, kinds ...audience.ConsentKind) []fact {
	var out []fact
	for _, f := range facts {
		lifted := slices.ContainsFunc(facts, func(g fact) bool { return answers(g) && g.at.After(f.at) })
		if slices.Contains(kinds, f.kind) && !lifted {
			out = append(out, f)
		}
	}
	return out
}

func consents(f fact) bool { return f.kind == granted }

func byMail(f fact) bool { return f.confirmed }

// last gives the one acted on last, of several the one written last.
func last(facts []fact) fact {
	var out fact
	for _, f := range facts {
		if !f.at.Before(out.at) {
			out = f
		}
	}
	return out
}

func standingOf(facts []fact) (audience.Status, time.Time) {
	if c := unanswered(facts, byMail, complained); len(c) > 0 {
		return audience.StatusComplained, last(c).since
	}
	if r := unanswered(facts, consents, withdrawn, bounced); len(r) > 0 {
		f := last(r)
		if f.kind == bounced {
			return audience.StatusBounced, f.since
		}
		return audience.StatusUnsubscribed, f.since
	}
	if g := of(facts, granted); len(g) > 0 {
		return audience.StatusSubscribed, last(g).since
	}
	if q := of(facts, requested); len(q) > 0 {
		first := q[0]
		for _, f := range q {
			if f.at.Before(first.at) {
				first = f
			}
		}
		return audience.StatusPending, first.since
	}
	return audience.StatusNone, time.Time{}
}

func of(facts []fact, kind audience.ConsentKind) []fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f fact) bool { return f.kind != kind })
}

// joined gives the facts that stand for two contacts who became one: the
// worse standing of the two as one fact, the refusals that neither lifted as
// one, and of their confirmed opt-ins the earlier, which answers nothing but
// complaints.
func joined(a, b []fact) []fact {
	order := []audience.Status{
		audience.StatusNone, audience.StatusSubscribed, audience.StatusPending, audience.StatusBounced, audience.StatusUnsubscribed, audience.StatusComplained,
	}
	sa, ta := standingOf(a)
	sb, tb := standingOf(b)
	if sa == audience.StatusNone {
		return b
	}
	if sb == audience.StatusNone {
		return a
	}
	worst, since := sa, ta
	if slices.Index(order, sb) > slices.Index(order, sa) || sa == sb && tb.After(ta) {
		worst, since = sb, tb
	}
	var out []fact
	if f, ok := refusalOf(a, b); ok {
		out = append(out, f)
	}
	switch worst {
	case audience.StatusComplained:
		out = append(out, fact{kind: complained, at: since, since: since})
	case audience.StatusPending:
		out = append(out, fact{kind: requested, at: since, since: since})
	case audience.StatusSubscribed:
		out = append(out, fact{kind: granted, at: since, since: since})
	default:
	}
	ca, cb := last(confirmations(a)), last(confirmations(b))
	if cb.at.Before(ca.at) {
		ca = cb
	}
	if !ca.at.IsZero() {
		out = append(out, fact{kind: confirmation, at: ca.at, confirmed: true})
	}
	return out
}

// confirmation is the rest of a confirmed opt-in after a merge.
const confirmation audience.ConsentKind = 100

func confirmations(facts []fact) []fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f fact) bool { return !f.confirmed })
}

func refusalOf(a, b []fact) (fact, bool) {
	var out fact
	found := false
	for _, side := range [][]fact{a, b} {
		stand := unanswered(side, consents, withdrawn, bounced)
		if len(stand) == 0 {
			continue
		}
		f := last(stand)
		worse := out.kind == bounced && f.kind == withdrawn || out.kind == f.kind && f.since.After(out.since)
		if !found || worse {
			out.kind, out.since = f.kind, f.since
		}
		if f.at.After(out.at) {
			out.at = f.at
		}
		found = true
	}
	return out, found
}
