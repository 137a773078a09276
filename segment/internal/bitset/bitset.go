package bitset

import (
	"iter"

	"github.com/RoaringBitmap/roaring/v2"
)

// Set is an immutable set of ids. The zero Set is empty.
type Set struct {
	bitmap *roaring.Bitmap // nil when empty; never written after the Set was made
	length int
}

// Of makes the set of the ids, in any order, repeated or not.
func Of(ids ...uint32) Set {
	var b Builder
	b.AddMany(ids)
	return b.Build()
}

// newSet takes the bitmap over.
func newSet(bitmap *roaring.Bitmap) Set {
	n := bitmap.GetCardinality()
	if n == 0 {
		return Set{}
	}
	bitmap.RunOptimize()
	return Set{bitmap: bitmap, length: int(n)}
}

// Len gives the number of ids.
func (s Set) Len() int { return s.length }

// Contains reports whether the id is in the set.
func (s Set) Contains(id uint32) bool { return s.bitmap != nil && s.bitmap.Contains(id) }

// All gives the ids in ascending order. It can be ranged over many times.
func (s Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if s.bitmap == nil {
			return
		}
		ids := s.bitmap.ManyIterator()
		buffer := make([]uint32, min(s.length, 256))
		for n := ids.NextMany(buffer); n > 0; n = ids.NextMany(buffer) {
			for _, id := range buffer[:n] {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// And gives the ids that are in both sets.
func (s Set) And(o Set) Set {
	if s.bitmap == nil || o.bitmap == nil {
		return Set{}
	}
	return newSet(roaring.And(s.bitmap, o.bitmap))
}

// Or gives the ids that are in either set.
func (s Set) Or(o Set) Set {
	switch {
	case s.bitmap == nil:
		return o
	case o.bitmap == nil:
		return s
	}
	return newSet(roaring.Or(s.bitmap, o.bitmap))
}

// AndNot gives the ids that are in s and not in o.
func (s Set) AndNot(o Set) Set {
	if s.bitmap == nil || o.bitmap == nil {
		return s
	}
	return newSet(roaring.AndNot(s.bitmap, o.bitmap))
}

// AndLen gives the length of And without making it.
func (s Set) AndLen(o Set) int {
	if s.bitmap == nil || o.bitmap == nil {
		return 0
	}
	return int(s.bitmap.AndCardinality(o.bitmap))
}

// Equal reports whether both sets have the same ids.
func (s Set) Equal(o Set) bool {
	if s.length != o.length {
		return false
	}
	return s.length == 0 || s.bitmap.Equals(o.bitmap)
}

// Bytes gives about how much memory the set takes.
func (s Set) Bytes() int {
	if s.bitmap == nil {
		return 0
	}
	return int(s.bitmap.GetSizeInBytes())
}
