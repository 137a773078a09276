package store

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// How many candidates are asked for beyond a page. They are 8 bytes each.
const (
	firstAhead = 1 << 16
	mostAhead  = 1 << 20
)

// ahead is what the reader of a snapshot has found of a query beyond the page
// that it gave last. To find ten contacts by their events may cost a database
// as much as to find them all, so whoever goes on reading pages does not have
// it find them again for each. Transactions that write find again: what they
// have found may match no longer.
type ahead struct {
	query string
	at    time.Time
	last  audience.ContactID // after whom it goes on
	found []Candidate        // who follow
	more  bool               // and maybe others after these
	next  int                // how many to ask for
}

// find gives the next page of what the adapter finds. last is the id to go on
// after, 0 when this was the end.
func (s *scan) find(ctx context.Context, after audience.ContactID) (last audience.ContactID, err error) {
	a := s.reader.ahead
	s.reader.ahead = nil
	if a == nil || a.query != s.query || !a.at.Equal(s.at) || a.last != after {
		a = &ahead{query: s.query, at: s.at, last: after, more: true, next: max(s.limit, s.ahead)}
	}
	if err := s.fill(ctx, a); err != nil {
		return 0, err
	}
	n := min(s.limit, len(a.found))
	s.found, a.found = a.found[:n:n], a.found[n:]
	if len(a.found) == 0 && !a.more {
		return 0, nil
	}
	a.last = s.found[n-1].ID
	if !s.reader.changing {
		s.reader.ahead = a
	}
	return a.last, nil
}

// fill has a page found.
func (s *scan) fill(ctx context.Context, a *ahead) error {
	if !a.more || len(a.found) >= s.limit {
		return nil
	}
	from := a.last
	if n := len(a.found); n > 0 {
		from = a.found[n-1].ID
	}
	found, err := s.finder.Candidates(ctx, s.where, s.at, from, max(a.next, s.limit))
	if err != nil {
		return err
	}
	a.found, a.more = append(a.found, found...), len(found) >= max(a.next, s.limit)
	a.next = min(max(a.next*(mostAhead/firstAhead), firstAhead), mostAhead)
	return nil
}
