package segmenttest

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Options configures [NewWith]. The zero Options is what [New] uses.
type Options struct {
	Schema    audience.Schema    // what is not declared is added with the first value
	Zone      *time.Location     // nil is UTC
	Start     time.Time          // what the clock shows at first; zero is 2026-01-01T00:00:00Z
	Functions []segment.Function // the host's own in expressions; not with Open, which has its own
	Open      Opener             // the store and system to test with; nil is memory and the reference evaluator
}

// Fixture is an audience for one test of segments. Whatever is refused fails the test at once. A Fixture is for one
// goroutine.
//
// Contacts are named by the host's own key: the contact "ann" is [audience.Key]("ann").
type Fixture struct {
	t      testing.TB
	player *player
}

// New makes a fixture in memory, in UTC, at 2026-01-01T00:00:00Z.
func New(t testing.TB) *Fixture {
	t.Helper()
	return NewWith(t, Options{})
}

// NewWith makes a fixture with options.
func NewWith(t testing.TB, opts Options) *Fixture {
	t.Helper()
	if opts.Start.IsZero() {
		opts.Start = defaultStart()
	}
	if opts.Open == nil {
		opts.Open = func(t testing.TB, o store.Options) (*store.Audience, System) {
			aud := openMemory(t, o)
			return aud, Reference(aud, opts.Functions...)
		}
	}
	clock := NewClock(opts.Start)
	aud, system := opts.Open(t, store.Options{Schema: opts.Schema, Zone: opts.Zone, Keys: testKeys(t), Clock: clock.Now})
	return &Fixture{t: t, player: newPlayer(aud, clock, system)}
}

// Audience gives the audience, for everything that a fixture has no call for.
func (f *Fixture) Audience() *store.Audience { return f.player.aud }

// Now gives what the clock shows.
func (f *Fixture) Now() time.Time { return f.player.clock.Now() }

// Put creates or changes a contact. The pairs are keys and values in turn, as in log/slog:
//
//	f.Put("ann", "email", "ann@example.com", "tags", []string{"vip"}, "score", 3)
//
// The keys email, first_name, last_name, phone, tags and created_at are those of every contact, all others are custom
// fields. A value is a string, int, int64, float64, bool, time.Time, [audience.Date] or []string; nil makes it absent.
func (f *Fixture) Put(name string, pairs ...any) {
	f.t.Helper()
	w := audience.ContactWrite{Match: audience.Key(name)}
	for key, v := range f.pairs(pairs) {
		require.NoError(f.t, setContact(&w, key, v), "Put %s", name)
	}
	require.NoError(f.t, f.player.put(f.t.Context(), Put{Name: name, Write: w}), "Put %s", name)
}

// Event stores an event of a contact. The pairs are those of [Fixture.Put]; the keys time (default: now), id and
// revision are the event's own, all others are properties:
//
//	f.Event("ann", "purchase", "value", 33.30, "time", f.Now().Add(-time.Hour))
func (f *Fixture) Event(name, eventType string, pairs ...any) {
	f.t.Helper()
	w := audience.EventWrite{Contact: audience.Key(name), Type: eventType, Time: f.Now(), Props: make(map[string]audience.Value)}
	for key, v := range f.pairs(pairs) {
		require.NoError(f.t, setEvent(&w, key, v), "Event %s of %s", eventType, name)
	}
	_, err := f.player.aud.Append(f.t.Context(), w)
	require.NoError(f.t, err, "Event %s of %s", eventType, name)
	if f.player.cast.known(name) {
		f.player.cast.keep(name, w)
	}
}

// Subscribe records that a contact consents to marketing by e-mail.
func (f *Fixture) Subscribe(name string) {
	f.t.Helper()
	f.record(audience.ConsentWrite{
		Contact: audience.Key(name), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("fixture"),
	})
}

// Withdraw records that a contact refuses marketing by e-mail.
func (f *Fixture) Withdraw(name string) {
	f.t.Helper()
	f.record(audience.ConsentWrite{Contact: audience.Key(name), Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope()})
}

func (f *Fixture) record(w audience.ConsentWrite) {
	f.t.Helper()
	_, err := f.player.aud.Record(f.t.Context(), w)
	require.NoError(f.t, err)
}

// Segment gives a segment its definition, now or anew. It is compiled when it is asked for, with the fields and
// properties that are known by then.
func (f *Fixture) Segment(name, expression string) {
	f.t.Helper()
	f.player.define(segment.Definition{Name: name, Source: expression})
}

// Load gives the segments of a folder of *.cel files their definitions, as [segment.Load] reads it.
func (f *Fixture) Load(fsys fs.FS) {
	f.t.Helper()
	defs, err := segment.Load(fsys)
	require.NoError(f.t, err)
	for _, d := range defs {
		f.player.define(d)
	}
}

// Advance moves the clock by a period of the segment language, such as "30d", or one of ms and us; not by months and
// years, which are of no fixed length.
func (f *Fixture) Advance(by string) {
	f.t.Helper()
	span, ok := parseSpan(by)
	require.True(f.t, ok, "Advance: %q is no span of w d h m s ms us, from largest to smallest", by)
	f.player.clock.MoveTo(f.Now().Add(span))
}

// AdvanceTo moves the clock to an instant, never back.
func (f *Fixture) AdvanceTo(t time.Time) {
	f.t.Helper()
	require.True(f.t, f.player.clock.MoveTo(t), "AdvanceTo: the clock never goes back")
}

// ExpectIn fails the test unless all these contacts are members of the segment. It goes on with the test.
func (f *Fixture) ExpectIn(name string, contacts ...string) {
	f.t.Helper()
	f.expect(Expect{Segment: name, How: Has, People: People{Names: contacts}})
}

// ExpectOut fails the test unless none of these contacts is a member of the segment. It goes on with the test.
func (f *Fixture) ExpectOut(name string, contacts ...string) {
	f.t.Helper()
	f.expect(Expect{Segment: name, How: Lacks, People: People{Names: contacts}})
}

func (f *Fixture) expect(e Expect) {
	f.t.Helper()
	_, defined := f.player.defined[e.Segment]
	require.True(f.t, defined, "there is no segment %q", e.Segment)
	require.NotEmpty(f.t, e.People.Names, "contacts to expect")
	for _, name := range e.People.Names {
		f.find(name)
	}
	if err := f.player.expect(f.t.Context(), e); err != nil {
		f.t.Errorf("segment %s: %s\n%v", e.Segment, f.player.defined[e.Segment].Source, err)
	}
}

// find takes note of a contact that the test made by other means than the fixture.
func (f *Fixture) find(name string) {
	f.t.Helper()
	if f.player.cast.lives(name) {
		return
	}
	c, err := f.player.aud.Contact(f.t.Context(), audience.Key(name))
	require.NoError(f.t, err, "there is no contact %q", name)
	f.player.meet(name, c.ID)
}

// Play plays statements of a script from here on, for whatever a fixture has no call for: merges, revisions, suppressions
// and so on. Declarations are not among them. It fails the test as [Run] would.
func (f *Fixture) Play(statements string) {
	f.t.Helper()
	p := &parser{
		file: "Play", zone: f.player.aud.Zone(), schema: f.player.aud.Schema(), now: f.Now(), begun: true,
		cast: f.player.cast.clone(), segments: make(map[string]bool),
	}
	for name := range f.player.defined {
		p.segments[name] = true
	}
	all, err := split(p.file, statements)
	for i := 0; err == nil && i < len(all); i++ {
		err = p.statement(all[i])
	}
	require.NoError(f.t, err)
	f.player.prepare(p.steps)
	if err := f.player.play(f.t.Context(), p.file, p.steps); err != nil {
		f.t.Errorf("\n%v", err)
	}
	for name, x := range p.cast.people { // revisions go on from here
		if known := f.player.cast.people[name]; known != nil {
			known.events = x.events
		}
	}
}

// pairs gives keys and values that alternate.
func (f *Fixture) pairs(pairs []any) map[string]any {
	f.t.Helper()
	require.Zero(f.t, len(pairs)%2, "keys and values in turn")
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		require.True(f.t, ok, "keys and values in turn: a %T stands in place of a key", pairs[i])
		out[key] = pairs[i+1]
	}
	return out
}

// valueOf makes a value of what a test gives.
func valueOf(v any) (audience.Value, error) {
	switch v := v.(type) {
	case string:
		return audience.StringValue(v), nil
	case int:
		return audience.IntValue(int64(v)), nil
	case int64:
		return audience.IntValue(v), nil
	case float64:
		return audience.DoubleValue(v), nil
	case bool:
		return audience.BoolValue(v), nil
	case time.Time:
		return audience.TimestampValue(v), nil
	case audience.Date:
		return audience.DateValue(v), nil
	case []string:
		return audience.StringListValue(v...), nil
	}
	return audience.Value{}, fmt.Errorf("a %T is no value: string, int, int64, float64, bool, time.Time, audience.Date or []string", v)
}

// give sets what a test gives if it is of the wanted type.
func give[T any](key string, v any, set func(T)) error {
	x, ok := v.(T)
	if !ok {
		return fmt.Errorf("%s: want a %T, not a %T", key, x, v)
	}
	set(x)
	return nil
}

func setContact(w *audience.ContactWrite, key string, v any) error {
	switch {
	case v == nil:
		w.Clear = append(w.Clear, key)
		return nil
	case key == "email":
		s, _ := v.(string)
		a, err := audience.ParseAddress(s)
		w.Email = a
		return err
	case key == "first_name":
		return give(key, v, func(s string) { w.FirstName = audience.NewPrivate(s) })
	case key == "last_name":
		return give(key, v, func(s string) { w.LastName = audience.NewPrivate(s) })
	case key == "phone":
		return give(key, v, func(s string) { w.Phone = audience.NewPrivate(s) })
	case key == "tags":
		return give(key, v, func(tags []string) { w.SetTags = append([]string{}, tags...) })
	case key == "created_at":
		return give(key, v, func(t time.Time) { w.CreatedAt = t })
	}
	x, err := valueOf(v)
	if w.Set == nil {
		w.Set = make(map[string]audience.Value)
	}
	w.Set[key] = x
	return err
}

func setEvent(w *audience.EventWrite, key string, v any) error {
	switch key {
	case "time":
		return give(key, v, func(t time.Time) { w.Time = t })
	case "id":
		return give(key, v, func(id string) { w.ID = id })
	case "revision":
		return give(key, v, func(n int) { w.Revision = uint64(max(n, 0)) })
	}
	x, err := valueOf(v)
	w.Props[key] = x
	return err
}
