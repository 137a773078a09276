package dbtest_test

import (
	"math"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (d dice) op() store.CompareOp {
	if d.IntN(40) == 0 {
		return store.CompareOp(one(d, 0, 7))
	}
	return store.CompareOp(1 + d.IntN(6))
}

func (d dice) feature() store.Feature {
	if d.IntN(3) > 0 {
		return store.Feature{Kind: store.FeatureField, Field: audience.FieldID(1 + d.IntN(9))}
	}
	return store.Feature{Kind: store.FeatureKind(d.IntN(12))}
}

func (d dice) constant(f store.Feature) audience.Value {
	if d.IntN(10) == 0 {
		if d.IntN(4) == 0 {
			return audience.Value{}
		}
		return d.valueOf(audience.Type(1+d.IntN(7)), true)
	}
	switch f.Kind {
	case store.FeatureField:
		if f.Field > 7 {
			return d.valueOf(audience.Type(1+d.IntN(7)), true)
		}
		return d.valueOf(audience.Type(f.Field), true)
	case store.FeatureID:
		return audience.IntValue(int64(d.IntN(50)))
	case store.FeatureCreatedAt, store.FeatureUpdatedAt:
		return d.valueOf(audience.TypeTimestamp, true)
	case store.FeatureStatus:
		return audience.StringValue(one(d, "none", "pending", "subscribed", "unsubscribed", "bounced", "complained", "x", "", "\xff"))
	case store.FeatureEmail:
		return audience.StringValue(one(d, "jane@example.com", "Jane@example.com", "b@example.org", "c"))
	case store.FeatureFrequency:
		return audience.StringValue(one(d, "weekly", "daily", "Weekly", ""))
	default:
		return d.valueOf(audience.TypeString, true)
	}
}

func (d dice) filter() store.EventFilter {
	f := store.EventFilter{}
	switch d.IntN(12) {
	case 0:
	case 1, 2, 3:
		f.Types = []string{one(d, eventTypes()...), one(d, eventTypes()...), one(d, eventTypes()...)}
	default:
		f.Types = []string{one(d, eventTypes()...)}
	}
	if d.IntN(2) == 0 {
		f.From = d.instant().Add(time.Duration(d.IntN(1000)))
	}
	if d.IntN(2) == 0 {
		f.Until = d.instant().Add(time.Duration(d.IntN(1000)))
	}
	return f
}

func (d dice) props(f store.EventFilter) []audience.PropID {
	var out []audience.PropID
	for range f.Types {
		out = append(out, audience.PropID(d.IntN(4)))
	}
	if d.IntN(10) == 0 && len(out) > 0 {
		out = out[:len(out)-1]
	}
	return out
}

func (d dice) number() float64 {
	switch d.IntN(8) {
	case 0:
		return one(d, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0)
	case 1:
		return one(d, nastyDoubles()...)
	default:
		v := float64(d.IntN(3000)-300) / one(d, 1.0, 10, 100, 1000)
		switch d.IntN(6) {
		case 0:
			v = math.Nextafter(v, math.Inf(1))
		case 1:
			v = math.Nextafter(v, math.Inf(-1))
		}
		return v
	}
}

// conjunction makes conditions on events that hold together, which many fulfill
// by themselves, beside something else.
func (d dice) conjunction(profiles []*audience.Profile) store.Predicate {
	var out store.And
	op := func() store.CompareOp { return one(d, store.Greater, store.GreaterOrEqual, store.Equal) }
	filter := func() store.EventFilter {
		f := d.filter()
		if d.IntN(3) > 0 {
			f.From = time.Time{}
		}
		return f
	}
	apart := d.IntN(2) == 0 // of one type each, so that there is something to begin with and something for each
	if apart {
		f := store.EventFilter{Types: eventTypes()[:1]}
		out = append(out, store.CompareCount{Events: f, Op: store.Greater, N: 1})
	}
	for range 2 + d.IntN(3) {
		f := filter()
		if apart {
			f.Types = []string{eventTypes()[1+d.IntN(2)]}
		}
		switch d.IntN(6) {
		case 0, 1:
			out = append(out, store.CompareCount{Events: f, Op: op(), N: one(d, int64(0), 1, 1, 2)})
		case 2:
			out = append(out, store.CompareSum{Events: f, Props: d.props(f), Op: op(), Value: one(d, 0, 0.5, 1, d.number())})
		case 3:
			of := filter()
			if apart {
				of.Types = f.Types
			}
			out = append(out, store.CompareRate{Of: of, Over: f, Op: d.op(), Value: one(d, 0.0, 0.5, 1)})
		case 4:
			out = append(out, store.CompareEdge{Events: f, Last: d.IntN(2) == 0, Op: d.op(), At: d.instant()})
		default:
			out = append(out, d.predicate(1))
		}
	}
	switch d.IntN(4) {
	case 0: // somebody by her id, mostly one who is there
		id := profiles[d.IntN(len(profiles))].Contact.ID
		out = append(out, store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Equal, Value: audience.IntValue(int64(id))})
	case 1:
		return store.IsTrue{Part: store.And{out[0], store.IsTrue{Part: out[1:]}}}
	}
	return out
}

func (d dice) leaf() store.Predicate {
	switch d.IntN(16) {
	case 0, 1, 2:
		f := d.feature()
		return store.Compare{Feature: f, Op: d.op(), Value: d.constant(f)}
	case 3:
		f := d.feature()
		var vs []audience.Value
		for range d.IntN(5) {
			vs = append(vs, d.constant(f))
		}
		return store.OneOf{Feature: f, Values: vs}
	case 4:
		return store.Present{Feature: d.feature()}
	case 5:
		return store.HasTag{Tag: one(d, "vip", "VIP", "vip ", "Vip", "😀", "a\u0001", strings.Repeat("t", 100), "\xff", "")}
	case 6:
		return store.ListContains{Field: audience.FieldID(one(d, 7, 7, 7, 8, 1, 9)), Item: one(d, append(nastyTexts(), "\xff")...)}
	case 7:
		if d.IntN(2) == 0 {
			return store.OnList{List: audience.List{Name: one(d, "news", "News", "other", ""), Kind: audience.ListTopic, Purpose: one(d, "", "marketing", "research", "none")}}
		}
		return store.OnList{List: audience.List{Name: one(d, "never", "Never", "vip 😀", "NEVER", "\xff"), Kind: one(d, audience.ListStatic, audience.ListTest)}}
	case 8:
		return store.Consents{Purpose: one(d, "marketing", "research", "unnamed", "", "\xff")}
	case 9:
		return store.IsSuppressed{}
	case 10, 11:
		return store.CompareCount{Events: d.filter(), Op: d.op(), N: one(d, int64(0), 1, 2, 3, -1, 5, math.MaxInt64, math.MinInt64)}
	case 12:
		f := d.filter()
		return store.CompareSum{Events: f, Props: d.props(f), Op: d.op(), Value: d.number()}
	case 13:
		f := d.filter()
		return store.CompareAvg{Events: f, Props: d.props(f), Op: d.op(), Value: d.number()}
	case 14:
		return store.CompareRate{Of: d.filter(), Over: d.filter(), Op: d.op(), Value: one(d, 0.0, 0.5, 1, 1.0/3, 2, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, math.Nextafter(1.0/3, 1))}
	default:
		return store.CompareEdge{Events: d.filter(), Last: d.IntN(2) == 0, Op: d.op(), At: d.instant()}
	}
}

// wide has many parts.
func (d dice) wide() store.Predicate {
	parts := make([]store.Predicate, 10+d.IntN(30))
	for i := range parts {
		parts[i] = d.predicate(d.IntN(2))
	}
	switch d.IntN(3) {
	case 0: // so that somebody matches
		for i, p := range parts {
			parts[i] = store.Not{Part: store.And{store.IsTrue{Part: p}, store.HasTag{Tag: "vip"}}}
		}
		return store.And(parts)
	case 1:
		return store.Not{Part: store.Or(parts)}
	default:
		return store.Or(parts)
	}
}

func (d dice) predicate(depth int) store.Predicate {
	if depth == 0 || d.IntN(4) == 0 {
		if d.IntN(60) == 0 {
			return nil
		}
		return d.leaf()
	}
	switch d.IntN(8) {
	case 0, 1, 2:
		var out store.And
		for range 1 + d.IntN(3) {
			out = append(out, d.predicate(depth-1))
		}
		return out
	case 3, 4:
		var out store.Or
		for range 1 + d.IntN(3) {
			out = append(out, d.predicate(depth-1))
		}
		return out
	case 5, 6:
		return store.Not{Part: d.predicate(depth - 1)}
	default:
		return store.IsTrue{Part: d.predicate(depth - 1)}
	}
}

// membership is something written in a row of its own, beside events.
func (d dice) membership() store.Predicate {
	status := store.Feature{Kind: store.FeatureStatus}
	out := store.And{
		one[store.Predicate](
			d,
			store.Compare{Feature: status, Op: store.Equal, Value: audience.StringValue(one(d, "subscribed", "unsubscribed", "pending"))},
			store.Compare{Feature: status, Op: store.NotEqual, Value: audience.StringValue(one(d, "subscribed", "none"))},
			store.Consents{Purpose: audience.PurposeMarketing},
			store.OnList{List: audience.List{Name: one(d, handPicked()...), Kind: audience.ListStatic}},
			store.HasTag{Tag: "vip"},
		),
	}
	for range 1 + d.IntN(3) {
		f := d.filter()
		if d.IntN(2) == 0 {
			f.Until = time.Time{}
		}
		some := store.CompareCount{Events: f, Op: store.Greater, N: one(d, int64(0), 0, 0, 1)}
		if d.IntN(6) == 0 { // two conditions on the same events, one of which holds
			out = append(out, store.Or{some, store.CompareCount{Events: f, Op: d.op(), N: 2}})
		} else {
			out = append(out, some)
		}
	}
	if d.IntN(3) == 0 {
		out = append(out, d.predicate(0))
	}
	d.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	return out
}
