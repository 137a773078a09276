package compliance

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// RequestKind is what somebody asks of a host, or what a host has to do by a
// day.
type RequestKind string

// The kinds.
const (
	RequestAccess        RequestKind = "access"        // GDPR Art. 15; CCPA: know
	RequestPortability   RequestKind = "portability"   // GDPR Art. 20
	RequestRectification RequestKind = "rectification" // GDPR Art. 16; CCPA: correct
	RequestErasure       RequestKind = "erasure"       // GDPR Art. 17; CCPA: delete
	RequestRestriction   RequestKind = "restriction"   // GDPR Art. 18
	RequestObjection     RequestKind = "objection"     // GDPR Art. 21; an opt-out of marketing
	RequestOptOutSale    RequestKind = "opt-out-sale"  // CCPA: of sale and sharing
)

func (k RequestKind) known() bool {
	switch k {
	case RequestAccess, RequestPortability, RequestRectification, RequestErasure, RequestRestriction, RequestObjection, RequestOptOutSale:
		return true
	default:
		return false
	}
}

// Deadlines are days by whose end something has to be done. The zero Date says
// that there is none. They are for alarms and reports: within this library a
// refusal counts from its commit.
type Deadlines struct {
	Acknowledge audience.Date // say that it arrived
	Due         audience.Date // answer
	Latest      audience.Date // Due, moved to the next working day where the rule says so
	ExtendBy    audience.Date // say by then that it takes longer
	Extended    audience.Date // answer, after that
}

// DeadlinesOf gives the deadlines of a request that arrived on a day, under a
// regime. workday says which days are working days; nil: Monday to Friday.
// Where two readings of a rule differ, it is the earlier day. A regime without
// deadlines of its own has those of the GDPR; an unknown kind is
// [audience.ErrInvalid].
//
// GDPR: Art. 12(3) with Regulation (EEC) 1182/71 Art. 3: the same day of the
// next month, or its last. CAN-SPAM and CASL: 10 business days. CCPA: 15
// business days for opt-outs, else 10 to acknowledge and 45 days to answer (11
// CCR 7021, 7026). Spam Act 2003: 5 working days.
func DeadlinesOf(r Regime, k RequestKind, arrived audience.Date, workday func(audience.Date) bool) (Deadlines, error) {
	if !k.known() {
		return Deadlines{}, &audience.FieldError{Path: "kind", Rule: "unknown", Hint: "access, portability, rectification, erasure, restriction, objection or opt-out-sale"}
	}
	if workday == nil {
		workday = mondayToFriday
	}
	refusal := k == RequestObjection || k == RequestOptOutSale
	after := func(n int) Deadlines {
		due := workdaysAfter(arrived, n, workday)
		return Deadlines{Due: due, Latest: due}
	}
	switch {
	case refusal && (r == RegimeCANSPAM || r == RegimeCASL):
		return after(10), nil
	case refusal && r == RegimeCCPA:
		return after(15), nil
	case refusal && r == RegimeAustralia:
		return after(5), nil
	case r == RegimeCCPA:
		return Deadlines{
			Acknowledge: workdaysAfter(arrived, 10, workday), Due: arrived + 45, Latest: arrived + 45, ExtendBy: arrived + 45, Extended: arrived + 90,
		}, nil
	default:
		due := monthsAfter(arrived, 1)
		return Deadlines{
			Due: due, Latest: nextWorkday(due, workday), ExtendBy: due, Extended: min(monthsAfter(due, 2), monthsAfter(arrived, 3)),
		}, nil
	}
}

func mondayToFriday(d audience.Date) bool {
	w := d.In(time.UTC).Weekday()
	return w != time.Saturday && w != time.Sunday
}

// workdaysAfter counts working days from the day after.
func workdaysAfter(d audience.Date, n int, workday func(audience.Date) bool) audience.Date {
	for range n {
		d = nextWorkday(d+1, workday)
	}
	return d
}

// nextWorkday gives the day itself or the first working day after it; the day
// itself when there is none for a year.
func nextWorkday(d audience.Date, workday func(audience.Date) bool) audience.Date {
	for next := d; next < d+366; next++ {
		if workday(next) {
			return next
		}
	}
	return d
}

// monthsAfter gives the same day of a later month, or its last day.
// time.Time.AddDate would go over into the month after.
func monthsAfter(d audience.Date, n int) audience.Date {
	y, m, day := d.Civil()
	first := time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return audience.DateOf(time.Date(first.Year(), first.Month(), min(day, last), 0, 0, 0, 0, time.UTC), time.UTC)
}
