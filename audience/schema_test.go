package audience_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func shopSchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "score", Type: audience.TypeDouble, Owner: "scoring", ID: 3},
			{Name: "plan", Type: audience.TypeString, ID: 1},
			{Name: "interests", Type: audience.TypeStringList, ID: 2},
		},
		Events: []audience.EventType{
			{Name: "visit", ID: 1, Props: []audience.Prop{{Name: "page", Type: audience.TypeString, ID: 2}, {Name: "secs", Type: audience.TypeInt, ID: 1}}},
		},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic},
			{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
			{Name: "vip", Kind: audience.ListStatic, Title: "Very important"},
		},
	}
}

func TestSchemaFinds(t *testing.T) {
	s := shopSchema()
	f, ok := s.FieldNamed("plan")
	require.True(t, ok)
	require.Equal(t, audience.FieldID(1), f.ID)
	f, ok = s.FieldByID(3)
	require.True(t, ok)
	require.Equal(t, "score", f.Name)
	e, ok := s.EventNamed("visit")
	require.True(t, ok)
	p, ok := e.PropNamed("secs")
	require.True(t, ok)
	require.Equal(t, audience.TypeInt, p.Type)
	l, ok := s.ListNamed("deals")
	require.True(t, ok)
	require.Equal(t, "offers", l.Purpose)
	require.True(t, s.HasPurpose("offers"))

	_, ok = s.FieldNamed("Plan")
	require.False(t, ok, "names are compared byte by byte")
	_, ok = s.FieldByID(9)
	require.False(t, ok)
	s.Fields = append(s.Fields, audience.Field{Name: "new", Type: audience.TypeInt})
	_, ok = s.FieldByID(0)
	require.False(t, ok, "0 is not yet given")
	_, ok = s.EventNamed("purchase")
	require.False(t, ok, "built-in types are there once it is completed")
	_, ok = e.PropNamed("")
	require.False(t, ok)
	_, ok = s.ListNamed("")
	require.False(t, ok)
	require.False(t, s.HasPurpose("marketing"))
}

func TestSchemaCloneSharesNothing(t *testing.T) {
	s := shopSchema()
	c := s.Clone()
	require.Equal(t, s, c)
	c.Fields[0].Name, c.Events[0].Name, c.Events[0].Props[0].Name, c.Purposes[0].Name, c.Lists[0].Name = "x", "x", "x", "x", "x"
	require.Equal(t, shopSchema(), s)
}

func TestSchemaComplete(t *testing.T) {
	var none audience.Schema
	s := none.Complete()
	require.NoError(t, s.Check(audience.Limits{}))
	require.True(t, s.HasPurpose("marketing"))
	got := map[string]string{}
	for _, e := range s.Events {
		for _, p := range e.Props {
			got[e.Name] += p.Name + ":" + p.Type.String() + " "
		}
	}
	const email, order = "campaign:string message:string url:string machine:bool ", "value:double currency:string order:string items:int "
	require.Equal(t, map[string]string{
		"email.sent": email, "email.delivered": email, "email.opened": email, "email.clicked": email, "email.bounced": email,
		"email.complained": email, "email.unsubscribed": email, "purchase": order, "purchase.item": order, "refund": order,
	}, got)
	require.Equal(t, s, s.Complete(), "completing twice adds nothing")
	require.Equal(t, audience.Schema{}, none, "the given schema is not changed")

	own := audience.Schema{Events: []audience.EventType{{Name: "purchase", Props: []audience.Prop{
		{Name: "coupon", Type: audience.TypeString, ID: 9}, {Name: "value", Type: audience.TypeDouble, ID: 4},
	}}}}
	done := own.Complete()
	require.NoError(t, done.Check(audience.Limits{}))
	purchase, _ := done.EventNamed("purchase")
	require.Equal(t, []audience.Prop{
		{Name: "coupon", Type: audience.TypeString, ID: 9},
		{Name: "value", Type: audience.TypeDouble, ID: 4},
		{Name: "currency", Type: audience.TypeString},
		{Name: "order", Type: audience.TypeString},
		{Name: "items", Type: audience.TypeInt},
	}, purchase.Props)
	require.Len(t, own.Events[0].Props, 2, "the given schema is not changed")
}

func TestSchemaCheck(t *testing.T) {
	long := strings.Repeat("x", 201)
	limits := audience.Limits{Fields: 4, EventTypes: 3, EventProps: 3, Lists: 4}
	field := func(f audience.Field) func(*audience.Schema) {
		return func(s *audience.Schema) { s.Fields = append(s.Fields, f) }
	}
	event := func(e audience.EventType) func(*audience.Schema) {
		return func(s *audience.Schema) { s.Events = append(s.Events, e) }
	}
	prop := func(p audience.Prop) func(*audience.Schema) {
		return func(s *audience.Schema) { s.Events[0].Props = append(s.Events[0].Props, p) }
	}
	list := func(l audience.List) func(*audience.Schema) {
		return func(s *audience.Schema) { s.Lists = append(s.Lists, l) }
	}
	tests := []struct {
		name       string
		change     func(*audience.Schema)
		path, rule string
	}{
		{"good", func(*audience.Schema) {}, "", ""},
		{"zero", func(s *audience.Schema) { *s = audience.Schema{} }, "", ""},

		{"field without name", field(audience.Field{Type: audience.TypeInt}), "schema.fields", "empty"},
		{"field name", field(audience.Field{Name: "Age", Type: audience.TypeInt}), "schema.fields", "name"},
		{"built-in field", field(audience.Field{Name: "email", Type: audience.TypeString}), "schema.fields.email", "built-in"},
		{"reserved word", field(audience.Field{Name: "in", Type: audience.TypeString}), "schema.fields.in", "reserved"},
		{"field without type", field(audience.Field{Name: "age"}), "schema.fields.age", "type"},
		{"field of an unknown type", field(audience.Field{Name: "age", Type: 99}), "schema.fields.age", "type"},
		{"field twice", field(audience.Field{Name: "plan", Type: audience.TypeString}), "schema.fields.plan", "double"},
		{"owner", field(audience.Field{Name: "age", Type: audience.TypeInt, Owner: " "}), "schema.fields.age.owner", "space"},
		{"renamed", field(audience.Field{Name: "age", Type: audience.TypeInt, Renamed: "years"}), "", ""},
		{"renamed from itself", field(audience.Field{Name: "age", Type: audience.TypeInt, Renamed: "age"}), "schema.fields.age", "renamed"},
		{"renamed from another", field(audience.Field{Name: "age", Type: audience.TypeInt, Renamed: "plan"}), "schema.fields.age", "renamed"},
		{"renamed from a long name", field(audience.Field{Name: "age", Type: audience.TypeInt, Renamed: long}), "schema.fields.age.renamed", "max-length"},
		{"too many fields", func(s *audience.Schema) { s.Fields = make([]audience.Field, 5) }, "schema.fields", "max-items"},

		{"event without name", event(audience.EventType{}), "schema.events[1]", "empty"},
		{"event with a line break", event(audience.EventType{Name: "a\nb"}), "schema.events[1]", "control"},
		{"event twice", event(audience.EventType{Name: "visit"}), "schema.events.visit", "double"},
		{"too many events", func(s *audience.Schema) { s.Events = make([]audience.EventType, 4) }, "schema.events", "max-items"},
		{"property without name", prop(audience.Prop{Type: audience.TypeInt}), "schema.events.visit.props", "empty"},
		{"any text as name", prop(audience.Prop{Name: "utm-source ü", Type: audience.TypeString}), "", ""},
		{"reserved property", prop(audience.Prop{Name: "time", Type: audience.TypeTimestamp}), "schema.events.visit.time", "reserved"},
		{"property without type", prop(audience.Prop{Name: "x"}), "schema.events.visit.x", "type"},
		{"property twice", prop(audience.Prop{Name: "page", Type: audience.TypeString}), "schema.events.visit.page", "double"},
		{"property renamed from another", prop(audience.Prop{Name: "x", Type: audience.TypeInt, Renamed: "secs"}), "schema.events.visit.x", "renamed"},
		{"too many properties", func(s *audience.Schema) { s.Events[0].Props = make([]audience.Prop, 4) }, "schema.events[0].props", "max-items"},
		{
			"built-in property with its type",
			event(audience.EventType{Name: "purchase", Props: []audience.Prop{{Name: "value", Type: audience.TypeDouble}}}), "", "",
		},
		{
			"built-in property with another type",
			event(audience.EventType{Name: "purchase", Props: []audience.Prop{{Name: "value", Type: audience.TypeString}}}),
			"schema.events.purchase.value", "built-in",
		},
		{
			"int is not double",
			event(audience.EventType{Name: "refund", Props: []audience.Prop{{Name: "value", Type: audience.TypeInt}}}),
			"schema.events.refund.value", "built-in",
		},
		{
			"its name in another event",
			event(audience.EventType{Name: "quote", Props: []audience.Prop{{Name: "value", Type: audience.TypeString}}}), "", "",
		},

		{"purpose without name", func(s *audience.Schema) { s.Purposes = append(s.Purposes, audience.Purpose{}) }, "schema.purposes[1]", "empty"},
		{"purpose twice", func(s *audience.Schema) { s.Purposes = append(s.Purposes, s.Purposes[0]) }, "schema.purposes.offers", "double"},
		{"too many purposes", func(s *audience.Schema) { s.Purposes = make([]audience.Purpose, 5) }, "schema.purposes", "max-items"},
		{"list without name", list(audience.List{Kind: audience.ListTest}), "schema.lists[3]", "empty"},
		{"list twice", list(audience.List{Name: "vip", Kind: audience.ListTest}), "schema.lists.vip", "double"},
		{"list without kind", list(audience.List{Name: "x"}), "schema.lists.x", "kind"},
		{"list of an unknown kind", list(audience.List{Name: "x", Kind: audience.ListTest + 1}), "schema.lists.x", "kind"},
		{"topic for marketing", list(audience.List{Name: "x", Kind: audience.ListTopic, Purpose: "marketing"}), "", ""},
		{"topic for an unknown purpose", list(audience.List{Name: "x", Kind: audience.ListTopic, Purpose: "offer"}), "schema.lists.x", "purpose"},
		{"purpose of a static list", list(audience.List{Name: "x", Kind: audience.ListStatic, Purpose: "offers"}), "schema.lists.x", "purpose"},
		{"title", list(audience.List{Name: "x", Kind: audience.ListTest, Title: "\xff"}), "schema.lists.x.title", "utf8"},
		{"too many lists", func(s *audience.Schema) { s.Lists = make([]audience.List, 5) }, "schema.lists", "max-items"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shopSchema()
			tt.change(&s)
			err := s.Check(limits)
			if tt.rule == "" {
				require.NoError(t, err)
				return
			}
			field := requireField(t, err, tt.path, tt.rule)
			require.Equal(t, strings.HasPrefix(tt.rule, "max-"), field.Limit)
		})
	}
}

func TestListKinds(t *testing.T) {
	for kind, name := range map[audience.ListKind]string{
		0: "none", audience.ListTopic: "topic", audience.ListStatic: "static", audience.ListTest: "test", 9: "none",
	} {
		require.Equal(t, name, kind.String())
	}
}

func TestCheckName(t *testing.T) {
	limits := audience.Limits{NameBytes: 6}
	for name, rule := range map[string]string{
		"a": "", "é é": "", "Größe": "max-length", "": "empty", "sevenxx": "max-length", "a\x00": "nul", "\xff": "utf8",
		" a": "space", "a\n": "space", "a\u00a0": "space", "a\tb": "control", "a\u0085b": "control", "a\x7fb": "control",
	} {
		err := audience.CheckName("tags", name, limits)
		if rule == "" {
			require.NoError(t, err, "%q", name)
			continue
		}
		requireField(t, err, "tags", rule)
	}
}

func TestCheckFieldName(t *testing.T) {
	for name, rule := range map[string]string{
		"a": "", "loyalty_tier": "", "x1_": "", "a__b": "", "": "empty", "1a": "name", "_a": "name", "A": "name", "a-b": "name", "é": "name",
		"a\n": "name", "external_id": "built-in", "frequency": "built-in", "status": "built-in", "while": "reserved", "true": "reserved",
		strings.Repeat("a", 200): "", strings.Repeat("a", 201): "max-length",
	} {
		err := audience.CheckFieldName(name, audience.Limits{})
		if rule == "" {
			require.NoError(t, err, "%q", name)
			continue
		}
		var field *audience.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, rule, field.Rule, "%q", name)
	}
}

func TestFoldFieldName(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"---":                     "",
		"電話":                      "",
		"plan":                    "plan",
		"Loyalty Tier":            "loyalty_tier",
		"  Loyalty -- Tier (EUR)": "loyalty_tier_eur",
		"e-mail":                  "e_mail",
		"Email":                   "email",
		"E-Mail Address":          "e_mail_address",
		"createdAt":               "createdat",
		"2nd name":                "f_2nd_name",
		"in":                      "in_",
		"FOR":                     "for_",
		"a__b":                    "a__b",
		"a_":                      "a_",
		"_a_":                     "a",
		"A__B":                    "a_b",
		"in_":                     "in_",
		"Größe":                   "gr_e",
		"\u212aelvin":             "kelvin", // the lower case of the Kelvin sign is a k
		"total\x00\xff":           "total",
		"first_name":              "first_name",
		"First Name":              "first_name",
	} {
		require.Equal(t, want, audience.FoldFieldName(in), "%q", in)
	}
}

// FuzzFoldFieldName: what comes out can name a field, and folding it again
// changes nothing.
func FuzzFoldFieldName(f *testing.F) {
	for _, seed := range []string{"", "Loyalty Tier", "in", "2 in", "_", "İ", "email", "a\xffb", "while-", strings.Repeat("x ", 150)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := audience.FoldFieldName(text)
		require.Equal(t, name, audience.FoldFieldName(name))
		if name == "" {
			return
		}
		var field *audience.FieldError
		if err := audience.CheckFieldName(name, audience.Limits{}); err != nil {
			require.ErrorAs(t, err, &field)
			require.Contains(t, []string{"built-in", "max-length"}, field.Rule, "%q gives %q", text, name)
		}
	})
}

// TestEveryFieldNameStays: a column named after a field finds that field.
func TestEveryFieldNameStays(t *testing.T) {
	for _, f := range []string{"a", "a1", "a_1", "a__1", "a_", "x" + strings.Repeat("_", 20)} {
		require.NoError(t, audience.CheckFieldName(f, audience.Limits{}))
		require.Equal(t, f, audience.FoldFieldName(f))
	}
}

func ExampleSchema() {
	schema := audience.Schema{
		Fields: []audience.Field{
			{Name: "plan", Type: audience.TypeString},
			{Name: "churn_risk", Type: audience.TypeDouble, Owner: "scoring"}, // others read it only
		},
		Events: []audience.EventType{
			{Name: "trial.started", Props: []audience.Prop{{Name: "days", Type: audience.TypeInt}}},
		},
		Lists: []audience.List{
			{Name: "product-news", Kind: audience.ListTopic, Title: "Product news"}, // joining needs consent
			{Name: "vip", Kind: audience.ListStatic},                                // picked by hand
		},
	}
	fmt.Println(schema.Check(audience.Limits{}))

	// Every audience also speaks the built-in vocabulary.
	complete := schema.Complete()
	purchase, _ := complete.EventNamed("purchase")
	for _, p := range purchase.Props {
		fmt.Println("purchase", p.Name, p.Type)
	}

	// A mistake says where it is and what is expected.
	schema.Fields = append(schema.Fields, audience.Field{Name: "Loyalty Tier", Type: audience.TypeString})
	fmt.Println(schema.Check(audience.Limits{}))
	fmt.Println(audience.FoldFieldName("Loyalty Tier"))
	// Output:
	// <nil>
	// purchase value double
	// purchase currency string
	// purchase order string
	// purchase items int
	// schema.fields: name: a name like loyalty_tier: [a-z][a-z0-9_]*
	// loyalty_tier
}
