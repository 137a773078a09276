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
	where  Predicate
	at     time.Time
	limit  int
	finder PredicateReader // nil: all of them

	found []Candidate        // of the page, when there is a finder
	rows  []audience.Contact // of the page, when there is none
}

// scan begins a scan for a query.
func (r *Reader) scan(ctx context.Context, q *ContactQuery) (*scan, error) {
	s := &scan{reader: r, where: q.Where, at: q.At, limit: pageSize(q.Limit)}
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
		s.found, err = s.finder.Candidates(ctx, s.where, s.at, after, s.limit)
		if err == nil && len(s.found) >= s.limit {
			return s.found[len(s.found)-1].ID, nil
		}
		if !errors.Is(err, audience.ErrUnsupported) {
			return 0, err
		}
		s.finder = nil
	}
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
	var out []audience.ContactID
	rows := s.rows
	if s.finder != nil {
		var uncertain []audience.ContactID
		if out, uncertain = s.split(); len(uncertain) == 0 {
			return out, nil
		}
		var err error
		if rows, err = s.reader.roles.Contacts(ctx, uncertain); err != nil {
			return nil, err
		}
	}
	profiles, err := s.matching(ctx, rows, audience.ProfileParts{})
	if err != nil {
		return nil, err
	}
	for i := range profiles {
		out = append(out, profiles[i].Contact.ID)
	}
	slices.Sort(out)
	return out, nil
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
