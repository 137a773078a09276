package mail

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// The mechanisms by which reports refuse.
const (
	mechanismReport = "feedback-report"
	mechanismMailto = "mailto"
	mechanismBounce = "bounce"
	mechanismSoft   = "soft-bounces"
)

// application is one report within one transaction.
type application struct {
	f      *Feedback
	tx     *store.Tx
	report *Report
	owner  Owner
	out    Applied
	alarms []Rate
	done   map[audience.ContactID]bool
}

// target is whom one line of a report is about: a contact, or nobody who is
// known by an address.
type target struct {
	contact *audience.Contact // nil: nobody
	address audience.Address  // that the message was written to; zero: unknown
	byToken bool
}

func (a *application) run(ctx context.Context) error {
	if err := a.once(ctx); err != nil || a.out.Repeated {
		return err
	}
	if a.report.Kind == ReportDelivery {
		for i := range a.report.Recipients {
			if err := a.delivery(ctx, &a.report.Recipients[i]); err != nil {
				return err
			}
		}
		return nil
	}
	targets, err := a.targets(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := a.refuse(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// once notes that the report was applied. Reports are told apart by all they
// say, so that nobody can keep one out by sending another one with its id.
func (a *application) once(ctx context.Context) error {
	keys := a.f.macs("seen", a.report.digest())
	if len(keys) == 0 {
		return nil // without keys nobody is mailable, and refusals that stand are not repeated
	}
	for _, key := range keys {
		_, err := a.tx.LoadRecord(ctx, namespace, "seen/"+key)
		if err == nil {
			a.out.Repeated = true
			return nil
		}
		if !isNotFound(err) {
			return err
		}
	}
	_, err := a.tx.SaveRecord(ctx, store.Record{Namespace: namespace, Key: "seen/" + keys[0], Value: []byte{1}, Expires: a.tx.At().Add(seenFor)})
	return err
}

// targets gives whom a complaint or an opt-out is about.
func (a *application) targets(ctx context.Context) ([]target, error) {
	if t, err := a.owned(ctx, audience.Address{}); err != nil || t != nil {
		return []target{deref(t)}, err
	}
	var out []target
	for i := range a.report.Recipients {
		r := &a.report.Recipients[i]
		if r.Redacted {
			a.out.Unknown++
			continue
		}
		t, err := a.find(ctx, r.Original, r.Address)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		t, err := a.find(ctx, a.report.To)
		if err != nil {
			return nil, err
		}
		if t.contact != nil { // a header field names nobody who has to be refused on her own
			a.out.Unknown = 0
			return []target{t}, nil
		}
		a.out.Unknown = max(a.out.Unknown, 1)
	}
	return out, nil
}

func deref(t *target) target {
	if t == nil {
		return target{}
	}
	return *t
}

// owned gives the contact of the token; nil when there is none any more.
func (a *application) owned(ctx context.Context, address audience.Address) (*target, error) {
	if a.owner.Contact == 0 {
		return nil, nil
	}
	c, err := a.lock(ctx, audience.ID(a.owner.Contact))
	if err != nil || c == nil {
		return nil, err
	}
	return &target{contact: c, address: address, byToken: true}, nil
}

// find gives the contact of the first address that is anybody's.
func (a *application) find(ctx context.Context, addresses ...audience.Address) (target, error) {
	var out target
	for _, address := range addresses {
		if address.IsZero() {
			continue
		}
		c, err := a.lock(ctx, audience.AddressRef(address))
		if err != nil {
			return target{}, err
		}
		if c != nil {
			return target{contact: c, address: address}, nil
		}
		if out.address.IsZero() {
			out.address = address
		}
	}
	return out, nil
}

// lock gives a contact as she is until the end of the transaction; nil for
// nobody.
func (a *application) lock(ctx context.Context, ref audience.Ref) (*audience.Contact, error) {
	ids, err := a.tx.Resolve(ctx, ref)
	if err != nil || ids[0] == 0 {
		return nil, err
	}
	locked, err := a.tx.Lock(ctx, ids[0])
	if err != nil || len(locked) == 0 {
		return nil, err
	}
	return &locked[0], nil
}

// refuse records a complaint or an opt-out.
func (a *application) refuse(ctx context.Context, t target) error {
	d := compliance.Declaration{Kind: audience.ConsentWithdrawn, Scope: email(), Mechanism: mechanismReport}
	reason := audience.SuppressedWithdrawn
	switch {
	case a.report.Kind == ReportComplaint:
		d.Kind, reason = audience.ConsentComplained, audience.SuppressedComplained
	case t.byToken:
		d.Scope = a.owner.Scope
	}
	if a.report.Type == mechanismMailto {
		d.Mechanism = mechanismMailto
	}
	switch {
	case a.report.Guessed:
		a.out.Counted++
		return nil
	case t.contact == nil:
		return a.suppress(ctx, t.address, reason)
	}
	if err := a.record(ctx, t.contact, &d); err != nil || d.Kind != audience.ConsentComplained {
		return err
	}
	domain := t.contact.Email().Domain()
	if domain == "" {
		domain = t.address.Domain()
	}
	return a.complained(ctx, domain)
}

// record writes a refusal, once per report and contact, and not again while it
// stands: a flood of reports must not fill the ledger.
func (a *application) record(ctx context.Context, c *audience.Contact, d *compliance.Declaration) error {
	if a.done[c.ID] {
		return nil
	}
	a.done[c.ID] = true
	stands, err := a.stands(ctx, c, d)
	if err != nil {
		return err
	}
	if stands {
		a.out.Standing++
		return nil
	}
	d.Contact, d.Source = audience.ID(c.ID), audience.Source{Kind: audience.SourceConnection, Name: "feedback"}
	d.Evidence.Fields = map[string]string{}
	for name, text := range map[string]string{
		"report": string(a.report.Kind), "type": a.report.Type, "reporter": a.report.Reporter,
		"report_id": a.report.ID.Reveal(), "message_id": a.report.MessageID.Reveal(),
	} {
		if text != "" {
			d.Evidence.Fields[name] = text
		}
	}
	records, err := a.f.ledger.RecordIn(ctx, a.tx, *d)
	a.out.Records = append(a.out.Records, records...)
	return err
}

// stands reports whether the same refusal is among those at the end of her
// chain, and holds for every address that she has now.
func (a *application) stands(ctx context.Context, c *audience.Contact, d *compliance.Declaration) (bool, error) {
	h, err := a.tx.History(ctx, audience.ID(c.ID))
	if err != nil || len(h.Merged) > 0 {
		return false, err
	}
	last := lastRefusal(h.Records, d)
	if last == nil {
		return false, nil
	}
	reason, suppresses := audience.SuppressionReasonOf(last)
	if !suppresses || a.f.aud.Keys().IsZero() {
		return true, nil
	}
	held, err := a.tx.SuppressionsOf(ctx, c.Addresses...)
	if err != nil {
		return false, err
	}
	for _, of := range held {
		if !slices.ContainsFunc(of, func(s audience.Suppression) bool { return s.Reason == reason && s.Stands(a.tx.At()) }) {
			return false, nil
		}
	}
	return true, nil
}

// lastRefusal gives the record that says what d says, if nothing but refusals
// came after it. The store writes the purpose of a list into the scope.
func lastRefusal(records []audience.ConsentRecord, d *compliance.Declaration) *audience.ConsentRecord {
	for i := len(records) - 1; i >= 0 && records[i].Kind.IsRefusal(); i-- {
		r := &records[i]
		scope := d.Scope
		if scope.List != "" && scope.Purpose == "" {
			scope.Purpose = r.Scope.Purpose
		}
		if r.Kind == d.Kind && r.Scope == scope {
			return r
		}
	}
	return nil
}

// suppress holds a refusal against an address that is no contact's, or no
// longer.
func (a *application) suppress(ctx context.Context, address audience.Address, reason audience.SuppressionReason) error {
	if address.IsZero() || a.f.aud.Keys().IsZero() {
		a.out.Unknown++
		return nil
	}
	source := audience.Source{Kind: audience.SourceConnection, Name: "feedback"}
	if err := a.tx.Suppress(ctx, store.SuppressionWrite{Address: address, Reason: reason, Source: source}); err != nil {
		return err
	}
	a.out.Suppressed++
	return nil
}
