package segmenttest_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
)

// A whole test of a segment.
func TestWinBack(t *testing.T) {
	s := segmenttest.New(t)
	s.Segment("win-back", `contact.status == "subscribed" && events("purchase").within("90d").none() && "vip" in contact.tags`)
	s.Put("ann", "email", "ann@example.com", "tags", []string{"vip"})
	s.Subscribe("ann")
	s.Event("ann", "purchase", "value", 49.90, "currency", "EUR")
	s.ExpectOut("win-back", "ann")
	s.Advance("90d")
	s.ExpectIn("win-back", "ann")
	s.Withdraw("ann")
	s.ExpectOut("win-back", "ann")
}

func TestFixtureValues(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	born, err := audience.NewDate(1990, time.May, 1)
	require.NoError(t, err)
	s := segmenttest.NewWith(t, segmenttest.Options{
		Zone: zone, Start: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		Schema: audience.Schema{Fields: []audience.Field{{Name: "score", Type: audience.TypeDouble}}},
	})
	s.Put("ann", "email", "ann@example.com", "first_name", "Ann", "last_name", "Lee", "phone", "+491", "created_at", s.Now().Add(-time.Hour),
		"city", "Rom", "age", 30, "points", int64(1)<<40, "score", 2, "vip", true, "seen", s.Now(), "born", born, "langs", []string{"de", "en"})
	s.Event("ann", "visit", "seconds", 5, "id", "v1", "time", s.Now().Add(-time.Minute))
	s.Event("ann", "visit", "seconds", 7, "id", "v1", "time", s.Now().Add(-time.Minute), "revision", 1)
	s.Segment("all", `contact.email == "ann@example.com" && contact.first_name == "Ann" && contact.last_name == "Lee"
		&& contact.phone == "+491" && contact.created_at == ago("1h") && contact.city == "Rom" && contact.age == 30
		&& contact.points == 1099511627776 && contact.score == 2 && contact.vip && contact.seen == now
		&& contact.born.getDate() == 1 && anniversary(contact.born) == startOf("d") && size(contact.langs) == 2
		&& events("visit").sum("seconds") == 7 && events("visit").last() == ago("1m")`)
	s.ExpectIn("all", "ann")
	s.Put("ann", "age", nil)
	s.ExpectOut("all", "ann")

	// A segment can be given anew, and a field can come after the segment that reads it.
	s.Segment("all", `contact.height > 1.5`)
	s.Put("ann", "height", 1.7)
	s.ExpectIn("all", "ann")
	s.AdvanceTo(s.Now().Add(time.Hour))
	require.Equal(t, time.Date(2026, 5, 1, 13, 0, 0, 0, time.UTC), s.Now())
	require.Equal(t, s.Now(), s.Audience().Now())
}

func TestFixturePlay(t *testing.T) {
	s := segmenttest.New(t)
	s.Put("ann", "score", 1)
	s.Event("ann", "purchase", "value", 1.0)
	s.Segment("buyers", `events("purchase").any()`)
	s.Play(`contact bob score=2
event bob purchase 2025-12-31 id=o1 value=5
expect buyers = ann bob
retract bob o1
expect buyers = ann
match bob: contact.score == 2`)
	s.Play(`revise bob o1 value=6
expect buyers = ann bob
merge bob into ann
match ann: events("purchase").sum("value") == 7`)
	s.ExpectIn("buyers", "ann")
	s.Advance("1us")
	s.Play("match ann: events(\"purchase\").within(\"1s\").any()\nadvance 1s\nmatch nobody: events(\"purchase\").within(\"1s\").any()")
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 1, 1000, time.UTC), s.Now())
}

// The host's own folder of segments, and its own functions.
func TestFixtureLoad(t *testing.T) {
	s := segmenttest.NewWith(t, segmenttest.Options{Functions: []segment.Function{{
		Name: "isEven", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func(args []audience.Value) (audience.Value, error) {
			n, _ := args[0].Int()
			return audience.BoolValue(n%2 == 0), nil
		},
	}}})
	s.Put("ann", "points", 2)
	s.Put("bob", "points", 3)
	s.Load(fstest.MapFS{
		"even.cel":      {Data: []byte("// Even points\nisEven(contact.points)\n")},
		"odd.cel":       {Data: []byte("!inSegment(\"even\")")},
		"elsewhere.cel": {Data: []byte("contact.height > 3")}, // nobody asks for it
	})
	s.ExpectIn("even", "ann")
	s.ExpectOut("even", "bob")
	s.ExpectIn("odd", "bob")
	s.Play("expect odd = bob\nerror elsewhere unknown-field")
}

// Code under test writes to the audience itself.
func TestFixtureMeetsContacts(t *testing.T) {
	s := segmenttest.New(t)
	s.Segment("everybody", "contact.id > 0")
	_, err := s.Audience().Put(t.Context(), audience.ContactWrite{Match: audience.Key("u42")})
	require.NoError(t, err)
	s.ExpectIn("everybody", "u42")
	s.Event("u42", "purchase", "id", "o1")
	s.Play("retract u42 o1\nmatch nobody: events(\"purchase\").any()\nexpect everybody = u42")
}

// recorder is a test that notes its failures and ends its goroutine where a test would.
type recorder struct {
	testing.TB
	failed  []string
	stopped bool
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() {
	r.stopped = true
	panic(r)
}

// run calls f until it is done or the test would have ended.
func (r *recorder) run(f func()) {
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	f()
}

// TestFixtureFails: what does not hold fails the test and says why; what cannot be is refused at once.
func TestFixtureFails(t *testing.T) {
	tests := []struct {
		name  string
		stops bool
		do    func(*segmenttest.Fixture)
		want  string
	}{
		{
			"not in", false, func(s *segmenttest.Fixture) { s.ExpectIn("adults", "ann", "bob") },
			"segment adults: contact.age >= 18\n  at 2026-01-01T00:00:00Z the members are: ann\n  not in it, but should be: bob\n  bob:\n    no       contact.age >= 18   (is 10)",
		},
		{"in", false, func(s *segmenttest.Fixture) { s.ExpectOut("adults", "ann", "bob") }, "in it, but should not be: ann"},
		{"script", false, func(s *segmenttest.Fixture) { s.Play("match nobody: true") }, "Play:1: match nobody: true"},
		{"nobody", true, func(s *segmenttest.Fixture) { s.ExpectOut("adults") }, "contacts to expect"},
		{"no such segment", true, func(s *segmenttest.Fixture) { s.ExpectIn("adult", "ann") }, `there is no segment "adult"`},
		{"no such contact", true, func(s *segmenttest.Fixture) { s.ExpectOut("adults", "anne") }, `there is no contact "anne"`},
		{"does not compile", false, func(s *segmenttest.Fixture) {
			s.Segment("x", "contact.agee > 3")
			s.ExpectOut("x", "ann")
		}, "it does not compile: 1:9: unknown-field"},
		{"odd pairs", true, func(s *segmenttest.Fixture) { s.Put("ann", "age") }, "keys and values in turn"},
		{"pairs out of step", true, func(s *segmenttest.Fixture) { s.Put("ann", 3, "age") }, "a int stands in place of a key"},
		{"a value of no type", true, func(s *segmenttest.Fixture) { s.Put("ann", "x", struct{}{}) }, "is no value"},
		{"tags of another type", true, func(s *segmenttest.Fixture) { s.Put("ann", "tags", "vip") }, "tags: want a []string, not a string"},
		{"no address", true, func(s *segmenttest.Fixture) { s.Put("ann", "email", "ann") }, "email"},
		{"a value that does not fit", true, func(s *segmenttest.Fixture) { s.Put("ann", "age", "old") }, "age"},
		{"event of nobody", true, func(s *segmenttest.Fixture) { s.Event("cem", "purchase") }, "not found"},
		{"subscribing nobody", true, func(s *segmenttest.Fixture) { s.Subscribe("cem") }, "not found"},
		{"months", true, func(s *segmenttest.Fixture) { s.Advance("1mo") }, "no span"},
		{"back", true, func(s *segmenttest.Fixture) { s.AdvanceTo(s.Now().Add(-1000)) }, "never goes back"},
		{"script that does not parse", true, func(s *segmenttest.Fixture) { s.Play("contact ann\nzone UTC") }, "Play:2:1: declarations come before"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			s := segmenttest.New(r)
			s.Put("ann", "age", 30)
			s.Put("bob", "age", 10)
			s.Segment("adults", "contact.age >= 18")
			r.run(func() { tt.do(s) })
			require.Len(t, r.failed, 1)
			require.Contains(t, r.failed[0], tt.want)
			require.Equal(t, tt.stops, r.stopped)
		})
	}
}
