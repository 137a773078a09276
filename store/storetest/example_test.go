package storetest_test

import (
	"fmt"
	"testing"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
	"github.com/audiencekit/audiencekit/store/storetest"
)

// The whole test of an adapter.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		storetest.Run(t, storetest.Harness{
			New: func(testing.TB) store.Adapter { return memstore.New() },
			Lacks: []storetest.Lack{
				{Feature: storetest.FeatureOverlap, Reason: "a partition has one writer at a time"},
			},
		})
	}
}

// The topics and how many checks each of them has.
func ExampleChecks() {
	var topics []string
	count := make(map[string]int)
	for _, c := range storetest.Checks() {
		if count[c.Topic] == 0 {
			topics = append(topics, c.Topic)
		}
		count[c.Topic]++
	}
	for _, topic := range topics {
		fmt.Printf("%-13s %2d\n", topic, count[topic])
	}
	fmt.Printf("%-13s %2d\n", "all", len(storetest.Checks()))
	// Output:
	// batches        4
	// concurrency    7
	// consent        6
	// contacts      10
	// deletion       3
	// events         9
	// feed          14
	// identities     8
	// ids            6
	// isolation      4
	// ledger         8
	// lifecycle      5
	// lists          4
	// merges         7
	// pages          3
	// positions      7
	// records       10
	// schema         5
	// snapshots      5
	// suppressions   5
	// transactions  12
	// all           142
}
