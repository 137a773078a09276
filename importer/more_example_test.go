package importer_test

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// oldConsents is a gate: what somebody is said to have consented to long ago
// is asked for again.
type oldConsents struct{ now time.Time }

func (g oldConsents) Weigh(c importer.Claim) importer.Verdict {
	const years = 2
	if c.Outcome == audience.StatusSubscribed && c.Acted.Before(g.now.AddDate(-years, 0, 0)) {
		return importer.VerdictPending
	}
	return importer.VerdictAsPlanned
}

// The host's own rows, with a rule of its own: previewed, brought in, and found
// among the imports. In a transaction of the host's it is Write.
func ExampleGate() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": []byte("32 random bytes from your vault.")})
	check(err)
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys, Clock: func() time.Time { return now }})
	check(err)
	rows := func(yield func(*importer.Contact, error) bool) {
		for i, years := range []int{1, 5} {
			c := &importer.Contact{Line: i + 1, Status: audience.StatusSubscribed, Acted: now.AddDate(-years, 0, 0)}
			c.Write.Email = audience.MustAddress(fmt.Sprintf("person%d@example.com", i))
			if !yield(c, nil) {
				return
			}
		}
	}
	plan := &importer.Plan{Job: "shop-2026", Attestation: importer.Attestation{By: "Olga Host", Text: "They ticked the box at checkout."}}
	opts := importer.Options{Gate: oldConsents{now}, OnRow: func(r importer.RowResult) { fmt.Println(r.Line, r.Outcome, r.Recorded) }}
	preview, err := importer.PreviewContacts(ctx, aud, rows, plan, importer.Options{Gate: opts.Gate})
	check(err)
	fmt.Println("would create", preview.Created)
	_, err = importer.Contacts(ctx, aud, rows, plan, opts)
	check(err)
	for job, err := range importer.Jobs(ctx, aud) {
		check(err)
		fmt.Println(job.Name, job.State, job.Report.Created)
	}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		c := &importer.Contact{Status: audience.StatusUnsubscribed}
		c.Write.Email = audience.MustAddress("person0@example.com")
		results, _, err := importer.Write(ctx, tx, []*importer.Contact{c}, plan, opts)
		if err == nil {
			fmt.Println(results[0].Outcome, results[0].Recorded)
		}
		return err
	})
	check(err)
	// Output:
	// would create 2
	// 1 created granted
	// 2 created requested
	// shop-2026 done 2
	// updated withdrawn
}

// Rows that are equal count each, and the same file once more gives the same
// ids.
func ExampleEventIDs() {
	row := audience.EventWrite{Contact: audience.Key("u1"), Type: "purchase", Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	var file, again importer.EventIDs
	first, second := file.ID(&row), file.ID(&row)
	fmt.Println(first == second, first == again.ID(&row), second == again.ID(&row))
	// Output: false true true
}

// Items between commas; quotes keep an item with a comma together.
func ExampleParseList() {
	fmt.Println(importer.ParseList(`vip,"a, b"`))
	fmt.Println(importer.ParseList(`"vip`))
	// Output:
	// [vip a, b] true
	// [] false
}

// What imports kept for undoing goes when its time is over.
func ExampleSweep() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Clock: func() time.Time { return now }})
	check(err)
	email := audience.MustAddress("ann@example.com")
	_, err = aud.Put(ctx, audience.ContactWrite{Email: email})
	check(err)
	rows := func(yield func(*importer.Contact, error) bool) {
		yield(&importer.Contact{Line: 1, Write: audience.ContactWrite{Email: email, FirstName: audience.NewPrivate("Ann")}}, nil)
	}
	_, err = importer.Contacts(ctx, aud, rows, &importer.Plan{Job: "names", UndoFor: time.Hour}, importer.Options{})
	check(err)
	now = now.Add(time.Hour)
	fmt.Println(importer.Sweep(ctx, aud))
	// Output: 1 <nil>
}
