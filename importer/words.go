package importer

import (
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// foldWords brings status words into the form in which they are compared.
func foldWords(words map[string]audience.Status) map[string]audience.Status {
	out := make(map[string]audience.Status, len(words))
	for w, s := range words {
		out[strings.ToLower(strings.TrimSpace(w))] = s
	}
	return out
}

// commonWords are the status words of files that nobody's are recognised.
func commonWords() map[string]audience.Status {
	out := ownWords()
	for status, words := range map[audience.Status][]string{
		audience.StatusSubscribed: {
			"active", "confirmed", "opted in", "opted-in", "opt-in", "opted_in", "subscriber", "abonniert", "aktiv", "abonné", "suscrito", "aktywny", "aktywna",
		},
		audience.StatusUnsubscribed: {
			"opted out", "opted-out", "opted_out", "opt-out", "unsubscribe", "blocklisted", "blacklisted", "blocked", "suppressed",
			"abgemeldet", "désabonné", "désinscrit", "cancelado", "wypisany", "wypisana", "avregistrerad", "cancelled", "canceled",
		},
		audience.StatusPending:    {"unconfirmed", "awaiting confirmation", "not confirmed"},
		audience.StatusBounced:    {"bounce", "cleaned", "hard bounce", "hard bounced", "undeliverable"},
		audience.StatusComplained: {"complaint", "spam", "spam complaint", "marked as spam", "reported as spam"},
		audience.StatusNone:       {"never subscribed", "never_subscribed", "not subscribed", "not_subscribed", "non-subscribed", "transactional", "non-subscriber"},
	} {
		for _, w := range words {
			out[w] = status
		}
	}
	return out
}

// ownWords are the names of the statuses themselves.
func ownWords() map[string]audience.Status {
	out := make(map[string]audience.Status)
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		out[s.String()] = s
	}
	return out
}

// stricter gives the one of two standings that counts when a row says both:
// the worse one, as when contacts are merged.
func stricter(a, b audience.Status) audience.Status {
	if strictness(b) > strictness(a) {
		return b
	}
	return a
}

func strictness(s audience.Status) int {
	if n := rank(s); n > 0 {
		return n + 2
	}
	switch s {
	case audience.StatusPending:
		return 2
	case audience.StatusSubscribed:
		return 1
	default:
		return 0
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
