package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Format prints the name of the field, whatever the verb.
func (d FieldDiff) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(d.Name)) }

// LogValue logs what Format prints.
func (d FieldDiff) LogValue() slog.Value { return slog.StringValue(d.Name) }

// MarshalJSON gives what Format prints; hosts use the members.
func (d FieldDiff) MarshalJSON() ([]byte, error) { return json.Marshal(d.Name) }

// diff says what a row changes about somebody.
func (d *planner) diff(e *entry, who *person, next *audience.Contact) {
	k := who.know()
	out := diffContacts(&k.now, next, d.fields.name)
	if len(e.lists) > 0 {
		before := slices.Concat(k.profile.Lists, who.lists[:len(who.lists)-len(e.lists)])
		out = append(out, FieldDiff{Name: "lists", Before: listOrNone(before), After: listOrNone(joined(before, e.lists))})
	}
	if e.records() {
		after := e.consent.write.Kind.Status()
		out = append(out, FieldDiff{Name: "status", Before: audience.StringValue(e.consent.before.String()), After: audience.StringValue(after.String())})
	}
	e.result.Changes = out
}

// diffContacts compares two states of a contact: addresses, ids and names,
// custom fields by name, tags.
func diffContacts(before, after *audience.Contact, nameOf func(audience.FieldID) string) []FieldDiff {
	var out []FieldDiff
	add := func(name string, b, a audience.Value) {
		if !b.Equal(a) {
			out = append(out, FieldDiff{Name: name, Before: b, After: a})
		}
	}
	addressOf := func(c *audience.Contact) audience.Value { return textOrNone(c.Email().Reveal()) }
	add("email", addressOf(before), addressOf(after))
	add("addresses", before.OtherEmails(), after.OtherEmails())
	add("external_id", externalOf(before), externalOf(after))
	add("first_name", textOrNone(before.FirstName.Reveal()), textOrNone(after.FirstName.Reveal()))
	add("last_name", textOrNone(before.LastName.Reveal()), textOrNone(after.LastName.Reveal()))
	add("phone", textOrNone(before.Phone.Reveal()), textOrNone(after.Phone.Reveal()))
	first := len(out)
	for _, f := range before.Fields {
		add(nameOf(f.ID), f.Value, after.Value(f.ID))
	}
	for _, f := range after.Fields {
		if before.Value(f.ID).IsZero() {
			add(nameOf(f.ID), audience.Value{}, f.Value)
		}
	}
	slices.SortFunc(out[first:], func(a, b FieldDiff) int { return cmp.Or(strings.Compare(a.Name, b.Name), a.Before.Compare(b.Before)) })
	add(tagsField, listOrNone(before.TagNames()), listOrNone(after.TagNames()))
	return out
}

func textOrNone(s string) audience.Value {
	if s == "" {
		return audience.Value{}
	}
	return audience.StringValue(s)
}

func listOrNone(items []string) audience.Value {
	if len(items) == 0 {
		return audience.Value{}
	}
	return audience.StringListValue(items...)
}

// externalOf gives the host's own id, or all of them with the systems they are
// of.
func externalOf(c *audience.Contact) audience.Value {
	if len(c.External) == 1 && c.External[0].System == audience.HostSystem {
		return audience.StringValue(c.External[0].ID.Reveal())
	}
	var out []string
	for _, x := range c.External {
		out = append(out, x.System+":"+x.ID.Reveal())
	}
	return listOrNone(out)
}
