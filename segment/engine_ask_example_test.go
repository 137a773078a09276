package segment_test

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Explain says why a contact is in a segment or not, what was counted, which
// conditions decide, and when time will change it.
func ExampleEngine_Explain() {
	ctx := context.Background()
	eng, _, _ := openShopEngine(ctx)

	for _, name := range []string{"active", "vip"} {
		x, err := eng.Explain(ctx, name, audience.Key("u2"))
		check(err)
		fmt.Print(x.Reveal("Bob"))
	}
	// Output:
	// Bob is in active, as of 2026-03-01 12:00:00 UTC.
	//   yes      events("purchase").within("30d").any()   (1 event, on 2026-02-01 12:00:00 UTC, changes by itself on 2026-03-03 12:00:00 UTC)
	// Any one of these alone would change that:
	//   events("purchase").within("30d").any()   being no
	// If nothing else happens, the contact leaves by itself on 2026-03-03 12:00:00 UTC.
	// Bob is NOT in vip, as of 2026-03-01 12:00:00 UTC.
	//   no       events("purchase").sum("value") > 100   (is 60, 1 event, on 2026-02-01 12:00:00 UTC)
	// Any one of these alone would change that:
	//   events("purchase").sum("value") > 100   being yes
	// Time alone does not change that.
}

// Preview counts who an expression is true for, without making a segment of it.
func ExampleEngine_Preview() {
	ctx := context.Background()
	eng, _, _ := openShopEngine(ctx)

	p, err := eng.Preview(ctx, `inSegment("lapsed") && contact.city == "Oslo"`, segment.PreviewOptions{Sample: 3})
	check(err)
	fmt.Printf("%d of %d, such as contacts %v\n", p.Members.Len(), p.Of, p.Sample)
	// Output:
	// 1 of 3, such as contacts [3]
}

// Forecast says who will enter and leave by time alone.
func ExampleEngine_Forecast() {
	ctx := context.Background()
	eng, aud, _ := openShopEngine(ctx)

	f, err := eng.Forecast(ctx, aud.Now().AddDate(0, 1, 0))
	check(err)
	fmt.Print(f)
	next, _ := f.Next("active")
	fmt.Println("next to leave: contact", next.Contact, "on", next.At.Format(time.DateTime))
	// Output:
	// By time alone, from 2026-03-01 12:00:00 UTC to 2026-04-01 12:00:00 UTC:
	//   active: 0 enter, 2 leave, from 2 to 0 members, first on 2026-03-03 12:00:00 UTC
	//   lapsed: 2 enter, 0 leave, from 1 to 3 members, first on 2026-03-03 12:00:00 UTC
	//   vip: 0 enter, 0 leave, from 1 to 1 members
	// next to leave: contact 2 on 2026-03-03 12:00:00
}

// WhatIf says what a transaction would change, and rolls it back.
func ExampleEngine_WhatIf() {
	ctx := context.Background()
	eng, aud, _ := openShopEngine(ctx)

	w, err := eng.WhatIf(ctx, func(tx *store.Tx) error {
		if _, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("u4")}); err != nil {
			return err
		}
		_, err := tx.Append(ctx, purchase("u2", aud.Now()), purchase("u4", aud.Now()))
		return err
	})
	check(err)
	fmt.Print(w)
	// Output:
	// 2 contacts: 1 new, 0 gone
	//   active: 1 enter, 0 leave
	//   vip: 1 enter, 0 leave
}

// Plan says how each condition of a segment is decided, and what makes it dear.
func ExampleEngine_Plan() {
	ctx := context.Background()
	aud, _ := openShop(ctx)
	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = eng.Apply(ctx, segment.Definition{
		Name: "oslo", Source: `contact.city == "Oslo" && events("purchase").within("30d").any() && contact.city.startsWith("O")`,
	})
	check(err)

	plan, err := eng.Plan("oslo")
	check(err)
	fmt.Print(plan)
	// Output:
	// contact.city == "Oslo"
	//   is found by the value; reads field city; time does not change it; tells segments apart
	// events("purchase").within("30d").any()
	//   is found by the order of time; reads events purchase; time changes it for one contact after the other, in an order that all share
	// contact.city.startsWith("O")
	//   is evaluated contact by contact: it looks into a text; reads field city; time does not change it
	// Note: 1 condition is evaluated contact by contact, some microseconds at each change of what it reads
}

// Who was in a segment is kept, as it was believed then, and how it grew.
func ExampleEngine_AsOf() {
	ctx := context.Background()
	eng, _, clock := openShopEngine(ctx)
	check(eng.Advance(ctx, clock.Now())) // Run does this in the background
	clock.MoveTo(clock.Now().AddDate(0, 2, 0))
	check(eng.Advance(ctx, clock.Now()))

	for _, day := range []time.Time{
		time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	} {
		members, err := eng.AsOf(ctx, "active", day)
		check(err)
		fmt.Println(day.Format(time.DateOnly), members.Len())
	}
	// Output:
	// 2026-03-02 2
	// 2026-03-04 1
	// 2026-04-01 0
}

// Growth counts who came and went between two instants.
func ExampleEngine_Growth() {
	ctx := context.Background()
	eng, aud, clock := openShopEngine(ctx)
	check(eng.Advance(ctx, clock.Now()))
	from := clock.Now()
	clock.MoveTo(from.AddDate(0, 0, 1))
	_, err := aud.Append(ctx, purchase("u3", clock.Now()))
	check(err)
	clock.MoveTo(from.AddDate(0, 0, 3))
	check(eng.Advance(ctx, clock.Now()))

	g, err := eng.Growth(ctx, "active", from, clock.Now())
	check(err)
	fmt.Printf("%d members, %d entered, %d left: %d members; churn %.2f\n", g.MembersFrom, g.Entered, g.Left, g.MembersTo, g.Churn())

	days, err := eng.GrowthByDay(ctx, "active", audience.DateOf(from, aud.Zone()), audience.DateOf(clock.Now(), aud.Zone()))
	check(err)
	for _, d := range days {
		fmt.Printf("%s: %d entered, %d left, %d members in the end\n", d.Day, d.Entered, d.Left, d.Members)
	}
	// Output:
	// 2 members, 1 entered, 1 left: 2 members; churn 0.50
	// 2026-03-01: 2 entered, 0 left, 2 members in the end
	// 2026-03-02: 1 entered, 0 left, 3 members in the end
	// 2026-03-03: 0 entered, 1 left, 2 members in the end
	// 2026-03-04: 0 entered, 0 left, 2 members in the end
}

// A store filters by what it knows of an expression; the rest is asked of
// those who are left.
func ExampleExpression_Predicate() {
	ctx := context.Background()
	aud, _ := openShop(ctx)
	language, err := segment.LanguageOf(aud, segment.Options{})
	check(err)
	expression, err := language.Compile(`contact.city == "Oslo" && events("purchase").count() > 1`)
	check(err)

	where, rest := expression.Predicate()
	fmt.Println("asked here:", rest)
	check(aud.View(ctx, func(r *store.Reader) error {
		q := store.ProfileQuery{Parts: expression.Parts(), ContactQuery: store.ContactQuery{Where: where}}
		for p, err := range r.AllProfiles(ctx, q) {
			if err != nil {
				return err
			}
			is, err := expression.At(aud.Now()).Match(&p)
			if err != nil {
				return err
			}
			fmt.Println("contact", p.Contact.ID, is)
		}
		return nil
	}))
	// Output:
	// asked here: [events("purchase").count() > 1]
	// contact 1 true
	// contact 3 false
}
