package bitset

import "github.com/RoaringBitmap/roaring/v2"

// Builder collects the ids of a set; ascending ones are cheapest. The zero
// Builder is ready. It is not safe for concurrent use.
type Builder struct {
	bitmap *roaring.Bitmap
}

// Add adds an id; one that was added already is no error.
func (b *Builder) Add(id uint32) {
	if b.bitmap == nil {
		b.bitmap = roaring.New()
	}
	b.bitmap.Add(id)
}

// AddMany adds ids.
func (b *Builder) AddMany(ids []uint32) {
	if b.bitmap == nil {
		b.bitmap = roaring.New()
	}
	b.bitmap.AddMany(ids)
}

// Build gives the set of what was added. The builder is empty afterwards, so
// that nothing it does can reach the set.
func (b *Builder) Build() Set {
	if b.bitmap == nil {
		return Set{}
	}
	s := newSet(b.bitmap)
	b.bitmap = nil
	return s
}
