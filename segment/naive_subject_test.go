package segment_test

import (
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveSubject is what the naive reading is compared with: it answers true,
// false or unknown for a segment of a set.
type naiveSubject func(name string, p *audience.Profile, now time.Time) string

var errNaiveAlone = errors.New("there is no evaluator yet")

// naiveCompile compiles a set with the evaluator.
func naiveCompile(*naiveWorld, []naiveSegment) (naiveSubject, error) { return nil, errNaiveAlone }
