package segmenttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Trial compares a [System] with the reference evaluator over a random history of an audience: contacts come, change,
// merge and go, events come late, twice, revised and taken back, consent is given, ends and is withdrawn, definitions
// change, and the clock moves to the instants at which something is due, one microsecond before and one after. After
// every step each segment must have exactly the members that the reference finds.
//
// A Trial with the same members gives the same history everywhere. Values, periods, event types and fields are drawn
// from what the segments mention more often than from elsewhere, so that their edges are met.
type Trial struct {
	Schema    audience.Schema // as a host declares it
	Zone      *time.Location  // nil is UTC
	Start     time.Time       // what the clock shows at first; zero is 2026-01-01T00:00:00Z
	Segments  []segment.Definition
	Functions []segment.Function // the host's own in expressions; the system must know them too
	Seed      uint64
	Steps     int // beyond those that make the first contacts; 0 is 60
	Contacts  int // 0 is 50, at most 500
}

// TrialOf gives a trial of segments in an audience like a given one: with its schema and in its zone. Nothing else is
// taken from the audience, and nothing happens to it.
func TrialOf(aud *store.Audience, defs ...segment.Definition) Trial {
	return Trial{Schema: aud.Schema(), Zone: aud.Zone(), Segments: defs}
}

// RunTrials runs a trial with as many seeds, from its own on, and gives what was compared. It fails the test with each
// mismatch and ends at the third one.
//
//	segmenttest.RunTrials(t, segmenttest.TrialOf(aud, defs...), 20, segmenttest.Memory)
func RunTrials(t testing.TB, tr Trial, trials int, open Opener) Report {
	t.Helper()
	var total Report
	failures := 0
	for range trials {
		report, err := tr.Run(t, open)
		total.Add(report)
		if err != nil {
			t.Errorf("\n%v", err)
			failures++
		}
		if failures == maxMismatches {
			break
		}
		tr.Seed++
	}
	return total
}

// maxMismatches ends a run of trials.
const maxMismatches = 3

// Run plays the history on an audience that open gives, and compares. A difference is a [*MismatchError], with the
// shortest script that was found to show it. The error is another one when there is no history to play: segments that do
// not compile, a schema that no script can declare, a store that fails.
func (tr Trial) Run(t testing.TB, open Opener) (Report, error) {
	t.Helper()
	script, err := tr.script()
	if err != nil {
		return Report{}, err
	}
	run := trialRun{trial: tr.withDefaults(), open: open, report: Report{Trials: 1, Actions: make(map[string]int)}}
	room := &room{TB: t}
	defer room.leave()
	err = run.play(t.Context(), room, script)
	if found, ok := errors.AsType[*MismatchError](err); ok {
		found.Seed, found.Step = tr.Seed, run.report.Steps
		found = shrink(t, open, tr.Functions, run.script, found)
		return run.report, found
	}
	return run.report, err
}

func (tr Trial) withDefaults() Trial {
	if tr.Zone == nil {
		tr.Zone = time.UTC
	}
	if tr.Start.IsZero() {
		tr.Start = defaultStart()
	}
	tr.Start = audience.FromMicros(audience.Micros(tr.Start))
	if tr.Steps <= 0 {
		tr.Steps = 60
	}
	if tr.Contacts <= 0 {
		tr.Contacts = 50
	}
	tr.Contacts = min(tr.Contacts, maxContacts/2)
	tr.Schema = declarable(tr.Schema)
	return tr
}

// declarable gives a schema without what a script cannot declare: a new audience has numbers of its own, and the fields
// are not yet renamed and belong to everybody.
func declarable(s audience.Schema) audience.Schema {
	s = s.Clone()
	for i := range s.Fields {
		s.Fields[i].ID, s.Fields[i].Owner, s.Fields[i].Renamed = 0, "", ""
	}
	for i := range s.Events {
		s.Events[i].ID = 0
		for k := range s.Events[i].Props {
			s.Events[i].Props[k].ID = 0
		}
	}
	return s
}

// script gives what the trial has before anything happens, as it is read back from its text.
func (tr Trial) script() (*Script, error) {
	tr = tr.withDefaults()
	s := &Script{File: "trial", Zone: tr.Zone, Start: tr.Start, Schema: tr.Schema}
	for _, d := range tr.Segments {
		s.Steps = append(s.Steps, Step{Do: Define{Definition: d}})
	}
	if len(tr.Segments) == 0 {
		return nil, &audience.FieldError{Path: "segments", Rule: "empty", Hint: "segments to try"}
	}
	s, err := Parse(s.File, s.String())
	if err != nil {
		return nil, fmt.Errorf("the trial as a script: %w", err)
	}
	return s, nil
}

// trialRun is one trial being played.
type trialRun struct {
	trial  Trial
	open   Opener
	script *Script // what was done
	stage  *stage
	past   *history
	report Report
}

// play makes a history up and plays it, step by step.
func (r *trialRun) play(ctx context.Context, t testing.TB, s *Script) error {
	r.script = s
	stage, err := newStage(t, s, r.open, r.trial.Functions)
	if err != nil {
		return err
	}
	r.stage = stage
	random := rand.New(rand.NewPCG(r.trial.Seed, 11)) //nolint:gosec // histories are to be repeated
	r.past = newHistory(random, s, stage)
	begin := random.IntN(r.trial.Contacts) // the system may meet some of them at once, the others as they come
	for i := range r.trial.Contacts {
		for _, a := range r.past.arrival("c" + strconv.Itoa(i+1)) {
			if _, err := r.do(ctx, a); err != nil {
				return err
			}
		}
		if i == begin {
			if err := r.compare(ctx, 0); err != nil {
				return err
			}
		}
	}
	if err := r.compare(ctx, 0); err != nil {
		return err
	}
	for r.report.Steps < r.trial.Steps {
		done, err := r.do(ctx, r.past.next())
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		r.report.Steps++
		if err := r.compare(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// do plays an action unless it is refused.
func (r *trialRun) do(ctx context.Context, a deed) (bool, error) {
	step := Step{Do: a.do}
	step.Text = statementText(&step)
	err := r.stage.do(ctx, &step)
	switch {
	case err == nil:
		r.past.done(a.do)
		r.script.Steps = append(r.script.Steps, step)
		r.report.Actions[a.kind]++
		return true, nil
	case isRefusal(err):
		r.report.Refused++
		if r.report.Refused > 10*r.trial.Steps+100*r.trial.Contacts {
			return false, fmt.Errorf("seed %d: nearly everything is refused, at last: %w", r.trial.Seed, err)
		}
		return false, nil
	}
	return false, fmt.Errorf("seed %d: %s: %w", r.trial.Seed, step.Text, err)
}

// isRefusal reports whether an error is the store's answer to an action that it does not take.
func isRefusal(err error) bool {
	for _, category := range refusals() {
		if errors.Is(err, category) {
			return true
		}
	}
	return errors.Is(err, audience.ErrUnsupported)
}

// compare compares everything, after so many steps: 0 after many. A comparison is a place of the script too.
func (r *trialRun) compare(ctx context.Context, steps int) error {
	r.script.Steps = append(r.script.Steps, Step{Do: Expect{How: Equals}})
	seen, err := r.stage.compare(ctx, nil, steps)
	r.report.add(seen)
	return err
}
