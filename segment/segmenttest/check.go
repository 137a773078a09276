package segmenttest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// checkTries is how often Check looks again when somebody commits meanwhile.
const checkTries = 20

// A Difference is a contact of whom an engine and the reference evaluator say different things.
type Difference struct {
	Segment string
	Contact audience.ContactID
	Member  bool // what the engine says; the reference says the opposite
}

// Check compares all live segments of an engine with the reference evaluator, on the data that an audience has, at the
// position and the instant where the engine stands, and tells how many answers were compared. It changes nothing, reads
// all contacts once, and is good for a host's own data as well as for its tests. Functions are those of the host that the
// engine was opened with.
//
// Errors: [audience.ErrRetryable] when others commit all the time; a [*segment.SetError] for segments that name what has
// been renamed since they were applied; those of [segment.Engine.Sync] and [segment.Set.Evaluate].
func Check(
	ctx context.Context, aud *store.Audience, eng *segment.Engine, functions ...segment.Function,
) (compared int, differences []Difference, err error) {
	language, err := segment.LanguageOf(aud, segment.Options{Functions: functions})
	if err != nil {
		return 0, nil, err
	}
	for range checkTries {
		if err := eng.Sync(ctx, store.Position{}); err != nil {
			return 0, nil, err
		}
		set, err := language.CompileSet(eng.Definitions()...)
		if err != nil {
			return 0, nil, err
		}
		live := eng.Snapshot()
		var want *segment.Result
		err = aud.View(ctx, func(r *store.Reader) error {
			at, err := r.Position(ctx)
			if err != nil || at != live.Position {
				return err
			}
			want, err = set.Evaluate(ctx, r, live.At, nil)
			return err
		})
		if err != nil {
			return 0, nil, err
		}
		if want != nil && slices.Equal(want.Names(), live.Names()) {
			differences, err := differencesOf(live, want)
			return want.Contacts * len(want.Names()), differences, err
		}
	}
	return 0, nil, fmt.Errorf("segmenttest: others commit all the time: %w", audience.ErrRetryable)
}

func differencesOf(live *segment.Snapshot, want *segment.Result) (out []Difference, err error) {
	for _, name := range want.Names() {
		is, _ := live.Members(name)
		should, _ := want.Members(name)
		more, err := is.AndNot(should)
		if err != nil {
			return nil, err
		}
		less, err := should.AndNot(is)
		if err != nil {
			return nil, err
		}
		for id := range more.All() {
			out = append(out, Difference{Segment: name, Contact: id, Member: true})
		}
		for id := range less.All() {
			out = append(out, Difference{Segment: name, Contact: id})
		}
	}
	return out, nil
}

// String gives it in words for people. Nothing in it is personal.
func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "segment %s: the engine has contact %s ", d.Segment, d.Contact)
	if d.Member {
		b.WriteString("in, the reference out")
	} else {
		b.WriteString("out, the reference in")
	}
	return b.String()
}
