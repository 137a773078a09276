package live

import (
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// stream gives the columns of events.
func (k *compiler) stream(types []string) stream {
	out := make(stream, len(types))
	for i, t := range types {
		out[i] = k.core.table.Stream(t)
	}
	return out
}

func typesKey(s *celenv.Stream) string { return fmt.Sprintf("%q", s.Types) }

// featureKey names a feature.
func featureKey(f celenv.Feature) string {
	var b strings.Builder
	fmt.Fprint(&b, f.Kind, " ", f.Field, " ", f.Name, " ", f.Type, " ", f.Props)
	if f.Kind == celenv.FeatureField {
		return fmt.Sprint(f.Kind, " ", f.Field)
	}
	for _, s := range []*celenv.Stream{f.Stream, f.Over} {
		if s != nil {
			b.WriteString(typesKey(s))
		}
	}
	return b.String()
}

// feature gives a feature and its key.
func (k *compiler) feature(f celenv.Feature) (string, feature) {
	key := featureKey(f)
	t := k.core.table
	switch f.Kind {
	case celenv.FeatureField:
		switch f.Type {
		case audience.TypeString:
			return key, codeColumn{t.Codes(f.Field)}
		case audience.TypeDouble:
			return key, floatColumn{t.Floats(f.Field)}
		default:
			return key, intColumn{t.Ints(f.Field)}
		}
	case celenv.FeatureBuiltin:
		if f.Name == "id" {
			return key, contactID{}
		}
		b := builtinNamed(f.Name)
		if f.Type == audience.TypeTimestamp {
			return key, intColumn{t.BuiltinInts(b)}
		}
		return key, codeColumn{t.BuiltinCodes(b)}
	case celenv.FeatureCount:
		return key, countOf{k.stream(f.Stream.Types)}
	case celenv.FeatureFirst:
		return key, firstOf{k.stream(f.Stream.Types)}
	case celenv.FeatureLast:
		return fmt.Sprintf("latest 1 %q", f.Stream.Types), lastOf{k.stream(f.Stream.Types), 1}
	case celenv.FeatureRate:
		return key, rateOf{k.stream(f.Stream.Types), k.stream(f.Over.Types)}
	default:
		return key, &aggregateOf{stream: k.stream(f.Stream.Types), kind: f.Kind, of: f.Type, props: f.Props}
	}
}

func builtinNamed(name string) columns.Builtin {
	return map[string]columns.Builtin{
		"email": columns.BuiltinEmail, "first_name": columns.BuiltinFirstName, "last_name": columns.BuiltinLastName, "phone": columns.BuiltinPhone,
		"frequency": columns.BuiltinFrequency, "created_at": columns.BuiltinCreatedAt, "updated_at": columns.BuiltinUpdatedAt,
	}[name]
}

// gauge finds or makes the gauge of a feature.
func (k *compiler) gauge(f celenv.Feature) *gauge {
	if f.Kind == celenv.FeatureBuiltin && f.Name == "status" {
		return k.standing("status", statusOf)
	}
	key, value := k.feature(f)
	return k.gaugeOf(key, value, func(g *gauge) {
		k.eachReaders(f, func(r *readers) { r.gauges = append(r.gauges, g) })
	})
}

func (k *compiler) gaugeOf(key string, f feature, file func(*gauge)) *gauge {
	g := k.index.gauges[key]
	if g == nil {
		g = &gauge{key: key, feature: f}
		k.index.gauges[key] = g
		file(g)
	}
	return g
}

// order finds or makes the order of a feature.
func (k *compiler) order(key string, f feature, of celenv.Feature) *order {
	o := k.index.orders[key]
	if o == nil {
		o = newOrder(k.core, key, f)
		if now := k.core.index.orders[key]; now != nil && sameSource(now.feature, f) {
			o.kept = now.kept
		}
		k.index.orders[key] = o
		k.eachReaders(of, func(r *readers) { r.orders = append(r.orders, o) })
	}
	return o
}

// eachReaders visits the readers of what a feature is made of.
func (k *compiler) eachReaders(f celenv.Feature, visit func(*readers)) {
	switch f.Kind {
	case celenv.FeatureField:
		visit(readersOf(k.index.fields, f.Field))
	case celenv.FeatureBuiltin:
		if f.Name != "id" {
			visit(readersOf(k.index.builtins, builtinNamed(f.Name)))
		}
	default:
		var types []string
		for _, s := range []*celenv.Stream{f.Stream, f.Over} {
			if s != nil {
				types = append(types, s.Types...)
			}
		}
		slices.Sort(types)
		for _, t := range slices.Compact(types) {
			visit(readersOf(k.index.events, t))
		}
	}
}

func (k *compiler) standing(key string, fold func(*audience.History, int64) audience.Standing) *gauge {
	g := k.index.gauges[key]
	if g != nil {
		return g
	}
	return k.gaugeOf(key, k.draft.standing(key, fold), func(g *gauge) { k.index.ledger.gauges = append(k.index.ledger.gauges, g) })
}

func (k *compiler) suppression() *gauge {
	return k.gaugeOf("suppressed", k.core.suppression, func(g *gauge) {
		k.index.suppressed.gauges = append(k.index.suppressed.gauges, g)
	})
}

// constant gives a constant as a value of a feature.
func (k *compiler) constant(f celenv.Feature, v celenv.Constant) int64 {
	if f.Kind == celenv.FeatureBuiltin && f.Name == "status" {
		status, _ := audience.ParseStatus(v.Text)
		return int64(status)
	}
	switch f.ValueType() {
	case audience.TypeDouble:
		return fromFloat(v.Float)
	case audience.TypeString:
		return int64(k.core.table.Pin(v.Text))
	default:
		return v.Int
	}
}

// read files a segment under everything that one of its parts reads row by
// row.
func (x *index) read(n *rowwise, e entry) {
	seen := map[*readers]bool{}
	file := func(r *readers) {
		if !seen[r] {
			seen[r] = true
			r.entries = append(r.entries, e)
		}
	}
	for _, r := range n.atom.Reads {
		switch r.Kind {
		case celenv.ReadField:
			file(readersOf(x.fields, r.Field))
		case celenv.ReadBuiltin:
			file(readersOf(x.builtins, builtinNamed(r.Name)))
		case celenv.ReadTags:
			file(&x.anyTag)
		case celenv.ReadEvents:
			file(readersOf(x.events, r.Name))
		case celenv.ReadList:
			file(&flagOf(x.lists, r.Name, nil).rowwise)
		case celenv.ReadLedger:
			file(&x.ledger)
		case celenv.ReadSuppressed:
			file(&x.suppressed)
		default: // the order and the properties of events come with the events; members are found by segment
		}
	}
}
