package dbtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// TestFindScripts holds what a database finds itself to the scripts that say
// what the language means.
func TestFindScripts(t *testing.T) {
	notUnderRace(t)
	Run(t, func(t *testing.T, d Database) {
		segmenttest.Run(t, segmenttest.Scripts(), finding(d))
	})
}

// TestFindTrials (G2) compares what each database finds itself with the
// reference evaluator over the same rows: random histories of random segments,
// at instants of all kinds. AUDIENCEKIT_FIND_COMPARISONS says how many
// comparisons of a contact and a segment there are to be on each,
// AUDIENCEKIT_FIND_SEED where to start.
func TestFindTrials(t *testing.T) {
	notUnderRace(t)
	comparisons, first := number(t, "AUDIENCEKIT_FIND_COMPARISONS", 15_000), number(t, "AUDIENCEKIT_FIND_SEED", 1)
	Run(t, func(t *testing.T, d Database) {
		var total segmenttest.Report
		for seed := uint64(first); total.Comparisons < comparisons; seed++ {
			trial := segmenttest.Trial{Schema: engineSchema(), Segments: append(trialSegments(seed), datedSegments(seed)...), Seed: seed, Contacts: 10, Steps: 60}
			if seed%2 == 0 {
				zone, err := time.LoadLocation("Europe/Berlin")
				require.NoError(t, err)
				trial.Zone, trial.Start = zone, time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC) // a clock change is near
			}
			report, err := trial.Run(t, finding(d))
			total.Add(report)
			require.NoError(t, err, "seed %d", seed)
		}
		t.Log(total)
		require.Greater(t, total.Members, total.Comparisons/10)
	})
}

func finding(d Database) func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
	return func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		t.Helper()
		aud := openTrial(t, d, opts)
		return aud, segmenttest.Find(aud)
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

// datedSegments are some at random of what stores know at a given instant only.
func datedSegments(seed uint64) (defs []segment.Definition) {
	random := rand.New(rand.NewPCG(seed, 47))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	op := func() string { return pick("==", "!=", "<", "<=", ">", ">=") }
	edge := func() string {
		return pick(`ago("1d")`, `ahead("1h")`, `startOf("d")`, `startOf("w")`, `ago("1mo")`, `startOf("y")`, `ago("1d2h")`, `date("2026-01-03")`)
	}
	instant := func() string { return pick(edge(), edge(), `now`, `(now - duration("36h"))`) }
	events := func() string {
		parts := []string{`events("` + pick("visit", "purchase", `visit", "purchase`) + `")`}
		for range random.IntN(3) {
			parts = append(parts, pick(`.within("2d")`, `.within("1w")`, `.since(`+edge()+`)`, `.before(`+edge()+`)`, `.between(`+edge()+`, `+edge()+`)`))
		}
		return strings.Join(parts, "")
	}
	condition := func() string {
		switch random.IntN(9) {
		case 0:
			return events() + pick(".any()", ".none()")
		case 1:
			return events() + ".count() " + op() + pick(" 0", " 1", " 2", " 3")
		case 2:
			return events() + `.sum("value") ` + op() + pick(" 0.0", " 1.0", " 2.5", " 3.0")
		case 3:
			return events() + `.avg("value") ` + op() + pick(" 1.0", " 1.5", " 2.0")
		case 4:
			return events() + pick(".first() ", ".last() ") + op() + " " + instant()
		case 5:
			return "rate(" + events() + ", " + events() + ") " + op() + pick(" 0.0", " 0.5", " 1.0")
		case 6:
			return pick("contact.seen ", "contact.created_at ", "contact.updated_at ") + op() + " " + instant()
		case 7:
			return "now - " + pick("contact.seen ", "contact.created_at ", events()+".last() ") + op() + pick(` duration("24h")`, ` duration("1s")`, ` duration("-1h")`)
		default:
			return pick(`now.getHours() < 12`, `bucket("x", 4) == 1`, `contact.age in [1, 2]`, `has(contact.seen)`)
		}
	}
	for i := range 16 {
		source := condition()
		for random.IntN(2) == 0 {
			part := condition()
			if i > 0 && random.IntN(4) == 0 {
				part = fmt.Sprintf("inSegment(%q)", defs[random.IntN(i)].Name)
			}
			source = fmt.Sprintf("(%s %s %s(%s))", source, pick("&&", "||"), pick("", "!"), part)
		}
		defs = append(defs, segment.Definition{Name: fmt.Sprintf("d%02d", i), Source: source})
	}
	return defs
}
