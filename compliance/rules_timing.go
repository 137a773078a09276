package compliance

import (
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// PauseField is the custom field, a timestamp owned by compliance, that says
// until when a contact wants no marketing.
const PauseField = "paused_until"

// The wishes for frequency that the gate knows, as contact.frequency holds
// them. No wish is no limit.
const (
	FrequencyDaily   = "daily"
	FrequencyWeekly  = "weekly"
	FrequencyMonthly = "monthly"
)

// askAgainAfter is how long somebody who refused sale and sharing is left
// alone: twelve months.
const askAgainAfter = "12mo"

func (l *look) rePermission() (Verdict, string, time.Time) {
	if l.in.Ask != AskPermission && l.in.Ask != AskReturn {
		return skip("it asks for nothing")
	}
	switch s := l.standing.Status; {
	case s.IsRefusal(), l.marketingStanding().Status.IsRefusal():
		return deny("who refused may not be asked to come back")
	case l.in.Ask == AskReturn && s != audience.StatusSubscribed:
		return deny("only who consented may be asked to come back")
	case s == audience.StatusNone && len(l.relations) == 0:
		return deny("nothing allows to ask her")
	default:
		return pass("")
	}
}

func (l *look) referralOnce() (Verdict, string, time.Time) {
	if l.in.Ask != AskReferral {
		return skip("it is no referral")
	}
	if len(l.sent.without(l.permit)) > 0 {
		return deny("a referral is one message, and something was sent already")
	}
	return pass("")
}

// saleShareAsk leaves alone for a year who refused sale and sharing.
func (l *look) saleShareAsk() (Verdict, string, time.Time) {
	if l.in.Ask != AskPermission || l.class() != ClassSaleShare {
		return skip("it does not ask to sell or share")
	}
	if l.standing.Status != audience.StatusUnsubscribed {
		return pass("")
	}
	p, err := audience.ParsePeriod(askAgainAfter)
	again, ok := l.calendar.Ahead(l.standing.Since, p)
	if err == nil && ok && !again.After(l.at) {
		return pass("")
	}
	return VerdictDeny, "she refused within the last twelve months", again
}

func (l *look) paused() (Verdict, string, time.Time) {
	if l.class() != ClassMarketing {
		return skip("a pause is about marketing")
	}
	if until, ok := l.profile.Contact.Field(l.schema, PauseField).Timestamp(); ok && until.After(l.at) {
		return VerdictDeny, "she paused marketing", until
	}
	return pass("")
}

func (l *look) frequency() (Verdict, string, time.Time) {
	wish := l.profile.Contact.Frequency
	var step string
	switch wish {
	case "":
		return skip("she has no wish")
	case FrequencyDaily:
		step = "1d"
	case FrequencyWeekly:
		step = "1w"
	case FrequencyMonthly:
		step = "1mo"
	default: // the host's own words
		return skip("the wish is not one that the gate knows")
	}
	if l.class() != ClassMarketing {
		return skip("the wish is about marketing")
	}
	p, err := audience.ParsePeriod(step)
	last := l.marketing(l.sent.without(l.permit)).last()
	if err != nil || last.IsZero() {
		return pass("")
	}
	if next, ok := l.calendar.Ahead(last, p); ok && next.After(l.at) {
		return VerdictDeny, "she wants at most one message: " + wish, next
	}
	return pass("")
}

// held asks, at hand-over, whether the permit still holds its place.
func (l *look) held() (Verdict, string, time.Time) {
	if l.permit == "" || !l.optional() {
		return skip("no permit is asked again")
	}
	i := slices.IndexFunc(l.sent, func(s sentMessage) bool { return s.Permit == l.permit })
	switch {
	case i >= 0 && l.sent[i].Held.IsZero():
		return deny("the message of the permit was sent")
	case l.renew:
		return pass("it gets its place anew")
	case i >= 0:
		return VerdictPass, "", l.sent[i].Held
	default:
		return deny("the permit was released or has run out: renew it")
	}
}

// caps counts what was sent, and what others are about to send.
func (l *look) caps() (Verdict, string, time.Time) {
	if !l.optional() || l.class() == ClassPermission {
		return skip("messages of this class are not capped")
	}
	others := l.sent.without(l.permit)
	for _, c := range l.gate.policy.Caps {
		if c.Purpose != "" && c.Purpose != l.in.purpose() {
			continue
		}
		within := l.counted(others, c)
		if len(within) >= c.Most {
			free := within[len(within)-c.Most].At.Add(c.Within)
			return VerdictDeny, "at most " + strconv.Itoa(c.Most) + " within " + c.Within.String(), free
		}
	}
	return pass("")
}

// counted gives what counts for a cap at the instant.
func (l *look) counted(log sentLog, c Cap) sentLog {
	if c.Purpose == "" {
		log = l.marketing(log)
	}
	return slices.DeleteFunc(slices.Clone(log), func(s sentMessage) bool {
		return c.Purpose != "" && s.Purpose != c.Purpose || !s.At.Add(c.Within).After(l.at)
	})
}

// marketing gives those of a purpose of the class marketing.
func (l *look) marketing(log sentLog) sentLog {
	var out sentLog
	for _, s := range log {
		if p, err := l.gate.ledger.Purpose(s.Purpose); err != nil || p.class() == ClassMarketing {
			out = append(out, s)
		}
	}
	return out
}

func (l *look) quiet() (Verdict, string, time.Time) {
	if l.class() != ClassMarketing {
		return skip("quiet hours are about marketing")
	}
	for i := range l.gate.policy.Quiet {
		if quiet, until := l.gate.policy.Quiet[i].over(l.at, l.zone); quiet {
			return VerdictDeny, "it is quiet where she is", until
		}
	}
	return pass("")
}

func (l *look) complaintRate() (Verdict, string, time.Time) {
	ask := l.gate.policy.ComplaintRate
	if ask == nil || l.in.channel() != audience.ChannelEmail || l.class() != ClassMarketing {
		return skip("not watched")
	}
	switch rate := ask(l.profile.Contact.Email().Domain()); {
	case !(rate < complaintsDeny): // also when it is not a number
		return deny("too many complain at her provider")
	case rate >= complaintsWarn:
		return warn("many complain at her provider")
	default:
		return pass("")
	}
}
