package segment_test

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// field gives a field of the contact, nil when it is absent.
func (v *naiveEval) field(name string) any {
	c := &v.profile.Contact
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	switch name {
	case "id":
		return int64(c.ID)
	case "email":
		if len(c.Addresses) == 0 {
			return nil
		}
		return c.Addresses[0].Canonical()
	case "first_name":
		return text(c.FirstName.Reveal())
	case "last_name":
		return text(c.LastName.Reveal())
	case "phone":
		return text(c.Phone.Reveal())
	case "frequency":
		return text(c.Frequency)
	case "status":
		return naiveStatus(v.profile, "marketing", v.now)
	case "created_at":
		return c.CreatedAt
	case "updated_at":
		return c.UpdatedAt
	case "tags":
		tags := []any{}
		for _, t := range c.Tags {
			tags = append(tags, t.Name)
		}
		return tags
	}
	f, _ := v.world.schema.FieldNamed(name)
	for _, x := range c.Fields {
		if x.ID == f.ID {
			return v.value(x.Value)
		}
	}
	if f.Type == audience.TypeStringList {
		return []any{} // a set is never absent
	}
	return nil
}

// prop gives a property of an event, nil when it is absent or its type has
// no such property.
func (v *naiveEval) prop(e audience.Event, name string) any {
	t, _ := v.world.schema.EventNamed(e.Type)
	p, ok := t.PropNamed(name)
	for _, x := range e.Props {
		if ok && x.ID == p.ID {
			return v.value(x.Value)
		}
	}
	return nil
}

func (v *naiveEval) value(x audience.Value) any {
	switch x.Type() {
	case audience.TypeString:
		s, _ := x.Str()
		return s
	case audience.TypeInt:
		n, _ := x.Int()
		return n
	case audience.TypeDouble:
		f, _ := x.Double()
		return f
	case audience.TypeBool:
		b, _ := x.Bool()
		return b
	case audience.TypeTimestamp:
		t, _ := x.Timestamp()
		return t
	case audience.TypeDate:
		d, _ := x.Date() // days since 1 January 1970
		return naiveShowing(time.Date(1970, 1, 1+int(d), 0, 0, 0, 0, time.UTC), v.world.zone)
	case audience.TypeStringList:
		list, _ := x.StringList()
		out := []any{}
		for _, s := range list {
			out = append(out, s)
		}
		return out
	}
	return nil
}

// stream evaluates a stream: its events in order, or nil when they cannot be
// known.
func (v *naiveEval) stream(n *naiveNode) any {
	if n.op == "events" {
		return v.events(n.names)
	}
	in, ok := v.eval(n.kids[0]).([]audience.Event)
	if !ok {
		return nil
	}
	var keep func(audience.Event) bool
	switch n.op {
	case "within":
		from := naiveShift(v.now, naiveParsePeriod(n.text), -1, v.world.zone)
		if !naiveInRange(from) {
			return nil
		}
		keep = func(e audience.Event) bool { return e.Time.After(from) }
	case "since", "before", "between":
		bounds := make([]time.Time, 0, 2)
		for _, k := range n.kids[1:] {
			t, ok := v.eval(k).(time.Time)
			if !ok {
				return nil
			}
			bounds = append(bounds, t)
		}
		keep = func(e audience.Event) bool {
			return (n.op == "before" || !e.Time.Before(bounds[0])) && (n.op == "since" || e.Time.Before(bounds[len(bounds)-1]))
		}
	case "where":
		keep = func(e audience.Event) bool {
			v.vars[n.name] = e
			return v.eval(n.kids[1]) == true
		}
	case "then", "without":
		return v.pair(n, in)
	}
	return slices.DeleteFunc(in, func(e audience.Event) bool { return !keep(e) })
}

// events gives the events of the types up to now, in order of time and id.
func (v *naiveEval) events(types []string) []audience.Event {
	out := []audience.Event{}
	for _, s := range v.profile.Streams {
		if !slices.Contains(types, s.Type) {
			continue
		}
		for _, e := range s.Events {
			if !e.Time.After(v.now) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b audience.Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// pair evaluates then and without by comparing all with all.
func (v *naiveEval) pair(n *naiveNode, a []audience.Event) any {
	b, ok := v.eval(n.kids[1]).([]audience.Event)
	if !ok {
		return nil
	}
	span := naiveParsePeriod(n.text).exact
	follows := func(second, first audience.Event) bool {
		return second.Time.After(first.Time) && !second.Time.After(first.Time.Add(span))
	}
	out := []audience.Event{}
	if n.op == "then" {
		for _, second := range b {
			if slices.ContainsFunc(a, func(first audience.Event) bool { return follows(second, first) }) {
				out = append(out, second)
			}
		}
		return out
	}
	for _, first := range a {
		over := !first.Time.Add(span).After(v.now)
		if over && !slices.ContainsFunc(b, func(second audience.Event) bool { return follows(second, first) }) {
			out = append(out, first)
		}
	}
	return out
}

func (v *naiveEval) aggregate(n *naiveNode) any {
	events, ok := v.eval(n.kids[0]).([]audience.Event)
	if !ok {
		return nil
	}
	switch n.op {
	case "any":
		return len(events) > 0
	case "none":
		return len(events) == 0
	case "count":
		return int64(len(events))
	}
	values := []any{}
	for _, e := range events {
		if n.name == "" {
			values = append(values, e.Time)
		} else if x := v.prop(e, n.name); x != nil {
			values = append(values, x)
		}
	}
	switch n.op {
	case "sum":
		return naiveRound(naiveSum(values))
	case "distinct":
		return naiveDistinct(values)
	}
	if len(values) == 0 {
		return nil
	}
	switch n.op {
	case "avg":
		return naiveRound(new(big.Rat).Quo(naiveSum(values), new(big.Rat).SetInt64(int64(len(values)))))
	case "first":
		return values[0]
	case "last", "latest":
		return values[len(values)-1]
	}
	best := values[0]
	for _, x := range values {
		if n.op == "min" && naiveLess(x, best) || n.op == "max" && naiveLess(best, x) {
			best = x
		}
	}
	return best
}

func naiveDistinct(values []any) int64 {
	var different []any
	for _, x := range values {
		if !slices.ContainsFunc(different, func(o any) bool { return naiveEqual(x, o) }) {
			different = append(different, x)
		}
	}
	return int64(len(different))
}
