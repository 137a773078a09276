package segment_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing/fstest"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// openShop opens the audience of the examples, on 1 March 2026 at noon: Ann
// (u1) bought something 5 and 40 days ago, Bob (u2) 28 days ago, Cleo (u3) 80
// days ago. The clock stands until it is moved.
func openShop(ctx context.Context) (*store.Audience, *segmenttest.Clock) {
	clock := segmenttest.NewClock(shopNoon())
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{
		Clock:  clock.Now,
		Schema: audience.Schema{Fields: []audience.Field{{Name: "city", Type: audience.TypeString}}},
	})
	check(err)
	_, err = aud.Update(ctx, func(tx *store.Tx) error {
		for _, c := range []struct {
			key, city string
			daysAgo   []int
		}{{"u1", "Oslo", []int{5, 40}}, {"u2", "Graz", []int{28}}, {"u3", "Oslo", []int{80}}} {
			_, err := tx.Put(ctx, audience.ContactWrite{
				Match: audience.Key(c.key), Set: map[string]audience.Value{"city": audience.StringValue(c.city)},
			})
			if err != nil {
				return err
			}
			for _, days := range c.daysAgo {
				if _, err := tx.Append(ctx, purchase(c.key, clock.Now().AddDate(0, 0, -days))); err != nil {
					return err
				}
			}
		}
		return nil
	})
	check(err)
	return aud, clock
}

func shopNoon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// purchase is one of 60.00.
func purchase(key string, at time.Time) audience.EventWrite {
	return audience.EventWrite{
		Contact: audience.Key(key), Type: "purchase", Time: at,
		Props: map[string]audience.Value{"value": audience.DoubleValue(60)},
	}
}

// shopSegments are the segments of the examples.
func shopSegments() []segment.Definition {
	return []segment.Definition{
		{Name: "active", Source: `events("purchase").within("30d").any()`},
		{Name: "lapsed", Source: `events("purchase").any() && !inSegment("active")`},
		{Name: "vip", Source: `events("purchase").sum("value") > 100`},
	}
}

// openShopEngine opens the audience and an engine with the segments.
func openShopEngine(ctx context.Context) (*segment.Engine, *store.Audience, *segmenttest.Clock) {
	aud, clock := openShop(ctx)
	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = eng.Apply(ctx, shopSegments()...)
	check(err)
	return eng, aud, clock
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// An engine is opened once at the start of a process. It goes on with the
// segments that were applied last; applying a folder of files at every start
// changes nothing while the files stay the same.
func ExampleOpenEngine() {
	ctx := context.Background()
	aud, _ := openShop(ctx)

	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	defs, err := segment.Load(fstest.MapFS{ // os.DirFS("segments"), or an embed.FS
		"active.cel": {Data: []byte(`events("purchase").within("30d").any()`)},
		"lapsed.cel": {Data: []byte(`events("purchase").any() && !inSegment("active")`)},
	})
	check(err)
	diff, err := eng.Apply(ctx, defs...)
	check(err)

	fmt.Println("added:", diff.Added)
	for _, name := range diff.Added {
		live, err := eng.Segment(name)
		check(err)
		fmt.Println(live.Name(), live.Len())
	}
	// Output:
	// added: [active lapsed]
	// active 2
	// lapsed 1
}

// A shop decides for every request. The live segment is found once; asking it
// needs no context, gives no error, allocates nothing, and is right to the
// microsecond.
func ExampleLive_Has() {
	eng, _, clock := openShopEngine(context.Background())
	active, err := eng.Segment("active")
	check(err)

	fmt.Println("Bob:", active.Has(audience.Key("u2")))
	clock.MoveTo(time.Date(2026, 3, 3, 11, 59, 59, 999_999_000, time.UTC))
	fmt.Println("one microsecond before the 30 days are over:", active.Has(audience.Key("u2")))
	clock.MoveTo(time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC))
	fmt.Println("when they are:", active.Has(audience.Key("u2")))
	fmt.Println("a stranger:", active.Has(audience.Key("u999")))
	// Output:
	// Bob: true
	// one microsecond before the 30 days are over: true
	// when they are: false
	// a stranger: false
}

// What was written is seen after Sync with the position that Update gives:
// reading one's own writes.
func ExampleEngine_Sync() {
	ctx := context.Background()
	eng, aud, _ := openShopEngine(ctx)
	active, err := eng.Segment("active")
	check(err)

	position, err := aud.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(ctx, purchase("u3", aud.Now()))
		return err
	})
	check(err)
	fmt.Println("before:", active.Has(audience.Key("u3")))
	check(eng.Sync(ctx, position)) // the zero position stands for everything committed so far
	fmt.Println("after: ", active.Has(audience.Key("u3")))
	// Output:
	// before: false
	// after:  true
}

// A follower is told of everybody who enters or leaves, whatever the reason.
// Run does the work in the background; in a test Advance does it at once.
func ExampleEngine_Follow() {
	ctx, cancel := context.WithCancel(context.Background())
	eng, aud, clock := openShopEngine(ctx)
	background := make(chan error)
	go func() { background <- eng.Run(ctx) }()

	_, err := aud.Append(ctx, purchase("u3", aud.Now())) // Cleo is back,
	check(err)
	check(eng.Sync(ctx, store.Position{}))
	clock.MoveTo(clock.Now().AddDate(0, 0, 2)) // and 30 days have passed since Bob bought something

	told := 0
	err = eng.Follow(ctx, "winback-mails", segment.FollowOptions{FromStart: true}, func(_ context.Context, batch []segment.Transition) error {
		for _, t := range batch {
			if t.Causes.Has(segment.CauseDefinition) {
				continue // who was there when the segments were applied
			}
			fmt.Printf("contact %d %s: entered %v, %s, %s\n", t.Contact, t.Segment, t.Entered, t.At.Format(time.DateOnly), t.Causes)
			if told++; told == 5 {
				cancel() // this example has seen enough
			}
		}
		return nil
	})
	fmt.Println(errors.Is(err, context.Canceled), errors.Is(<-background, context.Canceled))
	// Output:
	// contact 3 active: entered true, 2026-03-01, event
	// contact 3 lapsed: entered false, 2026-03-01, event
	// contact 3 vip: entered true, 2026-03-01, event
	// contact 2 active: entered false, 2026-03-03, time
	// contact 2 lapsed: entered true, 2026-03-03, time
	// true true
}

// A snapshot holds several segments at one instant and one position. Their
// members are sets, which can be combined.
func ExampleEngine_Snapshot() {
	eng, _, _ := openShopEngine(context.Background())

	s := eng.Snapshot("active", "vip")
	active, _ := s.Members("active")
	vip, _ := s.Members("vip")
	rest, err := active.AndNot(vip)
	check(err)
	both, err := active.Overlap(vip)
	check(err)

	fmt.Println(s.At.Format(time.DateTime), "active:", active.Len(), "vip too:", both)
	for id := range rest.All() {
		fmt.Println("active and no vip: contact", id)
	}
	// Output:
	// 2026-03-01 12:00:00 active: 2 vip too: 1
	// active and no vip: contact 2
}

// Diff tells what applying other definitions would do, before it is done.
func ExampleEngine_Diff() {
	ctx := context.Background()
	eng, _, _ := openShopEngine(ctx)

	diff, err := eng.Diff(ctx,
		segment.Definition{Name: "active", Source: `events("purchase").within("14d").any()`}, // it was 30d
		segment.Definition{Name: "lapsed", Source: `events("purchase").any() && !inSegment("active")`},
	)
	check(err)
	fmt.Print(diff)
	for id := range diff.Segments[0].Left.All() { // which a UI shows as it likes
		fmt.Println("no longer", diff.Segments[0].Name, "contact", id)
	}
	// Output:
	// changed: active
	// retired: vip
	//   active: 0 enter, 1 leave
	//   lapsed: 1 enter, 0 leave
	//   vip: 0 enter, 1 leave
	// no longer active contact 2
}

// CheckSchema says which live segments speak of something that a new schema
// calls otherwise. They go on as they are; only their text has to be written
// anew before it is applied again.
func ExampleEngine_CheckSchema() {
	ctx := context.Background()
	aud, _ := openShop(ctx)
	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = eng.Apply(ctx, segment.Definition{Name: "oslo", Source: `contact.city == "Oslo"`})
	check(err)

	fmt.Println(eng.CheckSchema(audience.Schema{
		Fields: []audience.Field{{Name: "town", Renamed: "city", Type: audience.TypeString}},
	}, nil))
	// Output:
	// oslo:1:9: the contact has no field "city" (declare it in the schema)
}
