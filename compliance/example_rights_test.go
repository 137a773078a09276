package compliance_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// guestbook is a table of the host's own, which holds personal data too.
type guestbook struct{ entries map[string]string }

func (g *guestbook) Name() string { return "guestbook" }

func (g *guestbook) Collect(_ context.Context, s compliance.Subject, emit func(compliance.Item) error) error {
	text, ok := g.entries[s.Key()]
	if !ok {
		return nil
	}
	return emit(compliance.Item{Category: "guestbook", Field: "entry", Value: audience.NewPrivate(text), Origin: compliance.OriginProvided})
}

func (g *guestbook) Erase(_ context.Context, s compliance.Subject) (compliance.ErasedItems, error) {
	delete(g.entries, s.Key())
	return compliance.ErasedItems{
		Removed:  1,
		Kept:     []compliance.Retention{{What: "invoices", Basis: "GDPR Art. 17(3)(b)"}},
		Notified: []compliance.Party{{ID: "printer"}},
	}, nil
}

// Tables of the host's own are asked like the audience itself; who got the data
// from them has to be told, too.
func ExampleHolder() {
	ctx, l, jane := exampleLedger()
	table := &guestbook{entries: map[string]string{"u42": "Lovely shop."}}
	rights, err := compliance.NewRights(l, compliance.RightsOptions{Holders: []compliance.Holder{table}})
	must(err)
	request, err := rights.Open(ctx, compliance.RequestErasure, compliance.RegimeGDPR, jane, time.Time{})
	must(err)
	_, err = rights.Attest(ctx, request.ID, audience.Source{Actor: "operator-7"}) // who has seen her passport
	must(err)
	report, err := rights.Erase(ctx, request.ID)
	must(err)
	for _, h := range report.Holders {
		fmt.Println(h.Holder, h.Failed, h.Kept[0].What)
	}
	fmt.Println(report.Complete, "waits for", report.Waiting[0].ID)
	request, err = rights.Acknowledge(ctx, request.ID, "printer")
	fmt.Println(request.State, request.IsClosed(), err)
	// Output:
	// guestbook false invoices
	// audience false ledger records, which name nobody
	// false waits for printer
	// done true <nil>
}

// Who was deleted is no contact any more, and is told what is still held.
func ExampleRights_Access() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	_, err := l.Audience().Update(ctx, func(tx *store.Tx) error { return tx.Delete(ctx, audience.Source{}, jane) })
	must(err)
	rights, err := compliance.NewRights(l, compliance.RightsOptions{})
	must(err)
	request, err := rights.Open(ctx, compliance.RequestAccess, compliance.RegimeGDPR, audience.Email("jane@example.com"), time.Time{})
	must(err)
	code, err := rights.Challenge(ctx, request.ID) // send it to that address
	must(err)
	_, err = rights.Prove(ctx, request.ID, code)
	must(err)
	var answer strings.Builder
	fmt.Println(rights.Access(ctx, request.ID, &answer))
	fmt.Println(strings.Contains(answer.String(), `"consent"`), strings.Contains(answer.String(), `"profile"`))

	nobody, err := rights.Open(ctx, compliance.RequestAccess, compliance.RegimeGDPR, audience.Email("joe@example.com"), time.Time{})
	fmt.Println(nobody.State, err)
	// Output:
	// <nil>
	// true false
	//  contact not found
}

// What else people may ask, and what a host may answer.
func ExampleRights() {
	ctx, l, jane := exampleLedger()
	rights, err := compliance.NewRights(l, compliance.RightsOptions{})
	must(err)
	operator := audience.Source{Actor: "operator-7"}
	ask := func(kind compliance.RequestKind) string {
		request, err := rights.Open(ctx, kind, compliance.RegimeGDPR, jane, time.Time{})
		must(err)
		_, err = rights.Attest(ctx, request.ID, operator)
		must(err)
		return request.ID
	}
	fmt.Println(rights.Rectify(ctx, ask(compliance.RequestRectification), "first_name", audience.NewPrivate("Joan")))
	fmt.Println(rights.Portability(ctx, ask(compliance.RequestPortability), io.Discard))
	fmt.Println(rights.Restrict(ctx, ask(compliance.RequestRestriction)))
	fmt.Println(rights.Lift(ctx, jane, operator, "it is settled, and she was told"))
	fmt.Println(rights.Object(ctx, ask(compliance.RequestObjection)))
	request, err := rights.Extend(ctx, ask(compliance.RequestErasure), "five systems to look through")
	fmt.Println(request.DueBy(), err)
	request, err = rights.Refuse(ctx, request.ID, "an invoice is open", operator)
	fmt.Println(request.State, err)
	for entry, err := range l.Audit(ctx, time.Time{}, time.Time{}) {
		if entry.Action == "request.refused" {
			fmt.Println(entry.Action, entry.Source.Actor, err)
		}
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// 2026-08-01 <nil>
	// refused <nil>
	// request.refused operator-7 <nil>
}

// After a backup was restored the register erases again whoever was erased
// since.
func ExampleRights_Replay() {
	ctx, l, jane := exampleLedger()
	rights, err := compliance.NewRights(l, compliance.RightsOptions{})
	must(err)
	request, err := rights.Open(ctx, compliance.RequestErasure, compliance.RegimeGDPR, jane, time.Time{})
	must(err)
	_, err = rights.Attest(ctx, request.ID, audience.Source{Actor: "operator-7"})
	must(err)
	_, err = rights.Erase(ctx, request.ID)
	must(err)
	var register bytes.Buffer
	_, err = rights.WriteRegister(ctx, &register)
	must(err)

	_, backup, _ := exampleLedger() // as it was before
	restored, err := compliance.NewRights(backup, compliance.RightsOptions{})
	must(err)
	report, err := restored.Replay(ctx, &register)
	fmt.Println(report.Erased, err)
	// Output: 1 <nil>
}

// Retention by category: what is too old goes, once somebody has looked at the
// preview.
func ExampleLifeCycle_Run() {
	ctx, l, jane := exampleLedger()
	_, err := l.Audience().Append(ctx, audience.EventWrite{Contact: jane, ID: "m1", Type: "email.opened", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	must(err)
	gate, err := compliance.NewGate(l, compliance.Policy{})
	must(err)
	cycle, err := compliance.NewLifeCycle(gate, nil)
	must(err)
	days, err := audience.ParsePeriod("90d")
	must(err)
	rule := compliance.LifeCycleRule{
		Name: "opens-90d", Do: compliance.ActionTrim, Why: "opens are kept for 90 days",
		Part: compliance.Part{Events: "email.opened", OlderThan: days},
	}
	for action, err := range cycle.Preview(ctx, rule) {
		fmt.Println(action.Contact, action.Parts, action.Skipped, err)
	}
	report, err := cycle.Run(ctx, rule, nil)
	fmt.Println(report.Parts, err)
	report, err = cycle.Run(ctx, rule, nil)
	fmt.Println(report.Parts, err)
	// Output:
	// 1 1  <nil>
	// 1 <nil>
	// 0 <nil>
}

// A decision lists every rule; a host adds a regime as a row.
func ExampleRegimes() {
	ctx, l, jane := exampleLedger()
	norway := compliance.RegimeRules{Regime: "no-markedsforing", Where: []string{"NO"}, Bases: []compliance.Basis{compliance.BasisConsent}}
	gate, err := compliance.NewGate(l, compliance.Policy{
		Regimes: append(compliance.Regimes(), norway),
		Facts:   func(*audience.Contact, *audience.Schema) compliance.Facts { return compliance.Facts{Country: "NO"} },
	})
	must(err)
	exampleGrant(ctx, l, jane)
	decision, err := gate.Check(ctx, compliance.Intent{Contact: jane})
	must(err)
	fmt.Println(decision.Allow, decision.Regimes)
	rule, _ := decision.Rule("consent.confirmed")
	fmt.Println(rule.Verdict == compliance.VerdictPass, rule.Basis)
	fmt.Println(decision.WriteText(io.Discard))
	// Output:
	// true [gdpr no-markedsforing]
	// true BGH I ZR 164/09
	// <nil>
}

// A proof can be read, kept and handed out as a receipt; a path to the root of
// a seal shows outsiders that nothing was written later.
func ExampleSeal_Inclusion() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	var heads bytes.Buffer
	seal, err := l.Seal(ctx, &heads)
	must(err)
	inclusion, err := seal.Inclusion(bytes.NewReader(heads.Bytes()), 1)
	must(err)
	fmt.Println(seal.Includes(&inclusion))
	proof, err := l.Proof(ctx, jane, audience.MarketingScope(), time.Time{})
	must(err)
	fmt.Println(proof.Attach(&seal, &heads))
	fmt.Println(proof.WriteText(io.Discard), proof.WriteJSON(io.Discard), proof.WriteReceipt(io.Discard, compliance.ReceiptDPV))
	inclusion.Hash[0]++
	fmt.Println(seal.Includes(&inclusion))
	// Output:
	// true
	// <nil>
	// <nil> <nil> <nil>
	// false
}
