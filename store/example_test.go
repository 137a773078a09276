package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// openExample opens an audience as the examples want it. A host takes its
// secret from where it keeps secrets, and leaves the clock out.
func openExample(ctx context.Context) *store.Audience {
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		log.Fatal(err)
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Schema: audience.Schema{
			Fields: []audience.Field{{Name: "tier", Type: audience.TypeString}},
			Lists:  []audience.List{{Name: "news", Kind: audience.ListTopic}, {Name: "vip", Kind: audience.ListStatic}},
		},
		Keys:  keys,
		Clock: func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		log.Fatal(err)
	}
	return aud
}

// Open an audience in a store, put a contact and read her again.
func Example() {
	ctx := context.Background()
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		log.Fatal(err)
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}

	email, err := audience.ParseAddress("Ann@Example.com")
	if err != nil {
		log.Fatal(err)
	}
	res, err := aud.Put(ctx, audience.ContactWrite{
		Match:     audience.Key("u42"), // the host's own id
		Email:     email,
		FirstName: audience.NewPrivate("Ann"),
		Set:       map[string]audience.Value{"tier": audience.StringValue("gold")},
		AddTags:   []string{"b2c"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created:", res.Created)

	ann, err := aud.Contact(ctx, audience.Email("ann@example.com"))
	if err != nil {
		log.Fatal(err)
	}
	schema := aud.Schema()
	tier, _ := ann.Field(&schema, "tier").Str()
	fmt.Println(ann.Key(), ann.FirstName.Reveal(), tier, ann.TagNames())
	fmt.Println("in a log:", ann, ann.Email())
	// Output:
	// created: true
	// u42 Ann gold [b2c]
	// in a log: contact 1 v1 a***@***.com
}

// A batch is all or nothing. Its error names every item that was refused, so
// that a host can leave those out and try again.
func ExampleAudience_Update() {
	ctx := context.Background()
	aud := openExample(ctx)

	batch := []audience.ContactWrite{
		{Match: audience.Key("u1"), Email: audience.MustAddress("ann@example.com")},
		{Match: audience.Key("u2"), Set: map[string]audience.Value{"tier": audience.IntValue(3)}},
		{Match: audience.Key("u3"), Email: audience.MustAddress("ann@example.com")},
	}
	put := func(tx *store.Tx) error {
		_, err := tx.Put(ctx, batch...)
		return err
	}
	_, err := aud.Update(ctx, put)

	if refused, ok := errors.AsType[*audience.BatchError](err); ok {
		good := batch[:0:0]
		bad := map[int]bool{}
		for _, item := range refused.Items {
			fmt.Println(item)
			bad[item.Index] = true
		}
		for i, w := range batch {
			if !bad[i] {
				good = append(good, w)
			}
		}
		batch = good
		_, err = aud.Update(ctx, put)
	}
	fmt.Println("then:", len(batch), err)
	// Output:
	// item 1: fields.tier: type: a value of type string, not int
	// item 2: identity conflict: another contact has this address or external id; merge them, or detach it there first
	// then: 1 <nil>
}

// Only a record with evidence makes anybody mailable; a refusal needs none
// and counts at once.
func ExampleAudience_Record() {
	ctx := context.Background()
	aud := openExample(ctx)
	ann := audience.Key("u42")
	if _, err := aud.Put(ctx, audience.ContactWrite{Match: ann, Email: audience.MustAddress("ann@example.com")}); err != nil {
		log.Fatal(err)
	}
	show := func(what string) {
		p, err := aud.Profile(ctx, ann, audience.ProfileParts{Ledger: true, Suppressed: true})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s, mailable: %v\n", what, p.Status(aud.Now()).Status, p.Mailable(aud.Now()))
	}
	show("put")

	_, err := aud.Record(ctx, audience.ConsentWrite{
		Contact: ann, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn,
	})
	fmt.Println(err)

	_, err = aud.Record(ctx, audience.ConsentWrite{
		Contact: ann, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn,
		Evidence: []byte(`form "newsletter", version 3, confirmed by the link in message m-1`),
		Acted:    aud.Now().Add(-time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	show("granted")

	if _, err := aud.Record(ctx, audience.ConsentWrite{Contact: ann, Kind: audience.ConsentWithdrawn}); err != nil {
		log.Fatal(err)
	}
	show("withdrawn")
	// Output:
	// put: none, mailable: false
	// denied (evidence): a grant needs evidence: who attests, when, and what was said
	// granted: subscribed, mailable: true
	// withdrawn: unsubscribed, mailable: false
}

// All reads in a view see the same commit. Predicates choose contacts;
// iterators go through the pages by themselves.
func ExampleAudience_View() {
	ctx := context.Background()
	aud := openExample(ctx)
	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		for i, tier := range []string{"gold", "silver", "gold", ""} {
			w := audience.ContactWrite{Match: audience.Key(fmt.Sprintf("u%d", i+1))}
			if tier != "" {
				w.Set = map[string]audience.Value{"tier": audience.StringValue(tier)}
			}
			if _, err := tx.Put(ctx, w); err != nil {
				return err
			}
		}
		return tx.AddToList(ctx, "vip", audience.Source{}, audience.Key("u1"))
	})
	if err != nil {
		log.Fatal(err)
	}

	err = aud.View(ctx, func(r *store.Reader) error {
		schema := r.Schema()
		tier, _ := schema.FieldNamed("tier")
		vip, _ := schema.ListNamed("vip")
		is := func(p store.Predicate) {
			for c, err := range r.AllContacts(ctx, store.ContactQuery{Where: p}) {
				if err != nil {
					log.Fatal(err)
				}
				fmt.Println(c.Key())
			}
		}
		gold := store.Compare{
			Feature: store.Feature{Kind: store.FeatureField, Field: tier.ID}, Op: store.Equal, Value: audience.StringValue("gold"),
		}
		is(store.And{gold, store.Not{Part: store.OnList{List: vip}}})
		is(store.Not{Part: gold}) // not those whose tier nobody knows

		q := store.ContactQuery{Limit: 3}
		for {
			page, err := r.Contacts(ctx, q)
			if err != nil {
				return err
			}
			fmt.Println("page of", len(page.Items))
			if page.Next == "" {
				return nil
			}
			q.After = page.Next // may be kept as text until the next request
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// u3
	// u2
	// page of 3
	// page of 1
}

// A follower reads the feed from where it stopped, and keeps its position as
// text.
func ExampleAudience_Commits() {
	ctx := context.Background()
	aud := openExample(ctx)
	start, err := aud.Head(ctx)
	if err != nil {
		log.Fatal(err)
	}
	kept := start.String()

	if _, err := aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), FirstName: audience.NewPrivate("Ann")}); err != nil {
		log.Fatal(err)
	}
	if _, err := aud.Append(ctx, audience.EventWrite{
		Contact: audience.Key("u42"), ID: "order-1", Type: "purchase", Time: aud.Now(),
		Props: map[string]audience.Value{"value": audience.DoubleValue(19.9)},
	}); err != nil {
		log.Fatal(err)
	}

	after, err := store.ParsePosition(kept)
	if err != nil {
		log.Fatal(err) // audience.ErrPositionGone: rebuild from a snapshot
	}
	for {
		commits, err := aud.Commits(ctx, after, 100)
		if err != nil {
			log.Fatal(err)
		}
		if len(commits) == 0 {
			break
		}
		for _, c := range commits {
			for _, change := range c.Changes {
				fmt.Println(c.At.Format(time.DateOnly), change.Kind, "of contact", change.Contact)
			}
			after = c.Position
		}
	}
	// Output:
	// 2026-01-31 contact of contact 1
	// 2026-01-31 event of contact 1
}

// Merging makes one contact of two; it can be undone.
func ExampleTx_Merge() {
	ctx := context.Background()
	aud := openExample(ctx)
	work, err := aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u1"), Email: audience.MustAddress("ann@example.com")})
	if err != nil {
		log.Fatal(err)
	}
	home, err := aud.Put(ctx, audience.ContactWrite{Email: audience.MustAddress("ann@example.net")})
	if err != nil {
		log.Fatal(err)
	}
	show := func() {
		c, err := aud.Contact(ctx, audience.Email("ann@example.net"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("contact", c.ID, "addresses:", len(c.Addresses))
	}

	source := audience.Source{Kind: audience.SourceHost, Actor: "operator-7"}
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		return tx.Merge(ctx, audience.ID(work.ID), audience.ID(home.ID), source)
	})
	if err != nil {
		log.Fatal(err)
	}
	show()

	_, err = aud.Update(ctx, func(tx *store.Tx) error { return tx.Unmerge(ctx, home.ID, source) })
	if err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// contact 1 addresses: 2
	// contact 2 addresses: 1
}

// Who was erased does not come back with the next import.
func ExampleTx_Erase() {
	ctx := context.Background()
	aud := openExample(ctx)
	ann := audience.ContactWrite{Match: audience.Key("u42"), Email: audience.MustAddress("ann@example.com")}
	if _, err := aud.Put(ctx, ann); err != nil {
		log.Fatal(err)
	}
	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		return tx.Erase(ctx, audience.Source{Actor: "operator-7"}, audience.Key("u42"))
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = aud.Contact(ctx, audience.Key("u42"))
	fmt.Println(err)
	_, err = aud.Put(ctx, ann)
	fmt.Println(err)

	ann.Returning = true // she signed up again
	res, err := aud.Put(ctx, ann)
	fmt.Println(res.Created, err)
	// Output:
	// contact not found
	// denied (erased): the person was erased; only her own act brings her back (Returning)
	// true <nil>
}
