package exporter_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A report of the segments of a shop over three days: who buys enters "active",
// and leaves it two days later.
func ExampleSegmentReport() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Clock: func() time.Time { return now }})
	check(err)
	engine, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
	check(err)
	_, err = engine.Apply(ctx,
		segment.Definition{Name: "active", Source: `events("purchase").within("2d").any()`},
		segment.Definition{Name: "buyers", Source: `events("purchase").any()`},
	)
	check(err)
	for _, customer := range []string{"u1", "u2", "u3"} { // one buys each day
		_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key(customer)})
		check(err)
		_, err = aud.Append(ctx, audience.EventWrite{Contact: audience.Key(customer), Type: "purchase", Time: now})
		check(err)
		check(engine.Sync(ctx, store.Position{}))
		check(engine.Advance(ctx, now)) // in production engine.Run
		now = now.AddDate(0, 0, 1)
	}
	now = now.Add(-time.Hour) // in the morning of the day after
	check(engine.Advance(ctx, now))

	first, err := audience.ParseDate("2026-03-01")
	check(err)
	snapshot := engine.Snapshot()
	var figures []exporter.SegmentFigures[segment.Members]
	for _, name := range snapshot.Names() {
		f := exporter.SegmentFigures[segment.Members]{Name: name}
		f.Members, _ = snapshot.Members(name)
		days, err := engine.GrowthByDay(ctx, name, first, first+2)
		check(err)
		for _, day := range days {
			f.Days = append(f.Days, exporter.SegmentDay(day))
		}
		figures = append(figures, f)
	}
	report, err := exporter.SegmentReport(figures)
	check(err)
	report.Title = "Segments of the shop"
	check(report.WriteText(os.Stdout)) // pdfreport.Write makes a PDF of it

	// Output:
	// Segments of the shop
	// ====================
	// 2026-03-01 to 2026-03-03
	//
	// Segments  2
	// Largest   3  buyers
	// Entered   6  all segments together
	// Left      1  all segments together
	//
	// Members
	// -------
	// buyers  3  ########################################
	// active  2  ###########################
	//
	// Members at the end of the day
	// -----------------------------
	//             buyers  active
	// 2026-03-01       1       1
	// 2026-03-02       2       2
	// 2026-03-03       3       2
	//
	// Entered and left
	// ----------------
	//             entered  left
	// 2026-03-01        2     0
	// 2026-03-02        2     0
	// 2026-03-03        2    -1
	//
	// Segments
	// --------
	// segment  members  at the beginning  entered  left  at the end  churn
	// buyers         3                 0        3     0           3      -
	// active         2                 0        3     1           2      -
	//
	// Overlaps
	// --------
	// segment  and     in both  of the first  of the second
	// buyers   active        2         66.7%         100.0%
}

// A report is a plain value: whatever has figures fills it.
func ExampleReport_WriteText() {
	report := exporter.Report{
		Title:    "Newsletter",
		Subtitle: "March 2026",
		Facts:    []exporter.Fact{{Label: "Sent", Value: "1 200"}, {Label: "Opened", Value: "41%", Note: "38% in February"}},
		Charts: []exporter.Chart{{
			Title: "Opened", Kind: exporter.Bar, Unit: "%",
			Points: []exporter.Point{{Label: "week 10", Values: []float64{40}}, {Label: "week 11", Values: []float64{42.5}}, {Label: "week 12"}},
		}},
		Tables: []exporter.Table{{
			Columns: []exporter.TableColumn{{Title: "link"}, {Title: "clicks", Align: exporter.Right}},
			Rows:    [][]string{{"/spring", "310"}, {"/returns", "27"}},
		}},
	}
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Newsletter
	// ==========
	// March 2026
	//
	// Sent    1 200
	// Opened    41%  38% in February
	//
	// Opened (%)
	// ----------
	// week 10    40  ######################################
	// week 11  42.5  ########################################
	// week 12
	//
	// link      clicks
	// /spring      310
	// /returns      27
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
