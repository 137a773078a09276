package compliance

import (
	"fmt"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Verdict is what one rule says.
type Verdict string

// The verdicts. Only deny and error keep a message from going out.
const (
	VerdictPass  Verdict = "pass"
	VerdictDeny  Verdict = "deny"
	VerdictWarn  Verdict = "warn"
	VerdictSkip  Verdict = "skip"  // it does not apply, and says why
	VerdictError Verdict = "error" // it could not be looked at: counts as deny
)

// RuleResult is what one rule says of one message.
type RuleResult struct {
	Rule    string    `json:"rule"` // stable, such as "suppression.complained"
	Verdict Verdict   `json:"verdict"`
	Why     string    `json:"why,omitempty"`   // a sentence without personal data
	Basis   string    `json:"basis,omitempty"` // the law or standard behind it
	Until   time.Time `json:"until,omitzero"`  // when the verdict may change by itself
}

// Decision says whether one message may go to one contact, and why. It holds
// no address, so that it can be logged and kept.
type Decision struct {
	Contact     audience.ContactID `json:"contact"` // 0: there is none
	Allow       bool               `json:"allow"`
	Denied      []string           `json:"denied,omitempty"` // the rules that deny, in their order
	Rules       []RuleResult       `json:"rules"`            // all of them, always in the same order
	Obligations []Obligation       `json:"obligations,omitempty"`
	Regimes     []Regime           `json:"regimes,omitempty"` // that apply
	Policy      string             `json:"policy,omitempty"`  // its version
	At          time.Time          `json:"at"`
	ValidUntil  time.Time          `json:"valid_until"` // ask again from then on
}

// Rule gives what one rule says.
func (d Decision) Rule(id string) (RuleResult, bool) {
	for _, r := range d.Rules {
		if r.Rule == id {
			return r, true
		}
	}
	return RuleResult{}, false
}

// WriteText writes the decision for a person to read: a line for the outcome
// and one for each rule that is not skipped.
func (d Decision) WriteText(w io.Writer) error {
	word := "may not"
	if d.Allow {
		word = "may"
	}
	if _, err := fmt.Fprintf(w, "contact %d %s be written to, as of %s, until %s\n",
		d.Contact, word, d.At.Format(time.RFC3339), d.ValidUntil.Format(time.RFC3339)); err != nil {
		return err
	}
	for _, r := range d.Rules {
		if r.Verdict == VerdictSkip {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %-5s  %-28s %s", r.Verdict, r.Rule, r.Why); err != nil {
			return err
		}
		if r.Basis != "" {
			if _, err := fmt.Fprintf(w, " (%s)", r.Basis); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	for _, o := range d.Obligations {
		if _, err := fmt.Fprintf(w, "  must   %-28s %s\n", o.ID, o.Basis); err != nil {
			return err
		}
	}
	return nil
}

// add puts what a rule says into the decision.
func (d *Decision) add(r RuleResult) {
	d.Rules = append(d.Rules, r)
	if r.Verdict == VerdictDeny || r.Verdict == VerdictError {
		d.Denied = append(d.Denied, r.Rule)
	}
	if !r.Until.IsZero() && r.Until.Before(d.ValidUntil) && r.Until.After(d.At) {
		d.ValidUntil = r.Until
	}
}

// oblige adds an obligation once.
func (d *Decision) oblige(o Obligation) {
	for i := range d.Obligations {
		if d.Obligations[i].ID == o.ID {
			return
		}
	}
	d.Obligations = append(d.Obligations, o)
}
