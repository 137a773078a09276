package segmenttest_test

import (
	"testing"

	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// TestScripts holds the memory store and the reference evaluator to every script.
func TestScripts(t *testing.T) {
	segmenttest.Run(t, segmenttest.Scripts(), segmenttest.Memory)
}
