package store

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// describePredicate gives a text that is the same for equal predicates and
// differs for others; it binds cursors to their query.
func describePredicate(p Predicate) string {
	var b strings.Builder
	describeAny(&b, p)
	return b.String()
}

func (p Compare) describe(b *strings.Builder) {
	fmt.Fprintf(b, "compare(%d,%d,%d,%s)", p.Feature.Kind, p.Feature.Field, p.Op, constantText(p.Value))
}

func (p OneOf) describe(b *strings.Builder) {
	fmt.Fprintf(b, "oneOf(%d,%d", p.Feature.Kind, p.Feature.Field)
	for _, v := range p.Values {
		b.WriteString("," + constantText(v))
	}
	b.WriteByte(')')
}

func (p Present) describe(b *strings.Builder) {
	fmt.Fprintf(b, "present(%d,%d)", p.Feature.Kind, p.Feature.Field)
}
func (p HasTag) describe(b *strings.Builder) { fmt.Fprintf(b, "tag(%q)", p.Tag) }

func (p ListContains) describe(b *strings.Builder) {
	fmt.Fprintf(b, "contains(%d,%q)", p.Field, p.Item)
}

func (p OnList) describe(b *strings.Builder) {
	fmt.Fprintf(b, "onList(%q,%d,%q)", p.List.Name, p.List.Kind, cmp.Or(p.List.Purpose, audience.PurposeMarketing))
}
func (p Consents) describe(b *strings.Builder)   { fmt.Fprintf(b, "consents(%q)", p.Purpose) }
func (IsSuppressed) describe(b *strings.Builder) { b.WriteString("suppressed") }
func (p And) describe(b *strings.Builder)        { describeAll(b, "and", p) }
func (p Or) describe(b *strings.Builder)         { describeAll(b, "or", p) }
func (p Not) describe(b *strings.Builder)        { describeAll(b, "not", []Predicate{p.Part}) }
func (p IsTrue) describe(b *strings.Builder)     { describeAll(b, "true", []Predicate{p.Part}) }

func describeAll(b *strings.Builder, name string, all []Predicate) {
	b.WriteString(name + "(")
	for i, p := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		describeAny(b, p)
	}
	b.WriteByte(')')
}

// describeAny describes a predicate that may be nil.
func describeAny(b *strings.Builder, p Predicate) {
	if p == nil {
		b.WriteString("all")
		return
	}
	p.describe(b)
}

// constantText is revealed into a hash only, never shown.
func constantText(v audience.Value) string {
	items, isList := v.StringList()
	if isList {
		return fmt.Sprintf("%s%q", v.Type(), items)
	}
	return fmt.Sprintf("%s%q", v.Type(), v.Reveal())
}
