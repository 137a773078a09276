package importer

import "github.com/audiencekit/audiencekit/audience"

// room gives places for values of one batch after the other: the next one uses
// those of the one before again. The zero room is empty.
type room[T any] struct {
	places []*T
	used   int
	block  []T // to be made places
}

// next gives a zero value.
func (r *room[T]) next() *T {
	const block = 64
	if r.used == len(r.places) {
		if len(r.block) == 0 {
			r.block = make([]T, block)
		}
		r.places = append(r.places, &r.block[0])
		r.block = r.block[1:]
	}
	p := r.places[r.used]
	r.used++
	return p
}

// taken gives what was given since the room was empty, in order. It is valid
// until the room is emptied.
func (r *room[T]) taken() []*T { return r.places[:r.used] }

// empty takes everything back. Nobody may use it any more.
func (r *room[T]) empty() {
	for _, p := range r.taken() {
		*p = *new(T)
	}
	r.used = 0
}

// contactBlock is how many contacts are allocated at once. They are kept
// together, so there must not be many.
const contactBlock = 16

// contactRoom gives contacts for the rows of a file. Those that are given back
// are read into again, with their maps and slices: making these takes longer
// than filling them. The zero contactRoom is empty.
type contactRoom struct {
	free  []*Contact
	block []Contact
}

// take gives an empty contact.
func (r *contactRoom) take() *Contact {
	if last := len(r.free) - 1; last >= 0 {
		c := r.free[last]
		r.free = r.free[:last]
		return c
	}
	if len(r.block) == 0 {
		r.block = make([]Contact, contactBlock)
	}
	c := &r.block[0]
	r.block = r.block[1:]
	return c
}

// giveBack takes a contact whose maps and slices nobody has any more. What a
// host may have been shown, evidence, is not used again.
func (r *contactRoom) giveBack(c *Contact) {
	w := &c.Write
	clear(w.Set)
	clear(w.Addresses)
	clear(w.External)
	clear(w.SetTags)
	*c = Contact{Write: audience.ContactWrite{
		Set: w.Set, Addresses: w.Addresses[:0], External: w.External[:0], SetTags: w.SetTags[:0],
	}}
	r.free = append(r.free, c)
}
