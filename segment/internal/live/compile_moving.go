package live

import (
	"fmt"

	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// countWithin gives the literals of a count within a window: there are k
// events or more when the k-th latest is in it. A count is never unknown.
func (k *compiler) countWithin(s celenv.Stream, op celenv.CompareOp, n int64) node {
	atLeast := func(n int64, want bool) node {
		if n <= 0 {
			return constant(want)
		}
		const most = 1 << 31 // more events than a contact can have
		if n > most {
			return constant(!want)
		}
		f := lastOf{k.stream(s.Types), int(n)}
		key := fmt.Sprintf("latest %d %q", n, s.Types)
		form := isAfter
		if !want {
			form = isNotAfter
		}
		before := int64(1) // [from, now]
		if s.After {
			before = 0
		}
		return k.passing(k.order(key, f, celenv.Feature{Stream: &s}), form, *s.From, before)
	}
	switch op {
	case celenv.Equal:
		if n == most {
			return constant(false)
		}
		return allOf(atLeast(n, true), atLeast(n+1, false))
	case celenv.NotEqual:
		if n == most {
			return constant(true)
		}
		return someOf(atLeast(n, false), atLeast(n+1, true))
	case celenv.Less:
		return atLeast(n, false)
	case celenv.GreaterOrEqual:
		return atLeast(n, true)
	case celenv.LessOrEqual:
		if n == most {
			return constant(true)
		}
		return atLeast(n+1, false)
	default:
		if n == most {
			return constant(false)
		}
		return atLeast(n+1, true)
	}
}

// moving gives the literals of a comparison of an instant with one that moves
// with now.
func (k *compiler) moving(o *order, op celenv.CompareOp, to celenv.Movement) node {
	switch op {
	case celenv.Greater:
		return k.passing(o, isAfter, to, 0)
	case celenv.GreaterOrEqual:
		return k.passing(o, isAfter, to, 1)
	case celenv.Less:
		return k.passing(o, isBefore, to, 1)
	case celenv.LessOrEqual:
		return k.passing(o, isBefore, to, 0)
	case celenv.Equal:
		return allOf(k.passing(o, isBefore, to, 0), k.passing(o, isAfter, to, 1))
	default:
		return someOf(k.passing(o, isBefore, to, 1), k.passing(o, isAfter, to, 0))
	}
}

// passing gives the literal that asks whether the cursor at a movement, or one
// microsecond before it, has passed a contact's instant.
func (k *compiler) passing(o *order, form orderForm, move celenv.Movement, before int64) node {
	cur := o.cursor(move, before)
	for _, l := range cur.tests {
		if l.test.(*orderTest).form == form {
			return l
		}
	}
	l := &literal{test: &orderTest{cursor: cur, form: form}}
	cur.tests = append(cur.tests, l)
	return l
}
