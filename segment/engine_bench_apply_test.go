package segment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// benchApply measures what following the feed costs, with commits as the feed
// gives them, in batches of 1,000:
//
//   - decode: looking at each change, the least that anybody can do
//   - rows/n: what a host does without an engine: read the contact of the
//     commit and evaluate her for all of n segments
//   - engine/n
//
// It comes last, since it moves the shop on.
func benchApply(b *testing.B, w *shopWorld) {
	const batch = 1_000
	commits := w.happen(b, 11*batch) // some change nothing
	commits = commits[:10*batch]
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		i, changes := 0, 0
		for b.Loop() {
			for _, c := range commits[i : i+batch] {
				changes += countOf(&c)
			}
			i = (i + batch) % len(commits)
		}
		perChange(b, changes)
	})
	for _, n := range []int{2, 100, 1_000} {
		b.Run(fmt.Sprintf("rows/%d", n), func(b *testing.B) { benchApplyRows(b, w, referenceKind(n), commits[:batch]) })
	}
	for _, n := range []int{2, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("engine/%d", n), func(b *testing.B) { applyWithEngine(b, w, referenceKind(n)) })
	}
}

func perChange(b *testing.B, changes int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(changes), "ns/change")
	b.ReportMetric(float64(changes)/b.Elapsed().Seconds(), "changes/s")
}

// countOf counts the changes of a commit that are about somebody.
func countOf(c *store.Commit) int {
	n := 0
	for i := range c.Changes {
		if c.Changes[i].Contact != 0 {
			n++
		}
	}
	return n
}

// benchApplyRows evaluates one commit in each round. The profile is the one
// after the last commit, which costs the same as hers then.
func benchApplyRows(b *testing.B, w *shopWorld, defs []segment.Definition, commits []store.Commit) {
	set, err := setLanguage(b, w.aud).CompileSet(defs...)
	require.NoError(b, err)
	parts := set.Parts()
	var matches []bool
	i, changes := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		c := &commits[i%len(commits)]
		i++
		profile, err := w.aud.Profile(b.Context(), audience.ID(c.Changes[0].Contact), parts)
		if err != nil {
			b.Fatal(err)
		}
		if matches, err = set.At(c.At).Match(&profile, matches); err != nil {
			b.Fatal(err)
		}
		changes += countOf(c)
	}
	perChange(b, changes)
}

// TestLiveCommits wants the feed to tell of live things as they happened.
func TestLiveCommits(t *testing.T) {
	w := loadShop(t, 500)
	const n = 1_200
	commits := w.happen(t, n)
	require.Greater(t, len(commits), n*9/10, "a change that changes nothing is no commit")
	kinds := make(map[store.ChangeKind]int)
	suppressed := 0
	for i, c := range commits {
		require.NotEmpty(t, c.Changes)
		if i > 0 {
			require.True(t, c.At.After(commits[i-1].At))
		}
		for _, change := range c.Changes {
			kinds[change.Kind]++
			if change.SuppressedFrom != nil && !change.SuppressedFrom.IsZero() {
				suppressed++
			}
		}
	}
	for _, kind := range []store.ChangeKind{store.ChangeContact, store.ChangeEvent, store.ChangeLedger} {
		require.NotZero(t, kinds[kind], kind)
	}
	require.NotZero(t, suppressed)
}
