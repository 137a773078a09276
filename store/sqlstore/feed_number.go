package sqlstore

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"sync/atomic"
)

const (
	// mostAtOnce is how many commits get their numbers under one lock.
	mostAtOnce = 10_000
	// mostNumbered is how many get them in one statement where the numbers are
	// written out.
	mostNumbered = 256
)

// turn is the right to do what one does at a time. Waiting for it ends with
// the context.
type turn chan struct{}

func (t turn) take(ctx context.Context) (release func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, wrap(ctx.Err())
	}
}

// feedState is what a partition remembers of its feed in this process.
type feedState struct {
	numbering turn         // one at a time numbers, and the others find it done
	own       atomic.Int64 // commits of this process since it last gave numbers
	wakers    wakers
}

func newFeedState() feedState { return feedState{numbering: make(turn, 1)} }

// head is the row of the feed's head.
type head struct {
	number  uint64 // of the last commit that has one
	last    int64  // latest instant, when number is not 0
	trimmed uint64
}

// number gives the commits that are visible by now their numbers. Only who
// finds some without locks anything. What is committed meanwhile is left to the
// next one, or it would never end where somebody writes all the time.
func (p *partition) number(ctx context.Context) error {
	if p.store.dialect.oneWriter {
		return nil
	}
	if some, err := p.anyUnnumbered(ctx); err != nil || !some {
		return err
	}
	for {
		if n, err := p.numberSome(ctx); err != nil || n < mostAtOnce {
			return err
		}
	}
}

func (p *partition) anyUnnumbered(ctx context.Context) (found bool, err error) {
	err = p.outside().query(ctx, p.store.sql.feed.anyUnnumbered, func(r *sql.Rows) error {
		found = true
		return r.Scan(new(int))
	}, p.id)
	return found, err
}

// numberSome gives numbers to some, the lowest sequences first, and tells how
// many they were: fewer than mostAtOnce when there were no more.
func (p *partition) numberSome(ctx context.Context) (n int, err error) {
	release, err := p.feed.numbering.take(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	if some, err := p.anyUnnumbered(ctx); err != nil || !some { // somebody did it meanwhile
		return 0, err
	}
	p.feed.own.Store(0)
	err = p.store.transaction(ctx, p, func(s *session) (err error) {
		st := &p.store.sql.feed
		n, err = s.numberFrom(ctx, st.lockHead, st.unnumbered, mostAtOnce)
		return err
	})
	return n, err
}

// numberOwn is numberSome for who has committed: it waits for nobody, and what
// goes wrong is the next one's to find.
func (p *partition) numberOwn(ctx context.Context) {
	select {
	case p.feed.numbering <- struct{}{}:
		defer func() { <-p.feed.numbering }()
	default:
		return
	}
	p.feed.own.Store(0)
	err := p.store.transaction(ctx, p, func(s *session) error {
		st := &p.store.sql.feed
		_, err := s.numberFrom(ctx, st.lockHeadIfFree, st.unnumbered, mostAtOnce)
		return err
	})
	if err != nil && ctx.Err() == nil {
		p.store.logger.LogAttrs(ctx, slog.LevelWarn, "sqlstore: commits could not be numbered and wait for the next reader", slog.Any("error", err))
	}
}

// numberFrom locks the head, and then reads what is visible without a number
// and numbers it in order of sequence. Locking first is what makes it right:
// see DESIGN.md. It does nothing when somebody has the head for whom the
// statement does not wait. It tells how many they were.
func (s *session) numberFrom(ctx context.Context, lock, read *statement, args ...any) (int, error) {
	var h head
	locked := false
	var life []byte
	if err := s.query(ctx, lock, func(r *sql.Rows) error {
		locked = true
		return r.Scan(&h.number, &h.last, &life)
	}, s.p.id); err != nil || !locked {
		return 0, err
	}
	if err := s.p.checkLife(life); err != nil {
		return 0, err
	}
	var seqs, ats numberList
	if err := s.query(ctx, read, func(r *sql.Rows) error {
		var seq, at int64
		err := r.Scan(&seq, &at)
		seqs, ats = append(seqs, seq), append(ats, at)
		return err
	}, append([]any{s.p.id}, args...)...); err != nil || len(seqs) == 0 {
		return 0, err
	}
	numbers := make(numberList, len(seqs))
	for i := range seqs {
		if h.number == 0 {
			h.last = ats[i]
		}
		h.number++
		h.last = max(h.last, ats[i])
		numbers[i], ats[i] = int64(h.number), h.last
	}
	if err := s.setNumbers(ctx, seqs, numbers, ats); err != nil {
		return 0, err
	}
	_, err := s.exec(ctx, s.p.store.sql.feed.moveHead, int64(h.number), h.last, s.p.id)
	return len(seqs), err
}

// setNumbers writes numbers and instants of commits.
func (s *session) setNumbers(ctx context.Context, seqs, numbers, ats numberList) error {
	st := &s.p.store.sql.feed
	if s.p.store.dialect.arrays {
		_, err := s.exec(ctx, st.numbers, seqs, numbers, ats)
		return err
	}
	for from := 0; from < len(seqs); {
		size := len(st.numberSome) - 1
		for 1<<size > len(seqs)-from {
			size--
		}
		some := seqs[from : from+1<<size]
		args := make([]any, 0, 5*len(some))
		for i, seq := range some {
			args = append(args, seq, ats[from+i])
		}
		for i, seq := range some {
			args = append(args, seq, numbers[from+i])
		}
		for _, seq := range some {
			args = append(args, seq)
		}
		if _, err := s.exec(ctx, st.numberSome[size], args...); err != nil {
			return err
		}
		from += len(some)
	}
	return nil
}

// numbersOf gives the numbers of commits that a snapshot sees, giving them to
// those that have none first. What was trimmed meanwhile is left out. The
// lowest sequences come first: see DESIGN.md.
func (p *partition) numbersOf(ctx context.Context, seqs numberList) ([]uint64, error) {
	release, err := p.feed.numbering.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var numbers []uint64
	for some := range slices.Chunk(numberList(distinct(seqs)), mostAtOnce) {
		var found []uint64
		if err := p.store.transaction(ctx, p, func(s *session) error {
			found = found[:0]
			st := &p.store.sql.feed
			if _, err := s.numberFrom(ctx, st.lockHead, st.unnumberedOf, some); err != nil {
				return err
			}
			return s.query(ctx, st.numbersOf, func(r *sql.Rows) error {
				var n uint64
				err := r.Scan(&n)
				found = append(found, n)
				return err
			}, p.id, some)
		}); err != nil {
			return nil, err
		}
		numbers = append(numbers, found...)
	}
	return numbers, nil
}

// readHead reads the head.
func (p *partition) readHead(ctx context.Context, s *session) (h head, err error) {
	var life []byte
	if err := s.query(ctx, p.store.sql.feed.head, func(r *sql.Rows) error {
		return r.Scan(&h.number, &h.trimmed, &life)
	}, p.id); err != nil {
		return head{}, err
	}
	return h, p.checkLife(life)
}
