package segment

import (
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Growth says how a segment changed after From, up to and including To. As
// everything about the past it is as believed then and without the erased, so
// it can change when somebody is erased. MembersFrom + Entered - Left is
// MembersTo.
type Growth struct {
	From, To    time.Time
	MembersFrom int
	MembersTo   int
	Entered     int // times that somebody entered; one contact may count more than once
	Left        int // times that somebody left
}

// Churn is the share of the members at the beginning that left, as a number
// of times: it exceeds 1 when people leave who entered meanwhile. It is 0 of
// nobody.
func (g Growth) Churn() float64 {
	if g.MembersFrom == 0 {
		return 0
	}
	return float64(g.Left) / float64(g.MembersFrom)
}

// GrowthPoint is how a segment changed on one calendar day of the audience's
// zone.
type GrowthPoint struct {
	Day     audience.Date
	Members int // at the end of the day
	Entered int
	Left    int
}

// growth gives the growth of a segment between two instants. From before what
// the log keeps is a [*TrimmedError], To before From [audience.ErrInvalid].
func (l *transitionLog) growth(ctx context.Context, segment string, from, to time.Time) (Growth, error) {
	g := Growth{From: audience.FromMicros(audience.Micros(from)), To: audience.FromMicros(audience.Micros(to))}
	points, start, err := l.grow(ctx, segment, func(*store.Reader) ([]int64, error) {
		if g.To.Before(g.From) {
			return nil, &audience.FieldError{Path: "to", Rule: "range", Hint: "not before from"}
		}
		return []int64{audience.Micros(from), audience.Micros(to)}, nil
	})
	if err != nil {
		return Growth{}, err
	}
	g.MembersFrom, g.MembersTo, g.Entered, g.Left = start, points[0].Members, points[0].Entered, points[0].Left
	return g, nil
}

// maxGrowthDays bounds a series.
const maxGrowthDays = 3_660

// growthByDay gives the growth of a segment on each day from the first to the
// last of the audience's zone, at most 3,660. Days after the end of the log
// have the last members and no moves. Errors are those of growth.
func (l *transitionLog) growthByDay(ctx context.Context, segment string, first, last audience.Date) ([]GrowthPoint, error) {
	points, _, err := l.grow(ctx, segment, func(r *store.Reader) ([]int64, error) {
		if last < first {
			return nil, &audience.FieldError{Path: "days", Rule: "range", Hint: "the last not before the first"}
		}
		if int64(last)-int64(first) >= maxGrowthDays {
			return nil, &audience.FieldError{Path: "days", Rule: "max-items", Hint: fmt.Sprintf("at most %d days", maxGrowthDays), Limit: true}
		}
		calendar := audience.NewCalendar(r.Zone())
		edges := make([]int64, 0, int(last-first)+2)
		for i := range int(last-first) + 2 {
			start, ok := calendar.StartOfDate(first + audience.Date(i))
			if !ok {
				return nil, &audience.FieldError{Path: "days", Rule: "range", Hint: "days of the years 1 to 9999"}
			}
			edges = append(edges, audience.Micros(start)-1) // what happens at midnight is of the new day
		}
		return edges, nil
	})
	if err != nil {
		return nil, err
	}
	for i := range points {
		points[i].Day = first + audience.Date(i)
	}
	return points, nil
}

// grow gives what happens between edges, each of which is the last instant of
// the part before, and how many members there are at the first of them.
func (l *transitionLog) grow(
	ctx context.Context, segment string, edgesOf func(*store.Reader) ([]int64, error),
) (points []GrowthPoint, start int, err error) {
	err = l.aud.View(ctx, func(r *store.Reader) error {
		edges, err := edgesOf(r)
		if err != nil {
			return err
		}
		h, _, err := loadHead(ctx, r)
		if err != nil {
			return err
		}
		f, rest, err := foldAt(ctx, r, &h, segment, edges[0])
		if err != nil {
			return err
		}
		start = f.count
		points = make([]GrowthPoint, len(edges)-1)
		for i := range points {
			p := &points[i]
			if err := rest.each(ctx, edges[i+1], func(t *Transition) {
				switch {
				case !f.apply(uint32(t.Contact), t.Entered):
				case t.Entered:
					p.Entered++
				default:
					p.Left++
				}
			}); err != nil {
				return err
			}
			p.Members = f.count
		}
		return nil
	})
	return points, start, err
}
