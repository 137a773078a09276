package sqlstore

import (
	"cmp"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
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
	if purpose == "" { // standings of no purpose are not kept
		return unknownBounds()
	}
	r.readsNames = r.readsNames || purpose != audience.PurposeMarketing
	return r.subscribed(purpose, "", want)
}

func (r *renderer) onList(l audience.List, want bool) bounds {
	switch {
	case l.Kind == audience.ListTopic && l.Name == "":
		return unknownBounds()
	case l.Kind == audience.ListTopic:
		r.readsNames = true
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

func (r *renderer) subscribed(purpose, list string, want bool) bounds {
	if want {
		return r.standing(purpose, list, audience.StatusSubscribed)
	}
	return r.standing(purpose, list, audience.StatusNone, audience.StatusPending,
		audience.StatusUnsubscribed, audience.StatusBounced, audience.StatusComplained)
}

// standing is about those whose standing for a purpose, or a topic of it, is
// one of some. Without a row it is none.
func (r *renderer) standing(purpose, list string, among ...audience.Status) bounds {
	if !isStorable(purpose) || !isStorable(list) { // somebody may consent to every purpose
		return unknownBounds()
	}
	s, ok := r.joinTable("standings", []string{"purpose", "list"}, purpose, list)
	if !ok {
		return unknownBounds()
	}
	var numbers []any
	for _, status := range among {
		numbers = append(numbers, int64(status))
	}
	is := s.is("status", "IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(numbers)), ", ")+")", numbers...)
	holds := allOf(s.is("since_us", "<= ?", r.at), s.is("until_us", "> ?", r.at))
	over := anyOf(s.is("since_us", "> ?", r.at), s.is("until_us", "<= ?", r.at))
	b := bounds{upper: anyOf(is, over), lower: allOf(is, holds), given: holds}
	if among[0] == audience.StatusNone {
		none := s.unmatched()
		b = bounds{upper: anyOf(none, b.upper), lower: anyOf(none, b.lower), given: anyOf(none, b.given)}
	}
	return b
}
