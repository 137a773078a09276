package store_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Numbers of properties in eventsProfile.
const (
	propPrice audience.PropID = iota + 1 // double, of purchases
	propItems                            // int, of purchases and refunds
	propText                             // string, of purchases
)

// eventsStart is when the first event of eventsProfile happened; each of the others is an hour after the one before.
func eventsStart() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC) }

// eventsProfile has four purchases, at hours 0, 1, 2 and 2, a refund at hour 3, and no visits.
func eventsProfile() *audience.Profile {
	at := func(hours int) time.Time { return eventsStart().Add(time.Duration(hours) * time.Hour) }
	price := func(f float64) audience.EventProp {
		return audience.EventProp{ID: propPrice, Value: audience.DoubleValue(f)}
	}
	items := func(n int64) audience.EventProp {
		return audience.EventProp{ID: propItems, Value: audience.IntValue(n)}
	}
	text := audience.EventProp{ID: propText, Value: audience.StringValue("9")}
	return &audience.Profile{
		Contact: audience.Contact{ID: 7, CreatedAt: at(0)},
		Parts:   audience.ProfileParts{Events: []string{"purchase", "refund", "visit"}},
		Streams: []audience.EventStream{
			{Type: "purchase", Events: []audience.Event{
				{ID: "a", Type: "purchase", Time: at(0), Props: []audience.EventProp{price(33.30), items(2)}},
				{ID: "b", Type: "purchase", Time: at(1), Props: []audience.EventProp{price(33.30), text}},
				{ID: "c", Type: "purchase", Time: at(2), Props: []audience.EventProp{items(math.MaxInt64)}},
				{ID: "d", Type: "purchase", Time: at(2), Props: []audience.EventProp{price(33.40)}},
			}},
			{Type: "refund", Events: []audience.Event{{ID: "a", Type: "refund", Time: at(3), Props: []audience.EventProp{items(-2)}}}},
		},
	}
}

func TestEventFilter(t *testing.T) {
	at := func(hours int, more time.Duration) time.Time {
		return eventsStart().Add(time.Duration(hours)*time.Hour + more)
	}
	purchases, none := []string{"purchase"}, time.Time{}
	tests := map[string]struct {
		events store.EventFilter
		want   int64
	}{
		"all":                       {store.EventFilter{Types: purchases}, 4},
		"several types":             {store.EventFilter{Types: []string{"refund", "purchase", "visit"}}, 5},
		"a type twice":              {store.EventFilter{Types: []string{"purchase", "purchase"}}, 4},
		"no type":                   {store.EventFilter{}, 0},
		"nothing of the type":       {store.EventFilter{Types: []string{"visit"}}, 0},
		"from the first on":         {store.EventFilter{Types: purchases, From: at(0, 0)}, 4},
		"from after the first":      {store.EventFilter{Types: purchases, From: at(0, time.Microsecond)}, 3},
		"parts of a microsecond":    {store.EventFilter{Types: purchases, From: at(0, 999*time.Nanosecond)}, 4},
		"until the last":            {store.EventFilter{Types: purchases, Until: at(2, 0)}, 2},
		"until the last, precisely": {store.EventFilter{Types: purchases, Until: at(2, 999)}, 2},
		"until after the last":      {store.EventFilter{Types: purchases, Until: at(2, time.Microsecond)}, 4},
		"between":                   {store.EventFilter{Types: purchases, From: at(1, 0), Until: at(2, 0)}, 1},
		"(a, b]":                    {store.EventFilter{Types: purchases, From: at(0, time.Microsecond), Until: at(1, time.Microsecond)}, 1},
		"nothing between":           {store.EventFilter{Types: purchases, From: at(1, 0), Until: at(1, 0)}, 0},
		"the end before the start":  {store.EventFilter{Types: purchases, From: at(2, 0), Until: at(1, 0)}, 0},
		"up to the first instant":   {store.EventFilter{Types: purchases, Until: audience.MinInstant().Add(time.Microsecond)}, 0},
		"no edges":                  {store.EventFilter{Types: purchases, From: none, Until: none}, 4},
	}
	p := eventsProfile()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, yes, outcome(t, store.CompareCount{Events: tt.events, Op: store.Equal, N: tt.want}, p, eventsStart()))
			require.Equal(t, no, outcome(t, store.CompareCount{Events: tt.events, Op: store.Greater, N: tt.want}, p, eventsStart()))
		})
	}
}

func TestEventLeaves(t *testing.T) {
	p := eventsProfile()
	p.Streams[1].Events = append(p.Streams[1].Events, audience.Event{
		ID: "z", Type: "refund", Time: eventsStart().Add(4 * time.Hour), Props: []audience.EventProp{{ID: propPrice, Value: audience.DoubleValue(math.MaxFloat64)}},
	})
	purchases := store.EventFilter{Types: []string{"purchase"}}
	both := store.EventFilter{Types: []string{"refund", "purchase"}}
	visits := store.EventFilter{Types: []string{"visit"}}
	refunds := store.EventFilter{Types: []string{"refund"}}
	hour := func(n int) time.Time { return eventsStart().Add(time.Duration(n) * time.Hour) }
	sum := func(f store.EventFilter, op store.CompareOp, v float64, props ...audience.PropID) store.Predicate {
		return store.CompareSum{Events: f, Props: props, Op: op, Value: v}
	}
	avg := func(f store.EventFilter, op store.CompareOp, v float64, props ...audience.PropID) store.Predicate {
		return store.CompareAvg{Events: f, Props: props, Op: op, Value: v}
	}
	rate := func(of, over store.EventFilter, op store.CompareOp, v float64) store.Predicate {
		return store.CompareRate{Of: of, Over: over, Op: op, Value: v}
	}
	edge := func(f store.EventFilter, last bool, op store.CompareOp, at time.Time) store.Predicate {
		return store.CompareEdge{Events: f, Last: last, Op: op, At: at}
	}
	tests := map[string]struct {
		predicate store.Predicate
		want      string
	}{
		"count":                        {store.CompareCount{Events: purchases, Op: store.GreaterOrEqual, N: 4}, yes},
		"count, no operator":           {store.CompareCount{Events: purchases, N: 4}, unknown},
		"sum, exact":                   {sum(purchases, store.Equal, 100, propPrice), yes},
		"two sums":                     {store.And{sum(purchases, store.Equal, 100, propPrice), sum(purchases, store.Equal, 100, propPrice)}, yes},
		"sum, less":                    {sum(purchases, store.Less, 100, propPrice), no},
		"sum of ints":                  {sum(purchases, store.Equal, math.MaxInt64, propItems), yes},
		"sum of ints, cancelled":       {sum(both, store.Equal, math.MaxInt64, propItems, propItems), yes},
		"sum of one of two types":      {sum(both, store.Equal, -2, propItems, 0), yes},
		"sum, a place too few":         {sum(both, store.Equal, -2, propItems), yes},
		"sum of texts":                 {sum(purchases, store.Equal, 0, propText), yes},
		"sum of nothing":               {sum(visits, store.Equal, 0, propPrice), yes},
		"sum of no property":           {sum(purchases, store.Equal, 0, 0), yes},
		"sum with no number":           {sum(purchases, store.NotEqual, math.NaN(), propPrice), unknown},
		"sum with infinity":            {sum(purchases, store.Less, math.Inf(1), propPrice), yes},
		"sum, a large one":             {sum(both, store.Greater, 1e308, propPrice, propPrice), yes},
		"avg, rounded once":            {avg(purchases, store.Equal, 100.0/3, propPrice), yes},
		"avg of those that have it":    {avg(both, store.Equal, -2, propItems, 0), yes},
		"avg of nothing":               {avg(visits, store.NotEqual, 1, propPrice), unknown},
		"avg of none that has it":      {avg(purchases, store.NotEqual, 1, propText), unknown},
		"avg with no number":           {avg(purchases, store.NotEqual, math.NaN(), propPrice), unknown},
		"rate":                         {rate(refunds, purchases, store.Equal, 0.5), yes},
		"rate of nothing":              {rate(visits, purchases, store.Equal, 0), yes},
		"rate over nothing":            {rate(purchases, visits, store.NotEqual, 1), unknown},
		"rate of nothing over nothing": {rate(visits, visits, store.NotEqual, 1), unknown},
		"rate with no number":          {rate(refunds, purchases, store.NotEqual, math.NaN()), unknown},
		"first":                        {edge(both, false, store.Equal, hour(0)), yes},
		"last":                         {edge(both, true, store.Equal, hour(4)), yes},
		"last of one type":             {edge(purchases, true, store.Equal, hour(2)), yes},
		"first, earlier":               {edge(both, false, store.Less, hour(0)), no},
		"last, later":                  {edge(both, true, store.Greater, hour(4).Add(-time.Microsecond)), yes},
		"last, cut to microseconds":    {edge(both, true, store.Equal, hour(4).Add(999)), yes},
		"first of nothing":             {edge(visits, false, store.NotEqual, hour(0)), unknown},
		"last of nothing":              {edge(visits, true, store.NotEqual, hour(0)), unknown},
		"is true":                      {store.IsTrue{Part: store.HasTag{}}, no},
		"is true, true":                {store.IsTrue{Part: store.CompareCount{Events: purchases, Op: store.Greater}}, yes},
		"is true, unknown":             {store.IsTrue{Part: edge(visits, true, store.NotEqual, hour(0))}, no},
		"is true, everybody":           {store.IsTrue{}, yes},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, outcome(t, tt.predicate, p, hour(9)))
		})
	}
	p.Streams[0].Events[3].Props[0].Value = audience.DoubleValue(math.MaxFloat64)
	require.Equal(t, unknown, outcome(t, sum(both, store.Greater, 1, propPrice, propPrice), p, hour(9)), "a sum that is not finite")
	require.Equal(t, unknown, outcome(t, sum(both, store.Less, math.Inf(1), propPrice, propPrice), p, hour(9)))
	require.Equal(t, yes, outcome(t, avg(both, store.Less, math.MaxFloat64, propPrice, propPrice), p, hour(9)), "of which the mean is")
}

// Events that were not read are unknown, and not none.
func TestEventsUnread(t *testing.T) {
	purchases, refunds := store.EventFilter{Types: []string{"purchase"}}, store.EventFilter{Types: []string{"refund"}}
	both := store.EventFilter{Types: []string{"purchase", "refund"}}
	tests := map[string]struct {
		predicate store.Predicate
		needs     []string
	}{
		"count": {store.CompareCount{Events: both, Op: store.GreaterOrEqual}, []string{"purchase", "refund"}},
		"sum":   {store.CompareSum{Events: purchases, Op: store.GreaterOrEqual}, []string{"purchase"}},
		"avg":   {store.CompareAvg{Events: refunds, Props: []audience.PropID{propItems}, Op: store.NotEqual}, []string{"refund"}},
		"rate":  {store.CompareRate{Of: refunds, Over: purchases, Op: store.Greater}, []string{"purchase", "refund"}},
		"edge":  {store.CompareEdge{Events: both, Op: store.NotEqual}, []string{"purchase", "refund"}},
		"part":  {store.Not{Part: store.Not{Part: store.And{store.IsTrue{Part: store.CompareCount{Events: purchases, Op: store.Greater}}}}}, []string{"purchase"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, audience.ProfileParts{Events: tt.needs}, store.PartsOf(tt.predicate))
			p := eventsProfile()
			p.Parts.Events = tt.needs
			require.Equal(t, yes, outcome(t, tt.predicate, p, eventsStart()))
			for _, missing := range tt.needs {
				p.Parts.Events = nil
				for _, name := range tt.needs {
					if name != missing {
						p.Parts.Events = append(p.Parts.Events, name)
					}
				}
				want := unknown
				if name == "part" {
					want = no // IsTrue is never unknown
				}
				require.Equal(t, want, outcome(t, tt.predicate, p, eventsStart()), "without %s", missing)
			}
		})
	}
}
