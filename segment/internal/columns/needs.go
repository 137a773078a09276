package columns

import (
	"cmp"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Needs says what live segments read of contacts.
type Needs struct {
	Fields     []audience.FieldID // custom fields, sorted, each once
	Email      bool
	FirstName  bool
	LastName   bool
	Phone      bool
	Frequency  bool
	CreatedAt  bool
	UpdatedAt  bool
	Tags       bool
	Events     []EventNeeds // sorted by type, each once
	Lists      []string     // hand-picked lists, sorted, each once
	Ledger     bool
	Suppressed bool
}

// EventNeeds says what is read of the events of one type.
type EventNeeds struct {
	Type    string
	Props   []audience.PropID // sorted, each once
	Ordered bool              // the order of events of one instant matters
}

// Union gives what either asks for.
func (n Needs) Union(o Needs) Needs {
	out := n.flags(o, func(a, b bool) bool { return a || b })
	out.Fields = union(n.Fields, o.Fields)
	out.Lists = union(n.Lists, o.Lists)
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
	out.Lists = minus(n.Lists, o.Lists)
	for _, e := range n.Events {
		if !o.coversEvents(e) {
			out.Events = append(out.Events, e)
		}
	}
	return out
}

// Covers reports whether n asks for all that o asks for.
func (n Needs) Covers(o Needs) bool { return o.Minus(n).IsZero() }

// IsZero reports whether nothing is asked for.
func (n Needs) IsZero() bool {
	return !(n.Email || n.FirstName || n.LastName || n.Phone || n.Frequency || n.CreatedAt || n.UpdatedAt ||
		n.Tags || n.Ledger || n.Suppressed) && len(n.Fields) == 0 && len(n.Events) == 0 && len(n.Lists) == 0
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
		UpdatedAt: f(n.UpdatedAt, o.UpdatedAt), Tags: f(n.Tags, o.Tags), Ledger: f(n.Ledger, o.Ledger),
		Suppressed: f(n.Suppressed, o.Suppressed),
	}
}

func (n Needs) coversEvents(e EventNeeds) bool {
	i, ok := slices.BinarySearchFunc(n.Events, e.Type, byType)
	return ok && len(minus(e.Props, n.Events[i].Props)) == 0 && (n.Events[i].Ordered || !e.Ordered)
}

func byType(e EventNeeds, eventType string) int { return cmp.Compare(e.Type, eventType) }

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
