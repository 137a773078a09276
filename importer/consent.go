package importer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Attestation is what the host declares about the consent it holds. It becomes
// part of the evidence of the ledger records of the import. The zero
// Attestation attests nothing, so that nobody becomes subscribed.
type Attestation struct {
	By     string    `json:"by,omitempty"`     // who attests
	At     time.Time `json:"at,omitzero"`      // when
	Text   string    `json:"text,omitempty"`   // what, in the words of who attests: how people consented, and to what
	Source string    `json:"source,omitempty"` // where the consent comes from: a form, a shop, a contract
}

// IsZero reports whether nothing is attested: without a text there is nothing
// that somebody could attest.
func (a Attestation) IsZero() bool { return strings.TrimSpace(a.Text) == "" }

// check reports why the attestation cannot be used, or nil.
func (a Attestation) check() error {
	if a.IsZero() && a != (Attestation{}) {
		return &audience.FieldError{Path: "attestation.text", Rule: "empty", Hint: "what is attested"}
	}
	return nil
}

// evidence is what ledger records of an import keep as evidence.
type evidence struct {
	Attested *Attestation `json:"attested,omitempty"`
	Row      []fact       `json:"row,omitempty"`
}

type fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// evidenceOf gives the evidence for a row, nil when there is none.
func (im *importing) evidenceOf(facts []Fact) []byte {
	if len(facts) == 0 {
		return im.attested
	}
	return encodeEvidence(im.plan.Attestation, facts)
}

func encodeEvidence(a Attestation, facts []Fact) []byte {
	var e evidence
	if !a.IsZero() {
		e.Attested = &a
	}
	for _, f := range facts {
		e.Row = append(e.Row, fact(f))
	}
	if e.Attested == nil && len(e.Row) == 0 {
		return nil
	}
	text, _ := json.Marshal(e) // it holds strings and a time only
	return text
}

// weighed is what becomes of what a row says about consent.
type weighed struct {
	write   audience.ConsentWrite
	at      time.Time // as of which it was weighed
	record  bool      // write is to be recorded
	pending bool      // it says subscribed, and is recorded as a request
	kept    bool      // a refusal outweighs it
	before  audience.Status
}

// weigh decides what a row's status does. An import lowers a standing or
// gives one where there is none; the only way up is from pending to subscribed,
// by an attestation. What a row says again is not recorded again.
func (b *batch) weigh(e *entry, who *person) error {
	c := e.contact
	if e.says == audience.StatusNone {
		return nil
	}
	out := b.spare.weighed.next()
	e.consent = out
	at := b.tx.At()
	if last := who.lastRecord(); last != nil {
		at = latest(at, last.Recorded) // which is what the store does
	}
	stands := who.standing(at)
	out.at, out.before = at, stands.Status
	wanted := e.says
	if wanted == audience.StatusSubscribed && b.plan.Attestation.IsZero() {
		wanted = audience.StatusPending
	}
	switch {
	case wanted == stands.Status:
		return nil
	case wanted.IsRefusal():
		if rank(wanted) <= rank(stands.Status) {
			out.kept = true
			return nil
		}
	case stands.Status.IsRefusal(), who.isSuppressed(at):
		out.kept = true
		return nil
	case wanted == audience.StatusPending && stands.Status == audience.StatusSubscribed:
		return nil
	default:
		verdict, err := b.ask(c, who, wanted, stands)
		switch {
		case err != nil:
			return err
		case verdict == VerdictNothing, verdict == VerdictPending && stands.Status == audience.StatusPending:
			return nil
		case verdict == VerdictPending:
			wanted = audience.StatusPending
		}
	}
	w := audience.ConsentWrite{Kind: wanted.Kind(), Scope: audience.MarketingScope(), Source: b.source, Acted: c.Acted, Evidence: b.evidenceOf(c.Evidence)}
	switch {
	case e.says != c.Status: // when and how is not known of what another row says
		w.Acted, w.Evidence = time.Time{}, b.attested
	case wanted.IsRefusal() && len(w.Evidence) > b.limits.EvidenceBytes: // which is no reason to lose it
		w.Evidence = b.attested
	}
	switch w.Kind {
	case audience.ConsentGranted:
		w.Mechanism = audience.MechanismAttested
	case audience.ConsentBounced, audience.ConsentComplained:
		w.Scope = audience.Scope{Channel: audience.ChannelEmail}
	default:
	}
	if who.known != nil && says(&who.known.profile.History, &w, at) {
		return nil
	}
	if err := b.checkConsent(&w, who); err != nil {
		return err
	}
	out.write, out.record = w, true
	out.pending = c.Status == audience.StatusSubscribed && wanted == audience.StatusPending
	who.said, who.records = append(who.said, out), true
	return nil
}

// ask asks the gate about a claim.
func (b *batch) ask(c *Contact, who *person, wanted audience.Status, stands audience.Standing) (Verdict, error) {
	if b.opts.Gate == nil {
		return VerdictAsPlanned, nil
	}
	verdict := b.opts.Gate.Weigh(Claim{
		Contact: who.id, Email: c.Write.Email, Outcome: wanted, Says: c.Status,
		Acted: c.Acted, Evidence: c.Evidence, Attestation: b.plan.Attestation, Standing: stands,
	})
	if verdict > VerdictPending && verdict != VerdictNothing { // one that is not known is no consent
		return verdict, &audience.DeniedError{Rule: "gate", Hint: "the host's rules for consent do not let this row in"}
	}
	return verdict, nil
}

// checkConsent refuses what the store would refuse, before anything of the row
// is written.
func (b *batch) checkConsent(w *audience.ConsentWrite, who *person) error {
	w.Contact = audience.Key("-") // whoever it will be
	if err := w.Check(b.limits); err != nil {
		return err
	}
	w.Contact = audience.Ref{}
	most := uint64(b.limits.LedgerRecords)
	if last := who.lastRecord(); !w.Kind.IsRefusal() && last != nil && last.Seq >= most {
		hint := fmt.Sprintf("at most %d records of one contact; only refusals are taken beyond", most)
		return &audience.FieldError{Path: "ledger", Rule: "max-items", Hint: hint, Limit: true}
	}
	return nil
}

// standing folds what is recorded of somebody, and what rows of the batch add
// to it.
func (who *person) standing(at time.Time) audience.Standing {
	if who.known == nil && len(who.said) == 0 {
		return audience.Standing{}
	}
	h := &who.know().profile.History
	for _, s := range who.said {
		r := audience.ConsentRecord{
			Seq: 1, Kind: s.write.Kind, Scope: s.write.Scope, Acted: s.at, Recorded: s.at,
			Mechanism: s.write.Mechanism, Evidence: [32]byte{1},
		}
		if len(h.Records) > 0 {
			r.Seq = h.Records[len(h.Records)-1].Seq + 1
		}
		if acted := truncated(s.write.Acted); !acted.IsZero() && acted.Before(s.at) {
			r.Acted = acted
		}
		h.Records = append(slices.Clip(h.Records), r)
	}
	who.said = nil
	return who.known.profile.Status(at)
}

// lastRecord gives the end of her ledger, nil when nothing is recorded.
func (who *person) lastRecord() *audience.ConsentRecord {
	if who.known == nil || len(who.known.profile.History.Records) == 0 {
		return nil
	}
	records := who.known.profile.History.Records
	return &records[len(records)-1]
}

// isSuppressed reports whether an address of hers is, whatever her own ledger
// says.
func (who *person) isSuppressed(at time.Time) bool {
	return who.known != nil && who.known.profile.IsSuppressed(at) || !who.addressed.IsZero() && !who.addressed.After(at)
}

// says reports whether a history has a record already, which a row that dates
// it says again.
func says(h *audience.History, w *audience.ConsentWrite, at time.Time) bool {
	acted := truncated(w.Acted)
	return !acted.IsZero() && slices.ContainsFunc(h.Resolved().Records, func(r audience.ConsentRecord) bool {
		counts := r.Kind.IsRefusal() || r.Expires.IsZero() || r.Expires.After(at) // not when it was taken back
		return counts && r.Kind == w.Kind && r.Scope == w.Scope && r.Acted.Equal(acted)
	})
}

func truncated(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return audience.FromMicros(audience.Micros(t))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// rank orders refusals as merged contacts do: the worst counts.
func rank(s audience.Status) int {
	switch s {
	case audience.StatusBounced:
		return 1
	case audience.StatusUnsubscribed:
		return 2
	case audience.StatusComplained:
		return 3
	default:
		return 0
	}
}
