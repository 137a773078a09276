package sqlstore

import (
	"cmp"
	"math"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// amounts are what is added up of the events of a window: see rowcodec.Amount.
type amounts struct {
	eventsOf
	sum       string // in millionths
	count     string // of the events that have the property
	uncertain fragment
	certain   fragment
}

// amounts joins the sum of a property. ok is false when there are too many
// sources, none is true when no event can have the property.
func (r *renderer) amounts(f *store.EventFilter, props []audience.PropID) (a amounts, none, ok bool) {
	w := windowOf(f)
	terms := propTerms(f, props, len(w.types) > 1)
	if len(terms) == 0 || w.isEmpty() {
		return amounts{}, true, true
	}
	s, ok := r.events(w)
	if !ok {
		return amounts{}, false, false
	}
	has, missed := allOf(s.chosen, terms.has()), allOf(s.chosen, terms.missed())
	column := func(f fragment) string { return s.alias + "." + s.query.column(f) }
	a = amounts{eventsOf: s}
	a.count = column(condition("SUM(CASE WHEN "+has.text+" THEN 1 ELSE 0 END)", has.args...))
	sum, tooLarge := r.dialect.sum("CASE WHEN "+has.text+" THEN e.amount END", has.args)
	a.sum = column(sum)
	doubts := column(condition("SUM(CASE WHEN "+missed.text+" THEN 1 ELSE 0 END)"+tooLarge.text, slices.Concat(missed.args, tooLarge.args)...))
	a.uncertain, a.certain = condition(doubts+" > 0"), condition(doubts+" = 0")
	return a, false, true
}

// propTerm is a property of one type of events.
type propTerm struct {
	eventType string
	prop      int64
}

type propTermList []propTerm

// propTerms gives the property for each type that has it, its first place
// deciding; without the type where there is only one.
func propTerms(f *store.EventFilter, props []audience.PropID, several bool) propTermList {
	var out propTermList
	seen := map[string]bool{}
	for i, t := range f.Types {
		if seen[t] || !isStorable(t) {
			continue
		}
		seen[t] = true
		if i >= len(props) || props[i] == 0 {
			continue
		}
		term := propTerm{prop: int64(props[i])}
		if several {
			term.eventType = t
		}
		out = append(out, term)
	}
	return out
}

// has is about events whose amount is of the property.
func (l propTermList) has() fragment { return l.each("e.amount_prop = ?") }

// missed is about events that may have the property without that the sum
// counts it.
func (l propTermList) missed() fragment {
	return l.each("(CASE WHEN e.amount_prop = ? THEN e.amount IS NULL ELSE e.more = 1 END)")
}

func (l propTermList) each(text string) fragment {
	parts := make([]fragment, len(l))
	for i, t := range l {
		parts[i] = condition(text, t.prop)
		if t.eventType != "" {
			parts[i] = allOf(condition("e.type = ?", t.eventType), parts[i])
		}
	}
	return anyOf(parts...)
}

// sum adds up amounts, which are below 2^53 on either side. A sum of 2^60 or
// more adds to the doubts by tooLarge; where it could overflow it is NULL.
func (d *dialect) sum(amount string, args []any) (sum, tooLarge fragment) {
	if d.kind != SQLite {
		whole := "COALESCE(SUM(" + amount + "), 0)"
		return condition(whole, args...), condition(" + CASE WHEN ABS("+whole+") < 1152921504606846976 THEN 0 ELSE 1 END", args...)
	}
	high := "COALESCE(SUM((" + amount + ") >> 26), 0)"
	low := "COALESCE(SUM((" + amount + ") & 67108863), 0)"
	inside := "ABS(" + high + ") < 17179869184" // 2^34
	return condition("CASE WHEN "+inside+" THEN ("+high+" << 26) + "+low+" END", slices.Concat(args, args, args)...),
		condition(" + CASE WHEN "+inside+" THEN 0 ELSE 1 END", args...)
}

func (r *renderer) compareSum(p *store.CompareSum, op store.CompareOp) bounds {
	if _, ok := sqlOf(op); !ok || math.IsNaN(p.Value) {
		return exactly(never())
	}
	ofNone := holds(op, cmp.Compare(0, p.Value))
	a, none, ok := r.amounts(&p.Events, p.Props)
	switch {
	case none:
		return exactly(orNever(ofNone))
	case !ok:
		return unknownBounds()
	}
	b := compareRounded(op, p.Value, true, func(operator string, n int64) fragment { return condition(a.sum+operator+"?", n) })
	b = bounds{upper: anyOf(b.upper, a.uncertain), lower: allOf(b.lower, a.certain), given: allOf(b.given, a.certain)}
	if ofNone {
		without := a.unmatched()
		b = bounds{upper: anyOf(without, b.upper), lower: anyOf(without, b.lower), given: anyOf(without, b.given)}
	}
	return b
}

// compareAvg compares the sum with as many times the constant. Means between
// two millionths that are next to each other are not told apart when the
// constant is there, too.
func (r *renderer) compareAvg(p *store.CompareAvg, op store.CompareOp) bounds {
	if _, ok := sqlOf(op); !ok || math.IsNaN(p.Value) {
		return exactly(never())
	}
	a, none, ok := r.amounts(&p.Events, p.Props)
	switch {
	case none:
		return exactly(never())
	case !ok:
		return unknownBounds()
	}
	most := int64(math.MaxInt64) // events, for the product not to overflow
	b := compareRounded(op, p.Value, false, func(operator string, n int64) fragment {
		const beyond = 1 << 53 // no amount is
		n = max(-beyond, min(n, beyond))
		most = min(most, math.MaxInt64/max(n, -n, 1))
		return condition(a.sum+operator+r.dialect.wide(a.count)+" * "+r.dialect.wide("?"), n)
	})
	some, few, many := condition(a.count+" > 0"), condition(a.count+" <= ?", most), condition(a.count+" > ?", most)
	return bounds{
		upper: anyOf(allOf(b.upper, some), a.uncertain, many),
		lower: allOf(b.lower, some, a.certain, few),
		given: allOf(b.given, a.certain, few),
	}
}
