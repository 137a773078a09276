package segment

import (
	"iter"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// Members is the set of contacts that are in a segment. It is an immutable
// value, safe for concurrent use. The zero Members is empty and of no
// audience: it goes with any other.
type Members struct {
	ids      bitset.Set
	audience store.Incarnation // each audience has its own; contact ids mean nothing elsewhere
}

// Len gives the number of members.
func (m Members) Len() int { return m.ids.Len() }

// Contains reports whether the contact is a member. It allocates nothing.
func (m Members) Contains(id audience.ContactID) bool { return m.ids.Contains(uint32(id)) }

// All gives the members in ascending order. It can be ranged over many times.
func (m Members) All() iter.Seq[audience.ContactID] {
	return func(yield func(audience.ContactID) bool) {
		for id := range m.ids.All() {
			if !yield(audience.ContactID(id)) {
				return
			}
		}
	}
}

// Sample picks up to n members, in ascending order: the same ones for the same
// members, and mostly the same ones for nearly the same members.
func (m Members) Sample(n int) []audience.ContactID {
	picked := sampler{most: n}
	for id := range m.ids.All() {
		picked.offer(id)
	}
	return picked.sorted()
}

// And gives the contacts that are in both. Members of different audiences do
// not go together, nor do those from before and after a backup was restored:
// that is [audience.ErrInvalid], for an empty answer would make AndNot give
// everybody.
func (m Members) And(o Members) (Members, error) { return m.combine(o, bitset.Set.And) }

// Or gives the contacts that are in either. Errors are those of
// [Members.And].
func (m Members) Or(o Members) (Members, error) { return m.combine(o, bitset.Set.Or) }

// AndNot gives the contacts that are in m and not in o. Errors are those of
// [Members.And].
func (m Members) AndNot(o Members) (Members, error) { return m.combine(o, bitset.Set.AndNot) }

// Overlap gives how many contacts are in both, without making the set.
// Errors are those of [Members.And].
func (m Members) Overlap(o Members) (int, error) {
	if _, err := m.common(o); err != nil {
		return 0, err
	}
	return m.ids.AndLen(o.ids), nil
}

// Equal reports whether both are of one audience and have the same members.
func (m Members) Equal(o Members) bool {
	_, err := m.common(o)
	return err == nil && m.ids.Equal(o.ids)
}

func (m Members) combine(o Members, op func(a, b bitset.Set) bitset.Set) (Members, error) {
	common, err := m.common(o)
	if err != nil {
		return Members{}, err
	}
	return Members{ids: op(m.ids, o.ids), audience: common}, nil
}

// common gives the audience that both are of.
func (m Members) common(o Members) (store.Incarnation, error) {
	var none store.Incarnation
	switch {
	case m.audience == o.audience, o.audience == none:
		return m.audience, nil
	case m.audience == none:
		return o.audience, nil
	}
	return none, &audience.FieldError{Path: "members", Rule: "audience", Hint: "members of one audience, from one life of its store"}
}
