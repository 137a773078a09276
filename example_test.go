package audiencekit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A shop asks whether a customer is in a segment. README.md shows the inner
// part; a test keeps the two alike.
func Example() {
	// README begins here.
	ctx := context.Background()
	// In production: 32 random bytes, kept with the host's other secrets.
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": []byte("an example key, and no secret at all")})
	check(err)
	email, err := audience.ParseAddress("ann@example.com")
	check(err)

	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
	check(err)
	engine, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = engine.Apply(ctx, segment.Definition{ // or a folder of NAME.cel: segment.Load(os.DirFS("segments"))
		Name: "buyers", Source: `contact.status == "subscribed" && events("purchase").within("1y").sum("value") > 100`,
	})
	check(err)
	buyers, err := engine.Segment("buyers")
	check(err)

	ann := audience.Key("u42") // your own id; audience.Email("ann@example.com") names her too
	_, err = aud.Put(ctx, audience.ContactWrite{Match: ann, Email: email})
	check(err)
	_, err = aud.Record(ctx, audience.ConsentWrite{
		Contact: ann, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("confirmed the link in the message of 3 May"),
	})
	check(err)
	_, err = aud.Append(ctx, audience.EventWrite{
		Contact: ann, Type: "purchase", Time: aud.Now(), Props: map[string]audience.Value{"value": audience.DoubleValue(129.90)},
	})
	check(err)

	check(engine.Sync(ctx, store.Position{})) // everything committed so far; engine.Run(ctx) does it in the background
	fmt.Println("may get the offer:", buyers.Has(ann))
	// README ends here.

	// Output: may get the offer: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
