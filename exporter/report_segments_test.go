package exporter_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/segment"
)

// numbers is a set of contacts as plain as can be.
type numbers map[int]bool

func (n numbers) Len() int { return len(n) }

func (n numbers) Overlap(o numbers) (int, error) {
	if n[-1] || o[-1] {
		return 0, errors.New("of another audience")
	}
	both := 0
	for i := range n {
		if o[i] {
			both++
		}
	}
	return both, nil
}

// upTo has the numbers below n that a step divides.
func upTo(n, step int) numbers {
	out := numbers{}
	for i := 0; i < n; i += step {
		out[i] = true
	}
	return out
}

type figures = exporter.SegmentFigures[numbers]

// What segments are gets into a report as it is.
var (
	_ exporter.Set[segment.Members] = segment.Members{}
	_                               = exporter.SegmentDay(segment.GrowthPoint{})
)

func TestSegmentReport(t *testing.T) {
	days := func(d ...exporter.SegmentDay) []exporter.SegmentDay { return d }
	r, err := exporter.SegmentReport([]figures{
		{Name: "threes", Members: upTo(9_000, 3), Days: days(exporter.SegmentDay{Day: 1, Members: 2_990, Entered: 10}, exporter.SegmentDay{Day: 2, Members: 3_000, Entered: 30, Left: 20})},
		{Name: "twos", Members: upTo(9_000, 2), Days: days(exporter.SegmentDay{Day: 1, Members: 4_000}, exporter.SegmentDay{Day: 2, Members: 4_000})},
		{Name: "nobody", Members: numbers{}, Days: days(exporter.SegmentDay{Day: 1}, exporter.SegmentDay{Day: 2})},
	})
	require.NoError(t, err)
	require.NoError(t, r.Check())
	require.Equal(t, "1970-01-02 to 1970-01-03", r.Subtitle)
	require.Equal(t, []exporter.Fact{
		{Label: "Segments", Value: "3"},
		{Label: "Largest", Value: "4\u00A0500", Note: "twos"},
		{Label: "Entered", Value: "40", Note: "all segments together"},
		{Label: "Left", Value: "20", Note: "all segments together"},
	}, r.Facts)
	require.Len(t, r.Charts, 3)
	require.Equal(t, []string{"twos", "threes", "nobody"}, r.Charts[1].Series, "largest first")
	require.Equal(t, []float64{4_000, 3_000, 0}, r.Charts[1].Points[1].Values)
	require.Equal(t, []float64{30, -20}, r.Charts[2].Points[1].Values)
	require.Equal(t, [][]string{
		{"twos", "4\u00A0500", "4\u00A0000", "0", "0", "4\u00A0000", "0.0%"},
		{"threes", "3\u00A0000", "2\u00A0980", "40", "20", "3\u00A0000", "0.7%"},
		{"nobody", "0", "0", "0", "0", "0", "-"},
	}, r.Tables[0].Rows)
	require.Equal(t, [][]string{{"twos", "threes", "1\u00A0500", "33.3%", "50.0%"}}, r.Tables[1].Rows)
}

func TestSegmentReportWithoutDays(t *testing.T) {
	r, err := exporter.SegmentReport([]figures{{Name: "b", Members: upTo(2, 1)}, {Name: "a", Members: upTo(2, 1)}})
	require.NoError(t, err)
	require.Empty(t, r.Subtitle)
	require.Len(t, r.Charts, 1)
	require.Equal(t, [][]string{{"a", "2"}, {"b", "2"}}, r.Tables[0].Rows)

	r, err = exporter.SegmentReport[numbers](nil)
	require.NoError(t, err)
	require.NoError(t, r.Check())
}

// TestSegmentReportMany: charts stay readable, tables whole.
func TestSegmentReportMany(t *testing.T) {
	var many []figures
	for i := range exporter.MaxReportSegments {
		many = append(many, figures{Name: fmt.Sprint("s", i), Members: upTo(i, 1), Days: []exporter.SegmentDay{{Day: 1, Members: i}}})
	}
	r, err := exporter.SegmentReport(many)
	require.NoError(t, err)
	require.NoError(t, r.Check())
	require.Len(t, r.Charts[1].Series, 8)
	require.Len(t, r.Tables[0].Rows, exporter.MaxReportSegments)
	require.Len(t, r.Tables[1].Rows, 40)
	require.Equal(t, []string{"s199", "s198", "198", "99.5%", "100.0%"}, r.Tables[1].Rows[0])

	_, err = exporter.SegmentReport(append(many, figures{}))
	require.ErrorIs(t, err, audience.ErrLimit)
}

func TestSegmentReportErrors(t *testing.T) {
	day := func(days ...audience.Date) (out []exporter.SegmentDay) {
		for _, d := range days {
			out = append(out, exporter.SegmentDay{Day: d})
		}
		return out
	}
	tests := []struct {
		name     string
		segments []figures
		want     string
	}{
		{"other days", []figures{{Days: day(1, 2)}, {Days: day(1, 3)}}, "segments[1].days: days"},
		{"fewer days", []figures{{Days: day(1, 2)}, {Days: day(1)}}, "segments[1].days: days"},
		{"days for some", []figures{{}, {Days: day(1)}}, "segments[1].days: days"},
		{"days that do not ascend", []figures{{Days: day(2, 1)}}, "segments[0].days: days"},
		{"a day twice", []figures{{Days: day(1, 1)}}, "segments[0].days: days"},
		{"too many days", []figures{{Days: make([]exporter.SegmentDay, exporter.MaxChartPoints+1)}}, "segments[0].days: max-items"},
		{"sets that do not go together", []figures{{Name: "a", Members: numbers{-1: true}}, {Name: "b"}}, "overlap of a and b: of another audience"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := exporter.SegmentReport(tt.segments)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
