package segmenttest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// plantedTrials is within how many trials a fault must be found.
const plantedTrials = 20

// TestTrialsCatch: a trial finds evaluators that are wrong in one way, and makes a short script of it.
func TestTrialsCatch(t *testing.T) {
	replace := func(pairs ...string) func([]segment.Definition) []segment.Definition {
		return func(defs []segment.Definition) []segment.Definition {
			defs = slices.Clone(defs)
			for i := range defs {
				defs[i].Source = strings.NewReplacer(pairs...).Replace(defs[i].Source)
			}
			return defs
		}
	}
	var first map[string]segment.Definition // of one system, as are the next ones
	var seen, hidden map[string]bool
	restarted := false
	tests := []struct {
		name   string
		faults faults
	}{
		{"a deadline one microsecond late", faults{now: func(now time.Time, moved bool) time.Time {
			if moved {
				return now.Add(-time.Microsecond)
			}
			return now
		}}},
		{"a deadline one microsecond early", faults{now: func(now time.Time, moved bool) time.Time {
			if moved {
				return now.Add(time.Microsecond)
			}
			return now
		}}},
		{"a lost flip", faults{members: func(name string, ids, before []audience.ContactID, moved bool) []audience.ContactID {
			if name == "mailable" && !moved && before != nil {
				return before
			}
			return ids
		}}},
		{"time is forgotten for one segment", faults{members: func(name string, ids, before []audience.ContactID, moved bool) []audience.ContactID {
			if name == "renewal" && moved {
				return before
			}
			return ids
		}}},
		{"a stale nested set", faults{nested: true}},
		{"a window includes its left edge", faults{define: replace(
			`.within("30d")`, `.since(ago("30d"))`, `.within("1y")`, `.since(ago("1y"))`, `.within("60d")`, `.since(ago("60d"))`,
			`.within("7d")`, `.since(ago("7d"))`, `.within("2d")`, `.since(ago("2d"))`)}},
		{"a month is 30 days", faults{define: replace(`"1mo"`, `"30d"`)}},
		{"a cart is left a second late", faults{define: replace(`"4h"`, `"4h1s"`)}},
		{"a revised event is counted twice", faults{profile: func(p *audience.Profile, _ audience.Profile, _ bool) {
			editEvents(p, func(e audience.Event) []audience.Event {
				if e.Revision > 0 {
					return []audience.Event{e, e}
				}
				return []audience.Event{e}
			})
		}}},
		{"late events are not seen", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			editEvents(p, func(e audience.Event) []audience.Event {
				old, key := before.Events(e.Type), e.Contact.String()+e.ID
				if known && !seen[key] && len(old) > 0 && e.Time.Before(old[len(old)-1].Time) {
					hidden[key] = true
				}
				if seen[key] = true; hidden[key] {
					return nil
				}
				return []audience.Event{e}
			})
		}}},
		{"a retracted event stays", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			if known && countEvents(*p) < countEvents(before) {
				p.Streams = before.Streams
			}
		}}},
		{"events of the merged are not hers", faults{profile: func(p *audience.Profile, _ audience.Profile, _ bool) {
			editEvents(p, func(e audience.Event) []audience.Event {
				if e.Origin != e.Contact {
					return nil
				}
				return []audience.Event{e}
			})
		}}},
		{"an old value is read after the change", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			if known && p.Contact.Version != before.Contact.Version {
				p.Contact.Fields = before.Contact.Fields
			}
		}}},
		{"old tags are read after the change", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			if known && p.Contact.Version != before.Contact.Version {
				p.Contact.Tags = before.Contact.Tags
			}
		}}},
		{"half of a commit is seen", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			if known && p.Contact.Version != before.Contact.Version && countEvents(*p) != countEvents(before) {
				p.Contact = before.Contact
			}
		}}},
		{"a segment stands still after a restart", faults{
			restart: func() { restarted = true },
			members: func(name string, ids, before []audience.ContactID, _ bool) []audience.ContactID {
				if restarted && name == "readers" {
					return before
				}
				return ids
			},
		}},
		{"consent does not expire", faults{profile: func(p *audience.Profile, _ audience.Profile, _ bool) {
			p.History.Records = slices.Clone(p.History.Records)
			for i := range p.History.Records {
				p.History.Records[i].Expires = time.Time{}
			}
		}}},
		{"refusals of the merged are forgotten", faults{profile: func(p *audience.Profile, _ audience.Profile, _ bool) {
			p.History.Merged = nil
		}}},
		{"suppression is not seen", faults{profile: func(p *audience.Profile, _ audience.Profile, _ bool) {
			p.SuppressedFrom = time.Time{}
		}}},
		{"joining a list comes late", faults{profile: func(p *audience.Profile, before audience.Profile, known bool) {
			if known {
				p.Lists = before.Lists
			}
		}}},
		{"the deleted stay", faults{members: func(_ string, ids, before []audience.ContactID, moved bool) []audience.ContactID {
			if !moved && len(before) > 0 && len(ids) == len(before)-1 && !slices.Contains(ids, before[0]) {
				return before
			}
			return ids
		}}},
		{"a new definition is not taken", faults{define: func(defs []segment.Definition) []segment.Definition {
			defs = slices.Clone(defs)
			for i, d := range defs {
				if old, known := first[d.Name]; known {
					defs[i] = old
				} else {
					first[d.Name] = d
				}
			}
			return defs
		}}},
		{"it panics when somebody leaves", faults{members: func(name string, ids, before []audience.ContactID, moved bool) []audience.ContactID {
			if name == "young" && !moved && len(before) > len(ids) {
				panic("a bug")
			}
			return ids
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := shopTrial(t)
			tr.Contacts, tr.Steps = 20, 70
			open := plant(tt.faults)
			found := requireCaught(t, tr, func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
				restarted = false
				first, seen, hidden = make(map[string]segment.Definition), make(map[string]bool), make(map[string]bool)
				return open(t, opts)
			}, true)
			require.Contains(t, []string{"members", "panic"}, found.Kind)
		})
	}
}

// editEvents replaces each event of a profile by others.
func editEvents(p *audience.Profile, edit func(audience.Event) []audience.Event) {
	streams := make([]audience.EventStream, len(p.Streams))
	for i, s := range p.Streams {
		streams[i].Type = s.Type
		for _, e := range s.Events {
			streams[i].Events = append(streams[i].Events, edit(e)...)
		}
	}
	p.Streams = streams
}

func countEvents(p audience.Profile) int {
	n := 0
	for _, s := range p.Streams {
		n += len(s.Events)
	}
	return n
}

// requireCaught wants a mismatch within some trials, with a short script that shows it when it is played.
func requireCaught(t *testing.T, tr segmenttest.Trial, open segmenttest.Opener, plays bool) *segmenttest.MismatchError {
	t.Helper()
	for seed := range uint64(plantedTrials) {
		tr.Seed = seed
		_, err := tr.Run(t, open)
		if err == nil {
			continue
		}
		var found *segmenttest.MismatchError
		require.ErrorAs(t, err, &found)
		t.Logf("trial %d: %v", seed+1, err)
		require.Less(t, strings.Count(found.Script.String(), "\n"), 30, "the script is long")
		if plays && found.Kind != "panic" {
			requireShown(t, found.Script, open, true)
		}
		if found.Kind == "members" {
			requireShown(t, found.Script, segmenttest.Memory, false)
		}
		return found
	}
	require.Fail(t, "not found")
	return nil
}

// requireShown plays a script and wants it to fail, or not to.
func requireShown(t *testing.T, s *segmenttest.Script, open segmenttest.Opener, fails bool) {
	t.Helper()
	s, err := segmenttest.Parse("shrunk.txt", s.String())
	require.NoError(t, err)
	err = playOn(t, s, open)
	require.Equal(t, fails, err != nil, "%v", err)
}

// tellingTrial is a trial of segments whose deadlines the planted evaluator knows.
func tellingTrial(t testing.TB) segmenttest.Trial {
	t.Helper()
	tr := shopTrial(t)
	tr.Contacts, tr.Steps = 20, 70
	tr.Segments = []segment.Definition{
		{Name: "opened", Source: `events("email.opened").within("30d").any()`},
		{Name: "visited", Source: `events("visit").within("7d").any()`},
		{Name: "both", Source: `inSegment("opened") && inSegment("visited")`},
		{Name: "young", Source: `contact.age < 30`},
		{Name: "neither", Source: `!inSegment("opened") && !inSegment("visited") && inSegment("young")`},
	}
	return tr
}

// TestTrialsOfTransitions: an evaluator that tells of transitions as they are is right.
func TestTrialsOfTransitions(t *testing.T) {
	report := segmenttest.RunTrials(t, tellingTrial(t), 8, plant(faults{tells: true}))
	t.Log(report)
	require.Greater(t, report.Transitions, 500)
}

// TestTrialsCatchTransitions: trials find logs that are wrong in one way, though the members are right.
func TestTrialsCatchTransitions(t *testing.T) {
	tests := []struct {
		name string
		log  func(log []segment.Transition, news int) []segment.Transition
		want string
	}{
		{"a glitch", func(log []segment.Transition, news int) []segment.Transition {
			if news != 1 || !log[len(log)-1].Entered { // out and in again within one change
				return log
			}
			x := log[len(log)-1]
			x.Entered = false
			return append(log, x, log[len(log)-1])
		}, "the second one of one change"},
		{"a lost transition", func(log []segment.Transition, news int) []segment.Transition {
			if news == 1 && log[len(log)-1].Segment == "both" {
				return log[:len(log)-1]
			}
			return log
		}, "do not add up"},
		{"one twice", func(log []segment.Transition, news int) []segment.Transition {
			if news == 1 {
				return append(log, log[len(log)-1])
			}
			return log
		}, "already"},
		{"one leaves without being in", func(log []segment.Transition, news int) []segment.Transition {
			if news != 1 || log[len(log)-1].Entered {
				return log
			}
			x := log[len(log)-1]
			x.Contact = 1 << 30
			return append(log, x)
		}, "she is not in"},
		{"dated a microsecond late", func(log []segment.Transition, news int) []segment.Transition {
			for i := len(log) - news; i < len(log); i++ {
				if log[i].Causes == segment.CauseTime {
					log[i].At = log[i].At.Add(time.Microsecond)
				}
			}
			return log
		}, "do not add up"},
		{"dated backwards", func(log []segment.Transition, news int) []segment.Transition {
			if n := len(log); news == 2 {
				log[n-1].At = log[n-1].At.Add(-time.Second)
			}
			return log
		}, "dated before"},
		{"dated ahead", func(log []segment.Transition, news int) []segment.Transition {
			for i := len(log) - news; i < len(log); i++ {
				log[i].At = log[i].At.Add(time.Hour)
			}
			return log
		}, "ahead of the clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := requireCaught(t, tellingTrial(t), plant(faults{tells: true, log: tt.log}), false)
			require.Equal(t, "transitions", found.Kind)
			require.Contains(t, found.Detail, tt.want)
		})
	}
}
