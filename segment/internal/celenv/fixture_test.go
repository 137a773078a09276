package celenv

import (
	"cmp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// testRow is a profile as a row.
type testRow struct {
	*audience.Profile
}

func (r testRow) Contact() *audience.Contact { return &r.Profile.Contact }

func (r testRow) OnList(list audience.List, at time.Time) audience.Standing {
	return r.ListStanding(list, at)
}

func (r testRow) SuppressedFrom() time.Time { return r.Profile.SuppressedFrom }

func testNow() time.Time { return time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC) }

func testSchema() audience.Schema {
	s := audience.Schema{
		Fields: []audience.Field{
			{Name: "city", Type: audience.TypeString},
			{Name: "age", Type: audience.TypeInt},
			{Name: "score", Type: audience.TypeDouble},
			{Name: "vip", Type: audience.TypeBool},
			{Name: "seen", Type: audience.TypeTimestamp},
			{Name: "birthday", Type: audience.TypeDate},
			{Name: "interests", Type: audience.TypeStringList},
			{Name: "nickname", Type: audience.TypeString}, // absent
			{Name: "missing_int", Type: audience.TypeInt},
		},
		Events: []audience.EventType{
			{Name: "visit", Props: []audience.Prop{
				{Name: "page", Type: audience.TypeString},
				{Name: "secs", Type: audience.TypeInt},
				{Name: "utm-source", Type: audience.TypeString},
				{Name: "day", Type: audience.TypeDate},
				{Name: "labels", Type: audience.TypeStringList},
			}},
			{Name: "kinds", Props: []audience.Prop{
				{Name: "flag", Type: audience.TypeBool}, {Name: "at", Type: audience.TypeTimestamp}, {Name: "day", Type: audience.TypeDate},
			}},
			{Name: "quiz", Props: []audience.Prop{{Name: "secs", Type: audience.TypeDouble}}},
		},
		Purposes: []audience.Purpose{{Name: "marketing"}, {Name: "offers"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic}, {Name: "never", Kind: audience.ListStatic},
		},
	}
	s = s.Complete()
	for i := range s.Fields {
		s.Fields[i].ID = audience.FieldID(i + 1)
	}
	for i := range s.Events {
		s.Events[i].ID = audience.EventTypeID(i + 1)
		for j := range s.Events[i].Props {
			s.Events[i].Props[j].ID = audience.PropID(j + 1)
		}
	}
	return s
}

func testLimits() Limits {
	return Limits{SourceBytes: 65_536, Depth: 64, Nodes: 5_000, ListItems: 1_000, Streams: 100, RegexBytes: 1_000, Steps: 10_000_000, TextBytes: 1 << 20}
}

func testEnv(t testing.TB, change ...func(*Options)) *Env {
	t.Helper()
	opts := Options{Limits: testLimits()}
	for _, f := range change {
		f(&opts)
	}
	e, err := New(testSchema(), opts)
	require.NoError(t, err)
	return e
}

// testProfile gives a contact with all fields but nickname and missing_int.
func testProfile(e *Env) *audience.Profile {
	p := &audience.Profile{Lists: []string{"never"}}
	p.Contact = audience.Contact{
		ID: 7, Version: 1,
		Addresses: []audience.Address{audience.MustAddress("Jane@Example.com")},
		FirstName: audience.NewPrivate("Jane"),
		Tags:      []audience.Tag{{Name: "beta"}, {Name: "vip"}},
		CreatedAt: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		UpdatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	day, _ := audience.ParseDate("1990-05-01")
	for name, v := range map[string]audience.Value{
		"city": audience.StringValue("Berlin"), "age": audience.IntValue(35), "score": audience.DoubleValue(7.5), "vip": audience.BoolValue(true),
		"seen": audience.TimestampValue(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), "birthday": audience.DateValue(day),
		"interests": audience.StringListValue("sailing", "chess"),
	} {
		f, _ := e.schema.FieldNamed(name)
		p.Contact.Fields = append(p.Contact.Fields, audience.FieldValue{ID: f.ID, Value: v})
	}
	slices.SortFunc(p.Contact.Fields, func(a, b audience.FieldValue) int { return cmp.Compare(a.ID, b.ID) })
	p.History.Records = []audience.ConsentRecord{{
		Seq: 1, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismSingleOptIn,
		Acted: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Recorded: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Evidence: [32]byte{1},
	}}
	return p
}

// withEvents adds n events of a type, the last one hour before testNow and
// each an hour earlier than the next.
func withEvents(e *Env, p *audience.Profile, name string, n int, props func(i int) map[string]audience.Value) *audience.Profile {
	t, _ := e.schema.EventNamed(name)
	s := audience.EventStream{Type: name}
	for i := range n {
		ev := audience.Event{
			Contact: 7, Origin: 7, ID: "e" + strconv.Itoa(i), Type: name, Time: testNow().Add(-time.Duration(n-i) * time.Hour),
		}
		for prop, v := range props(i) {
			d, _ := t.PropNamed(prop)
			ev.Props = append(ev.Props, audience.EventProp{ID: d.ID, Value: v})
		}
		slices.SortFunc(ev.Props, func(a, b audience.EventProp) int { return cmp.Compare(a.ID, b.ID) })
		s.Events = append(s.Events, ev)
	}
	p.Streams = append(p.Streams, s)
	slices.SortFunc(p.Streams, func(a, b audience.EventStream) int { return cmp.Compare(a.Type, b.Type) })
	return p
}
