package sqlstore

import (
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// place is a set of commits of the feed: those numbered 1 to n, and some
// beyond. A snapshot that was taken while commits had no numbers yet may hold
// some whose numbers turn out to be higher than those of commits that it does
// not hold. The form is canonical, so that equal sets are equal positions:
// beyond ascends, and n+1 is not in it.
type place struct {
	n      uint64
	beyond []uint64
}

const (
	// mostBeyond is how many numbers a place may have beyond n: a position
	// has room for 4,096.
	mostBeyond = 4_000
	// throughSeq marks the only number of a position that stands for the
	// commits up to the one of a sequence, whatever number that gets.
	throughSeq = 1 << 63
)

// placeOf gives the place of the commits 1 to n and the numbers, in any order.
func placeOf(n uint64, numbers []uint64) place {
	numbers = slices.Clone(numbers)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for len(numbers) > 0 && numbers[0] <= n+1 {
		n = max(n, numbers[0])
		numbers = numbers[1:]
	}
	return place{n: n, beyond: numbers}
}

// add adds a commit. The place keeps the slice it had: others may have it.
func (p *place) add(number uint64) {
	if p.contains(number) {
		return
	}
	if number != p.n+1 {
		i, _ := slices.BinarySearch(p.beyond, number)
		p.beyond = slices.Concat(p.beyond[:i], []uint64{number}, p.beyond[i:])
		return
	}
	p.n++
	for len(p.beyond) > 0 && p.beyond[0] == p.n+1 {
		p.n++
		p.beyond = p.beyond[1:]
	}
}

// contains reports whether a commit is in the place.
func (p *place) contains(number uint64) bool {
	if number <= p.n {
		return true
	}
	_, found := slices.BinarySearch(p.beyond, number)
	return found
}

// last gives the highest number in the place.
func (p *place) last() uint64 {
	if len(p.beyond) > 0 {
		return p.beyond[len(p.beyond)-1]
	}
	return p.n
}

// position gives the place as a position.
func (p *place) position(incarnation store.Incarnation) (store.Position, error) {
	switch {
	case p.n == 0 && len(p.beyond) == 0:
		return store.Position{}, nil
	case len(p.beyond) > mostBeyond:
		return store.Position{}, wrap(fmt.Errorf("the snapshot is too much out of the order of the feed; take another one: %w", audience.ErrRetryable))
	}
	return store.NewPosition(incarnation, append([]uint64{p.n}, p.beyond...)...), nil
}

// readPlace reads the numbers of a position. seq is not 0 when the place is
// that of a sequence, which is to be found first. What no position of ours
// has is audience.ErrPositionGone.
func readPlace(numbers []uint64) (p place, seq int64, err error) {
	switch {
	case len(numbers) == 0:
		return place{}, 0, nil
	case len(numbers) == 1 && numbers[0] > throughSeq:
		return place{}, int64(numbers[0] - throughSeq), nil
	}
	p = place{n: numbers[0], beyond: numbers[1:]}
	least := p.n + 2
	for _, x := range p.beyond {
		if x < least || x >= throughSeq {
			return place{}, 0, errNoPlace()
		}
		least = x + 1
	}
	if p.n >= throughSeq || p.n == 0 && len(p.beyond) == 0 || len(p.beyond) > mostBeyond {
		return place{}, 0, errNoPlace()
	}
	return p, 0, nil
}

func errNoPlace() error {
	return fmt.Errorf("no position of this feed: %w", audience.ErrPositionGone)
}

func errAhead() error {
	return fmt.Errorf("position ahead of the feed: %w", audience.ErrPositionGone)
}

func errTrimmed() error {
	return fmt.Errorf("the feed was trimmed beyond this position: %w", audience.ErrPositionGone)
}

// throughPosition gives the position up to and including the commit of a
// sequence.
func throughPosition(incarnation store.Incarnation, seq int64) store.Position {
	return store.NewPosition(incarnation, throughSeq|uint64(seq))
}
