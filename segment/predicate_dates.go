package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/store"
)

// date compares days, which stores hold, where the language compares their
// first instants.
func (t *translator) date(f store.Feature, op celenv.CompareOp, us int64) (*leaf, bool) {
	first, last, ok := t.daysAt(us)
	if !ok {
		return nil, false
	}
	compare := func(op store.CompareOp, day audience.Date) store.Predicate {
		return store.Compare{Feature: f, Op: op, Value: audience.DateValue(day)}
	}
	var at, before, after store.Predicate
	at, before, after = nobody(), compare(store.Less, first), compare(store.Greater, last)
	if first <= last {
		at = store.And{compare(store.GreaterOrEqual, first), compare(store.LessOrEqual, last)}
	}
	known := t.known(f)
	of := func(parts ...store.Predicate) store.Predicate { return store.And{known, store.Or(parts)} }
	switch op {
	case celenv.Equal:
		return leafOf(of(at), of(before, after)), true
	case celenv.NotEqual:
		return leafOf(of(before, after), of(at)), true
	case celenv.Less:
		return leafOf(of(before), of(at, after)), true
	case celenv.LessOrEqual:
		return leafOf(of(before, at), of(after)), true
	case celenv.Greater:
		return leafOf(of(after), of(before, at)), true
	default:
		return leafOf(of(at, after), of(before)), true
	}
}

// dateIn asks for the days that begin at some instants.
func (t *translator) dateIn(f store.Feature, instants []celenv.Constant) (*leaf, bool) {
	in := store.OneOf{Feature: f}
	for _, v := range instants {
		first, last, ok := t.daysAt(v.Int)
		if !ok {
			return nil, false
		}
		for day := first; day <= last; day++ {
			in.Values = append(in.Values, audience.DateValue(day))
		}
	}
	known := t.known(f)
	if len(in.Values) == 0 {
		return leafOf(nobody(), known), true
	}
	return leafOf(store.And{known, in}, store.And{known, store.Not{Part: in}}), true
}

// daysAt gives the days that begin at an instant: mostly none, when first is
// the day after last; several where a zone left days out. Days before first
// begin before it, those after last after it.
func (t *translator) daysAt(us int64) (first, last audience.Date, ok bool) {
	at := audience.FromMicros(us)
	const reach = 3 // days that a clock may be away from where it should be
	last = t.calendar.DateOf(at) + reach
	for range 2 * reach {
		start, ok := t.calendar.StartOfDate(last)
		if !ok {
			return 0, 0, false
		}
		if !start.After(at) {
			break
		}
		last--
	}
	first = last + 1
	for range 2 * reach {
		start, ok := t.calendar.StartOfDate(first - 1)
		if !ok {
			return 0, 0, false
		}
		if start.Before(at) {
			return first, last, true
		}
		first--
	}
	return 0, 0, false
}

// known holds where a date is known to the language: where its first instant
// is in the years that there are, which that of the very first day may miss.
func (t *translator) known(f store.Feature) store.Predicate {
	day, _ := audience.NewDate(1, time.January, 1)
	if _, ok := t.calendar.StartOfDate(day); ok {
		return store.Present{Feature: f}
	}
	return store.Compare{Feature: f, Op: store.Greater, Value: audience.DateValue(day)}
}
