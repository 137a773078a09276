package sqlstore

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// operand is a feature as SQL sees it, for constants of one type.
type operand struct {
	text string // NULL when the feature is absent or of another type
	must bool   // it never is
}

// operand gives a feature for constants of a type, false when it never has
// that type.
func (r *renderer) operand(f store.Feature, t audience.Type) (operand, bool) {
	switch f.Kind {
	case store.FeatureField:
		return operand{text: r.field(f.Field, t)}, t.IsValid()
	case store.FeatureID:
		return operand{text: "c.id", must: true}, t == audience.TypeInt
	case store.FeatureCreatedAt:
		return operand{text: "c.created_us", must: true}, t == audience.TypeTimestamp
	case store.FeatureUpdatedAt:
		return operand{text: "c.updated_us", must: true}, t == audience.TypeTimestamp
	default:
		key, ok := builtInKey(f.Kind)
		return operand{text: r.attribute(key, audience.TypeString)}, ok && t == audience.TypeString
	}
}

// builtInKey is the key of a text of every contact in the search copy.
func builtInKey(k store.FeatureKind) (string, bool) {
	switch k {
	case store.FeatureEmail:
		return "e", true
	case store.FeatureFirstName:
		return "fn", true
	case store.FeatureLastName:
		return "ln", true
	case store.FeaturePhone:
		return "ph", true
	case store.FeatureFrequency:
		return "fr", true
	default:
		return "", false
	}
}

func (r *renderer) field(id audience.FieldID, t audience.Type) string {
	return r.attribute(rowcodec.SearchKey(t, id), t)
}

// attribute gives a value of the search copy: the generated column that an
// index is on, else the expression.
func (r *renderer) attribute(key string, t audience.Type) string {
	if r.columns[generatedColumn(key)] {
		return "c." + generatedColumn(key)
	}
	return r.dialect.attribute("c.", key, t)
}

// has is about those with the key in the search copy.
func (o operand) has() fragment {
	if o.must {
		return always()
	}
	return condition(o.text + " IS NOT NULL")
}

func (r *renderer) compare(p store.Compare, want bool) bounds {
	op := toward(p.Op, want)
	operator, ok := sqlOf(op)
	if !ok || p.Value.IsZero() {
		return exactly(never())
	}
	if p.Feature.Kind == store.FeatureStatus {
		return r.compareStatus(p.Value, op)
	}
	o, ok := r.operand(p.Feature, p.Value.Type())
	if !ok {
		return exactly(never())
	}
	s, isText := p.Value.Str()
	n, isNumber := rowcodec.SearchNumber(p.Value)
	switch {
	case isNumber:
		return exactly(condition(o.text+" "+operator+" ?", n))
	case isText && isStorable(s) && (op == store.Equal || op == store.NotEqual || len(s) <= rowcodec.SearchOrderBytes):
		return exactly(condition(o.text+" "+operator+" ?", rowcodec.SearchText(s)))
	case isText && op == store.Equal && !isStorable(s):
		return exactly(never())
	case isText && op == store.NotEqual && !isStorable(s):
		return exactly(o.has())
	default:
		return within(o.has(), never())
	}
}

// isStorable reports whether a text can be anywhere in the database: what is
// not would be refused as a parameter by some.
func isStorable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func (r *renderer) oneOf(p store.OneOf, want bool) bounds {
	if p.Feature.Kind == store.FeatureStatus {
		return r.statusOneOf(p.Values, want)
	}
	if len(p.Values) == 0 {
		if want {
			return exactly(never())
		}
		return r.present(p.Feature, true)
	}
	var out []bounds
	for t := audience.TypeString; t <= audience.TypeStringList; t++ {
		items, some := r.items(p.Values, t)
		o, ok := r.operand(p.Feature, t)
		if !some || !ok {
			continue
		}
		out = append(out, r.oneOfType(o, t, items, want))
	}
	return anyBounds(out)
}

// items gives the constants of a type as parameters; some says whether there is
// one, be it one that nothing equals.
func (r *renderer) items(values []audience.Value, t audience.Type) (out list, some bool) {
	var texts textList
	var numbers numberList
	for _, v := range values {
		if v.Type() != t {
			continue
		}
		some = true
		if s, ok := v.Str(); ok && isStorable(s) {
			texts = append(texts, rowcodec.SearchText(s))
		} else if n, ok := rowcodec.SearchNumber(v); ok {
			numbers = append(numbers, n)
		}
	}
	if t == audience.TypeString {
		return texts, some
	}
	return numbers, some
}

func (r *renderer) oneOfType(o operand, t audience.Type, items list, want bool) bounds {
	switch {
	case t == audience.TypeStringList:
		return within(o.has(), never())
	case items.size() == 0 && want:
		return exactly(never())
	case items.size() == 0:
		return exactly(o.has())
	}
	text, args := r.dialect.membership(items, t == audience.TypeString, want)
	return exactly(condition(o.text+" "+text, args...))
}

func (r *renderer) present(f store.Feature, want bool) bounds {
	var has fragment
	switch f.Kind {
	case store.FeatureField:
		var keys []string
		for t := audience.TypeString; t <= audience.TypeStringList; t++ {
			keys = append(keys, rowcodec.SearchKey(t, f.Field))
		}
		has = condition(r.dialect.hasAnyKey(keys))
	case store.FeatureID, store.FeatureCreatedAt, store.FeatureUpdatedAt:
		has = always()
	case store.FeatureStatus:
		has = always()
	default:
		key, ok := builtInKey(f.Kind)
		if !ok {
			return exactly(orNever(!want))
		}
		has = condition(r.dialect.hasAnyKey([]string{key}))
	}
	if !want {
		has = has.complement()
	}
	return exactly(has)
}

func (r *renderer) hasTag(tag string, want bool) bounds {
	if !isStorable(tag) {
		return exactly(orNever(!want))
	}
	s, ok := r.joinTable("tags", []string{"tag"}, tag)
	if !ok {
		f := condition("EXISTS (SELECT 1 FROM {tags} t WHERE t.audience = ? AND t.tag = ? AND t.contact = c.id)", r.audience, tag)
		if !want {
			f = f.complement()
		}
		return exactly(f)
	}
	if want {
		return exactly(s.exists(r))
	}
	return exactly(s.lacks(r))
}

func (r *renderer) listContains(p store.ListContains, want bool) bounds {
	key := rowcodec.SearchKey(audience.TypeStringList, p.Field)
	has := condition(r.dialect.hasAnyKey([]string{key}))
	if !isStorable(p.Item) {
		if want {
			return exactly(never())
		}
		return exactly(has)
	}
	text, arg := r.dialect.listContains(key, rowcodec.SearchText(p.Item), rowcodec.SearchJSON(p.Item))
	contains := condition(text, arg)
	if want {
		return exactly(contains)
	}
	return exactly(allOf(has, contains.complement()))
}

func (r *renderer) compareStatus(v audience.Value, op store.CompareOp) bounds {
	s, ok := v.Str()
	if !ok {
		return exactly(never())
	}
	return r.statusAmong(func(status string) bool { return holds(op, cmp.Compare(status, s)) })
}

func (r *renderer) statusOneOf(values []audience.Value, want bool) bounds {
	typed := len(values) == 0
	for _, v := range values {
		typed = typed || v.Type() == audience.TypeString
	}
	if !typed {
		return exactly(never())
	}
	return r.statusAmong(func(status string) bool {
		for _, v := range values {
			if s, ok := v.Str(); ok && s == status {
				return want
			}
		}
		return !want
	})
}
