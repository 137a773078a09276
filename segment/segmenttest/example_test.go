package segmenttest_test

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A script on a store and an evaluator of one's own; within tests use Run.
func ExamplePlay() {
	script, err := segmenttest.Parse("win-back.txt", `
now 2026-03-01T08:00:00Z
field score int

contact ann score=3
contact bob score=1
event ann email.opened 2026-03-01T07:30:00Z

segment engaged =
  events("email.opened").within("30d").any()
    && contact.score > 2

expect engaged = ann
at 2026-03-31T07:29:59.999999Z
expect engaged = ann bob
advance 1us
expect engaged = nobody
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, clock := context.Background(), segmenttest.NewClock(script.Start)
	aud, err := store.Open(ctx, memstore.New(), "main", store.Options{Schema: script.Schema, Zone: script.Zone, Clock: clock.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(segmenttest.Play(ctx, script, aud, clock, segmenttest.Reference(aud)))
	// Output:
	// win-back.txt:15: expect engaged = ann bob
	//   at 2026-03-31T07:29:59.999999Z the members are: ann
	//   not in it, but should be: bob
	//   bob:
	//     no       events("email.opened").within("30d").any()
	//     no       contact.score > 2   (is 1)
}
