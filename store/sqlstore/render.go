package sqlstore

import (
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// renderer makes a query of a predicate. Negations go down to the leaves first:
// what is rendered is that a part is true, or that it is false, and both are
// conditions of their own, of which SQL's NULL is neither. What SQL cannot say
// exactly becomes an upper and a lower bound.
//
// What leaves read in other tables are joins (see [source]), so that the
// database chooses where to begin.
type renderer struct {
	dialect  *dialect
	audience int64
	at       int64 // in microseconds
	after    int64 // contacts up to this one do not matter
	columns  map[string]bool
	sources  []*source
	wide     []eventWindow // those of windows without a beginning, no type in two
	own      bool          // those leaves say nothing
	// readsOrigins: there is a leaf that reads what is written under several
	// contacts once these were merged; readsNames: one of standings by name.
	readsOrigins, readsNames bool
}

// literal gives the bounds for those for whom the predicate is true, or those
// for whom it is false.
func (r *renderer) literal(p store.Predicate, want bool) (bounds, error) {
	switch p := p.(type) {
	case nil:
		return exactly(orNever(want)), nil
	case store.And:
		return r.parts(p, want, want)
	case store.Or:
		return r.parts(p, want, !want)
	case store.Not:
		return r.literal(p.Part, !want)
	case store.IsTrue:
		b, err := r.literal(p.Part, true)
		if !want {
			b = b.complement()
		}
		return b, err
	default:
		return r.leaf(p, want)
	}
}

// literals gives the bounds for each of some predicates to be true.
func (r *renderer) literals(all []store.Predicate) ([]bounds, error) {
	out := make([]bounds, len(all))
	for i, p := range all {
		var err error
		if out[i], err = r.literal(p, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parts connects the literals of the parts of an And or an Or.
func (r *renderer) parts(all []store.Predicate, want, conjunction bool) (bounds, error) {
	out := make([]bounds, len(all))
	for i, p := range all {
		var err error
		if out[i], err = r.literal(p, want); err != nil {
			return bounds{}, err
		}
	}
	if conjunction {
		return allBounds(out), nil
	}
	return anyBounds(out), nil
}

func (r *renderer) leaf(p store.Predicate, want bool) (bounds, error) {
	switch p := p.(type) {
	case store.Compare:
		return r.compare(p, want), nil
	case store.OneOf:
		return r.oneOf(p, want), nil
	case store.Present:
		return r.present(p.Feature, want), nil
	case store.HasTag:
		return r.hasTag(p.Tag, want), nil
	case store.ListContains:
		return r.listContains(p, want), nil
	case store.IsSuppressed:
		return unknownBounds(), nil // addresses are hashed with keys that the database does not have
	default:
		if r.own {
			return unknownBounds(), nil
		}
		r.readsOrigins = true
		return r.leafOfOrigins(p, want)
	}
}

// leafOfOrigins renders leaves that read what may be written under several
// contacts.
func (r *renderer) leafOfOrigins(p store.Predicate, want bool) (bounds, error) {
	switch p := p.(type) {
	case store.OnList:
		return r.onList(p.List, want), nil
	case store.Consents:
		return r.consents(p.Purpose, want), nil
	case store.CompareCount:
		return r.compareCount(&p.Events, toward(p.Op, want), p.N), nil
	case store.CompareSum:
		return r.compareSum(&p, toward(p.Op, want)), nil
	case store.CompareAvg:
		return r.compareAvg(&p, toward(p.Op, want)), nil
	case store.CompareRate:
		return r.compareRate(&p, toward(p.Op, want)), nil
	case store.CompareEdge:
		return r.compareEdge(&p, toward(p.Op, want)), nil
	default:
		return bounds{}, fmt.Errorf("%w: a predicate of type %T", audience.ErrUnsupported, p)
	}
}

// toward gives the comparison that is true when o has the wanted value.
func toward(o store.CompareOp, want bool) store.CompareOp {
	if want {
		return o
	}
	switch o {
	case store.Equal:
		return store.NotEqual
	case store.NotEqual:
		return store.Equal
	case store.Less:
		return store.GreaterOrEqual
	case store.LessOrEqual:
		return store.Greater
	case store.Greater:
		return store.LessOrEqual
	case store.GreaterOrEqual:
		return store.Less
	default:
		return o
	}
}

// sqlOf gives the operator, false for an unknown one.
func sqlOf(o store.CompareOp) (string, bool) {
	switch o {
	case store.Equal:
		return "=", true
	case store.NotEqual:
		return "<>", true
	case store.Less:
		return "<", true
	case store.LessOrEqual:
		return "<=", true
	case store.Greater:
		return ">", true
	case store.GreaterOrEqual:
		return ">=", true
	default:
		return "", false
	}
}

// holds reports whether the comparison is true of what [cmp.Compare] gives.
func holds(o store.CompareOp, c int) bool {
	switch o {
	case store.Equal:
		return c == 0
	case store.NotEqual:
		return c != 0
	case store.Less:
		return c < 0
	case store.LessOrEqual:
		return c <= 0
	case store.Greater:
		return c > 0
	case store.GreaterOrEqual:
		return c >= 0
	default:
		return false
	}
}
