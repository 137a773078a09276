package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// TestPushdown asks the database for the candidates of random predicates and
// compares with store.Match, contact by contact: nobody who matches may be
// missing, who is certain has to match, who was merged into somebody must not
// come, and where the database can tell exactly it has to.
// AUDIENCEKIT_PUSHDOWN_PAIRS is how many pairs of a contact and a predicate are
// compared, AUDIENCEKIT_PUSHDOWN_SEED where they begin.
// Of every second seed the fields have indexes.
func TestPushdown(t *testing.T) {
	pairs := 60_000
	if n, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_PUSHDOWN_PAIRS")); err == nil {
		pairs = n
	}
	const people, batch = 300, 100_000
	first := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("AUDIENCEKIT_PUSHDOWN_SEED"), 10, 64); err == nil {
		first = n
	}
	for seed := first; pairs > 0; seed++ {
		predicates := min(pairs, batch) / people
		pairs -= batch
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
				w := openPushdown(t, d)
				if seed%2 == 0 {
					w.index(t)
				}
				w.fill(t, seed, people)
				w.compareRandom(t, seed, predicates)
			})
		})
	}
}

func (w *pushdown) compareRandom(t *testing.T, seed uint64, n int) {
	t.Helper()
	d := dice{rand.New(rand.NewPCG(seed, 99))}
	matches, candidates, unsupported := 0, 0, 0
	w.view(t, func(ctx context.Context, r store.PredicateReader) {
		for i := range n {
			p := d.predicate(i % 4)
			if i%50 == 1 { // more tables than are joined, longer chains than are written in one
				p = d.wide()
			}
			if i%5 == 0 { // what is not known of a part has to be known of the whole
				p = store.Not{Part: store.IsTrue{Part: d.leaf()}}
			}
			if i%5 == 2 { // what a query begins with and what it works out after
				p = d.conjunction(w.profiles)
			}
			if i%5 == 3 { // of which no contact has to be read
				p = d.membership()
			}
			at := d.instant()
			got, err := r.Candidates(ctx, p, at, 0, len(w.profiles)+1)
			if errors.Is(err, audience.ErrUnsupported) {
				unsupported++
				continue
			}
			require.NoError(t, err, "%#v", p)
			candidates += len(got)
			certain := map[audience.ContactID]bool{}
			for _, c := range got {
				require.True(t, w.knows(c.ID), "contact %d is nobody, or was merged: %#v at %s", c.ID, p, at)
				certain[c.ID] = c.Certain
			}
			for _, profile := range w.profiles {
				match := store.Match(p, profile, at)
				if match {
					matches++
				}
				sure, found := certain[profile.Contact.ID]
				require.False(t, match && !found, "contact %d is missing: %#v at %s", profile.Contact.ID, p, at)
				require.False(t, sure && !match, "contact %d is certain: %#v at %s", profile.Contact.ID, p, at)
				require.False(t, found && !sure && isExact(p, profile), "contact %d is not certain: %#v at %s", profile.Contact.ID, p, at)
			}
			if len(got) > 3 {
				middle := len(got) / 2
				rest, err := r.Candidates(ctx, p, at, got[middle].ID, 2)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint(got[middle+1:min(middle+3, len(got))]), fmt.Sprint(rest), "the next page: %#v at %s", p, at)
			}
		}
	})
	t.Logf("%d matches, %d candidates, %d of %d predicates unsupported", matches, candidates, unsupported, n)
	require.Positive(t, matches)
	require.Less(t, unsupported, n/2)
}

// isExact reports whether the database has to know whether the predicate is
// true for the contact.
func isExact(p store.Predicate, profile *audience.Profile) bool {
	all := func(parts []store.Predicate) bool {
		for _, part := range parts {
			if !isExact(part, profile) {
				return false
			}
		}
		return true
	}
	switch p := p.(type) {
	case nil, store.Present, store.HasTag, store.ListContains:
		return true
	case store.And:
		return all(p)
	case store.Or:
		return all(p)
	case store.Not:
		return isExact(p.Part, profile)
	case store.IsTrue:
		return isExact(p.Part, profile)
	case store.CompareCount, store.CompareRate, store.CompareEdge:
		return len(profile.History.Merged) == 0
	case store.OnList:
		return p.List.Kind != audience.ListTopic && len(profile.History.Merged) == 0
	case store.Compare:
		s, text := p.Value.Str()
		_, list := p.Value.StringList()
		inOrder := len(s) <= 160 && utf8.ValidString(s) && !strings.Contains(s, "\x00")
		return p.Feature.Kind != store.FeatureStatus && !list && (!text || inOrder)
	default:
		return false
	}
}
