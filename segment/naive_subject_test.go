package segment_test

import (
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// naiveSubject is what the naive reading is compared with: it answers true,
// false or unknown for a segment of a set.
type naiveSubject func(name string, p *audience.Profile, now time.Time) string

// errNaiveAlone would say that there is nothing to compare with.
var errNaiveAlone = errors.New("there is no evaluator yet")

// naiveCompile compiles a set with the evaluator.
func naiveCompile(w *naiveWorld, defs []naiveSegment) (naiveSubject, error) {
	if w == nil {
		return nil, nil
	}
	language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
	if err != nil {
		return nil, err
	}
	sources := make([]segment.Definition, len(defs))
	for i, d := range defs {
		sources[i] = segment.Definition{Name: d.name, Source: d.tree.String()}
	}
	set, err := language.CompileSet(sources...)
	if err != nil {
		return nil, err
	}
	return func(name string, p *audience.Profile, now time.Time) string {
		truth, err := set.At(now).Truth(name, p)
		if err != nil {
			return err.Error()
		}
		return truth.String()
	}, nil
}
