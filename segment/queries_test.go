package segment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// queried is the live engine as a system that asks itself everything else that it can be asked, whenever it is asked
// for members, and compares the answers with the reference evaluator.
type queried struct {
	aud      *store.Audience
	engine   *segment.Engine
	set      *segment.Set
	defs     []segment.Definition
	language *segment.Language
	random   *rand.Rand
	asked    map[string]int
}

func (q *queried) Define(ctx context.Context, defs ...segment.Definition) (err error) {
	if q.engine == nil {
		if q.engine, err = segment.OpenEngine(ctx, q.aud, segment.EngineOptions{}); err != nil {
			return err
		}
	}
	if _, err = q.engine.Apply(ctx, defs...); err != nil {
		return err
	}
	if q.language, err = segment.LanguageOf(q.aud, segment.Options{}); err == nil {
		q.set, err = q.language.CompileSet(defs...)
		q.defs = slices.Clone(defs)
	}
	return err
}

func (q *queried) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	if err := q.engine.Advance(ctx, now); err != nil {
		return nil, err
	}
	found, err := q.engine.Segment(name)
	if err != nil {
		return nil, err
	}
	for _, ask := range []struct {
		every int
		check func(context.Context, string, time.Time) error
	}{{4, q.explain}, {40, q.forecast}, {20, q.preview}} {
		if q.random.IntN(ask.every) == 0 {
			if err := ask.check(ctx, name, now); err != nil {
				return nil, fmt.Errorf("segment %s: %w", name, err)
			}
		}
	}
	return slices.Collect(found.Members().All()), q.engine.Err()
}

// profiles reads everybody.
func (q *queried) profiles(ctx context.Context, now time.Time) (out []audience.Profile, err error) {
	err = q.aud.View(ctx, func(r *store.Reader) error {
		for p, err := range r.AllProfiles(ctx, store.ProfileQuery{Parts: q.set.Parts(), ContactQuery: store.ContactQuery{At: now}}) {
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// explain holds an explanation to the reference.
func (q *queried) explain(ctx context.Context, name string, now time.Time) error {
	profiles, err := q.profiles(ctx, now)
	if err != nil || len(profiles) == 0 {
		return err
	}
	p := &profiles[q.random.IntN(len(profiles))]
	x, err := q.engine.Explain(ctx, name, audience.ID(p.Contact.ID))
	if err != nil {
		return err
	}
	q.asked["explained"]++
	truth := func(at time.Time) (segment.Truth, error) { return q.set.At(at).Truth(name, p) }
	is, err := truth(now)
	switch {
	case err != nil:
		return err
	case x.Member != (is == segment.True):
		return fmt.Errorf("explained as member %v, is %s", x.Member, is)
	}
	if err := q.until(x.Until, now, "membership", func(at time.Time) (string, error) {
		t, err := truth(at)
		return strconv.FormatBool(t == segment.True), err
	}); err != nil {
		return err
	}
	want, err := q.set.At(now).Explain(name, p)
	if err != nil {
		return err
	}
	for i, a := range want {
		got := x.Conditions[i]
		if got.Source != a.Source || got.Truth != a.Truth || got.Negated != a.Negated || got.HasValue != a.HasValue ||
			!strings.Contains(a.Source, " in contact.") && got.Value.Reveal() != a.Value.Reveal() {
			return fmt.Errorf("condition %q explained as %s %q, is %s %q", a.Source, got.Truth, got.Value.Reveal(), a.Truth, a.Value.Reveal())
		}
		if err := q.until(got.Until, now, a.Source, func(at time.Time) (string, error) {
			atoms, err := q.set.At(at).Explain(name, p)
			if err != nil {
				return "", err
			}
			return atoms[i].Truth.String(), nil
		}); err != nil {
			return err
		}
		for _, c := range got.Counted {
			q.asked["counted"]++
			if c.Events > 0 && (c.First.After(c.Last) || c.Last.After(now)) {
				return fmt.Errorf("%s counts events from %s to %s", c.Source, c.First, c.Last)
			}
		}
		if got.Decides {
			q.asked["deciding"]++
		}
	}
	if !strings.Contains(x.Reveal("Ann"), "Ann is") {
		return fmt.Errorf("revealed as %s", x.Reveal("Ann"))
	}
	return nil
}

// preview holds a preview of a segment's own expression, which may read more than what is live, to the reference.
func (q *queried) preview(ctx context.Context, name string, now time.Time) error {
	def, _ := q.set.Definition(name)
	source := "!(" + def.Source + ")"
	if q.random.IntN(2) == 0 {
		other, _ := q.set.Definition(q.set.Names()[q.random.IntN(q.set.Len())])
		source += " || inSegment(\"" + other.Name + "\") && events(\"purchase\").distinct(\"order\") == 0 && contact.phone != \"1\""
	}
	p, err := q.engine.Preview(ctx, source, segment.PreviewOptions{Sample: 5})
	if err != nil {
		return err
	}
	q.asked["preview"]++
	if len(p.Loaded) > 0 {
		q.asked["preview that loads"]++
	}
	profiles, err := q.profiles(ctx, now)
	if err != nil {
		return err
	}
	set, err := q.language.CompileSet(append(q.defs, segment.Definition{Name: "zz-preview", Source: source})...)
	if err != nil {
		return err
	}
	err = q.aud.View(ctx, func(r *store.Reader) error {
		want, err := set.Evaluate(ctx, r, now, nil)
		if err != nil {
			return err
		}
		if members, _ := want.Members("zz-preview"); !members.Equal(p.Members) {
			return fmt.Errorf("preview of %s has %d members, should have %d", source, p.Members.Len(), members.Len())
		}
		return nil
	})
	if err != nil || p.Of != len(profiles) || len(p.Sample) != min(5, p.Members.Len()) {
		return fmt.Errorf("preview of %d contacts and %d members with a sample of %d: %w", p.Of, p.Members.Len(), len(p.Sample), err)
	}
	for i, id := range p.Sample {
		if !p.Members.Contains(id) || i > 0 && p.Sample[i-1] >= id {
			return fmt.Errorf("sample %v", p.Sample)
		}
	}
	for _, c := range p.Plan.Columns {
		if c.Loaded == slices.ContainsFunc(p.Loaded, func(name string) bool { return name == c.Name }) && !strings.HasPrefix(c.Name, "events ") {
			return fmt.Errorf("%s is in the plan as loaded %v, and loaded is %v", c.Name, c.Loaded, p.Loaded)
		}
	}
	plan, err := q.engine.Plan(name)
	if err != nil {
		return err
	}
	q.asked["plan"]++
	for _, c := range plan.Columns {
		if !c.Loaded {
			return fmt.Errorf("plan of a live segment lacks %s", c.Name)
		}
	}
	return nil
}

// until compares when something changes with what it is around that instant and at others.
func (q *queried) until(u segment.Until, now time.Time, what string, is func(time.Time) (string, error)) error {
	before, err := is(now)
	if err != nil {
		return err
	}
	var same []time.Time
	end := now.AddDate(0, 4, 0)
	if !u.At.IsZero() {
		q.asked["change by time"]++
		same, end = append(same, u.At.Add(-time.Microsecond)), u.At
		if at, err := is(u.At); err != nil || u.Exact && at == before {
			return fmt.Errorf("%s is to change at %s and does not (%w)", what, u.At, err)
		}
	}
	for range 3 {
		same = append(same, now.Add(time.Duration(q.random.Int64N(int64(end.Sub(now))))).Truncate(time.Microsecond))
	}
	for _, at := range same {
		if s, err := is(at); err != nil || s != before {
			return fmt.Errorf("%s is to change at %s and does at %s (%w)", what, u.At, at, err)
		}
	}
	return nil
}

// forecast holds a forecast of all segments to the reference.
func (q *queried) forecast(ctx context.Context, _ string, now time.Time) error {
	to := now.Add(time.Duration(q.random.Int64N(int64(40 * 24 * time.Hour)))).Truncate(time.Microsecond)
	f, err := q.engine.Forecast(ctx, to)
	if err != nil {
		return err
	}
	q.asked["forecast"]++
	profiles, err := q.profiles(ctx, now)
	if err != nil {
		return err
	}
	names := q.set.Names()
	at := func(when time.Time) (map[string]map[audience.ContactID]bool, error) {
		moment, out := q.set.At(when), map[string]map[audience.ContactID]bool{}
		for _, name := range names {
			out[name] = map[audience.ContactID]bool{}
		}
		for i := range profiles {
			in, err := moment.Match(&profiles[i], nil)
			if err != nil {
				return nil, err
			}
			for k, name := range names {
				if in[k] {
					out[name][profiles[i].Contact.ID] = true
				}
			}
		}
		return out, nil
	}
	members, err := at(now)
	if err != nil {
		return err
	}
	checks := 0
	agree := func(when time.Time) error {
		if checks++; checks > 12 && !when.Equal(to) {
			return nil
		}
		want, err := at(when)
		if err != nil {
			return err
		}
		for _, name := range names {
			if fmt.Sprint(members[name]) != fmt.Sprint(want[name]) {
				return fmt.Errorf("forecast of %s at %s: %v, is %v", name, when, members[name], want[name])
			}
		}
		return nil
	}
	last := now
	for _, m := range f.Moves {
		q.asked["forecast move"]++
		if !m.At.After(now) || m.At.After(to) {
			return fmt.Errorf("forecast for %s up to %s has %s", now, to, m.At)
		}
		if !m.At.Equal(last) {
			if err := agree(m.At.Add(-time.Microsecond)); err != nil {
				return err
			}
			last = m.At
		}
		if members[m.Segment][m.Contact] == m.Entered {
			return fmt.Errorf("forecast of %s: %s enters twice or leaves twice", m.Segment, m.Contact)
		}
		delete(members[m.Segment], m.Contact)
		if m.Entered {
			members[m.Segment][m.Contact] = true
		}
	}
	for _, c := range f.Segments {
		if c.After != len(members[c.Name]) {
			return fmt.Errorf("forecast of %s: %d members", c.Name, c.After)
		}
	}
	return agree(to)
}

// TestQueries (G1) compares explanations, forecasts and what else an engine can be asked with the reference evaluator
// over random histories.
//
// AUDIENCEKIT_QUERY_TRIALS says how many, AUDIENCEKIT_ENGINE_SEED where to start.
func TestQueries(t *testing.T) {
	trials, first := naiveEnv(t, "AUDIENCEKIT_QUERY_TRIALS", 6), naiveEnv(t, "AUDIENCEKIT_ENGINE_SEED", 1)
	asked := map[string]int{}
	for seed := first; seed < first+trials; seed++ {
		open := func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
			aud, _ := segmenttest.Memory(t, opts)
			return aud, &queried{aud: aud, random: rand.New(rand.NewPCG(uint64(seed), 21)), asked: asked}
		}
		trial := newTrial(t, uint64(seed))
		trial.Contacts, trial.Steps = 15, 40
		_, err := trial.Run(t, open)
		require.NoError(t, err, "seed %d", seed)
	}
	t.Log(asked)
	for _, what := range []string{"explained", "counted", "deciding", "change by time", "forecast", "forecast move", "preview", "preview that loads", "plan"} {
		require.Greater(t, asked[what], trials, what)
	}
}
