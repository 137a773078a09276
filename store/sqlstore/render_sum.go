package sqlstore

import (
	"cmp"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// amounts are what is added up of the events of a window: see rowcodec.Amount.
type amounts struct {
	eventsOf
	terms     propTermList
	sum       string // in millionths
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
	sum, tooLarge := r.dialect.sum(s.when(terms.has(), "e.amount"))
	doubts := s.column("COUNT(" + s.when(terms.missed(), "1") + ")" + tooLarge)
	return amounts{
		eventsOf: s, terms: terms, sum: s.column(sum),
		uncertain: s.condition(doubts + " > 0"), certain: s.condition(doubts + " = 0"),
	}, false, true
}

// count gives the column with how many of the events have the property.
func (a *amounts) count() string { return a.column("COUNT(" + a.when(a.terms.has(), "1") + ")") }

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
func (d *dialect) sum(amount string) (sum, tooLarge string) {
	if d.kind != SQLite {
		sum = "COALESCE(SUM(" + amount + "), 0)"
		return sum, " + CASE WHEN ABS(" + sum + ") < 1152921504606846976 THEN 0 ELSE 1 END"
	}
	high := "COALESCE(SUM(" + amount + " >> 26), 0)"
	low := "COALESCE(SUM(" + amount + " & 67108863), 0)"
	inside := "CASE WHEN ABS(" + high + ") < 17179869184 THEN " // 2^34
	return inside + "(" + high + " << 26) + " + low + " END", " + " + inside + "0 ELSE 1 END"
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
	b := compareRounded(op, p.Value, true, func(operator string, n int64) fragment { return a.condition(a.sum+operator+"?", n) })
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
	count := a.count()
	most := int64(math.MaxInt64) // events, for the product not to overflow
	b := compareRounded(op, p.Value, false, func(operator string, n int64) fragment {
		const beyond = 1 << 53 // no amount is
		n = max(-beyond, min(n, beyond))
		most = min(most, math.MaxInt64/max(n, -n, 1))
		return a.condition(a.sum+operator+r.dialect.wide(count)+" * "+r.dialect.wide("?"), n)
	})
	some, few, many := a.condition(count+" > 0"), a.condition(count+" <= ?", most), a.condition(count+" > ?", most)
	return bounds{
		upper: anyOf(allOf(b.upper, some), a.uncertain, many),
		lower: allOf(b.lower, some, a.certain, few),
		given: allOf(b.given, a.certain, few),
	}
}
