package audience_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestEventProps(t *testing.T) {
	s := shopSchema()
	e := audience.Event{Type: "visit", Props: []audience.EventProp{
		{ID: 1, Value: audience.IntValue(7)}, {ID: 2, Value: audience.StringValue("/a")}, {ID: 1 << 31, Value: audience.BoolValue(true)},
	}}
	require.Equal(t, "7", e.Prop(1).Reveal())
	require.Equal(t, "true", e.Prop(1<<31).Reveal())
	require.True(t, e.Prop(3).IsZero())
	require.Equal(t, "/a", e.PropNamed(&s, "page").Reveal())
	require.True(t, e.PropNamed(&s, "nonsense").IsZero())
	e.Type = "unknown"
	require.True(t, e.PropNamed(&s, "page").IsZero())
}

func TestCompareEvents(t *testing.T) {
	sorted := []audience.Event{
		{Time: at(1), ID: "b", Origin: 9},
		{Time: at(2), ID: "B"},
		{Time: at(2), ID: "a", Origin: 1},
		{Time: at(2), ID: "a", Origin: 2},
		{Time: at(2), ID: "a0"},
		{Time: at(2), ID: "é"},
		{Time: at(3), ID: ""},
	}
	for i, a := range sorted {
		for k, b := range sorted {
			got := audience.CompareEvents(a, b)
			require.Equal(t, i < k, got < 0, "%d %d", i, k)
			require.Equal(t, i == k, got == 0, "%d %d", i, k)
		}
	}
}

func TestSameContent(t *testing.T) {
	base := func() audience.Event {
		return audience.Event{Contact: 1, Origin: 1, ID: "a", Type: "visit", Time: at(1), Props: []audience.EventProp{{ID: 1, Value: audience.IntValue(7)}}}
	}
	for name, change := range map[string]func(*audience.Event){
		"nothing":   func(*audience.Event) {},
		"who":       func(e *audience.Event) { e.Contact, e.Origin = 2, 2 },
		"id":        func(e *audience.Event) { e.ID = "b" },
		"revision":  func(e *audience.Event) { e.Revision = 4 },
		"same time": func(e *audience.Event) { e.Time = e.Time.In(time.FixedZone("", 3600)) },
	} {
		a, b := base(), base()
		change(&b)
		require.True(t, a.SameContent(&b), name)
	}
	for name, change := range map[string]func(*audience.Event){
		"type":          func(e *audience.Event) { e.Type = "x" },
		"time":          func(e *audience.Event) { e.Time = e.Time.Add(microsecond) },
		"retraction":    func(e *audience.Event) { e.Retracted = true },
		"value":         func(e *audience.Event) { e.Props[0].Value = audience.IntValue(8) },
		"type of value": func(e *audience.Event) { e.Props[0].Value = audience.DoubleValue(7) },
		"property":      func(e *audience.Event) { e.Props[0].ID = 2 },
		"more": func(e *audience.Event) {
			e.Props = append(e.Props, audience.EventProp{ID: 2, Value: audience.IntValue(7)})
		},
		"less":           func(e *audience.Event) { e.Props = nil },
		"absent is less": func(e *audience.Event) { e.Props[0].Value = audience.Value{} },
	} {
		a, b := base(), base()
		change(&b)
		require.False(t, a.SameContent(&b), name)
		require.False(t, b.SameContent(&a), name)
	}
}

func TestEventWriteCheck(t *testing.T) {
	limits := audience.Limits{EventProps: 2, KeyBytes: 8, StringBytes: 8}
	tests := []struct {
		name       string
		change     func(*audience.EventWrite)
		path, rule string
	}{
		{"good", func(*audience.EventWrite) {}, "", ""},
		{"without id", func(w *audience.EventWrite) { w.ID = "" }, "", ""},
		{"revision", func(w *audience.EventWrite) { w.Revision = 2 }, "", ""},
		{"taken back", func(w *audience.EventWrite) { w.Revision, w.Retract, w.Props = 2, true, nil }, "", ""},
		{"nobody", func(w *audience.EventWrite) { w.Contact = audience.Email("x") }, "contact", "empty"},
		{"no type", func(w *audience.EventWrite) { w.Type = "" }, "type", "empty"},
		{"type with space around", func(w *audience.EventWrite) { w.Type = " visit" }, "type", "space"},
		{"no time", func(w *audience.EventWrite) { w.Time = time.Time{} }, "time", "empty"},
		{"last instant", func(w *audience.EventWrite) { w.Time = audience.MaxInstant().Add(999) }, "", ""},
		{"after it", func(w *audience.EventWrite) { w.Time = audience.MaxInstant().Add(microsecond) }, "time", "range"},
		{"before the first", func(w *audience.EventWrite) { w.Time = audience.MinInstant().Add(-1) }, "time", "range"},
		{"long id", func(w *audience.EventWrite) { w.ID = "123456789" }, "id", "max-length"},
		{"NUL in the id", func(w *audience.EventWrite) { w.ID = "\x00" }, "id", "nul"},
		{"revision without id", func(w *audience.EventWrite) { w.ID, w.Revision = "", 1 }, "id", "empty"},
		{"taken back without id", func(w *audience.EventWrite) { w.ID, w.Retract = "", true }, "id", "empty"},
		{"source", func(w *audience.EventWrite) { w.Source.Kind = 77 }, "source.kind", "unknown"},
		{"too many properties", func(w *audience.EventWrite) { w.Props["b"], w.Props["c"] = w.Props["page"], w.Props["page"] }, "props", "max-items"},
		{"property name", func(w *audience.EventWrite) { w.Props[""] = audience.IntValue(1) }, "visit.props", "empty"},
		{"reserved property", func(w *audience.EventWrite) { w.Props["id"] = audience.IntValue(1) }, "visit.id", "reserved"},
		{"absent value", func(w *audience.EventWrite) { w.Props["secs"] = audience.Value{} }, "props.secs", "empty"},
		{"long value", func(w *audience.EventWrite) { w.Props["page"] = audience.StringValue("123456789") }, "props.page", "max-length"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := audience.EventWrite{
				Contact: audience.Key("u1"), ID: "e1", Type: "visit", Time: at(1),
				Props: map[string]audience.Value{"page": audience.StringValue("/")},
			}
			tt.change(&w)
			err := w.Check(limits)
			if tt.rule == "" {
				require.NoError(t, err)
				return
			}
			field := requireField(t, err, tt.path, tt.rule)
			require.Equal(t, strings.HasPrefix(tt.rule, "max-"), field.Limit)
		})
	}
}

func TestEventOfWrite(t *testing.T) {
	purchase := audience.EventType{Name: "purchase", Props: []audience.Prop{
		{Name: "value", Type: audience.TypeDouble, ID: 9}, {Name: "order", Type: audience.TypeString, ID: 4}, {Name: "items", Type: audience.TypeInt, ID: 6},
	}}
	w := audience.EventWrite{
		Contact: audience.Key("u1"), ID: "o-1", Type: "purchase", Time: at(1).Add(1999).In(time.FixedZone("", 7200)), Revision: 3, Retract: true,
		Props: map[string]audience.Value{"value": audience.IntValue(20), "order": audience.StringValue("o-1"), "items": audience.IntValue(2)},
	}
	e, err := w.Event(8, purchase)
	require.NoError(t, err)
	require.Equal(t, audience.Event{
		Contact: 8, Origin: 8, ID: "o-1", Type: "purchase", Time: at(1).Add(microsecond), Revision: 3, Retracted: true,
		Props: []audience.EventProp{
			{ID: 4, Value: audience.StringValue("o-1")}, {ID: 6, Value: audience.IntValue(2)}, {ID: 9, Value: audience.DoubleValue(20)},
		},
	}, e, "UTC, whole microseconds, properties sorted, an int fits a double")

	none, err := (&audience.EventWrite{Type: "purchase", Time: at(1)}).Event(8, purchase)
	require.NoError(t, err)
	require.Nil(t, none.Props)

	w.Props["items"] = audience.DoubleValue(2)
	e, err = w.Event(8, purchase)
	requireField(t, err, "props.items", "type")
	require.Equal(t, audience.Event{}, e)
	w.Props["items"], w.Props["coupon"] = audience.IntValue(2), audience.StringValue("x")
	_, err = w.Event(8, purchase)
	requireField(t, err, "props.coupon", "unknown")
}

func TestProfile(t *testing.T) {
	s := shopSchema()
	news, _ := s.ListNamed("news")
	vip, _ := s.ListNamed("vip")
	opened := audience.EventStream{Type: "email.opened", Events: []audience.Event{{ID: "1"}}}
	visit := audience.EventStream{Type: "visit", Events: []audience.Event{{ID: "2"}, {ID: "3"}}}
	grant := func(scope audience.Scope) audience.ConsentRecord {
		return audience.ConsentRecord{
			Kind: audience.ConsentGranted, Scope: scope, Acted: at(2), Recorded: at(2), Expires: at(9),
			Mechanism: audience.MechanismSingleOptIn, Evidence: [32]byte{1},
		}
	}
	topic := audience.MarketingScope()
	topic.List = "news"
	p := audience.Profile{
		Parts:   audience.ProfileParts{Events: []string{"email.opened", "visit"}, Lists: true, Ledger: true, Suppressed: true},
		Contact: jane(), Streams: []audience.EventStream{opened, visit}, Lists: []string{"test", "vip"},
		History: audience.History{Records: []audience.ConsentRecord{grant(audience.MarketingScope()), grant(topic)}},
	}
	require.Len(t, p.Events("visit"), 2)
	require.Len(t, p.Events("email.opened"), 1)
	require.Nil(t, p.Events("email"))

	require.True(t, p.OnList(vip, at(1)), "picked by hand")
	require.False(t, p.OnList(audience.List{Name: "v", Kind: audience.ListStatic}, at(1)))
	require.False(t, p.OnList(news, at(1)))
	require.True(t, p.OnList(news, at(2)), "from the instant of the grant")
	require.False(t, p.OnList(news, at(9)), "until the instant it expires")
	require.False(t, p.OnList(audience.List{Name: "vip", Kind: audience.ListTopic}, at(2)), "a topic needs consent, whatever the list says")

	require.Equal(t, audience.StatusNone, p.Status(at(1)).Status)
	require.Equal(t, audience.Standing{Status: audience.StatusSubscribed, Since: at(2), Until: at(9)}, p.Status(at(2)))
	require.Equal(t, p.Status(at(2)), p.Consent("marketing", at(2)))
	require.Equal(t, audience.StatusNone, p.Consent("offers", at(2)).Status)

	require.True(t, p.Mailable(at(2)))
	require.False(t, p.Mailable(at(1)), "unknown consent means no")
	require.False(t, p.Mailable(at(9)))
	suppressed, nowhere := p, p
	suppressed.SuppressedFrom = at(2)
	require.True(t, suppressed.IsSuppressed(at(2)))
	require.False(t, suppressed.IsSuppressed(at(1)))
	require.False(t, suppressed.Mailable(at(2)))
	nowhere.Contact.Addresses = nil
	require.False(t, nowhere.Mailable(at(2)))
	require.False(t, (&audience.Profile{}).Mailable(at(2)))
}

// What was not read must not count as not there.
func TestMailableNeedsParts(t *testing.T) {
	p := audience.Profile{
		Contact: jane(),
		Parts:   audience.ProfileParts{Ledger: true, Suppressed: true},
		History: audience.History{Records: []audience.ConsentRecord{{
			Kind: audience.ConsentGranted, Acted: at(2), Recorded: at(2), Mechanism: audience.MechanismSingleOptIn, Evidence: [32]byte{1},
		}}},
	}
	require.True(t, p.Mailable(at(3)))
	p.Parts.Suppressed = false
	require.False(t, p.Mailable(at(3)))
	p.Parts = audience.ProfileParts{Suppressed: true}
	require.False(t, p.Mailable(at(3)))
}

func TestProfilePartsCovers(t *testing.T) {
	all := audience.ProfileParts{Events: []string{"a", "b"}, Lists: true, Ledger: true, Suppressed: true}
	for name, tt := range map[string]struct {
		has, wants audience.ProfileParts
		want       bool
	}{
		"nothing":         {audience.ProfileParts{}, audience.ProfileParts{}, true},
		"all":             {all, all, true},
		"one type of two": {all, audience.ProfileParts{Events: []string{"b"}}, true},
		"another type":    {all, audience.ProfileParts{Events: []string{"c"}}, false},
		"no lists":        {audience.ProfileParts{Ledger: true}, audience.ProfileParts{Lists: true}, false},
		"no ledger":       {audience.ProfileParts{Lists: true}, audience.ProfileParts{Ledger: true}, false},
		"no suppressions": {audience.ProfileParts{Ledger: true}, audience.ProfileParts{Suppressed: true}, false},
	} {
		require.Equal(t, tt.want, tt.has.Covers(tt.wants), name)
	}
}

func TestProfilePartsUnion(t *testing.T) {
	a := audience.ProfileParts{Events: []string{"b", "a", "b"}, Lists: true}
	b := audience.ProfileParts{Events: []string{"c", "a"}, Ledger: true}
	require.Equal(t, audience.ProfileParts{Events: []string{"a", "b", "c"}, Lists: true, Ledger: true}, a.Union(b))
	require.Equal(t, a.Union(b), b.Union(a))
	require.Equal(t, []string{"b", "a", "b"}, a.Events, "neither is changed")
	require.Equal(t, audience.ProfileParts{Suppressed: true}, audience.ProfileParts{}.Union(audience.ProfileParts{Suppressed: true}))
	require.True(t, slices.IsSorted(a.Union(audience.ProfileParts{}).Events))
}

func ExampleEventWrite() {
	order := audience.EventWrite{
		Contact: audience.Key("u42"),
		Type:    "purchase",
		ID:      "order-1001", // the order is the event: sending it twice is harmless
		Time:    time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC),
		Props: map[string]audience.Value{
			"value":    audience.DoubleValue(89.90), // net
			"currency": audience.StringValue("EUR"),
			"items":    audience.IntValue(3),
		},
	}
	fmt.Println(order.Check(audience.Limits{}))

	// An item was sent back: the same event with the next revision.
	order.Revision = 1
	order.Props["value"] = audience.DoubleValue(59.90)
	order.Props["items"] = audience.IntValue(2)
	fmt.Println(order.Check(audience.Limits{}))
	fmt.Println(order)
	// Output:
	// <nil>
	// <nil>
	// purchase of contact by id of host at 2026-01-31T09:30:00Z
}
