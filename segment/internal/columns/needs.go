package columns

import (
	"cmp"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Needs says what live segments read of contacts. Slices are sorted and hold
// everything once; [Needs.Union] with the zero Needs makes them so.
type Needs struct {
	Fields     []audience.FieldID // custom fields by value; of list fields the whole list, read row by row
	Items      []ItemNeeds        // items of list fields that are asked for one by one, sorted by field
	Email      bool
	FirstName  bool
	LastName   bool
	Phone      bool
	Frequency  bool
	CreatedAt  bool
	UpdatedAt  bool
	TagSets    bool         // all tags, read row by row
	Tags       []string     // tags that are asked for one by one
	Events     []EventNeeds // sorted by type
	Lists      []string     // hand-picked lists
	Ledger     bool
	Suppressed bool
}

// ItemNeeds says which items of a list field are asked for.
type ItemNeeds struct {
	Field audience.FieldID
	Items []string
}

// EventNeeds says what is read of the events of one type.
type EventNeeds struct {
	Type    string
	Props   []audience.PropID
	Ordered bool // the order of events of one instant matters
}

// Union gives what either asks for.
func (n Needs) Union(o Needs) Needs {
	out := n.flags(o, func(a, b bool) bool { return a || b })
	out.Fields = union(n.Fields, o.Fields)
	out.Tags = union(n.Tags, o.Tags)
	out.Lists = union(n.Lists, o.Lists)
	for _, e := range slices.Concat(n.Items, o.Items) {
		i, ok := slices.BinarySearchFunc(out.Items, e.Field, byField)
		if !ok {
			out.Items = slices.Insert(out.Items, i, ItemNeeds{Field: e.Field})
		}
		out.Items[i].Items = union(out.Items[i].Items, e.Items)
	}
	for _, e := range slices.Concat(n.Events, o.Events) {
		i, ok := slices.BinarySearchFunc(out.Events, e.Type, byType)
		if !ok {
			out.Events = slices.Insert(out.Events, i, EventNeeds{Type: e.Type})
		}
		out.Events[i].Props = union(out.Events[i].Props, e.Props)
		out.Events[i].Ordered = out.Events[i].Ordered || e.Ordered
	}
	return out
}

// Minus gives what o does not cover. A type of event of which anything is
// missing stays whole, since its columns are aligned with each other.
func (n Needs) Minus(o Needs) Needs {
	out := n.flags(o, func(a, b bool) bool { return a && !b })
	out.Fields = minus(n.Fields, o.Fields)
	out.Tags = minus(n.Tags, o.Tags)
	out.Lists = minus(n.Lists, o.Lists)
	for _, e := range n.Items {
		if rest := minus(e.Items, o.itemsOf(e.Field)); len(rest) > 0 {
			out.Items = append(out.Items, ItemNeeds{Field: e.Field, Items: rest})
		}
	}
	for _, e := range n.Events {
		if !o.coversEvents(e) {
			out.Events = append(out.Events, e)
		}
	}
	return out
}

// Intersect gives what both ask for.
func (n Needs) Intersect(o Needs) Needs {
	out := n.flags(o, func(a, b bool) bool { return a && b })
	out.Fields = both(n.Fields, o.Fields)
	out.Tags = both(n.Tags, o.Tags)
	out.Lists = both(n.Lists, o.Lists)
	for _, e := range n.Items {
		if items := both(e.Items, o.itemsOf(e.Field)); len(items) > 0 {
			out.Items = append(out.Items, ItemNeeds{Field: e.Field, Items: items})
		}
	}
	for _, e := range n.Events {
		if i, ok := slices.BinarySearchFunc(o.Events, e.Type, byType); ok {
			other := o.Events[i]
			out.Events = append(out.Events, EventNeeds{Type: e.Type, Props: both(e.Props, other.Props), Ordered: e.Ordered && other.Ordered})
		}
	}
	return out
}

// Covers reports whether n asks for all that o asks for.
func (n Needs) Covers(o Needs) bool { return o.Minus(n).IsZero() }

// IsZero reports whether nothing is asked for.
func (n Needs) IsZero() bool {
	flagged := n.Email || n.FirstName || n.LastName || n.Phone || n.Frequency || n.CreatedAt || n.UpdatedAt ||
		n.TagSets || n.Ledger || n.Suppressed
	return !flagged && len(n.Fields)+len(n.Items)+len(n.Tags)+len(n.Events)+len(n.Lists) == 0
}

// Parts gives the parts of profiles that hold what is asked for.
func (n Needs) Parts() audience.ProfileParts {
	p := audience.ProfileParts{Lists: len(n.Lists) > 0, Ledger: n.Ledger, Suppressed: n.Suppressed}
	for _, e := range n.Events {
		p.Events = append(p.Events, e.Type)
	}
	return p
}

func (n Needs) flags(o Needs, f func(a, b bool) bool) Needs {
	return Needs{
		Email: f(n.Email, o.Email), FirstName: f(n.FirstName, o.FirstName), LastName: f(n.LastName, o.LastName),
		Phone: f(n.Phone, o.Phone), Frequency: f(n.Frequency, o.Frequency), CreatedAt: f(n.CreatedAt, o.CreatedAt),
		UpdatedAt: f(n.UpdatedAt, o.UpdatedAt), TagSets: f(n.TagSets, o.TagSets), Ledger: f(n.Ledger, o.Ledger),
		Suppressed: f(n.Suppressed, o.Suppressed),
	}
}

func (n Needs) itemsOf(field audience.FieldID) []string {
	if i, ok := slices.BinarySearchFunc(n.Items, field, byField); ok {
		return n.Items[i].Items
	}
	return nil
}

func (n Needs) coversEvents(e EventNeeds) bool {
	i, ok := slices.BinarySearchFunc(n.Events, e.Type, byType)
	return ok && len(minus(e.Props, n.Events[i].Props)) == 0 && (n.Events[i].Ordered || !e.Ordered)
}

func byType(e EventNeeds, eventType string) int { return cmp.Compare(e.Type, eventType) }

func byField(e ItemNeeds, field audience.FieldID) int { return cmp.Compare(e.Field, field) }

func union[T cmp.Ordered](a, b []T) []T {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func minus[T cmp.Ordered](a, b []T) []T {
	var out []T
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); !ok {
			out = append(out, x)
		}
	}
	return out
}

func both[T cmp.Ordered](a, b []T) []T {
	var out []T
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); ok {
			out = append(out, x)
		}
	}
	return out
}
