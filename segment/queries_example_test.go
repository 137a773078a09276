package segment_test

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// liveShop is the engine of a shop with some segments.
func liveShop(ctx context.Context) (*store.Audience, *segment.Engine, error) {
	aud, err := shop(ctx, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		return nil, nil, err
	}
	engine, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	if err != nil {
		return nil, nil, err
	}
	_, err = engine.Apply(ctx,
		segment.Definition{Name: "buyer", Source: `events("purchase").within("60d").any()`},
		segment.Definition{Name: "vip", Source: `inSegment("buyer") && events("purchase").sum("value") > 100`},
	)
	return aud, engine, err
}

// Why is somebody not in a segment, and will that change by itself?
func ExampleEngine_Explain() {
	ctx := context.Background()
	_, engine, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, question := range []struct{ name, who string }{{"vip", "u2"}, {"buyer", "u1"}} {
		why, err := engine.Explain(ctx, question.name, audience.Key(question.who))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(why.Reveal("Customer " + question.who))
	}
	// Output:
	// Customer u2 is NOT in vip, as of 2026-03-01 12:00:00 UTC.
	//   yes      inSegment("buyer")   (changes by itself on 2026-03-02 12:00:00 UTC)
	//   no       events("purchase").sum("value") > 100   (is 40, 1 event, on 2026-01-01 12:00:00 UTC)
	// Any one of these alone would change that:
	//   events("purchase").sum("value") > 100   being yes
	// Time alone does not change that.
	// Customer u1 is in buyer, as of 2026-03-01 12:00:00 UTC.
	//   yes      events("purchase").within("60d").any()   (2 events, the first on 2026-02-01 12:00:00 UTC, the last on 2026-03-01 12:00:00 UTC, changes by itself on 2026-04-30 12:00:00 UTC)
	// Any one of these alone would change that:
	//   events("purchase").within("60d").any()   being no
	// If nothing else happens, the contact leaves by itself on 2026-04-30 12:00:00 UTC.
}

// Who would be in a segment, before there is one?
func ExampleEngine_Preview() {
	ctx := context.Background()
	_, engine, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	preview, err := engine.Preview(ctx, `events("purchase").count() > 1 && !inSegment("vip")`, segment.PreviewOptions{Sample: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(preview.Members.Len(), "of", preview.Of, preview.Sample)
	// Output:
	// 0 of 2 []
}

// Who will leave by time alone in the next weeks?
func ExampleEngine_Forecast() {
	ctx := context.Background()
	_, engine, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	forecast, err := engine.Forecast(ctx, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(forecast)
	for _, m := range forecast.Moves {
		fmt.Println(m.At.Format(time.DateOnly), m.Segment, m.Contact, m.Entered)
	}
	// Output:
	// By time alone, from 2026-03-01 12:00:00 UTC to 2026-05-01 00:00:00 UTC:
	//   buyer: 0 enter, 2 leave, from 2 to 0 members, first on 2026-03-02 12:00:00 UTC
	//   vip: 0 enter, 1 leave, from 1 to 0 members, first on 2026-04-30 12:00:00 UTC
	// 2026-03-02 buyer 2 false
	// 2026-04-30 buyer 1 false
	// 2026-04-30 vip 1 false
}

// What would a transaction change? Nothing of it is stored.
func ExampleEngine_WhatIf() {
	ctx := context.Background()
	_, engine, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	what, err := engine.WhatIf(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(ctx, audience.EventWrite{
			Contact: audience.Key("u2"), Type: "purchase", Time: tx.At(), Props: map[string]audience.Value{"value": audience.DoubleValue(99)},
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(what)
	// Output:
	// 1 contacts: 0 new, 0 gone
	//   vip: 1 enter, 0 leave
}

// What does a live segment cost?
func ExampleEngine_Plan() {
	ctx := context.Background()
	_, engine, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := engine.Plan("vip")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(plan)
	// Output:
	// inSegment("buyer")
	//   is found by the members of the other segment; depends on buyer; time changes it as it changes the other segment
	// events("purchase").sum("value") > 100
	//   is found by the value; reads events purchase with value; time changes it only when an event that was dated ahead takes place
}

// A store filters by what it knows of an expression, and the rest is asked
// here.
func ExampleExpression_Predicate() {
	ctx := context.Background()
	aud, _, err := liveShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	language, err := segment.LanguageOf(aud, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	expression, err := language.Compile(`!("vip" in contact.tags) && events("purchase").count() > 2`)
	if err != nil {
		fmt.Println(err)
		return
	}
	where, rest := expression.Predicate()
	fmt.Println(rest)
	err = aud.View(ctx, func(r *store.Reader) error {
		q := store.ProfileQuery{Parts: expression.Parts(), ContactQuery: store.ContactQuery{Where: where}}
		for p, err := range r.AllProfiles(ctx, q) {
			if err != nil {
				return err
			}
			is, err := expression.At(aud.Now()).Match(&p)
			if err != nil {
				return err
			}
			fmt.Println(p.Contact.ID, is)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// [events("purchase").count() > 2]
	// 1 true
	// 2 false
}
