package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// scan goes through the contacts that may match a predicate, a page at a time:
// those that the adapter finds, or all of them.
type scan struct {
	reader *Reader
	query  string // names it
	where  Predicate
	at     time.Time
	limit  int
	ahead  int             // how many candidates are asked for at first, when more than limit
	finder PredicateReader // nil: all of them

	found []Candidate        // of the page, when there is a finder
	rows  []audience.Contact // of the page, when there is none
}

// scan begins a scan for a query, in pages of up to limit.
func (r *Reader) scan(ctx context.Context, q *ContactQuery, limit, ahead int) (*scan, error) {
	s := &scan{reader: r, query: q.key(), where: q.Where, at: q.At, limit: limit, ahead: ahead}
	if r.changing {
		s.ahead = 0
	}
	if s.at.IsZero() {
		at, err := r.instant(ctx)
		if err != nil {
			return nil, err
		}
		s.at = at
	}
	if s.where != nil {
		s.finder, _ = As[PredicateReader](r.roles)
	}
	return s, nil
}

// step reads the next page. last is the id to go on after, 0 when this was the
// end.
func (s *scan) step(ctx context.Context, after audience.ContactID) (last audience.ContactID, err error) {
	s.found, s.rows = nil, nil
	if s.finder != nil {
		last, err = s.find(ctx, after)
		if !errors.Is(err, audience.ErrUnsupported) {
			return last, err
		}
		s.finder = nil
	}
	s.limit = min(s.limit, maxPage) // these are whole contacts
	s.rows, err = s.reader.roles.ContactsAfter(ctx, after, s.limit)
	if err != nil || len(s.rows) < s.limit {
		return 0, err
	}
	return s.rows[len(s.rows)-1].ID, nil
}

// profiles gives the profiles of those of the page who match. They hold the
// parts asked for, and those of the predicate where it had to be asked.
func (s *scan) profiles(ctx context.Context, parts audience.ProfileParts) ([]audience.Profile, error) {
	if s.finder == nil {
		return s.matching(ctx, s.rows, parts)
	}
	certain, uncertain := s.split()
	rows, err := s.reader.roles.Contacts(ctx, certain)
	if err != nil {
		return nil, err
	}
	out, err := s.reader.profilesOf(ctx, rows, parts)
	if err != nil || len(uncertain) == 0 {
		return out, err
	}
	if rows, err = s.reader.roles.Contacts(ctx, uncertain); err != nil {
		return nil, err
	}
	more, err := s.matching(ctx, rows, parts)
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	slices.SortFunc(out, func(a, b audience.Profile) int { return cmp.Compare(a.Contact.ID, b.Contact.ID) })
	return out, nil
}

// ids gives the ids of those of the page who match. Of candidates that are
// certain nothing is read.
func (s *scan) ids(ctx context.Context) ([]audience.ContactID, error) {
	if s.finder == nil {
		return s.matchingIDs(ctx, nil, s.rows)
	}
	out, uncertain := s.split()
	if len(uncertain) == 0 {
		return out, nil
	}
	for part := range slices.Chunk(uncertain, maxPage) {
		rows, err := s.reader.roles.Contacts(ctx, part)
		if err != nil {
			return nil, err
		}
		if out, err = s.matchingIDs(ctx, out, rows); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return out, nil
}

// matchingIDs adds the ids of the rows that match.
func (s *scan) matchingIDs(ctx context.Context, ids []audience.ContactID, rows []audience.Contact) ([]audience.ContactID, error) {
	profiles, err := s.matching(ctx, rows, audience.ProfileParts{})
	for i := range profiles {
		ids = append(ids, profiles[i].Contact.ID)
	}
	return ids, err
}

// split parts the candidates of the page.
func (s *scan) split() (certain, uncertain []audience.ContactID) {
	for _, c := range s.found {
		if c.Certain {
			certain = append(certain, c.ID)
		} else {
			uncertain = append(uncertain, c.ID)
		}
	}
	return certain, uncertain
}

// matching gives the profiles of the rows that match.
func (s *scan) matching(ctx context.Context, rows []audience.Contact, parts audience.ProfileParts) ([]audience.Profile, error) {
	profiles, err := s.reader.profilesOf(ctx, rows, parts.Union(PartsOf(s.where)))
	if err != nil {
		return nil, err
	}
	out := profiles[:0]
	m := matcher{at: s.at} // one for all of them
	for i := range profiles {
		if m.profile = &profiles[i]; truthFor(s.where, &m) == isTrue {
			out = append(out, profiles[i])
		}
	}
	clear(profiles[len(out):])
	return out, nil
}
