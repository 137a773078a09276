package celenv

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// builtInFields gives the fields that every contact has, and their types.
func builtInFields() []audience.Field {
	return []audience.Field{
		{Name: "id", Type: audience.TypeInt},
		{Name: "email", Type: audience.TypeString},
		{Name: "first_name", Type: audience.TypeString},
		{Name: "last_name", Type: audience.TypeString},
		{Name: "phone", Type: audience.TypeString},
		{Name: "status", Type: audience.TypeString},
		{Name: "tags", Type: audience.TypeStringList},
		{Name: "created_at", Type: audience.TypeTimestamp},
		{Name: "updated_at", Type: audience.TypeTimestamp},
		{Name: "frequency", Type: audience.TypeString},
	}
}

// contactField finds a field by name.
func (c *checker) contactField(name string) (f audience.Field, custom, ok bool) {
	if f, ok := c.env.schema.FieldNamed(name); ok {
		return f, true, true
	}
	for _, f := range builtInFields() {
		if f.Name == name {
			return f, false, true
		}
	}
	return audience.Field{}, false, false
}

func (c *checker) fieldNames() []string {
	fields := slices.Concat(builtInFields(), c.env.schema.Fields)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// ident checks a name that stands by itself.
func (c *checker) ident(e ast.Expr) value {
	name := e.AsIdent()
	for _, l := range slices.Backward(c.scope) {
		if l.name == name {
			return l.value
		}
	}
	switch name {
	case "contact":
		return value{typ: typ{kind: contactKind}}
	case "now":
		c.moments = append(c.moments, course{}) // now minus nothing
		return value{tree: c.moment(e.ID(), len(c.moments)-1), typ: typ{kind: timeKind}, motion: isNow, move: &Movement{}, edge: &Edge{course: &course{}}}
	}
	known := []string{"contact", "now"}
	for _, l := range c.scope {
		known = append(known, l.name)
	}
	if slices.ContainsFunc(c.hidden, func(l local) bool { return l.name == name }) {
		c.failf(c.at(e), ruleWhere, "the event, fields of the contact, constants and now", "%s cannot be used inside where", name)
		return value{}
	}
	hint := c.didYouMean(name, known, "contact.<field>, now or a function")
	if near := c.nearest(name, c.fieldNames()); near != "" {
		hint = "did you mean contact." + near + "?"
	}
	if _, _, ok := c.contactField(name); ok {
		hint = "write contact." + name
	} else if slices.Contains(c.globals(), name) {
		hint = "it is a function: " + name + "(...)"
	}
	c.failf(c.at(e), ruleName, hint, "there is no name %s", strconv.Quote(name))
	return value{}
}

// selection checks x.name.
func (c *checker) selection(e ast.Expr) value {
	s := e.AsSelect()
	return c.member(e, s.Operand(), s.FieldName(), false)
}

// index checks x["name"].
func (c *checker) index(e ast.Expr, optional bool) value {
	args := e.AsCall().Args()
	v := c.expr(args[0])
	if v.kind == invalid {
		return value{}
	}
	if v.kind == eventKind {
		name, ok := c.expr(args[1]).text()
		if !ok {
			c.fail(c.start(args[1]), ruleProperty, "the name of a property is a string that is written out", `such as e["utm-source"]`)
			return value{}
		}
		return c.property(e, v.event, name, optional)
	}
	switch v.kind {
	case listKind:
		c.fail(c.at(e), ruleType, "elements of a list have no place", `such as "vip" in contact.tags, or contact.tags.exists(t, t == "vip")`)
	case contactKind:
		c.fail(c.at(e), ruleType, "fields of the contact are read with a dot", "such as contact.city")
	default:
		c.failf(c.at(e), ruleType, "", "%s has no elements", v.typ)
	}
	return value{}
}

// optionalSelection checks x.?name.
func (c *checker) optionalSelection(e ast.Expr) value {
	args := e.AsCall().Args()
	name, _ := args[1].AsLiteral().(types.String)
	return c.member(e, args[0], string(name), true)
}

func (c *checker) member(e, operand ast.Expr, name string, optional bool) value {
	v := c.expr(operand)
	switch v.kind {
	case invalid:
	case contactKind:
		return c.field(e, name, optional)
	case eventKind:
		return c.eventMember(e, v.event, name, optional)
	case streamKind:
		hint := "it is called: ." + name + "(...)"
		if !slices.Contains(streamMethods(), name) {
			hint = c.didYouMean(name, streamMethods(), "an aggregate such as .any() or .count()")
		}
		c.failf(c.nameAt(e), ruleFunction, hint, "events have no %s", strconv.Quote(name))
	default:
		if v.optional != nil {
			c.fail(c.nameAt(e), ruleMacro, "an optional read is followed by its default", `such as contact.?city.orValue("")`)
			break
		}
		c.failf(c.nameAt(e), ruleType, "", "%s has no %s", v.typ, strconv.Quote(name))
	}
	return value{}
}

// field checks contact.name.
func (c *checker) field(e ast.Expr, name string, optional bool) value {
	f, custom, ok := c.contactField(name)
	if !ok {
		c.failf(c.nameAt(e), ruleField, c.didYouMean(name, c.fieldNames(), "declare it in the schema"), "the contact has no field %s", strconv.Quote(name))
		return value{}
	}
	read := fieldRead(c.env, f, custom)
	c.reads = true
	if custom && f.ID == 0 {
		c.unnumbered("contact." + name)
	}
	switch {
	case name == "status":
		c.parts.Ledger = true
		c.read(Read{Kind: ReadLedger})
	case custom:
		c.read(Read{Kind: ReadField, Field: f.ID})
	case name == "tags":
		c.read(Read{Kind: ReadTags})
	case name == "id":
		c.read(Read{Kind: ReadID})
	default:
		c.read(Read{Kind: ReadBuiltin, Name: name})
	}
	v := value{
		tree: c.node(e.ID(), leaf(read)), typ: typeOf(f.Type), instant: true, field: name, date: f.Type == audience.TypeDate,
		feature: fieldFeature(f, custom),
	}
	if optional {
		return c.optionally(v)
	}
	return v
}

// unnumbered notes what would be looked for in vain in every contact.
func (c *checker) unnumbered(name string) {
	if c.noNumber == "" {
		c.noNumber = name
	}
}

// optionally makes a read one that needs a default.
func (c *checker) optionally(v value) value {
	plain := v
	v.optional = func() value { return plain }
	v.instant = false
	v.feature = nil
	return v
}

// eventMember checks e.name within where.
func (c *checker) eventMember(e ast.Expr, s *stream, name string, optional bool) value {
	switch name {
	case "type":
		return value{tree: c.node(e.ID(), leaf(readEventType)), typ: typ{kind: stringKind}, field: "e.type", event: s}
	case "time":
		return value{tree: c.node(e.ID(), leaf(readEventTime)), typ: typ{kind: timeKind}}
	}
	return c.property(e, s, name, optional)
}

// property checks a read of a property of the event that where is about.
func (c *checker) property(e ast.Expr, s *stream, name string, optional bool) value {
	t, ids, ok := c.propertyOf(c.nameAt(e), s, name)
	if !ok {
		return value{}
	}
	v := value{tree: c.node(e.ID(), leaf(propertyRead(c.env, ids, t))), typ: typeOf(t), date: t == audience.TypeDate}
	if optional {
		return c.optionally(v)
	}
	return v
}

// propertyOf finds a property of the events of a stream: its type, and its
// number in each of the event types, 0 where it has none.
func (c *checker) propertyOf(offset int, s *stream, name string) (audience.Type, []audience.PropID, bool) {
	ids := make([]audience.PropID, len(s.types))
	var t audience.Type
	var first string
	var names []string
	for i, et := range s.types {
		for _, p := range et.Props {
			names = append(names, p.Name)
		}
		p, ok := et.PropNamed(name)
		switch {
		case !ok:
		case t != 0 && p.Type != t:
			c.failf(offset, ruleType, "ask for each type of events by itself", "%s is %s in %s and %s in %s",
				strconv.Quote(name), t, strconv.Quote(first), p.Type, strconv.Quote(et.Name))
			return 0, nil, false
		default:
			t, first, ids[i] = p.Type, et.Name, p.ID
			c.read(Read{Kind: ReadProp, Name: et.Name, Prop: p.ID})
			if p.ID == 0 {
				c.unnumbered(et.Name + "." + name)
			}
		}
	}
	if t == 0 {
		c.failf(offset, ruleProperty, c.didYouMean(name, names, propertiesHint(names)), "%s no property %s", haveNo(s), strconv.Quote(name))
		return 0, nil, false
	}
	return t, ids, true
}

func haveNo(s *stream) string {
	names := make([]string, len(s.types))
	for i, t := range s.types {
		names[i] = strconv.Quote(t.Name)
	}
	return fmt.Sprintf("the events %s have", strings.Join(names, ", "))
}

func propertiesHint(names []string) string {
	if len(names) == 0 {
		return "they have none; declare it in the schema"
	}
	return "declare it in the schema"
}
