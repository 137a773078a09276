package segmenttest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// play plays a script in memory; wrap may put something in front of the reference.
func play(t *testing.T, text string, wrap func(segmenttest.System) segmenttest.System) error {
	t.Helper()
	s, err := segmenttest.Parse("a.txt", text)
	require.NoError(t, err)
	return playOn(t, s, func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		aud, system := segmenttest.Memory(t, opts)
		if wrap != nil {
			system = wrap(system)
		}
		return aud, system
	})
}

// playOn plays a script on what open gives.
func playOn(t *testing.T, s *segmenttest.Script, open segmenttest.Opener) error {
	t.Helper()
	clock := segmenttest.NewClock(s.Start)
	keys, err := audience.NewKeys("k", map[string][]byte{"k": make([]byte, 32)})
	require.NoError(t, err)
	aud, system := open(t, store.Options{Schema: s.Schema, Zone: s.Zone, Keys: keys, Clock: clock.Now})
	return segmenttest.Play(t.Context(), s, aud, clock, system)
}

// TestPlayFinds: whatever a script claims wrongly is found, and said with line and reason.
func TestPlayFinds(t *testing.T) {
	const world = `field age int
contact ann age=30
contact bob age=10
contact cem
segment adults = contact.age >= 18
segment broken = contact.agee > 3
`
	tests := []struct{ name, claim, want string }{
		{"too many", "expect adults = ann bob", "not in it, but should be: bob"},
		{"too few", "expect adults = nobody", "in it, but should not be: ann"},
		{"others", "expect adults = cem", "not in it, but should be: cem\n  in it, but should not be: ann"},
		{"everybody", "expect adults = everybody", "not in it, but should be: bob cem"},
		{"has", "expect adults has ann cem", "not in it, but should be: cem"},
		{"lacks", "expect adults lacks ann cem", "in it, but should not be: ann"},
		{"match too many", "match ann bob: contact.age == 30", "should be: bob"},
		{"match too few", "match nobody: contact.age == 30", "should not be: ann"},
		{"unknown for nobody", "match ann, unknown nobody: contact.age == 30", "unknown: cem\n  want unknown: nobody"},
		{"unknown for one", "match ann, unknown bob cem: contact.age == 30", "false: bob\n  unknown: cem\n  want unknown: bob cem"},
		{"known", "match ann, unknown cem: has(contact.age) && contact.age == 30", "want unknown: cem"},
		{"error that is none", "error adults", "it compiles; want an error"},
		{"error elsewhere", "error broken at 1:1", "1:9 unknown-field"},
		{"error of another rule", "error broken type", "1:9 unknown-field"},
		{"error without the hint", `error broken "score"`, "1:9 unknown-field"},
		{"broken segment", "expect broken = nobody", "it does not compile: 1:9: unknown-field"},
		{"broken expression", "match nobody: contact.agee > 3", "it does not compile: 1:9: unknown-field"},
		{"not refused", "refused denied: contact ann age=31", "was accepted; want it refused: denied"},
		{"refused otherwise", "refused denied: event dan purchase", "was refused: contact"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := play(t, world+tt.claim, nil)
			require.ErrorContains(t, err, "a.txt:7: "+tt.claim)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestPlayExplains: a failure says what the parts of the expression are for the contact.
func TestPlayExplains(t *testing.T) {
	err := play(t, `field age int
contact ann age=17
segment grown-up = contact.age >= 18
segment adults = inSegment("grown-up") || contact.age + 1 > 18 || !has(contact.email)
expect adults = nobody
expect adults = ann
expect grown-up = ann
`, nil)
	require.EqualError(t, err, `a.txt:5: expect adults = nobody
  at 2026-01-01T00:00:00Z the members are: ann
  in it, but should not be: ann
  ann:
    no       inSegment("grown-up")
    no       contact.age + 1 > 18   (is 18)
    no       has(contact.email)   (counts when no)
a.txt:7: expect grown-up = ann
  at 2026-01-01T00:00:00Z the members are: nobody
  not in it, but should be: ann
  ann:
    no       contact.age >= 18   (is 17)`)
}

// TestPlayGoesOn: an expectation that does not hold is no reason to stop, but there is an end to it; a statement that
// cannot be carried out is one.
func TestPlayGoesOn(t *testing.T) {
	err := play(t, "contact ann\nmatch nobody: true\nmatch ann: true\nmatch nobody: 1 == 1\n", nil)
	require.ErrorContains(t, err, "a.txt:2:")
	require.ErrorContains(t, err, "a.txt:4:")
	require.NotContains(t, err.Error(), "a.txt:3:")

	var many []byte
	for range 30 {
		many = append(many, "match ann: false\n"...)
	}
	err = play(t, "contact ann\n"+string(many), nil)
	require.ErrorContains(t, err, "a.txt:21:")
	require.NotContains(t, err.Error(), "a.txt:22:")

	err = play(t, "contact ann email=a@example.com\ncontact bob email=a@example.com\nmatch nobody: true\n", nil)
	require.ErrorContains(t, err, "a.txt:2:")
	require.ErrorIs(t, err, audience.ErrConflict)
	require.NotContains(t, err.Error(), "a.txt:3:")
}

// TestPlayChecksTheWorld: the audience has to be as the script says, or nothing that it claims means anything.
func TestPlayChecksTheWorld(t *testing.T) {
	s, err := segmenttest.Parse("a.txt", "contact ann\nat 2026-02-01\n")
	require.NoError(t, err)
	clock := segmenttest.NewClock(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	aud, err := store.Open(t.Context(), memstore.New(), "a", store.Options{Clock: clock.Now})
	require.NoError(t, err)
	err = segmenttest.Play(t.Context(), s, aud, clock, segmenttest.Reference(aud))
	require.ErrorContains(t, err, "the clock shows 2027-01-01T00:00:00Z and the script begins at 2026-01-01T00:00:00Z")

	clock = segmenttest.NewClock(s.Start)
	aud, err = store.Open(t.Context(), memstore.New(), "a", store.Options{Clock: clock.Now})
	require.NoError(t, err)
	_, err = aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("zoe")})
	require.NoError(t, err)
	err = segmenttest.Play(t.Context(), s, aud, clock, segmenttest.Reference(aud))
	require.ErrorContains(t, err, "the audience must be empty")
}

// faulty answers as the reference does, but for one planted fault.
type faulty struct {
	segmenttest.System
	members func(ids []audience.ContactID, now time.Time) []audience.ContactID
	define  func(defs []segment.Definition) []segment.Definition
	late    time.Duration
}

func (f faulty) Define(ctx context.Context, defs ...segment.Definition) error {
	if f.define != nil {
		defs = f.define(defs)
	}
	return f.System.Define(ctx, defs...)
}

func (f faulty) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	ids, err := f.System.Members(ctx, name, now.Add(f.late))
	if f.members != nil {
		ids = f.members(ids, now)
	}
	return ids, err
}

// TestScriptsCatch: our scripts find systems that are wrong in one way.
func TestScriptsCatch(t *testing.T) {
	replace := func(old, now string) func(defs []segment.Definition) []segment.Definition {
		return func(defs []segment.Definition) []segment.Definition {
			for i := range defs {
				defs[i].Source = replaceAll(defs[i].Source, old, now)
			}
			return defs
		}
	}
	tests := []struct {
		name   string
		fault  faulty
		script string
	}{
		{"a microsecond early", faulty{late: -time.Microsecond}, "window-edges.txt"},
		{"a microsecond late", faulty{late: time.Microsecond}, "window-edges.txt"},
		{"a month is 30 days", faulty{define: replace(`"1mo"`, `"30d"`)}, "month-ends.txt"},
		{"since excludes its edge", faulty{define: replace(`.since(ago("30d"))`, `.within("30d")`)}, "window-edges.txt"},
		{"a missing field is 0", faulty{define: replace("contact.age >", "contact.?age.orValue(0) >")}, "absent-operators.txt"},
		{"unknown is false", faulty{define: replace("!contact.a", "(!has(contact.a) || !contact.a)")}, "absent-and-or-not.txt"},
		{"then counts the same instant", faulty{define: replace(`.then(events("order"), "7d").any()`, `.any() && events("order").any()`)}, "then.txt"},
		{"in twice", faulty{members: func(ids []audience.ContactID, _ time.Time) []audience.ContactID {
			return append(slices.Clone(ids), ids...)
		}}, "strings.txt"},
		{"not in order", faulty{members: func(ids []audience.ContactID, _ time.Time) []audience.ContactID {
			ids = slices.Clone(ids)
			slices.Reverse(ids)
			return ids
		}}, "strings.txt"},
		{"a stranger", faulty{members: func(ids []audience.ContactID, _ time.Time) []audience.ContactID {
			return append(slices.Clone(ids), 1<<30)
		}}, "strings.txt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := scriptText(t, tt.script)
			require.NoError(t, play(t, text, nil))
			require.Error(t, play(t, text, func(s segmenttest.System) segmenttest.System {
				tt.fault.System = s
				return tt.fault
			}))
		})
	}
}

func replaceAll(s, old, now string) string {
	for i := 0; i+len(old) <= len(s); {
		if s[i:i+len(old)] == old {
			s = s[:i] + now + s[i+len(old):]
			i += len(now)
			continue
		}
		i++
	}
	return s
}

// strict refuses a whole set for one bad segment, as an engine may.
type strict struct{ segmenttest.System }

func (s strict) Define(ctx context.Context, defs ...segment.Definition) error {
	err := s.System.Define(ctx, defs...)
	if err != nil {
		return errors.Join(errors.New("nothing was published"), err, s.System.Define(ctx))
	}
	return nil
}

// TestPlayAsksStrictSystems: a system that publishes a set as a whole or not at all can be held to the scripts.
func TestPlayAsksStrictSystems(t *testing.T) {
	for _, file := range []string{"nested-segment-errors.txt", "where.txt"} {
		require.NoError(t, play(t, scriptText(t, file), func(s segmenttest.System) segmenttest.System { return strict{s} }))
	}
}

// TestPlayTogether: several statements are one commit, or none.
func TestPlayTogether(t *testing.T) {
	require.NoError(t, play(t, `list vips static
field age int
contact ann
together   # one commit
  contact bob age=3
  # a comment

  add-to-list vips ann bob
  merge ann into bob
match bob: onList("vips")
`, nil))
	err := play(t, "contact ann email=a@example.com\ntogether\n  contact bob\n  contact cem email=a@example.com\n", nil)
	require.ErrorIs(t, err, audience.ErrConflict)

	for text, want := range map[string]string{
		"together":                                 "1:1: together and below it",
		"together contact ann":                     "1:1: together alone",
		"together\n  # nothing\n":                  "1:1: together and below it",
		"together\n  advance 1d":                   "2:3: a statement that changes",
		"together\n  restart":                      "2:3: a statement that changes",
		"together\n  expect a = nobody":            "2:3: a statement that changes",
		"together\n  refused denied: contact ann":  "2:3: a statement that changes",
		"together\n  contact ann\n  subscribe bob": "3:13: there is no contact bob",
		"restart now":                              "1:1: restart alone",
	} {
		_, err := segmenttest.Parse("a.txt", text)
		require.ErrorContains(t, err, want, text)
	}
}

// restarting counts how often it was made to start anew.
type restarting struct {
	segmenttest.System
	times *int
}

func (r restarting) Restart(context.Context) error {
	*r.times++
	return nil
}

func TestPlayRestart(t *testing.T) {
	require.NoError(t, play(t, "restart\n", nil))
	times := 0
	require.NoError(t, play(t, "restart\ncontact ann\nrestart\n", func(s segmenttest.System) segmenttest.System { return restarting{s, &times} }))
	require.Equal(t, 2, times)
}
