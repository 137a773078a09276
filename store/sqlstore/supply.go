package sqlstore

import (
	"sync"
)

// countKind says what is counted in {counters}. Its numbers are stored.
type countKind int

const (
	countContacts       countKind = 1 // contact ids
	countRecordVersions countKind = 2
	countMerges         countKind = 3
)

const (
	smallestBlock = 64
	// largestBlock is how far blocks grow by themselves; who wants more at once
	// gets it.
	largestBlock = 1_024
	// largestStock bounds what is kept for many transactions at a time.
	largestStock = 1 << 16
)

// span is the numbers from first to last.
type span struct{ first, last uint64 }

func (s span) size() uint64 { return s.last - s.first + 1 }

// supply has numbers of one kind that this process has taken from the database
// and that nobody was given yet. A number is taken in a transaction of its
// own, so that nothing which is rolled back gives it again; and before the
// transaction that wants it, so that no transaction waits for a second
// connection, or for the one writer, while it holds the first.
type supply struct {
	mu     sync.Mutex
	spans  []span // ascending
	taken  uint64 // the highest number that anybody is known to have taken
	block  uint64 // how many to take next
	wanted uint64 // how many a transaction wants in all, by the last one that did
	short  uint64 // how many were wanted by transactions that ended for want of them
}

// draw gives n numbers above one, ascending, or none when there are too few;
// then it notes how many are missing. before is how many the transaction has
// drawn already: those are lost to it when it begins again, so that it then has
// to find all of them, and more where it goes on drawing.
func (s *supply) draw(n int, above, before uint64) ([]uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = before + uint64(n)
	if s.left(above) < uint64(n) {
		short := s.wanted
		if before > 0 {
			short *= 2
		}
		s.short = max(s.short, short)
		return nil, false
	}
	out := make([]uint64, 0, n)
	var kept []span
	for _, sp := range s.spans {
		first := max(sp.first, above+1)
		for first <= sp.last && len(out) < n {
			out = append(out, first)
			first++
		}
		// What was too low for this one is good for another.
		if low := min(sp.last, above); sp.first <= low {
			kept = append(kept, span{sp.first, low})
		}
		if first <= sp.last {
			kept = append(kept, span{first, sp.last})
		}
	}
	s.spans = kept
	return out, true
}

// left gives how many numbers above one there are.
func (s *supply) left(above uint64) (n uint64) {
	for _, sp := range s.spans {
		if sp.last > above {
			n += span{max(sp.first, above+1), sp.last}.size()
		}
	}
	return n
}

// isWanted reports whether any transaction wanted any.
func (s *supply) isWanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted > 0
}

// missing gives how many numbers to take before some transactions begin, 0
// when there are enough.
func (s *supply) missing(transactions int) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.short > 0 {
		return max(s.short, s.block)
	}
	want := max(min(s.wanted, largestStock), smallestBlock)
	stock := max(want, min(want*uint64(max(transactions, 1)), largestStock))
	left := s.left(0)
	if left >= stock/2 && left >= want {
		return 0
	}
	return max(stock-left, s.block)
}

// add adds numbers that were taken; taken is the highest there is in the
// database then.
func (s *supply) add(sp span, taken uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.short = 0
	s.block = min(2*s.block, largestBlock)
	s.taken = max(s.taken, taken)
	if sp.first <= sp.last {
		s.spans = append(s.spans, sp)
	}
}

// empty forgets the numbers in stock.
func (s *supply) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = nil
}

// saw notes that numbers up to one are taken by somebody.
func (s *supply) saw(taken uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = max(s.taken, taken)
}

// knows reports whether a number is known to be given, or not to be: it is one
// of those that are left. Of others nothing is known.
func (s *supply) knows(n uint64) (given, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spans {
		if n >= sp.first && n <= sp.last {
			return false, true
		}
	}
	return n <= s.taken, n <= s.taken
}

// highest gives the highest number that anybody is known to have taken.
func (s *supply) highest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// inStock gives how many numbers there are.
func (s *supply) inStock() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left(0)
}

// couldGive gives how many numbers there are at most up to a limit.
func (s *supply) couldGive(limit uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left(0) + limit - min(s.taken, limit)
}

// supplies are those of one audience.
type supplies struct {
	contacts, versions, merges *supply
	// turn is of who takes more, so that many who find too little do not all
	// take.
	turn chan struct{}

	mu   sync.Mutex
	open int // transactions
}

func newSupplies() *supplies {
	return &supplies{
		contacts: &supply{block: smallestBlock}, versions: &supply{block: smallestBlock}, merges: &supply{block: smallestBlock},
		turn: make(chan struct{}, 1),
	}
}

// enter counts a transaction until leave.
func (s *supplies) enter() (leave func()) {
	add := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open += n
	}
	add(1)
	return func() { add(-1) }
}

func (s *supplies) transactions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// empty forgets the numbers in stock.
func (s *supplies) empty() {
	s.contacts.empty()
	s.versions.empty()
	s.merges.empty()
}

// of gives the supply of a kind.
func (s *supplies) of(kind countKind) *supply {
	switch kind {
	case countContacts:
		return s.contacts
	case countRecordVersions:
		return s.versions
	default:
		return s.merges
	}
}
