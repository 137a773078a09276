package storetest

import (
	"testing"

	"github.com/audiencekit/audiencekit/store"
)

// TestOverlapping holds an adapter with many writers against the suite.
func TestOverlapping(t *testing.T) {
	Run(t, Harness{New: func(testing.TB) store.Adapter { return newOverlapping(planted{}) }})
}
