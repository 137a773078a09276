package store

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// EventFilter chooses events of a contact: those of any of the types that are
// not taken back and that happened at From or later and before Until. Types
// are in any order; one that is repeated counts once, and without any the
// filter chooses nothing. A zero From is the beginning, a zero Until the end.
// Both count in whole microseconds, cut towards the past, so that (a, b] is
// From a+1µs, Until b+1µs.
//
// A comparison of events is unknown for a profile that was read without the
// types.
type EventFilter struct {
	Types []string
	From  time.Time
	Until time.Time
}

// CompareCount compares how many events the filter chooses. Never unknown.
type CompareCount struct {
	Events EventFilter
	Op     CompareOp
	N      int64
}

// CompareSum compares the sum of a property over the events that the filter
// chooses: of their shortest decimal forms, exact, rounded once to the nearest
// double, 0 of nothing. Doubles and ints count; events without the property,
// or with one of another type, do not. It is unknown when the sum is not
// finite.
type CompareSum struct {
	Events EventFilter
	Props  []audience.PropID // by the place of the type in Events.Types; 0 where it has none
	Op     CompareOp
	Value  float64 // NaN: unknown
}

// CompareAvg compares the mean of a property as [CompareSum] does its sum: the
// exact sum over the count of events that have the property, rounded once.
// Besides it is unknown when there are none.
type CompareAvg struct {
	Events EventFilter
	Props  []audience.PropID // as in CompareSum
	Op     CompareOp
	Value  float64 // NaN: unknown
}

// CompareRate compares the quotient of two counts, as doubles. It is unknown
// when Over chooses nothing.
type CompareRate struct {
	Of, Over EventFilter
	Op       CompareOp
	Value    float64 // NaN: unknown
}

// CompareEdge compares the time of the first event that the filter chooses,
// or of the last. It is unknown when there is none.
type CompareEdge struct {
	Events EventFilter
	Last   bool
	Op     CompareOp
	At     time.Time // in whole microseconds, cut towards the past
}
