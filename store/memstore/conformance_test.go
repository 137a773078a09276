package memstore_test

import (
	"testing"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
	"github.com/audiencekit/audiencekit/store/storetest"
)

func harness() storetest.Harness {
	return storetest.Harness{
		New:   func(testing.TB) store.Adapter { return memstore.New() },
		Lacks: []storetest.Lack{{Feature: storetest.FeatureOverlap, Reason: "a partition has one writer at a time"}},
	}
}

// TestConformance holds the store against the contract of package store.
func TestConformance(t *testing.T) { storetest.Run(t, harness()) }

// BenchmarkConformance measures what the suite measures of any adapter.
func BenchmarkConformance(b *testing.B) { storetest.Bench(b, harness()) }
