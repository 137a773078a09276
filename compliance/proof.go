package compliance

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Proof shows what somebody declared for a scope, at an instant: who, when, how
// and after which text (GDPR Art. 7(1); BGH I ZR 164/09: documented whole, and
// printable at any time). It is personal.
type Proof struct {
	State      State
	Controller Party
	Purpose    Purpose
	Addresses  []audience.Address // that the contact has now, the primary one first
	// Notice is what she was shown for the deciding record or, when that names
	// none, for the last grant; its ID is empty when none is named or kept.
	Notice Notice
	// Evidence is that of the deciding record.
	Evidence Evidence
	// Gone says that there was evidence, and that it was destroyed.
	Gone bool
	// Requested is when it was asked for: by the evidence, else by the last
	// request in front of the deciding record; zero: not known.
	Requested time.Time
	// Chains are all records of the contact and of those merged into her, each
	// chain in order.
	Chains []audience.ConsentRecord
	// Broken is the first record that does not follow the one in front of it;
	// nil when all chains verify.
	Broken *Finding
	// Seal and Inclusion tie the contact's chain to a seal: see [Proof.Attach].
	Seal      *Seal
	Inclusion *Inclusion
}

// Proof gives the proof of a scope at an instant; the zero instant is now. It
// is there for whoever is in the ledger, also without consent: then it says so.
// Errors are those of [Ledger.StateAt].
func (l *Ledger) Proof(ctx context.Context, ref audience.Ref, scope audience.Scope, at time.Time) (Proof, error) {
	p := Proof{Controller: l.controller}
	err := l.aud.View(ctx, func(r *store.Reader) error {
		h, err := r.History(ctx, ref)
		if err != nil {
			return err
		}
		if p.State, err = l.stateIn(ctx, r, &h, scope, at); err != nil {
			return err
		}
		if p.State.Contact, err = contactOf(ctx, r, ref); err != nil {
			return err
		}
		p.Purpose, _ = l.Purpose(l.purposeOf(p.State.Scope)) // the zero Purpose says that it is not known
		c, err := r.Contact(ctx, ref)
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		p.Addresses = c.Addresses
		p.addChains(l.aud.Name(), &h)
		p.Requested = requestBefore(&h, &p.State)
		return p.addDeciding(ctx, l, r)
	})
	return p, err
}

// noticeID gives the id of the notice that the proof is about.
func (p *Proof) noticeID() string {
	id := p.State.Record.Notice
	if grant := p.lastGrant(); id == "" && grant != nil {
		id = grant.Notice
	}
	return id
}

func (p *Proof) addDeciding(ctx context.Context, l *Ledger, r *store.Reader) error {
	rec := &p.State.Record
	var err error
	if id := p.noticeID(); id != "" {
		p.Notice, err = noticeIn(ctx, r, id)
		if err != nil && !errors.Is(err, audience.ErrNotFound) && !errors.Is(err, audience.ErrConflict) {
			return err
		}
	}
	if !rec.HasEvidence() {
		return nil
	}
	p.Evidence, err = l.evidenceIn(ctx, r, *rec)
	switch {
	case errors.Is(err, ErrEvidenceGone):
		p.Gone = true
		return nil
	case err != nil:
		return err
	}
	if !p.Evidence.Requested.IsZero() {
		p.Requested = p.Evidence.Requested
	}
	return nil
}

// addChains gathers all chains and walks them.
func (p *Proof) addChains(name string, h *audience.History) {
	everyRecord(h, func(r *audience.ConsentRecord) { p.Chains = append(p.Chains, *r) })
	slices.SortStableFunc(p.Chains, func(a, b audience.ConsentRecord) int {
		return int(int64(a.Contact) - int64(b.Contact))
	})
	for rest := p.Chains; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(r audience.ConsentRecord) bool { return r.Contact != rest[0].Contact })
		if n < 0 {
			n = len(rest)
		}
		if f := walkChain(name, rest[:n:n], head{}); f != nil && p.Broken == nil {
			p.Broken = f
		}
		rest = rest[n:]
	}
}

// requestBefore gives when the last request in front of the deciding record
// acted.
func requestBefore(h *audience.History, s *State) time.Time {
	var out time.Time
	everyRecord(h, func(r *audience.ConsentRecord) {
		before := !r.Acted.After(s.Record.Acted) && r.Contact == s.Record.Contact && r.Seq <= s.Record.Seq
		if r.Kind == audience.ConsentRequested && before && r.Scope.Covers(s.Scope) && r.Scope.List == s.Scope.List && r.Acted.After(out) {
			out = r.Acted
		}
	})
	return out
}

// Attach ties the proof to a seal: heads are those that were written with it,
// see [Ledger.Seal].
func (p *Proof) Attach(seal *Seal, heads io.Reader) error {
	inc, err := seal.Inclusion(heads, p.State.Contact)
	if err != nil {
		return err
	}
	p.Seal, p.Inclusion = seal, &inc
	return nil
}

// WriteText writes the proof as plain text for printing, addresses and all.
func (p *Proof) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-18s %s\n", name+":", printable(value))
		}
	}
	s, rec := &p.State, &p.State.Record
	b.WriteString("PROOF OF CONSENT\n\n")
	line("Controller", joined(p.Controller.Name, p.Controller.PostalAddress, p.Controller.Email))
	line("Contact", s.Contact.String())
	for _, a := range p.Addresses {
		line("Address", a.Reveal())
	}
	line("Scope", s.Scope.String())
	line("At", instantText(s.At))
	line("Status", s.Standing.Status.String())
	line("Since", instantText(s.Standing.Since))
	line("Until", instantText(s.Standing.Until))
	if s.Restricted {
		line("Restricted", "yes")
	}
	if rec.Seq != 0 {
		line("Declaration", rec.Kind.String())
		line("Requested", instantText(p.Requested))
		line("Acted", instantText(rec.Acted))
		line("Recorded", instantText(rec.Recorded))
		line("Mechanism", string(rec.Mechanism))
		line("Source", joined(rec.Source.Kind.String(), rec.Source.Name, rec.Source.Actor))
		p.writeEvidence(line)
	}
	p.writeNotice(&b, line)
	p.writeChains(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Proof) writeEvidence(line func(name, value string)) {
	e := &p.Evidence
	if p.Gone {
		line("Evidence", "destroyed: the person was erased, or its time of retention is over")
	}
	line("Attested by", e.AttestedBy)
	line("Said", e.Text)
	line("Form", e.Form)
	line("Page", e.Page)
	line("IP", e.IP)
	line("User agent", e.UserAgent)
	line("Language", e.Language)
	for _, k := range sortedKeys(e.Fields) {
		line("  "+k, e.Fields[k])
	}
}

func (p *Proof) writeNotice(b *strings.Builder, line func(name, value string)) {
	id := p.noticeID()
	if id == "" {
		return
	}
	b.WriteByte('\n')
	line("Notice", id)
	if p.Notice.ID == "" {
		line("Notice text", "not kept here under this id")
		return
	}
	line("Version", p.Notice.Version)
	line("Language", p.Notice.Language)
	line("URL", p.Notice.URL)
	line("Valid from", instantText(p.Notice.ValidFrom))
	line("Purposes", strings.Join(p.Notice.Purposes, ", "))
	if p.State.Bundled {
		line("Bundled", "the notice asks for more than was granted with it")
	}
	b.WriteString("\n--- the text shown ---\n" + p.Notice.Text + "\n--- end of the text ---\n")
}

func (p *Proof) writeChains(b *strings.Builder) {
	b.WriteString("\nLEDGER\n\n")
	for i := range p.Chains {
		r := &p.Chains[i]
		fmt.Fprintf(b, "%s/%d  %s  %s  acted %s  recorded %s  %s\n    %x\n", r.Contact, r.Seq, r.Kind, printable(r.Scope.String()),
			instantText(r.Acted), instantText(r.Recorded), printable(string(r.Mechanism)), r.Hash)
	}
	if p.Broken == nil {
		b.WriteString("\nEvery record follows the one in front of it.\n")
	} else {
		fmt.Fprintf(b, "\nTHE LEDGER IS DAMAGED: %s\n", p.Broken)
	}
	if p.Seal != nil {
		fmt.Fprintf(b, "Sealed at %s with the root %x.\n", instantText(p.Seal.At), p.Seal.Root)
	}
}

// printable keeps a value on its line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// proofJSON is the form of a proof in JSON.
type proofJSON struct {
	Controller Party        `json:"controller"`
	Contact    string       `json:"contact"`
	Addresses  []string     `json:"addresses,omitempty"`
	Scope      string       `json:"scope"`
	At         time.Time    `json:"at"`
	Status     string       `json:"status"`
	Since      time.Time    `json:"since,omitzero"`
	Until      time.Time    `json:"until,omitzero"`
	Restricted bool         `json:"restricted"`
	Bundled    bool         `json:"bundled"`
	Requested  time.Time    `json:"requested,omitzero"`
	Deciding   *recordJSON  `json:"deciding,omitempty"`
	Evidence   *Evidence    `json:"evidence,omitempty"`
	Gone       bool         `json:"evidence_destroyed,omitempty"`
	NoticeID   string       `json:"notice_id,omitempty"`
	Notice     *Notice      `json:"notice,omitempty"`
	Ledger     []recordJSON `json:"ledger"`
	Verified   bool         `json:"ledger_verified"`
	Seal       *Seal        `json:"seal,omitempty"`
	Inclusion  *Inclusion   `json:"inclusion,omitempty"`
}

type recordJSON struct {
	Contact   string    `json:"contact"`
	Seq       uint64    `json:"seq"`
	Kind      string    `json:"kind"`
	Scope     string    `json:"scope"`
	Acted     time.Time `json:"acted"`
	Recorded  time.Time `json:"recorded"`
	Expires   time.Time `json:"expires,omitzero"`
	Mechanism string    `json:"mechanism,omitempty"`
	Notice    string    `json:"notice,omitempty"`
	Canonical string    `json:"canonical"` // the bytes that the hash is made of
	Hash      string    `json:"hash"`
}

func recordForJSON(r *audience.ConsentRecord) recordJSON {
	return recordJSON{
		Contact: r.Contact.String(), Seq: r.Seq, Kind: r.Kind.String(), Scope: r.Scope.String(), Acted: r.Acted, Recorded: r.Recorded,
		Expires: r.Expires, Mechanism: string(r.Mechanism), Notice: r.Notice,
		Canonical: hex.EncodeToString(r.Canonical()), Hash: hex.EncodeToString(r.Hash[:]),
	}
}

// WriteJSON writes the proof as JSON, addresses and all. Each record has its
// canonical bytes, so that anybody can check the hashes.
func (p *Proof) WriteJSON(w io.Writer) error {
	s := &p.State
	out := proofJSON{
		Controller: p.Controller, Contact: s.Contact.String(), Scope: s.Scope.String(), At: s.At, Status: s.Standing.Status.String(),
		Since: s.Standing.Since, Until: s.Standing.Until, Restricted: s.Restricted, Bundled: s.Bundled, Requested: p.Requested,
		Gone: p.Gone, NoticeID: p.noticeID(), Ledger: []recordJSON{}, Verified: p.Broken == nil, Seal: p.Seal, Inclusion: p.Inclusion,
	}
	for _, a := range p.Addresses {
		out.Addresses = append(out.Addresses, a.Reveal())
	}
	if s.Record.Seq != 0 {
		deciding := recordForJSON(&s.Record)
		out.Deciding = &deciding
	}
	if !p.Evidence.IsZero() {
		out.Evidence = &p.Evidence
	}
	if p.Notice.ID != "" {
		out.Notice = &p.Notice
	}
	for i := range p.Chains {
		out.Ledger = append(out.Ledger, recordForJSON(&p.Chains[i]))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(&out)
}
