package live

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// NeedsOf says which columns a program reads.
func NeedsOf(p *celenv.Program) columns.Needs {
	var n needs
	n.formula(p.Formula())
	return n.Union(columns.Needs{})
}

// NeedsOfAtom says which columns one condition reads.
func NeedsOfAtom(a *celenv.Atom) columns.Needs {
	var n needs
	n.atom(a)
	return n.Union(columns.Needs{})
}

// needs collects.
type needs struct{ columns.Needs }

func (n *needs) formula(f *celenv.Formula) {
	for _, p := range f.Parts {
		n.formula(p)
	}
	if f.Atom != nil {
		n.atom(f.Atom)
	}
}

func (n *needs) atom(a *celenv.Atom) {
	n.test(a.Test)
	for _, r := range a.Reads {
		n.read(r)
	}
}

func (n *needs) test(t celenv.Test) {
	switch t := t.(type) {
	case celenv.CompareTest:
		n.feature(t.Feature)
	case celenv.InTest:
		n.feature(t.Feature)
	case celenv.HasTest:
		n.feature(t.Feature)
	case celenv.MovingTest:
		n.feature(t.Feature)
	case celenv.ContainsTest:
		if t.Field == 0 {
			n.Tags = append(n.Tags, t.Item)
			return
		}
		n.Items = append(n.Items, columns.ItemNeeds{Field: t.Field, Items: []string{t.Item}})
	case celenv.ListTest:
		if t.List.Kind == audience.ListTopic {
			n.Ledger = true
		} else {
			n.Lists = append(n.Lists, t.List.Name)
		}
	case celenv.ConsentTest:
		n.Ledger = true
	case celenv.SuppressedTest:
		n.Suppressed = true
	}
}

func (n *needs) feature(f celenv.Feature) {
	switch f.Kind {
	case celenv.FeatureField:
		n.Fields = append(n.Fields, f.Field)
	case celenv.FeatureBuiltin:
		switch f.Name {
		case "status":
			n.Ledger = true
		case "id":
		default:
			n.builtin(f.Name)
		}
	default:
		for _, s := range []*celenv.Stream{f.Stream, f.Over} {
			if s == nil {
				continue
			}
			for i, t := range s.Types {
				e := columns.EventNeeds{Type: t}
				if i < len(f.Props) && f.Props[i] != 0 {
					e.Props = []audience.PropID{f.Props[i]}
				}
				n.Events = append(n.Events, e)
			}
		}
	}
}

func (n *needs) read(r celenv.Read) {
	switch r.Kind {
	case celenv.ReadField:
		n.Fields = append(n.Fields, r.Field)
	case celenv.ReadBuiltin:
		n.builtin(r.Name)
	case celenv.ReadTags:
		n.TagSets = true
	case celenv.ReadEvents:
		n.Events = append(n.Events, columns.EventNeeds{Type: r.Name})
	case celenv.ReadProp:
		n.Events = append(n.Events, columns.EventNeeds{Type: r.Name, Props: []audience.PropID{r.Prop}})
	case celenv.ReadOrder:
		n.Events = append(n.Events, columns.EventNeeds{Type: r.Name, Ordered: true})
	case celenv.ReadList:
		n.Lists = append(n.Lists, r.Name)
	case celenv.ReadLedger:
		n.Ledger = true
	case celenv.ReadSuppressed:
		n.Suppressed = true
	default: // members are of the core
	}
}

func (n *needs) builtin(name string) {
	switch builtinNamed(name) {
	case columns.BuiltinEmail:
		n.Email = true
	case columns.BuiltinFirstName:
		n.FirstName = true
	case columns.BuiltinLastName:
		n.LastName = true
	case columns.BuiltinPhone:
		n.Phone = true
	case columns.BuiltinFrequency:
		n.Frequency = true
	case columns.BuiltinCreatedAt:
		n.CreatedAt = true
	default:
		n.UpdatedAt = true
	}
}

// CanFail reports whether evaluating a program can fail for some contact.
func CanFail(p *celenv.Program) bool {
	var visit func(f *celenv.Formula) bool
	visit = func(f *celenv.Formula) bool {
		return slices.ContainsFunc(f.Parts, visit) || f.Atom != nil && f.Atom.Test == nil
	}
	return visit(p.Formula())
}
