package compliance

import (
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Policy is what a host decides about its sending, beyond what people
// declared. The zero Policy is the strictest: nobody's country is known, so
// that every regime applies to everybody.
type Policy struct {
	// Version names the policy in decisions, such as "2026-11".
	Version string
	// Facts says what the host knows of a contact. It is called for every
	// decision and must neither block nor call the audience. nil: nothing is
	// known.
	Facts func(c *audience.Contact, s *audience.Schema) Facts
	// Regimes is the table in force. nil: that of [Regimes].
	Regimes []RegimeRules
	// Senders are other parties in whose name messages go out, beside the
	// ledger's controller.
	Senders []Party
	// Caps bound how much marketing a contact gets.
	Caps []Cap
	// Quiet are hours in which no marketing goes out.
	Quiet []QuietHours
	// StaleAfter warns of consent that old, with nothing sent for as long;
	// zero: 24 months. Time alone does not end consent (BGH III ZR 196/17).
	StaleAfter audience.Period
	// AgeOfConsent is from which age people consent for themselves, by
	// country; other countries: 16 (GDPR Art. 8(1)).
	AgeOfConsent map[string]int
	// ComplaintRate gives the share of complaints among what a domain was sent,
	// from 0 to 1. From 0.001 on the gate warns, from 0.003 it denies marketing,
	// which are the numbers that Gmail and Yahoo publish. nil: unknown. It must
	// neither block nor call the audience.
	ComplaintRate func(domain string) float64
	// GoodFor is how long a decision holds at most; zero: 15 minutes.
	GoodFor time.Duration
	// HoldFor is how long a permit that is neither committed nor released
	// counts for caps; zero: an hour.
	HoldFor time.Duration
}

// Facts is what a host knows of a contact that rules ask for. What is unknown
// is decided by the strictest.
type Facts struct {
	Country  string         // ISO 3166-1, two letters
	Region   string         // ISO 3166-2, such as "US-CA"
	Business bool           // a company, or a role address of one
	Born     audience.Date  // with HasBorn
	HasBorn  bool           // Born is known
	Guardian bool           // a guardian consented for the child, with evidence that the host holds
	Zone     *time.Location // nil: the audience's
}

// Cap is the most messages of a purpose within a time. Messages of the
// classes transactional and service neither count nor are capped.
type Cap struct {
	Purpose string        // empty: all marketing together
	Most    int           // 1 to 200
	Within  time.Duration // at most 366 days
}

// QuietHours is a time of day without marketing, in the contact's zone. It
// may go over midnight: from 21:00 until 08:00.
type QuietHours struct {
	From, Until time.Duration // since midnight by the clock on the wall, below 24 h
	Weekdays    []time.Weekday
}

const (
	longestCap     = 366 * 24 * time.Hour
	adultAge       = 16
	complaintsWarn = 0.001
	complaintsDeny = 0.003
)

// withDefaults gives the policy with what the host left out; an error says
// what cannot be.
func (p Policy) withDefaults() (Policy, error) {
	if p.Facts == nil {
		p.Facts = func(*audience.Contact, *audience.Schema) Facts { return Facts{} }
	}
	if p.Regimes == nil {
		p.Regimes = Regimes()
	}
	p.Regimes = slices.Clone(p.Regimes)
	if p.StaleAfter == (audience.Period{}) {
		p.StaleAfter, _ = audience.ParsePeriod("24mo")
	}
	if p.GoodFor <= 0 {
		p.GoodFor = 15 * time.Minute
	}
	if p.HoldFor <= 0 {
		p.HoldFor = time.Hour
	}
	for i, c := range p.Caps {
		if c.Most < 1 || c.Most > mostSent || c.Within <= 0 || c.Within > longestCap {
			return p, &audience.FieldError{Path: fmt.Sprintf("caps[%d]", i), Rule: "range", Hint: "1 to 200 messages, within up to 366 days"}
		}
	}
	for i, q := range p.Quiet {
		if q.From < 0 || q.Until < 0 || q.From >= 24*time.Hour || q.Until >= 24*time.Hour || q.From == q.Until {
			return p, &audience.FieldError{Path: fmt.Sprintf("quiet[%d]", i), Rule: "range", Hint: "two different times of day, below 24 h"}
		}
	}
	return p, nil
}

// over reports whether it is quiet at an instant in a zone, and when that
// ends.
func (q *QuietHours) over(at time.Time, zone *time.Location) (quiet bool, until time.Time) {
	local := at.In(zone)
	wall := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	day := local
	switch {
	case q.From < q.Until:
		quiet = wall >= q.From && wall < q.Until
	case wall >= q.From:
		quiet = true
	case wall < q.Until:
		quiet = true
		day = local.AddDate(0, 0, -1) // it began yesterday
	}
	if !quiet || len(q.Weekdays) > 0 && !slices.Contains(q.Weekdays, day.Weekday()) {
		return false, time.Time{}
	}
	end := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	if q.From > q.Until && wall >= q.From {
		end = end.AddDate(0, 0, 1)
	}
	end = time.Date(end.Year(), end.Month(), end.Day(), int(q.Until/time.Hour), int(q.Until/time.Minute)%60, int(q.Until/time.Second)%60, 0, zone)
	if !end.After(at) { // the clocks went over it
		end = at.Add(time.Minute)
	}
	return true, end.UTC()
}
