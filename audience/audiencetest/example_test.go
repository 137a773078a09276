package audiencetest_test

import (
	"fmt"

	"github.com/audiencekit/audiencekit/audience/audiencetest"
)

// A shop of a million contacts costs nothing until somebody goes through it.
func ExampleShop() {
	shop := audiencetest.Shop{Contacts: 1_000_000, Seed: 1}
	for p := range shop.People() {
		if p.Country == "FR" && p.HasTag(0) && p.City != "" {
			fmt.Println(p.Index, p.City, p.Plan, p.TagNames())
			break
		}
	}
	n := 0
	for range shop.EventsOf(999_990) {
		n++
	}
	fmt.Println(n, "events of contact 999,990")
	// Output:
	// 492 Paris free [vip returns]
	// 9 events of contact 999,990
}
