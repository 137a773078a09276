package segment

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// howOf says how a condition of a form is decided and how time changes it.
func howOf(t celenv.Test) (Decision, TimeCourse) {
	switch t := t.(type) {
	case celenv.ConstantTest:
		return Constant, NotByTime
	case celenv.ContainsTest:
		return BySet, NotByTime
	case celenv.ListTest:
		if t.List.Kind == audience.ListTopic {
			return ByLedger, ByOwnInstant
		}
		return BySet, NotByTime
	case celenv.ConsentTest:
		return ByLedger, ByOwnInstant
	case celenv.SuppressedTest:
		return ByValue, ByOwnInstant
	case celenv.MemberTest:
		return BySegment, AsOtherSegment
	case celenv.MovingTest:
		return ByTimeOrder, BySharedOrder
	case celenv.CompareTest:
		return howOfFeature(t.Feature)
	case celenv.InTest:
		return howOfFeature(t.Feature)
	case celenv.HasTest:
		return howOfFeature(t.Feature)
	default:
		return RowByRow, NotByTime
	}
}

func howOfFeature(f celenv.Feature) (Decision, TimeCourse) {
	switch {
	case f.Kind == celenv.FeatureField:
		return ByValue, NotByTime
	case f.Kind == celenv.FeatureBuiltin && f.Name == "status":
		return ByLedger, ByOwnInstant
	case f.Kind == celenv.FeatureBuiltin:
		return ByValue, NotByTime
	case f.Stream != nil && f.Stream.From != nil:
		return ByTimeOrder, BySharedOrder
	}
	return ByValue, ByEventsAhead
}

// isSelective reports whether a condition, or its negation, holds for one
// value or one set only.
func isSelective(t celenv.Test, negated bool) bool {
	switch t := t.(type) {
	case celenv.ContainsTest, celenv.ConsentTest, celenv.ListTest:
		return !negated
	case celenv.SuppressedTest:
		return true
	case celenv.InTest:
		return !negated && len(t.Values) == 1
	case celenv.CompareTest:
		windowed := t.Feature.Stream != nil && t.Feature.Stream.From != nil
		return !windowed && (t.Op == celenv.Equal && !negated || t.Op == celenv.NotEqual && negated)
	default:
		return false
	}
}

// reasonOf says why a condition has no index, as far as its words tell.
func reasonOf(source string) string {
	words := map[string]bool{}
	for _, t := range tokensOf(source) {
		words[t.text] = true
	}
	has := func(some ...string) bool { return slices.ContainsFunc(some, func(w string) bool { return words[w] }) }
	switch {
	case has("then", "without"):
		return "it pairs events"
	case has("where"):
		return "it chooses events by what is in them"
	case has("exists", "all", "exists_one", "filter", "map"):
		return "it goes through a list"
	case has("events") && has("before", "between"):
		return "its window has two edges"
	case has("events") && has("within", "since"):
		return "it aggregates more than a number of events in a window that moves"
	case has("matches", "startsWith", "endsWith", "contains", "size", "lowerAscii", "upperAscii", "trim"):
		return "it looks into a text"
	case has("anniversary", "startOf", "now"):
		return "it follows the calendar"
	}
	return "it is more than one value compared with constants"
}

// namedNeeds is one column of a table.
type namedNeeds struct {
	name  string
	needs columns.Needs
}

// columnsOf names what is needed, one by one.
func columnsOf(schema audience.Schema, n columns.Needs) []namedNeeds {
	var out []namedNeeds
	add := func(name string, needs columns.Needs) { out = append(out, namedNeeds{name, needs}) }
	flag := func(is bool, name string, needs columns.Needs) {
		if is {
			add(name, needs)
		}
	}
	flag(n.Email, "email", columns.Needs{Email: true})
	flag(n.FirstName, "first_name", columns.Needs{FirstName: true})
	flag(n.LastName, "last_name", columns.Needs{LastName: true})
	flag(n.Phone, "phone", columns.Needs{Phone: true})
	flag(n.Frequency, "frequency", columns.Needs{Frequency: true})
	flag(n.CreatedAt, "created_at", columns.Needs{CreatedAt: true})
	flag(n.UpdatedAt, "updated_at", columns.Needs{UpdatedAt: true})
	for _, id := range n.Fields {
		if id == 0 { // the schema has no numbers
			continue
		}
		add("field "+fieldName(schema, id), columns.Needs{Fields: []audience.FieldID{id}})
	}
	for _, x := range n.Items {
		for _, item := range x.Items {
			add("item "+item+" of field "+fieldName(schema, x.Field), columns.Needs{Items: []columns.ItemNeeds{{Field: x.Field, Items: []string{item}}}})
		}
	}
	flag(n.TagSets, "all tags", columns.Needs{TagSets: true})
	for _, tag := range n.Tags {
		add("tag "+tag, columns.Needs{Tags: []string{tag}})
	}
	for _, x := range n.Events {
		add(eventsName(schema, x), columns.Needs{Events: []columns.EventNeeds{x}})
	}
	for _, list := range n.Lists {
		add("list "+list, columns.Needs{Lists: []string{list}})
	}
	flag(n.Ledger, "ledger", columns.Needs{Ledger: true})
	flag(n.Suppressed, "suppressed", columns.Needs{Suppressed: true})
	return out
}

func fieldName(schema audience.Schema, id audience.FieldID) string {
	f, _ := schema.FieldByID(id)
	return f.Name
}

// eventsName names a type of events with the properties that are read.
func eventsName(schema audience.Schema, n columns.EventNeeds) string {
	name := "events " + n.Type
	t, _ := schema.EventNamed(n.Type)
	var props []string
	for _, p := range t.Props {
		if slices.Contains(n.Props, p.ID) {
			props = append(props, p.Name)
		}
	}
	if len(props) == 0 {
		return name
	}
	return name + " with " + strings.Join(props, ", ")
}
