package compliance_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// A gate says whether a message may go out, and which rules say no.
func ExampleGate_Check() {
	ctx, l, jane := exampleLedger()
	gate, err := compliance.NewGate(l, compliance.Policy{
		Facts: func(*audience.Contact, *audience.Schema) compliance.Facts { return compliance.Facts{Country: "FR"} },
	})
	must(err)
	before, _ := gate.Check(ctx, compliance.Intent{Contact: jane})
	fmt.Println(before.Allow, before.Denied)
	exampleGrant(ctx, l, jane)
	after, _ := gate.Check(ctx, compliance.Intent{Contact: jane})
	fmt.Println(after.Allow, after.Regimes, "and the message must carry:")
	for _, o := range after.Obligations {
		fmt.Println("-", o.ID)
	}
	// Output:
	// false [consent.given]
	// true [gdpr] and the message must carry:
	// - list-unsubscribe
	// - sender-identity
	// - objection-notice
	// - no-open-tracking
}

// A permit holds a place under the caps while the message waits in a queue.
func ExampleGate_Acquire() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	gate, err := compliance.NewGate(l, compliance.Policy{Caps: []compliance.Cap{{Most: 1, Within: 24 * time.Hour}}})
	must(err)
	permit, _, _ := gate.Acquire(ctx, compliance.Intent{Contact: jane})
	_, second, _ := gate.Acquire(ctx, compliance.Intent{Contact: jane})
	fmt.Println("a second one:", second.Denied)

	// When the message leaves the queue; a permit that was held for too long is
	// renewed, if its place is free.
	d, _ := gate.Recheck(ctx, permit)
	if slices.Equal(d.Denied, []string{"permit"}) {
		permit, d, _ = gate.Renew(ctx, permit)
	}
	if d.Allow {
		fmt.Println("handed over:", gate.Commit(ctx, permit) == nil)
	}
	for d, err := range gate.CheckAll(ctx, slices.Values([]audience.ContactID{permit.Contact}), compliance.Intent{}) {
		fmt.Println("all of them:", d.Allow, err)
	}
	// Output:
	// a second one: [cap]
	// handed over: true
	// all of them: false <nil>
}

// Whoever asks proves that the mailbox is hers; then every holder forgets her.
func ExampleRights_Erase() {
	ctx, l, jane := exampleLedger()
	rights, err := compliance.NewRights(l, compliance.RightsOptions{}) // Holders: your own tables
	must(err)
	request, err := rights.Open(ctx, compliance.RequestErasure, compliance.RegimeGDPR, jane, time.Time{})
	must(err)
	fmt.Println("due by", request.DueBy())
	code, _ := rights.Challenge(ctx, request.ID) // send it to her address
	_, err = rights.Prove(ctx, request.ID, code)
	must(err)
	report, err := rights.Erase(ctx, request.ID)
	fmt.Println("complete:", report.Complete, err)
	n, err := rights.WriteRegister(ctx, io.Discard) // to where the backups do not go
	fmt.Println("lines of the register:", n, err)
	// Output:
	// due by 2026-06-01
	// complete: true <nil>
	// lines of the register: 2 <nil>
}

// A rule says whom it is about, what happens to them and why; a preview shows
// it before anything happens.
func ExampleLifeCycle() {
	ctx, l, jane := exampleLedger()
	exampleGrant(ctx, l, jane)
	gate, err := compliance.NewGate(l, compliance.Policy{})
	must(err)
	cycle, err := compliance.NewLifeCycle(gate, nil)
	must(err)
	_, sunset, _ := compliance.SunsetPolicy{}.Segments()
	fmt.Println(sunset)
	rule := compliance.LifeCycleRule{
		Name: "sunset", Do: compliance.ActionSunset, Why: "silent for 270 days",
		// Here the members of the segment; a host asks its engine.
		Who: func(context.Context) iter.Seq2[audience.ContactID, error] {
			return func(yield func(audience.ContactID, error) bool) { yield(1, nil) }
		},
	}
	for action, err := range cycle.Preview(ctx, rule) {
		fmt.Println(action.Do, action.Contact, action.Why, err)
	}
	report, err := cycle.Run(ctx, rule, nil)
	fmt.Println(report.Done, err)
	// Output:
	// contact.status == "subscribed" && contact.created_at < ago("270d")
	//   && events("email.clicked").within("270d").none()
	//   && events("purchase").within("270d").none()
	// sunset 1 silent for 270 days <nil>
	// 1 <nil>
}

// Deadlines of requests are days; where a rule can be read in two ways they
// are the earlier one.
func ExampleDeadlinesOf() {
	arrived, _ := audience.ParseDate("2026-01-31")
	d, _ := compliance.DeadlinesOf(compliance.RegimeGDPR, compliance.RequestAccess, arrived, nil)
	fmt.Println(d.Due, d.Latest, d.Extended)
	// Output: 2026-02-28 2026-03-02 2026-04-28
}

// An export goes past the gate, too: only those who may be written to leave.
func ExampleGate_Exports() {
	_, l, _ := exampleLedger()
	gate, err := compliance.NewGate(l, compliance.Policy{})
	must(err)
	fmt.Println(gate.Exports(compliance.Intent{})) // hand it to exporter.Contacts
	// Output: compliance for marketing
}
