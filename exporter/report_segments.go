package exporter

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Set is a set of contacts that knows how many it has and how many of them are
// in another one, such as segment.Members.
type Set[S any] interface {
	Len() int
	Overlap(other S) (int, error)
}

// SegmentFigures are what a report says of one segment.
type SegmentFigures[S Set[S]] struct {
	Name string
	// Members are those of one instant for all segments, as in a snapshot.
	Members S
	// Days tell how the segment came there, ascending, the same days for all
	// segments; without any the report says nothing of growth. One element of
	// what segment.Engine.GrowthByDay gives converts as it is: SegmentDay(p).
	Days []SegmentDay
}

// SegmentDay is how a segment changed on one day.
type SegmentDay struct {
	Day     audience.Date
	Members int // at the end of the day
	Entered int
	Left    int
}

// MaxReportSegments bounds the segments of one report: each is compared with
// each.
const MaxReportSegments = 200

const (
	drawnSegments = 8  // lines of a chart that can be told apart
	shownOverlaps = 40 // pairs of segments
)

// SegmentReport makes a report of segments: their sizes, how they grew, who
// left (churn: times that somebody left per member at the beginning) and what
// they share. Charts of growth show the largest eight segments, overlaps the
// forty largest pairs; the table of sizes has all of them, largest first. The
// subtitle is the period, if there are days; the title is the caller's.
//
// Errors: [audience.ErrLimit] for more than 200 segments or 5,000 days,
// [audience.ErrInvalid] for days of one segment that are not those of the
// first; those of Overlap.
func SegmentReport[S Set[S]](segments []SegmentFigures[S]) (Report, error) {
	if len(segments) > MaxReportSegments {
		return Report{}, &audience.FieldError{Path: "segments", Rule: "max-items", Hint: fmt.Sprintf("at most %d segments", MaxReportSegments), Limit: true}
	}
	if err := sameDays(segments); err != nil {
		return Report{}, err
	}
	bySize := slices.Clone(segments)
	slices.SortStableFunc(bySize, func(a, b SegmentFigures[S]) int {
		return cmp.Or(cmp.Compare(b.Members.Len(), a.Members.Len()), cmp.Compare(a.Name, b.Name))
	})
	r := Report{Facts: []Fact{{Label: "Segments", Value: count(len(bySize))}}}
	if len(bySize) > 0 {
		r.Facts = append(r.Facts, Fact{Label: "Largest", Value: count(bySize[0].Members.Len()), Note: bySize[0].Name})
	}
	sizes := Chart{Title: "Members", Kind: Bar}
	for _, s := range bySize {
		sizes.Points = append(sizes.Points, Point{Label: s.Name, Values: []float64{float64(s.Members.Len())}})
	}
	r.Charts = append(r.Charts, sizes)
	if len(bySize) > 0 && len(bySize[0].Days) > 0 {
		addGrowth(&r, bySize)
	} else {
		r.Tables = append(r.Tables, sizeTable(bySize))
	}
	overlaps, err := overlapTable(bySize)
	if err != nil {
		return Report{}, err
	}
	if len(overlaps.Rows) > 0 {
		r.Tables = append(r.Tables, overlaps)
	}
	return r, nil
}

func sameDays[S Set[S]](segments []SegmentFigures[S]) error {
	for i, s := range segments {
		at := fmt.Sprintf("segments[%d].days", i)
		if len(s.Days) > MaxChartPoints {
			return &audience.FieldError{Path: at, Rule: "max-items", Hint: fmt.Sprintf("at most %d days", MaxChartPoints), Limit: true}
		}
		ascending := true
		for j := 1; j < len(s.Days); j++ {
			ascending = ascending && s.Days[j-1].Day < s.Days[j].Day
		}
		same := slices.EqualFunc(s.Days, segments[0].Days, func(a, b SegmentDay) bool { return a.Day == b.Day })
		if !same || !ascending {
			return &audience.FieldError{Path: at, Rule: "days", Hint: "the same days as the first segment's, ascending, each once"}
		}
	}
	return nil
}

// addGrowth adds what days tell: there is at least one.
func addGrowth[S Set[S]](r *Report, segments []SegmentFigures[S]) {
	days := segments[0].Days
	r.Subtitle = days[0].Day.String() + " to " + days[len(days)-1].Day.String()
	members := Chart{Title: "Members at the end of the day"}
	drawn := segments[:min(len(segments), drawnSegments)]
	for _, s := range drawn {
		members.Series = append(members.Series, s.Name)
	}
	moves := Chart{Title: "Entered and left", Kind: Bar, Series: []string{"entered", "left"}}
	totals := [2]int{}
	for i, day := range days {
		at := day.Day.In(time.UTC)
		p := Point{At: at}
		for _, s := range drawn {
			p.Values = append(p.Values, float64(s.Days[i].Members))
		}
		members.Points = append(members.Points, p)
		entered, left := 0, 0
		for _, s := range segments {
			entered += s.Days[i].Entered
			left += s.Days[i].Left
		}
		totals[0], totals[1] = totals[0]+entered, totals[1]+left
		moves.Points = append(moves.Points, Point{At: at, Values: []float64{float64(entered), -float64(left)}})
	}
	r.Facts = append(r.Facts,
		Fact{Label: "Entered", Value: count(totals[0]), Note: "all segments together"},
		Fact{Label: "Left", Value: count(totals[1]), Note: "all segments together"},
	)
	r.Charts = append(r.Charts, members, moves)
	r.Tables = append(r.Tables, growthTable(segments))
}

func sizeTable[S Set[S]](segments []SegmentFigures[S]) Table {
	t := Table{Title: "Segments", Columns: []TableColumn{{Title: "segment"}, {Title: "members", Align: Right}}}
	for _, s := range segments {
		t.Rows = append(t.Rows, []string{s.Name, count(s.Members.Len())})
	}
	return t
}

func growthTable[S Set[S]](segments []SegmentFigures[S]) Table {
	t := Table{Title: "Segments", Columns: []TableColumn{
		{Title: "segment"},
		{Title: "members", Align: Right},
		{Title: "at the beginning", Align: Right},
		{Title: "entered", Align: Right},
		{Title: "left", Align: Right},
		{Title: "at the end", Align: Right},
		{Title: "churn", Align: Right},
	}}
	for _, s := range segments {
		first, last := s.Days[0], s.Days[len(s.Days)-1]
		begin := first.Members - first.Entered + first.Left
		entered, left := 0, 0
		for _, day := range s.Days {
			entered += day.Entered
			left += day.Left
		}
		churn := "-" // of nobody
		if begin > 0 {
			churn = percent(left, begin)
		}
		t.Rows = append(t.Rows, []string{
			s.Name, count(s.Members.Len()), count(begin), count(entered), count(left), count(last.Members), churn,
		})
	}
	return t
}

// overlapTable lists the pairs of segments that share most, those that share
// nobody left out.
func overlapTable[S Set[S]](segments []SegmentFigures[S]) (Table, error) {
	type pair struct {
		a, b *SegmentFigures[S]
		both int
	}
	var pairs []pair
	for i := range segments {
		for j := i + 1; j < len(segments); j++ {
			a, b := &segments[i], &segments[j]
			both, err := a.Members.Overlap(b.Members)
			if err != nil {
				return Table{}, fmt.Errorf("overlap of %s and %s: %w", a.Name, b.Name, err)
			}
			if both > 0 {
				pairs = append(pairs, pair{a, b, both})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int { return cmp.Compare(q.both, p.both) })
	t := Table{Title: "Overlaps", Columns: []TableColumn{
		{Title: "segment"},
		{Title: "and"},
		{Title: "in both", Align: Right},
		{Title: "of the first", Align: Right},
		{Title: "of the second", Align: Right},
	}}
	for _, p := range pairs[:min(len(pairs), shownOverlaps)] {
		t.Rows = append(t.Rows, []string{
			p.a.Name, p.b.Name, count(p.both), percent(p.both, p.a.Members.Len()), percent(p.both, p.b.Members.Len()),
		})
	}
	return t, nil
}

// percent gives n of a positive number with one decimal.
func percent(n, of int) string {
	return strconv.FormatFloat(100*float64(n)/float64(of), 'f', 1, 64) + "%"
}

// count writes a number with thousands apart by spaces that do not break.
func count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "\u00A0" + s[at:]
	}
	return s
}
