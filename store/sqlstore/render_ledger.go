package sqlstore

import (
	"cmp"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// statusAmong is about those whose status for e-mail and marketing is one of
// some.
func (r *renderer) statusAmong(is func(status string) bool) bounds {
	var among []audience.Status
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		if is(s.String()) {
			among = append(among, s)
		}
	}
	if len(among) == 0 || len(among) == int(audience.StatusComplained)+1 {
		return exactly(orNever(len(among) > 0))
	}
	if r.own {
		return unknownBounds()
	}
	r.readsOrigins = true
	return r.standing(audience.PurposeMarketing, "", among...)
}

// consents is about those whose consent to a purpose stands.
func (r *renderer) consents(purpose string, want bool) bounds {
	return r.subscribed(purpose, "", want)
}

func (r *renderer) onList(l audience.List, want bool) bounds {
	switch {
	case l.Kind == audience.ListTopic && l.Name == "": // nothing is kept of it
		return unknownBounds()
	case l.Kind == audience.ListTopic:
		return r.subscribed(cmp.Or(l.Purpose, audience.PurposeMarketing), l.Name, want)
	case !isStorable(l.Name):
		return exactly(orNever(!want))
	}
	s, ok := r.joinTable("members", []string{"list"}, l.Name)
	switch {
	case !ok:
		return unknownBounds()
	case want:
		return exactly(s.exists(r))
	default:
		return exactly(s.lacks(r))
	}
}

// subscribed is about those whose standing for a purpose, or for a topic of it,
// is that they are, or is not. Where the chain does not name the purpose, the
// standing is that for any other.
func (r *renderer) subscribed(purpose, list string, want bool) bounds {
	among := []audience.Status{audience.StatusSubscribed}
	if !want {
		among = []audience.Status{
			audience.StatusNone, audience.StatusPending, audience.StatusUnsubscribed, audience.StatusBounced, audience.StatusComplained,
		}
	}
	if purpose == audience.PurposeMarketing && list == "" { // which every chain names
		return r.standing(purpose, list, among...)
	}
	r.readsLedger = true
	if purpose == "" || !isStorable(purpose) || !isStorable(list) {
		return unknownBounds()
	}
	named, ok1 := r.joinStanding(purpose, list)
	other, ok2 := r.joinStanding("", list)
	if !ok1 || !ok2 {
		return unknownBounds()
	}
	a, b, missing := r.among(named, among), r.among(other, among), named.unmatched()
	none := never()
	if !want {
		none = allOf(missing, other.unmatched())
	}
	return bounds{
		upper: anyOf(a.upper, allOf(missing, b.upper), none),
		lower: anyOf(a.lower, allOf(missing, b.lower), none),
		given: anyOf(a.given, allOf(missing, b.given), none),
	}
}

// standing is about those whose standing for a purpose that every chain names
// is one of some. Who has no row has no chain.
func (r *renderer) standing(purpose, list string, among ...audience.Status) bounds {
	r.readsLedger = true
	s, ok := r.joinStanding(purpose, list)
	if !ok {
		return unknownBounds()
	}
	b := r.among(s, among)
	if among[0] == audience.StatusNone {
		none := s.unmatched()
		b = bounds{upper: anyOf(none, b.upper), lower: anyOf(none, b.lower), given: anyOf(none, b.given)}
	}
	return b
}

func (r *renderer) joinStanding(purpose, list string) (*source, bool) {
	return r.joinTable("standings", []string{"purpose", "list"}, purpose, list)
}

// among is about those with a row whose status is one of some. Rows are
// believed for some time only.
func (r *renderer) among(s *source, statuses []audience.Status) bounds {
	var numbers []any
	for _, status := range statuses {
		numbers = append(numbers, int64(status))
	}
	is := s.is("status", "IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(numbers)), ", ")+")", numbers...)
	holds := allOf(s.is("since_us", "<= ?", r.at), s.is("until_us", "> ?", r.at))
	over := anyOf(s.is("since_us", "> ?", r.at), s.is("until_us", "<= ?", r.at))
	return bounds{upper: anyOf(is, over), lower: allOf(is, holds), given: holds}
}

var _ store.PredicateReader = (*reader)(nil)
