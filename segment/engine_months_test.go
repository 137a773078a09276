package segment_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// monthsDefinitions are of every kind that time moves.
func monthsDefinitions() []segment.Definition {
	return append(referenceSegments(), define(
		"month", `events("purchase").within("1mo").any()`,
		"today", `events("email.opened").since(startOf("d")).any()`,
		"this-month", `events("purchase").since(startOf("mo")).sum("value") > 50`,
		"birthday", `anniversary(contact.birthday) < ahead("7d")`,
		"birthday-today", `anniversary(contact.birthday) <= now`,
		"renewal", `contact.renews_at < ahead("14d") && contact.renews_at > now`,
		"offers", `consent("offers")`,
		"news", `onList("news") && !suppressed()`,
		"cart", `events("email.clicked").within("2w").without(events("purchase"), "4h").any()`,
		"convinced", `events("email.clicked").then(events("purchase"), "7d").within("90d").count() >= 1`,
		"sunset", `events("email.opened", "email.clicked").within("6mo").none() && contact.created_at < ago("6mo")`,
		"lapsed", `events("purchase").last() < ago("1y")`,
		"spends", `events("purchase").within("3mo").avg("value") > 40`,
		"reads", `rate(events("email.opened").within("1y"), events("email.sent").within("1y")) > 0.4`,
		"evening", `now.getHours() >= 18 && contact.vip && contact.country == "FR"`,
		"monday", `now.getDayOfWeek() == 1 && inSegment("engaged") && contact.age > 60`,
		"holdout", `bucket("h", 10) == 0 && !inSegment("offers")`,
		"welcome", `contact.created_at > ago("2w") || inSegment("month") && !inSegment("sunset")`,
		"between", `events("purchase").between(ago("60d"), ago("30d")).count() >= 1`,
		"rows", `contact.interests.exists(i, i.startsWith("b")) && events("purchase").within("2mo10d").max("value") > 60`,
	)...)
}

// TestEngineMonths (G1) lets an engine with its background work live through
// 24 months of a shop, in a bubble whose clock it and the store read. Every
// transition is checked where it happens: right before it the reference
// evaluator has the contact where she was in all segments, at it where she is.
// So is everybody whom a commit is about, and now and then everybody.
//
// AUDIENCEKIT_ENGINE_CONTACTS says how many contacts the shop has,
// AUDIENCEKIT_ENGINE_CHECKS how often everybody is compared.
func TestEngineMonths(t *testing.T) {
	contacts := 1_000
	if raceEnabled {
		contacts = 150
	}
	contacts, checks := naiveEnv(t, "AUDIENCEKIT_ENGINE_CONTACTS", contacts), naiveEnv(t, "AUDIENCEKIT_ENGINE_CHECKS", 25)
	synctest.Test(t, func(t *testing.T) { liveThrough(t, contacts, checks) })
}

func liveThrough(t *testing.T, contacts, checks int) {
	start := time.Now().UTC() // of the bubble
	shop := audiencetest.Shop{Contacts: contacts, Seed: 5, Start: start, End: start.AddDate(0, 24, 0)}
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Schema: shop.Schema(), Zone: mustZone(t, "Europe/Berlin"), Keys: keys, Clock: time.Now,
	})
	require.NoError(t, err)
	engine, err := segment.OpenEngine(t.Context(), aud, segment.EngineOptions{Poll: 24 * time.Hour})
	require.NoError(t, err)
	m := &months{t: t, aud: aud, engine: engine, in: map[audience.ContactID][]bool{}, random: rand.New(rand.NewPCG(1, 5))}
	m.set = compileSet(t, setLanguage(t, aud), flat(monthsDefinitions())...)
	_, err = engine.Apply(t.Context(), monthsDefinitions()...)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() {
		if err := engine.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	background.Go(func() {
		err := engine.Follow(ctx, "months", segment.FollowOptions{FromStart: true, Poll: 1_000 * time.Hour}, func(_ context.Context, batch []segment.Transition) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.arrived = append(m.arrived, batch...)
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Follow: %v", err)
		}
	})
	days := monthsOf(shop, m.random)
	m.every = max(1, len(days)/max(1, checks))
	for i := range days {
		m.live(&days[i], i)
	}
	m.everybody(time.Now())
	cancel()
	background.Wait()
	require.NotEmpty(t, m.past)
	for i, s := range m.past {
		for k, name := range s.Names() {
			if (i+k)%40 != 0 { // each folds the whole log
				continue
			}
			now, _ := s.Members(name)
			then, err := engine.AsOf(t.Context(), name, s.At)
			require.NoError(t, err)
			for id := range then.All() {
				require.True(t, now.Contains(id), "%s at %s", name, s.At)
			}
			require.InDelta(t, now.Len(), then.Len(), 30) // without those erased since
		}
	}
	require.Greater(t, m.byTime, contacts*10)
	t.Logf("%d commits, %d transitions, of them %d by time; %d comparisons of one contact, %d of everybody",
		len(days), m.transitions, m.byTime, m.ones, m.all)
}

// happenings is what one commit brings.
type happenings struct {
	at       time.Time
	contacts []audience.ContactWrite
	consents []audience.ConsentWrite
	events   []audience.EventWrite
	erase    string // the key of a contact, "" for none
	merge    [2]string
}

// monthsOf gives all that happens in a shop, in commits of what happened in
// three hours, or of one moment.
func monthsOf(shop audiencetest.Shop, random *rand.Rand) []happenings {
	const window = 3 * time.Hour
	found := map[time.Time]*happenings{}
	at := func(t time.Time) *happenings {
		if t.Before(shop.Start) {
			t = shop.Start
		}
		if random.IntN(10) > 0 {
			t = t.Truncate(window).Add(window)
		}
		t = t.Add(time.Second).Truncate(time.Microsecond)
		if found[t] == nil {
			found[t] = &happenings{at: t}
		}
		return found[t]
	}
	for i, p := range slices.Collect(shop.People()) {
		w := p.Write()
		created := at(w.CreatedAt)
		created.contacts = append(created.contacts, w)
		ends := shop.End.AddDate(0, -i%12, 0)
		if next := audience.FromMicros(shop.Person((i + 1) % shop.Len()).Created); ends.Before(created.at) || ends.Before(next) {
			ends = shop.End
		}
		no := func(t time.Time) bool {
			return t.Add(time.Second).Before(created.at) || i%50 == 7 && t.After(ends)
		}
		for k, c := range shop.ConsentsOf(i) {
			w := c.Write()
			if no(w.Acted) {
				w.Acted = created.at
			}
			if !w.Expires.After(w.Acted) {
				w.Expires = time.Time{}
			}
			if i%4 == 0 && w.Kind == audience.ConsentGranted && w.Expires.IsZero() {
				w.Expires = w.Acted.AddDate(0, 0, 100+i%300)
			}
			h := at(w.Acted.Add(time.Duration(k) * window))
			h.consents = append(h.consents, w)
			if i%3 == 0 && w.Kind == audience.ConsentGranted {
				w.Scope.Purpose, w.Expires = "offers", w.Acted.AddDate(0, 0, 90)
				h.consents = append(h.consents, w)
			}
		}
		for e := range shop.EventsOf(i) {
			if !no(e.Time) {
				h := at(e.Time)
				e.ID = "" // orders of two people who are merged have the same
				h.events = append(h.events, e)
			}
		}
		if i%50 == 7 { // erased within the last year
			h := at(ends.AddDate(0, 0, 1))
			h.erase = audiencetest.Key(i)
		}
		if i%50 == 8 { // merged into the next
			h := at(ends.AddDate(0, 0, 2))
			h.merge = [2]string{audiencetest.Key(i + 1), audiencetest.Key(i)}
		}
		for range 4 {
			when := created.at.Add(time.Duration(random.Int64N(int64(shop.End.Sub(created.at)))))
			if no(when) || i%50 == 7 {
				continue
			}
			h := at(when)
			h.contacts = append(h.contacts, audience.ContactWrite{Match: audience.Key(audiencetest.Key(i)), Set: audiencetest.Values(
				"renews_at", when.Add(time.Duration(random.IntN(60*24))*time.Hour), "age", 18+random.IntN(60), "vip", random.IntN(2) == 0)})
		}
	}
	out := make([]happenings, 0, len(found))
	for _, h := range found {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b happenings) int { return a.at.Compare(b.at) })
	return out
}

// months is a shop under way.
type months struct {
	t      *testing.T
	aud    *store.Audience
	engine *segment.Engine
	set    *segment.Set
	random *rand.Rand
	every  int

	mu      sync.Mutex
	arrived []segment.Transition

	in      map[audience.ContactID][]bool // by place in set.Names(), as the transitions tell
	last    uint64
	matches []bool
	past    []*segment.Snapshot

	transitions, byTime, ones, all int
}

// live comes to the next commit, makes it and checks all that happens.
func (m *months) live(h *happenings, i int) {
	t := m.t
	time.Sleep(time.Until(h.at) - time.Microsecond)
	m.happened(time.Time{})
	if i%m.every == 0 {
		m.everybody(time.Now())
	}
	time.Sleep(time.Until(h.at))
	about := map[audience.ContactID]bool{}
	_, err := m.aud.Update(t.Context(), func(tx *store.Tx) error { return m.commit(tx, h, about) })
	require.NoError(t, err)
	require.NoError(t, m.engine.Sync(t.Context(), store.Position{}))
	m.happened(h.at)
	moment := m.set.At(h.at)
	for id := range about {
		m.one(moment, m.profile(id), id)
	}
	if i%m.every == 0 {
		m.everybody(h.at)
		m.past = append(m.past, m.engine.Snapshot())
	}
}

func (m *months) commit(tx *store.Tx, h *happenings, about map[audience.ContactID]bool) error {
	ctx := m.t.Context()
	put, err := tx.Put(ctx, h.contacts...)
	if err != nil {
		return err
	}
	for _, p := range put {
		about[p.ID] = true
	}
	records, err := tx.Record(ctx, h.consents...)
	if err != nil {
		return err
	}
	for _, r := range records {
		about[r.Contact] = true
	}
	events, err := tx.Append(ctx, h.events...)
	if err != nil {
		return err
	}
	for _, e := range events {
		about[e.Contact] = true
	}
	if h.merge[0] != "" {
		winner, err := tx.Contact(ctx, audience.Key(h.merge[0]))
		if err != nil {
			return err
		}
		about[winner.ID] = true
		if err := tx.Merge(ctx, audience.Key(h.merge[0]), audience.Key(h.merge[1]), audience.Source{}); err != nil {
			return err
		}
	}
	if h.erase != "" {
		return tx.Erase(ctx, audience.Source{}, audience.Key(h.erase))
	}
	return nil
}

// happened takes what the follower was given since. All of it was by time
// alone, but for what is dated at the commit.
func (m *months) happened(commit time.Time) {
	t := m.t
	require.NoError(t, m.engine.Advance(t.Context(), time.Now()))
	synctest.Wait()
	m.mu.Lock()
	moves := m.arrived
	m.arrived = nil
	m.mu.Unlock()
	for len(moves) > 0 {
		n := 1
		for n < len(moves) && moves[n].At.Equal(moves[0].At) {
			n++
		}
		m.instant(moves[:n], moves[0].At.Equal(commit))
		moves = moves[n:]
	}
}

// instant checks all transitions of one instant.
func (m *months) instant(moves []segment.Transition, commit bool) {
	t, at := m.t, moves[0].At
	profiles := map[audience.ContactID]*audience.Profile{}
	before, after := m.set.At(at.Add(-time.Microsecond)), m.set.At(at)
	for i := range moves {
		id := moves[i].Contact
		if _, known := profiles[id]; known {
			continue
		}
		profiles[id] = m.profile(id)
		if !commit {
			m.one(before, profiles[id], id)
		}
	}
	names := m.set.Names()
	for _, move := range moves {
		k, known := slices.BinarySearch(names, move.Segment)
		require.True(t, known)
		require.Greater(t, move.Number, m.last)
		m.last = move.Number
		if m.in[move.Contact] == nil {
			m.in[move.Contact] = make([]bool, len(names))
		}
		require.NotEqual(t, move.Entered, m.in[move.Contact][k], "%v changes nothing", move)
		m.in[move.Contact][k] = move.Entered
		m.transitions++
		if !commit {
			require.Equal(t, segment.CauseTime, move.Causes)
			m.byTime++
		}
	}
	for id, p := range profiles {
		m.one(after, p, id)
	}
}

// profile gives a contact as she is, nil when she is gone.
func (m *months) profile(id audience.ContactID) *audience.Profile {
	var p audience.Profile
	err := m.aud.View(m.t.Context(), func(r *store.Reader) (err error) {
		p, err = r.Profile(m.t.Context(), audience.ID(id), m.set.Parts())
		return err
	})
	if errors.Is(err, audience.ErrNotFound) || err == nil && p.Contact.ID != id { // merged
		return nil
	}
	require.NoError(m.t, err)
	return &p
}

// one compares one contact in all segments.
func (m *months) one(moment *segment.SetMoment, p *audience.Profile, id audience.ContactID) {
	m.ones++
	want := make([]bool, m.set.Len())
	if p != nil {
		var err error
		m.matches, err = moment.Match(p, m.matches)
		require.NoError(m.t, err)
		want = m.matches
	}
	have := m.in[id]
	if have == nil {
		have = make([]bool, m.set.Len())
	}
	if !slices.Equal(want, have) {
		for k, name := range m.set.Names() {
			if want[k] != have[k] {
				m.t.Errorf("contact %s at %s: in %s is %v", id, moment.Now().Format(time.RFC3339Nano), name, want[k])
			}
		}
		m.t.FailNow()
	}
}

// everybody compares all segments with the reference and with what the
// transitions tell.
func (m *months) everybody(at time.Time) {
	t := m.t
	m.all++
	s := m.engine.Snapshot()
	require.NoError(t, m.aud.View(t.Context(), func(r *store.Reader) error {
		result, err := m.set.Evaluate(t.Context(), r, at, nil)
		require.NoError(t, err)
		for k, name := range m.set.Names() {
			want, _ := result.Members(name)
			have, _ := s.Members(name)
			require.True(t, want.Equal(have), "segment %s at %s", name, at)
			told := 0
			for id, in := range m.in {
				if in[k] {
					told++
					require.True(t, have.Contains(id))
				}
			}
			require.Equal(t, have.Len(), told)
		}
		return nil
	}))
}
