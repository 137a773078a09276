package importer

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
