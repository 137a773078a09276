package segment_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

const trialSegments = 12 // of one trial

// trialSubject opens what is compared with the reference evaluator.
func trialSubject() segmenttest.Opener { return segmenttest.Memory }

// TestTrials (G1) compares the engine with the reference evaluator: random schemas with every type, random sets of
// segments over the whole grammar that name each other, and random histories, after every step of which every segment
// must have exactly the members that the reference finds.
//
// AUDIENCEKIT_ENGINE_COMPARISONS says how many comparisons of a contact and a segment there are to be,
// AUDIENCEKIT_ENGINE_SEED where to start.
func TestTrials(t *testing.T) {
	comparisons, first := naiveEnv(t, "AUDIENCEKIT_ENGINE_COMPARISONS", 400_000), naiveEnv(t, "AUDIENCEKIT_ENGINE_SEED", 1)
	var total segmenttest.Report
	failed := 0
	for seed := uint64(first); total.Comparisons < comparisons && failed < 3; seed++ {
		report, err := newTrial(t, seed).Run(t, trialSubject())
		total.Add(report)
		if err != nil {
			t.Errorf("world %d: %v", seed, err)
			failed++
		}
	}
	t.Log(total)
	if failed > 0 || comparisons < 400_000 {
		return // too few for shares
	}
	require.Greater(t, total.Members, total.Comparisons/10)
	require.Less(t, total.Members, total.Comparisons*9/10)
	require.Greater(t, total.Flips, total.Steps/4)
	for _, kind := range []string{
		"address given on", "clock edge", "clock edge, right before", "clock edge, right after", "clock midnight", "clock flip",
		"consent granted", "consent withdrawn", "contact set", "contact clear", "contact tags", "contact again", "delete", "erase", "event now", "event late",
		"event ahead", "event of long ago", "event repeated", "event retracted", "event revised, time", "event revised, type", "event revised, property",
		"event revised, lower and late", "list join", "list leave", "merge", "unmerge", "suppress", "lift", "segment anew",
	} {
		require.Positive(t, total.Actions[kind], kind)
	}
}

// newTrial makes the trial of a seed: a random schema and random segments.
func newTrial(t *testing.T, seed uint64) segmenttest.Trial {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 12))
	w := naiveNewWorld(random, 16)
	g := &naiveGen{naiveWorld: w, random: random}
	language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
	require.NoError(t, err)
	var defs []segment.Definition
	for len(defs) < trialSegments {
		def := segment.Definition{Name: "s" + strconv.Itoa(len(defs)), Source: g.expression().String()}
		set, err := language.CompileSet(append(defs, def)...)
		if err != nil {
			continue // such as a constant that cannot be
		}
		if !divides(t, w, set, def.Name) && !w.chance(0.1) {
			continue
		}
		defs = append(defs, def)
		g.segments = append(g.segments, def.Name)
	}
	return segmenttest.Trial{Schema: w.schema, Zone: w.zone, Start: w.base, Segments: defs, Seed: seed}
}

// divides reports whether some contacts of a world are in a segment and some are not, now or at a later time.
func divides(t *testing.T, w *naiveWorld, set *segment.Set, name string) bool {
	t.Helper()
	in, asked := 0, 0
	for _, now := range []time.Time{w.base, w.base.AddDate(0, 0, 9)} {
		moment := set.At(now)
		for _, p := range w.profiles {
			truth, err := moment.Truth(name, p)
			require.NoError(t, err)
			if asked++; truth == segment.True {
				in++
			}
		}
	}
	return in > 1 && in < asked-1
}
