package pdfreport

import (
	"time"

	"github.com/audiencekit/audiencekit/exporter"
)

// periodMarks gives, for points that have instants and no labels, the points
// with which a day, week, month, quarter or year begins; only choices that
// name two points at least.
func periodMarks(points []exporter.Point) [][]mark {
	for i := range points {
		if points[i].Label != "" || points[i].At.IsZero() {
			return nil
		}
	}
	day := func(t time.Time) int { return t.Year()*1_000 + t.YearDay() }
	week := func(t time.Time) int {
		year, week := t.ISOWeek()
		return year*100 + week
	}
	month := func(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }
	var choices [][]mark
	for _, period := range []struct {
		key    func(time.Time) int
		layout string
	}{
		{day, time.DateOnly},
		{week, time.DateOnly},
		{month, "2006-01"},
		{func(t time.Time) int { return month(t) / 3 }, "2006-01"},
		{time.Time.Year, "2006"},
		{func(t time.Time) int { return t.Year() / 5 }, "2006"},
	} {
		var marks []mark
		for i := range points {
			at := points[i].At
			// The first point begins one when it is of another one than a day earlier.
			before := at.AddDate(0, 0, -1)
			if i > 0 {
				before = points[i-1].At
			}
			if period.key(before) != period.key(at) {
				marks = append(marks, mark{point: i, label: at.Format(period.layout)})
			}
		}
		if len(marks) >= 2 {
			choices = append(choices, marks)
		}
	}
	return choices
}
