package audience_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// describe writes down what of a contact a write can change.
func describe(c audience.Contact) string {
	var b strings.Builder
	for _, a := range c.Addresses {
		b.WriteString(a.Reveal() + " ")
	}
	for _, x := range c.External {
		b.WriteString(x.System + ":" + x.ID.Reveal() + " ")
	}
	b.WriteString("| " + c.FirstName.Reveal() + "," + c.LastName.Reveal() + "," + c.Phone.Reveal() + "," + c.Frequency + " |")
	for _, tag := range c.Tags {
		b.WriteString(" " + tag.Name + "@" + origin(tag.Origin))
	}
	b.WriteString(" |")
	for _, f := range c.Fields {
		fmt.Fprintf(&b, " %d=%s@%s", f.ID, f.Value.Reveal(), origin(f.Origin))
	}
	return b.String()
}

func origin(p *audience.Provenance) string {
	if p == nil {
		return "?"
	}
	return fmt.Sprintf("%s%d", p.Name, p.At.Day())
}

func jane() audience.Contact {
	first := &audience.Provenance{Source: audience.Source{Name: "s"}, At: at(1)}
	return audience.Contact{
		ID: 5, Version: 3,
		Addresses: []audience.Address{address("Jane@example.com"), address("j@example.org")},
		External:  []audience.ExternalID{audience.External("host", "u1")},
		FirstName: private("Jane"), Phone: private("1"),
		Tags: []audience.Tag{{Name: "b2b", Origin: first}, {Name: "vip", Origin: first}},
		Fields: []audience.FieldValue{
			{ID: 1, Value: audience.StringValue("pro"), Origin: first}, {ID: 3, Value: audience.DoubleValue(0.5), Origin: first},
		},
		CreatedAt: at(1), UpdatedAt: at(1),
	}
}

func shopFields(name string) (audience.Field, bool) {
	s := shopSchema()
	return s.FieldNamed(name)
}

func TestApply(t *testing.T) {
	weekly, none := "weekly", ""
	tests := []struct {
		name  string
		write audience.ContactWrite
		want  string // "" when nothing changes
	}{
		{"nothing", audience.ContactWrite{Match: audience.ID(5)}, ""},
		{
			"what is there already",
			audience.ContactWrite{
				Match: audience.Key("u1"), Email: address("Jane@example.com"), Addresses: []audience.Address{address("J@Example.org")},
				External: []audience.ExternalID{audience.External("host", "u1")}, FirstName: private("Jane"), AddTags: []string{"vip"},
				RemoveTags: []string{"b2c"}, Set: map[string]audience.Value{"plan": audience.StringValue("pro")}, Clear: []string{"interests", "last_name"},
			},
			"",
		},
		{
			"new primary address, the old one stays",
			audience.ContactWrite{Email: address("new@example.com")},
			"new@example.com Jane@example.com j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"further address becomes primary",
			audience.ContactWrite{Email: address("J@example.org")},
			"J@example.org Jane@example.com host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"primary address spelled otherwise",
			audience.ContactWrite{Email: address("JANE@example.com")},
			"JANE@example.com j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"further identities",
			audience.ContactWrite{
				Match: audience.ExternalRef(audience.External("shop", "9")), Addresses: []audience.Address{address("x@example.net"), address("X@example.net")},
				External: []audience.ExternalID{audience.External("crm", "1"), audience.External("crm", "1")},
			},
			"Jane@example.com j@example.org x@example.net crm:1 host:u1 shop:9 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"matched by a new address",
			audience.ContactWrite{Match: audience.Email("x@example.net")},
			"Jane@example.com j@example.org x@example.net host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"primary address taken away",
			audience.ContactWrite{
				Match: audience.Email("jane@example.com"), Detach: []audience.Identity{audience.AddressIdentity(address("jane@EXAMPLE.com"))},
			},
			"j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"key taken away, by that key",
			audience.ContactWrite{
				Match: audience.Key("u1"), Detach: []audience.Identity{audience.ExternalIdentity(audience.External("host", "u1")), {}},
			},
			"Jane@example.com j@example.org | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"address replaced",
			audience.ContactWrite{
				Email: address("new@example.com"), Detach: []audience.Identity{audience.AddressIdentity(address("jane@example.com"))},
			},
			"new@example.com j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"names",
			audience.ContactWrite{FirstName: private("Joan"), LastName: private("Doe"), Clear: []string{"phone"}, Frequency: &weekly},
			"Jane@example.com j@example.org host:u1 | Joan,Doe,,weekly | b2b@s1 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{"no frequency", audience.ContactWrite{Frequency: &none}, ""},
		{
			"tags added and removed",
			audience.ContactWrite{AddTags: []string{"new", "vip", "a", "new"}, RemoveTags: []string{"b2b", "no"}},
			"Jane@example.com j@example.org host:u1 | Jane,,1, | a@w2 new@w2 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{"a tag removed and added", audience.ContactWrite{AddTags: []string{"vip"}, RemoveTags: []string{"vip"}}, ""},
		{
			"tags set",
			audience.ContactWrite{SetTags: []string{"vip", "a", "vip"}},
			"Jane@example.com j@example.org host:u1 | Jane,,1, | a@w2 vip@s1 | 1=pro@s1 3=0.5@s1",
		},
		{
			"no tags",
			audience.ContactWrite{SetTags: []string{}},
			"Jane@example.com j@example.org host:u1 | Jane,,1, | | 1=pro@s1 3=0.5@s1",
		},
		{
			"fields",
			audience.ContactWrite{
				Set:   map[string]audience.Value{"plan": audience.StringValue("free"), "interests": audience.StringListValue("b", "a")},
				Clear: []string{"score"}, Owner: "scoring",
			},
			"Jane@example.com j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=free@w2 2=a,b@w2",
		},
		{
			"an int for a double",
			audience.ContactWrite{Set: map[string]audience.Value{"score": audience.IntValue(2)}, Owner: "scoring"},
			"Jane@example.com j@example.org host:u1 | Jane,,1, | b2b@s1 vip@s1 | 1=pro@s1 3=2@w2",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.write
			w.Source.Name = "w"
			if w.Match.IsZero() {
				w.Match = audience.ID(5)
			}
			require.NoError(t, w.Check(audience.Limits{}))
			next, changed, err := w.Apply(jane(), shopFields, at(2), audience.Limits{})
			require.NoError(t, err)
			require.Equal(t, tt.want != "", changed)
			if tt.want == "" {
				tt.want = describe(jane())
			}
			require.Equal(t, tt.want, describe(next))
			require.Equal(t, jane().Version, next.Version, "the store counts versions")
			require.Equal(t, jane().UpdatedAt, next.UpdatedAt)

			again, changed, err := w.Apply(next, shopFields, at(3), audience.Limits{})
			require.NoError(t, err)
			require.False(t, changed, "applying it again changes nothing")
			require.Equal(t, next, again)
		})
	}
}

// TestApplyAsksInOrder: a store that declares unknown fields numbers them in
// the order in which it is asked.
func TestApplyAsksInOrder(t *testing.T) {
	w := audience.ContactWrite{Match: audience.ID(5), Set: map[string]audience.Value{}}
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("f%02d", i))
		w.Set[want[i]] = audience.IntValue(int64(i))
	}
	var asked []string
	next, _, err := w.Apply(jane(), func(name string) (audience.Field, bool) {
		asked = append(asked, name)
		return audience.Field{Name: name, Type: audience.TypeInt, ID: audience.FieldID(100 + len(asked))}, true
	}, at(2), audience.Limits{})
	require.NoError(t, err)
	require.Equal(t, want, asked)
	require.Equal(t, "29", next.Value(130).Reveal())
}

func TestApplyRefuses(t *testing.T) {
	all := []audience.Identity{audience.ExternalIdentity(audience.External("host", "u1"))}
	for _, a := range jane().Addresses {
		all = append(all, audience.AddressIdentity(a))
	}
	tests := []struct {
		name       string
		write      audience.ContactWrite
		path, rule string
	}{
		{"unknown field", audience.ContactWrite{Set: map[string]audience.Value{"age": audience.IntValue(1)}}, "fields.age", "unknown"},
		{"unknown field cleared", audience.ContactWrite{Clear: []string{"age"}}, "fields.age", "unknown"},
		{"wrong type", audience.ContactWrite{Set: map[string]audience.Value{"plan": audience.IntValue(1)}}, "fields.plan", "type"},
		{"double for a list", audience.ContactWrite{Set: map[string]audience.Value{"interests": audience.DoubleValue(1)}}, "fields.interests", "type"},
		{"too many tags", audience.ContactWrite{AddTags: []string{"x"}}, "tags", "max-items"},
		{"too many identities", audience.ContactWrite{Addresses: []audience.Address{address("x@example.com")}}, "identities", "max-items"},
		{"nothing left", audience.ContactWrite{Detach: all}, "identities", "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.write.Match = audience.ID(5)
			next, changed, err := tt.write.Apply(jane(), shopFields, at(2), audience.Limits{Tags: 2, Identities: 3})
			requireField(t, err, tt.path, tt.rule)
			require.False(t, changed)
			require.Equal(t, audience.Contact{}, next)
		})
	}
	for _, w := range []audience.ContactWrite{
		{Set: map[string]audience.Value{"score": audience.DoubleValue(1)}},
		{Set: map[string]audience.Value{"score": audience.DoubleValue(1)}, Owner: "somebody"},
		{Clear: []string{"score"}},
	} {
		_, _, err := w.Apply(jane(), shopFields, at(2), audience.Limits{})
		var denied *audience.DeniedError
		require.ErrorAs(t, err, &denied)
		require.Equal(t, "owner", denied.Rule)
		require.Contains(t, denied.Hint, "scoring")
	}
	tight := audience.Limits{Tags: 1, Identities: 1}
	for name, w := range map[string]audience.ContactWrite{
		"change": {FirstName: private("Joan")}, "shrink": {RemoveTags: []string{"vip"}}, "exchange": {SetTags: []string{"a", "b"}},
	} {
		_, changed, err := w.Apply(jane(), shopFields, at(2), tight)
		require.NoError(t, err, "limits were lowered: %s", name)
		require.True(t, changed)
	}
	_, _, err := (&audience.ContactWrite{Match: audience.ID(5)}).Apply(audience.Contact{}, shopFields, at(2), audience.Limits{})
	requireField(t, err, "identities", "empty")
}

func ExampleContactWrite() {
	write := audience.ContactWrite{
		Match:     audience.Key("u42"), // the host's own id of this person
		Email:     audience.MustAddress("Jane@example.com"),
		FirstName: audience.NewPrivate("Jane"),
		Set:       map[string]audience.Value{"plan": audience.StringValue("pro")},
		AddTags:   []string{"beta"},
		Source:    audience.Source{Kind: audience.SourcePerson, Name: "signup-form"},
	}
	fmt.Println(write.Check(audience.Limits{}))
	fmt.Println(write) // safe to log: no key, address or name in it

	// A store writes it. This is what it does to a contact:
	schema := audience.Schema{Fields: []audience.Field{{ID: 1, Name: "plan", Type: audience.TypeString}}}
	contact, changed, err := write.Apply(audience.Contact{}, schema.FieldNamed, at(1), audience.Limits{})
	fmt.Println(changed, err)
	fmt.Println(contact.Email(), contact.TagNames(), contact.Field(&schema, "plan").Reveal())
	// Output:
	// <nil>
	// write of contact by id of host
	// true <nil>
	// j***@***.com [beta] pro
}
