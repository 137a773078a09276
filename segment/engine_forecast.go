package segment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// defaultForecastLimit is how many moves a forecast lists.
const defaultForecastLimit = 100_000

// Forecast says who will enter and leave segments by time alone, if nothing
// else happens: no event, no change of a contact, no definition.
type Forecast struct {
	From     time.Time      // the instant of the engine: nothing up to it is told
	To       time.Time      // everything up to it is
	Position store.Position // the position of the engine

	// Moves are in order of instant, segment name and contact. When there are
	// more than [EngineOptions.ForecastLimit] the first of them are listed and
	// Cut is true; the counts are of all.
	Moves    []Forecasted
	Cut      bool
	Segments []ForecastCount // in order of their names

	next map[string]Forecasted
	zone *time.Location
}

// Forecasted is one contact entering or leaving one segment by time.
type Forecasted struct {
	Segment string
	Contact audience.ContactID
	Entered bool // false: leaves
	At      time.Time
}

// ForecastCount is what time alone does to one segment.
type ForecastCount struct {
	Name           string
	Before, After  int // members at the beginning and at the end
	Entering       int // how often somebody enters; somebody may do so several times
	Leaving        int // how often somebody leaves
	FirstMove      time.Time
	FirstMoveKnown bool // false: nobody enters or leaves, and FirstMove is zero
}

// Next gives the first that happens to a segment; false when nothing does up
// to the end of the forecast.
func (f *Forecast) Next(segment string) (Forecasted, bool) {
	next, ok := f.next[segment]
	return next, ok
}

// String tells the counts in a line for each segment. Nothing in it is
// personal.
func (f *Forecast) String() string {
	var b strings.Builder
	shown := func(t time.Time) string {
		if f.zone != nil {
			t = t.In(f.zone)
		}
		return t.Format("2006-01-02 15:04:05 MST")
	}
	fmt.Fprintf(&b, "By time alone, from %s to %s:\n", shown(f.From), shown(f.To))
	for _, s := range f.Segments {
		fmt.Fprintf(&b, "  %s: %d enter, %d leave, from %d to %d members", s.Name, s.Entering, s.Leaving, s.Before, s.After)
		if s.FirstMoveKnown {
			b.WriteString(", first on " + shown(s.FirstMove))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Forecast finds out who will enter and leave some segments by time alone up
// to an instant, of all segments without any name. It is exact: it is what the
// engine will do if nothing else happens.
//
// It goes through the contacts once for each order that windows over the
// segments need, and then from one instant at which something is due to the
// next; how many those are depends on the segments, not on how far it looks.
// Segments that are decided row by row by the hour or the day are looked at
// that often for everybody. Reads go on meanwhile; what is committed is
// applied afterwards. The context may end it.
//
// Errors: [audience.ErrInvalid] for an instant before the engine's or after
// the year 9000; [audience.ErrNotFound] for a name of no segment; those of
// [Moment.Match]; [Engine.Err]; the context's.
func (e *Engine) Forecast(ctx context.Context, until time.Time, names ...string) (*Forecast, error) {
	to := audience.Micros(until)
	if to < earliestClock() || to > latestClock() {
		return nil, &audience.FieldError{Path: "until", Rule: "range", Hint: "an instant in the years 1000 to 9000"}
	}
	if err := e.follow(ctx); err != nil { // the columns stay as they are
		return nil, err
	}
	defer e.unfollow()
	f, basis, err := e.forecastBasis(to, names)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit := e.opts.ForecastLimit
	if limit <= 0 {
		limit = defaultForecastLimit
	}
	return f, f.run(ctx, basis.Fork(), to, limit)
}

func (e *Engine) forecastBasis(to int64, names []string) (*Forecast, *live.Basis, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(audience.Micros(e.aud.Now())); err != nil {
		return nil, nil, err
	}
	core := e.state.Load().core
	if to < core.Now() {
		return nil, nil, &audience.FieldError{Path: "until", Rule: "range", Hint: "an instant that is not over"}
	}
	if len(names) == 0 {
		names = e.set.Names()
	}
	names = slices.Clone(names)
	slices.Sort(names)
	f := &Forecast{
		From: audience.FromMicros(core.Now()), To: audience.FromMicros(to), Position: e.position, next: map[string]Forecasted{},
		zone: e.aud.Zone(),
	}
	for _, name := range slices.Compact(names) {
		s := core.Segment(name)
		if s == nil {
			return nil, nil, &audience.NotFoundError{Kind: "segment", Name: name}
		}
		f.Segments = append(f.Segments, ForecastCount{Name: name, Before: s.Len(), After: s.Len()})
	}
	return f, core.Basis(names, to), nil
}

// run lets time pass in a fork.
func (f *Forecast) run(ctx context.Context, fork *live.Core, to int64, limit int) error {
	places := make(map[string]int, len(f.Segments))
	for i, s := range f.Segments {
		places[s.Name] = i
	}
	note := func(at int64, moves []live.Move) error {
		for _, m := range moves {
			if i, ok := places[m.Segment.Name()]; ok {
				f.note(&f.Segments[i], Forecasted{m.Segment.Name(), audience.ContactID(m.Contact), m.Entered, audience.FromMicros(at)}, limit)
			}
		}
		return nil
	}
	for at := fork.Earliest(); at <= to; at = fork.Earliest() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fork.Settle(at, note); err != nil {
			return err
		}
	}
	return nil
}

func (f *Forecast) note(s *ForecastCount, m Forecasted, limit int) {
	if m.Entered {
		s.Entering++
		s.After++
	} else {
		s.Leaving++
		s.After--
	}
	if !s.FirstMoveKnown {
		s.FirstMove, s.FirstMoveKnown = m.At, true
		f.next[m.Segment] = m
	}
	if len(f.Moves) == limit {
		f.Cut = true
		return
	}
	f.Moves = append(f.Moves, m)
}
