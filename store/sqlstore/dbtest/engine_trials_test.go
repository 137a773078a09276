package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestEngineScripts holds the engine over each database to the scripts that
// say what the language means.
func TestEngineScripts(t *testing.T) {
	notUnderRace(t)
	Run(t, func(t *testing.T, d Database) {
		segmenttest.Run(t, segmenttest.Scripts(), func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
			t.Helper()
			aud := openTrial(t, d, opts)
			return aud, segmenttest.Engine(t, aud)
		})
	})
}

// TestEngineTrials (G1) compares the engine over each database with the
// reference evaluator over the same rows: random histories of random segments,
// after every step of which each segment has the members that the reference
// finds, and the transitions add up to them. The engine is started anew all the
// time, in order and not, from checkpoints of any age and from nothing.
func TestEngineTrials(t *testing.T) {
	notUnderRace(t)
	Run(t, func(t *testing.T, d Database) {
		var total segmenttest.Report
		for seed := range uint64(engineScale(t, 2)) {
			trial := segmenttest.Trial{Schema: engineSchema(), Segments: trialSegments(seed), Seed: seed, Contacts: 8, Steps: 60}
			if seed%2 == 0 {
				zone, err := time.LoadLocation("Europe/Berlin")
				require.NoError(t, err)
				trial.Zone, trial.Start = zone, time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC) // a clock change is near
			}
			system := &mortal{random: rand.New(rand.NewPCG(seed, 5))}
			report, err := trial.Run(t, func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
				t.Helper()
				aud := openTrial(t, d, opts)
				*system = mortal{aud: aud, random: system.random}
				return aud, system
			})
			total.Add(report)
			require.NoError(t, err)
			require.Positive(t, system.restored)
			require.Positive(t, system.reopened)
		}
		t.Log(total)
		require.Greater(t, total.Flips, total.Steps/4)
		require.Positive(t, total.Transitions)
	})
}

func openTrial(t testing.TB, d Database, opts store.Options) *store.Audience {
	t.Helper()
	aud, err := store.Open(t.Context(), openStore(t, d, d.Open(t), sqlstore.Options{}), "test", opts)
	require.NoError(t, err)
	return aud
}

// trialSegments are some at random that share conditions and name each other.
func trialSegments(seed uint64) (defs []segment.Definition) {
	conditions := []string{
		`contact.age >= 2`, `contact.age == 1`, `has(contact.city)`, `contact.city in ["a", "b"]`, `contact.city.startsWith("a")`, `"x" in contact.tags`,
		`contact.tags.exists(t, t > "x")`, `"m" in contact.likes`, `contact.seen > ago("1d")`, `contact.seen <= ago("1mo")`, `contact.created_at < ago("3d")`,
		`contact.status == "subscribed"`, `contact.status in ["none", "unsubscribed"]`, `suppressed()`, `consent("offers")`, `onList("vip")`, `onList("news")`,
		`events("visit").within("2d").any()`, `events("visit").count() >= 2`, `events("visit").sum("value") > 3.0`, `events("visit").max("value") == 2.0`,
		`events("visit").where(e, e.page == "a").last() > ago("1d")`, `rate(events("purchase"), events("visit")) > 0.5`,
		`events("visit").without(events("purchase"), "4h").any()`, `events("visit").since(startOf("d")).none()`, `events("visit").within("1mo").distinct("page") > 1`,
	}
	random := rand.New(rand.NewPCG(seed, 31))
	for i := range 16 {
		source := conditions[random.IntN(len(conditions))]
		for random.IntN(2) == 0 {
			part := conditions[random.IntN(len(conditions))]
			if i > 0 && random.IntN(4) == 0 {
				part = fmt.Sprintf("inSegment(%q)", defs[random.IntN(i)].Name)
			}
			source = fmt.Sprintf("(%s %s %s(%s))", source, []string{"&&", "||"}[random.IntN(2)], []string{"", "!"}[random.IntN(2)], part)
		}
		defs = append(defs, segment.Definition{Name: fmt.Sprintf("s%02d", i), Source: source})
	}
	return defs
}

// mortal is the live engine as a system that dies now and then between two
// questions and comes up from whatever there is.
type mortal struct {
	aud    *store.Audience
	random *rand.Rand
	engine *segment.Engine
	file   []byte // the last checkpoint

	restored, reopened int
}

func (m *mortal) Define(ctx context.Context, defs ...segment.Definition) error {
	if m.engine == nil {
		engine, err := segment.OpenEngine(ctx, m.aud, segment.EngineOptions{})
		if err != nil {
			return err
		}
		m.engine = engine
	}
	_, err := m.engine.Apply(ctx, defs...)
	return err
}

func (m *mortal) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	if m.engine == nil {
		return nil, audience.ErrNotFound
	}
	if m.random.IntN(80) == 0 {
		if err := m.die(ctx, now); err != nil {
			return nil, err
		}
	}
	if err := m.engine.Advance(ctx, now); err != nil {
		return nil, err
	}
	found, err := m.engine.Segment(name)
	if err != nil {
		return nil, err
	}
	return slices.Collect(found.Members().All()), m.engine.Err()
}

// die ends the engine and starts another one. What only that one knew has to be
// in the log: one that starts from nothing can not say when it happened.
func (m *mortal) die(ctx context.Context, now time.Time) error {
	if err := m.engine.Advance(ctx, now); err != nil {
		return err
	}
	if m.random.IntN(2) == 0 {
		var file bytes.Buffer
		if err := m.engine.Checkpoint(ctx, &file); err != nil {
			return err
		}
		m.file = file.Bytes()
	}
	if err := m.engine.Close(ctx); err != nil {
		return err
	}
	var unused error
	opts := segment.EngineOptions{Rebuilt: func(reason error) { unused = reason }}
	var err error
	if m.file == nil || m.random.IntN(3) == 0 {
		m.reopened++
		m.engine, err = segment.OpenEngine(ctx, m.aud, opts)
		return err
	}
	m.restored++
	m.engine, err = segment.LoadEngine(ctx, m.aud, opts, bytes.NewReader(m.file))
	return errors.Join(err, unused)
}

// Transitions gives those of the log.
func (m *mortal) Transitions(ctx context.Context, after uint64) (out []segment.Transition, err error) {
	for m.engine != nil {
		page, err := m.engine.Transitions(ctx, after, 0)
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		after = out[len(out)-1].Number
	}
	return out, nil
}
