package segment_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// TestTrialsOfFamilies (G1) is TestTrials for segments as an engine finds them by what tells them apart: many that differ
// in a value, a tag, a list or an item beside conditions that they share.
func TestTrialsOfFamilies(t *testing.T) {
	comparisons, first := naiveEnv(t, "AUDIENCEKIT_ENGINE_COMPARISONS", 400_000), naiveEnv(t, "AUDIENCEKIT_ENGINE_SEED", 1)
	var total segmenttest.Report
	failed := 0
	for seed := uint64(first); total.Comparisons < comparisons && failed < 3; seed++ {
		trial := segmenttest.Trial{Schema: familySchema(), Segments: familySegments(seed), Seed: seed, Contacts: 8, Steps: 150}
		if seed%2 == 0 {
			trial.Zone = mustZone(t, "Europe/Berlin")
			trial.Start = time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC) // a clock change is near
		}
		report, err := trial.Run(t, trialSubject())
		total.Add(report)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			failed++
		}
	}
	t.Log(total)
	if failed == 0 && comparisons >= 400_000 {
		require.Greater(t, total.Flips, total.Steps/4)
	}
}

func familySchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "city", Type: audience.TypeString},
			{Name: "age", Type: audience.TypeInt},
			{Name: "active", Type: audience.TypeBool},
			{Name: "likes", Type: audience.TypeStringList},
			{Name: "seen", Type: audience.TypeTimestamp},
		},
		Events: []audience.EventType{
			{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}, {Name: "value", Type: audience.TypeDouble}}},
			{Name: "call"},
		},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "vip", Kind: audience.ListStatic},
			{Name: "never", Kind: audience.ListStatic},
			{Name: "news", Kind: audience.ListTopic},
			{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
		},
	}
}

// familySegments makes segments of what tells members apart and of what they share.
func familySegments(seed uint64) []segment.Definition {
	random := rand.New(rand.NewPCG(seed, 31))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	apart := []string{
		`contact.city == "a"`, `contact.city == "b"`, `contact.city == "c"`, `contact.city in ["a", "b"]`, `"x" in contact.tags`, `"y" in contact.tags`,
		`"z" in contact.tags`, `"m" in contact.likes`, `"n" in contact.likes`, `"o" in contact.likes`, `onList("vip")`, `onList("never")`, `contact.age == 1`,
		`contact.age == 2`, `contact.age == 3`, `contact.active`, `!contact.active`, `contact.status == "subscribed"`, `contact.status == "none"`,
		`contact.status == "unsubscribed"`, `contact.status == "pending"`, `events("visit").count() == 1`, `events("visit").count() == 2`,
		`events("visit").count() == 3`, `events("call").count() == 1`, `consent("offers")`, `suppressed()`, `!suppressed()`, `onList("news")`, `onList("deals")`,
		`events("visit").max("value") == 2.0`, `events("visit").max("value") == 3.0`,
	}
	shared := []string{
		`events("visit").within("2d").any()`, `events("visit").within("2d").count() >= 2`, `!events("visit").within("1d").any()`, `contact.age > 1`,
		`contact.seen > ago("1d")`, `contact.seen <= ago("1mo")`, `contact.seen > ago("1mo")`, `contact.created_at > ago("3d")`, `has(contact.city)`,
		`!has(contact.age)`, `rate(events("visit"), events("call")) > 0.5`, `events("visit").sum("value") > 3.0`, `events("visit", "call").last() > ago("1d")`,
		`events("visit").within("1d").sum("value") > 2.0`, `events("visit").without(events("call"), "4h").any()`, `contact.city.startsWith("a")`,
		`contact.tags.exists(t, t > "x")`, `contact.likes.exists(l, l == "m")`, `!onList("vip")`, `!("y" in contact.tags)`, `contact.city != "b"`,
		`events("visit").within("1mo").count() == 1`, `events("call").since(startOf("d")).none()`,
	}
	if seed%3 == 0 { // nothing but tags, of which several go at once
		apart = nil
		for tag := 'a'; tag < 'm'; tag++ {
			apart = append(apart, fmt.Sprintf("%q in contact.tags", string(tag)))
		}
		shared = apart
	}
	var few [3]string // so that a family is large
	for i := range few {
		few[i] = pick(shared)
	}
	var names []string
	var defs []segment.Definition
	for i := range 36 {
		parts := []string{pick(apart), pick(few[:])}
		for random.IntN(4) == 0 {
			parts = append(parts, pick(apart))
		}
		switch random.IntN(12) {
		case 0:
			parts = append(parts, "("+pick(apart)+" || "+pick(shared)+")")
		case 1:
			parts = append(parts, "("+pick(apart)+" && "+pick(shared)+" || "+pick(apart)+" && "+pick(shared)+")")
		case 2:
			if len(names) > 0 {
				parts = append(parts, pick([]string{"", "!"})+`inSegment("`+pick(names)+`")`)
			}
		case 3:
			parts = append(parts, "!("+pick(apart)+" && "+pick(shared)+")")
		}
		random.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		name := fmt.Sprintf("s%02d", i)
		names = append(names, name)
		defs = append(defs, segment.Definition{Name: name, Source: strings.Join(parts, " && ")})
	}
	return defs
}
