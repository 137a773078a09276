package segment_test

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveStanding is what a ledger says about a scope.
type naiveStanding struct {
	status    string
	since     time.Time // when the deciding person acted
	confirmed time.Time // the confirmed opt-in that answers complaints before it

	// A withdrawal or bounce that nobody has lifted, decisive or behind a
	// complaint.
	refusedAs string
	refused   time.Time
}

func naiveStatus(p *audience.Profile, purpose string, now time.Time) string {
	scope := audience.Scope{Channel: "email", Purpose: purpose}
	return naiveFold(p.History, scope, now).status
}

func naiveOnTopic(p *audience.Profile, list audience.List, now time.Time) bool {
	purpose := list.Purpose
	if purpose == "" {
		purpose = "marketing"
	}
	own := audience.Scope{Channel: "email", Purpose: purpose, List: list.Name}
	if naiveFold(p.History, own, now).status != "subscribed" {
		return false
	}
	switch naiveStatus(p, purpose, now) {
	case "unsubscribed", "bounced", "complained":
		return false
	}
	return true
}

// naiveFold goes through the merges in order: what stood before, then the
// worst of both, then what was written later.
func naiveFold(h audience.History, scope audience.Scope, now time.Time) naiveStanding {
	s := naiveStanding{status: "none"}
	h.Records = naiveGood(h.Records, now)
	var written uint64
	for _, m := range h.Merged {
		if m.At.After(now) {
			break
		}
		s = naiveDecide(s, naiveWritten(h.Records, written, m.Seq), scope, now)
		s = naiveWorst(s, naiveFold(m.History, scope, now))
		written = m.Seq
	}
	return naiveDecide(s, naiveWritten(h.Records, written, ^uint64(0)), scope, now)
}

// naiveGood leaves out what has been said by now to be an error: requests and
// grants, of which alone that can be said.
func naiveGood(chain []audience.ConsentRecord, now time.Time) []audience.ConsentRecord {
	wrong := map[uint64]bool{}
	for _, r := range chain {
		if r.Kind == audience.ConsentRetracted && !now.Before(r.Acted) {
			wrong[r.Retracts] = true
		}
	}
	var out []audience.ConsentRecord
	for _, r := range chain {
		consents := r.Kind == audience.ConsentRequested || r.Kind == audience.ConsentGranted
		if !consents || !wrong[r.Seq] {
			out = append(out, r)
		}
	}
	return out
}

func naiveWritten(all []audience.ConsentRecord, after, upTo uint64) []audience.ConsentRecord {
	var out []audience.ConsentRecord
	for _, r := range all {
		if r.Seq > after && r.Seq <= upTo {
			out = append(out, r)
		}
	}
	return out
}

// naiveDecide says who has the last word among records and what stood before
// them.
func naiveDecide(before naiveStanding, records []audience.ConsentRecord, scope audience.Scope, now time.Time) naiveStanding {
	var requests, grants, refusals, complaints []naiveStanding
	switch before.status {
	case "pending":
		requests = append(requests, before)
	case "subscribed":
		grants = append(grants, before)
	case "complained":
		complaints = append(complaints, before)
	}
	if before.refusedAs != "" {
		refusals = append(refusals, naiveStanding{status: before.refusedAs, since: before.refused})
	}
	confirmed := before.confirmed
	for _, r := range records {
		if !naiveCounts(r, scope, now) {
			continue
		}
		s := naiveStanding{since: r.Acted}
		switch r.Kind {
		case audience.ConsentRequested:
			s.status = "pending"
			requests = append(requests, s)
		case audience.ConsentGranted:
			s.status = "subscribed"
			grants = append(grants, s)
			if r.Mechanism == "double-opt-in" && r.Acted.After(confirmed) {
				confirmed = r.Acted
			}
		case audience.ConsentWithdrawn:
			s.status = "unsubscribed"
			refusals = append(refusals, s)
		case audience.ConsentBounced:
			s.status = "bounced"
			refusals = append(refusals, s)
		case audience.ConsentComplained:
			s.status = "complained"
			complaints = append(complaints, s)
		case audience.ConsentRetracted: // naiveGood has seen to it
		case audience.ConsentRestricted, audience.ConsentReleased, audience.ConsentRelation: // no word about mail
		}
	}
	complaint, complained := naiveLast(complaints)
	refusal, refused := naiveLast(refusals)
	grant, granted := naiveLast(grants)
	refused = refused && (!granted || !grant.since.After(refusal.since))
	out := naiveStanding{status: "none"}
	switch {
	case complained && !confirmed.After(complaint.since):
		out = complaint
	case refused:
		out = refusal
	case granted:
		out = grant
	case len(requests) > 0:
		out = requests[0]
	}
	out.confirmed = confirmed
	if refused {
		out.refusedAs, out.refused = refusal.status, refusal.since
	}
	return out
}

// naiveLast gives the one acted on last; of several at one instant the one
// written last.
func naiveLast(all []naiveStanding) (naiveStanding, bool) {
	var last naiveStanding
	for i, s := range all {
		if i == 0 || !s.since.Before(last.since) {
			last = s
		}
	}
	return last, len(all) > 0
}

// naiveCounts reports whether a record says anything about the scope now.
func naiveCounts(r audience.ConsentRecord, scope audience.Scope, now time.Time) bool {
	covers := func(a, b string) bool { return a == "" || a == b }
	wide := covers(r.Scope.Channel, scope.Channel) && covers(r.Scope.Purpose, scope.Purpose) && covers(r.Scope.List, scope.List)
	if !wide || r.Acted.After(now) {
		return false
	}
	switch r.Kind {
	case audience.ConsentWithdrawn, audience.ConsentBounced, audience.ConsentComplained:
		return true
	case audience.ConsentRequested, audience.ConsentGranted:
		if r.Scope.List != scope.List || !r.Expires.IsZero() && !r.Expires.After(now) {
			return false
		}
	default:
		return false
	}
	if r.Kind == audience.ConsentRequested {
		return true
	}
	affirms := []audience.Mechanism{"double-opt-in", "single-opt-in", "attested", "paper", "verbal"}
	return slices.Contains(affirms, r.Mechanism) && r.Evidence != [32]byte{}
}

// naiveWorst joins the standings of two contacts that became one. What either
// refused, somebody must lift who acted after both. An opt-in answers only the
// complaints about the contact that gave it, so the earlier of two is kept.
func naiveWorst(a, b naiveStanding) naiveStanding {
	rank := map[string]int{"": -1, "none": 0, "subscribed": 1, "pending": 2, "bounced": 3, "unsubscribed": 4, "complained": 5}
	switch {
	case a.status == "none":
		return b
	case b.status == "none":
		return a
	}
	worst := a
	if rank[b.status] > rank[a.status] || b.status == a.status && b.since.After(a.since) {
		worst = b
	}
	worst.confirmed = a.confirmed
	if b.confirmed.Before(a.confirmed) {
		worst.confirmed = b.confirmed
	}
	worst.refusedAs, worst.refused = a.refusedAs, a.refused
	if rank[b.refusedAs] > rank[a.refusedAs] {
		worst.refusedAs = b.refusedAs
	}
	if b.refused.After(a.refused) {
		worst.refused = b.refused
	}
	return worst
}
