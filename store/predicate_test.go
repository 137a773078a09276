package store_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The outcomes of a predicate.
const (
	yes     = "true"
	no      = "false"
	unknown = "unknown"
)

// outcome tells the three apart: what is unknown matches neither as it is nor
// negated.
func outcome(t *testing.T, p store.Predicate, profile *audience.Profile, at time.Time) string {
	t.Helper()
	is, isNot := store.Match(p, profile, at), store.Match(store.Not{Part: p}, profile, at)
	require.False(t, is && isNot)
	switch {
	case is:
		return yes
	case isNot:
		return no
	}
	return unknown
}

// Numbers of custom fields in predicateProfile.
const (
	fieldText audience.FieldID = iota + 1
	fieldInt
	fieldDouble
	fieldTrue
	fieldFalse
	fieldTime
	fieldDate
	fieldList
	fieldEmptyList
	fieldAbsent
)

func predicateProfile() *audience.Profile {
	const day = audience.Date(20487) // 2026-02-03
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	values := map[audience.FieldID]audience.Value{
		fieldText: audience.StringValue("m"), fieldInt: audience.IntValue(5), fieldDouble: audience.DoubleValue(2.5),
		fieldTrue: audience.BoolValue(true), fieldFalse: audience.BoolValue(false), fieldTime: audience.TimestampValue(at),
		fieldDate: audience.DateValue(day), fieldList: audience.StringListValue("b", "a", "c"), fieldEmptyList: audience.StringListValue(),
	}
	p := &audience.Profile{Contact: audience.Contact{
		ID: 7, Version: 1, Addresses: []audience.Address{audience.MustAddress("Ann@Example.com")},
		FirstName: audience.NewPrivate("Ann"), Frequency: "weekly", CreatedAt: at, UpdatedAt: at.Add(time.Hour),
		Tags: []audience.Tag{{Name: "b2c"}, {Name: "vip"}},
	}, Lists: []string{"seed", "vip"}, Parts: audience.ProfileParts{Lists: true, Ledger: true, Suppressed: true}}
	for id := fieldText; id < fieldAbsent; id++ {
		p.Contact.Fields = append(p.Contact.Fields, audience.FieldValue{ID: id, Value: values[id]})
	}
	return p
}

func field(id audience.FieldID) store.Feature {
	return store.Feature{Kind: store.FeatureField, Field: id}
}

// Every comparison of every type with less, the same and more.
func TestCompare(t *testing.T) {
	p := predicateProfile()
	c := &p.Contact
	at := func(d time.Duration) audience.Value { return audience.TimestampValue(c.CreatedAt.Add(d)) }
	date := func(d audience.Date) audience.Value { return audience.DateValue(20484 + d) }
	tests := map[string]struct {
		feature store.Feature
		values  [3]audience.Value // less, the same, more; the zero Value: there is none
	}{
		"text":       {field(fieldText), [3]audience.Value{audience.StringValue("Z"), audience.StringValue("m"), audience.StringValue("ma")}},
		"int":        {field(fieldInt), [3]audience.Value{audience.IntValue(-6), audience.IntValue(5), audience.IntValue(6)}},
		"double":     {field(fieldDouble), [3]audience.Value{audience.DoubleValue(2.25), audience.DoubleValue(2.5), audience.DoubleValue(10)}},
		"true":       {field(fieldTrue), [3]audience.Value{audience.BoolValue(false), audience.BoolValue(true), {}}},
		"false":      {field(fieldFalse), [3]audience.Value{{}, audience.BoolValue(false), audience.BoolValue(true)}},
		"timestamp":  {field(fieldTime), [3]audience.Value{at(-time.Microsecond), at(0), at(time.Microsecond)}},
		"date":       {field(fieldDate), [3]audience.Value{date(2), date(3), date(4)}},
		"list":       {field(fieldList), [3]audience.Value{audience.StringListValue("a", "b"), audience.StringListValue("c", "b", "a"), audience.StringListValue("b")}},
		"id":         {store.Feature{Kind: store.FeatureID}, [3]audience.Value{audience.IntValue(6), audience.IntValue(7), audience.IntValue(8)}},
		"email":      {store.Feature{Kind: store.FeatureEmail}, [3]audience.Value{audience.StringValue("Ann@example.com"), audience.StringValue("ann@example.com"), audience.StringValue("bob@example.com")}},
		"first name": {store.Feature{Kind: store.FeatureFirstName}, [3]audience.Value{audience.StringValue("Al"), audience.StringValue("Ann"), audience.StringValue("ann")}},
		"frequency":  {store.Feature{Kind: store.FeatureFrequency}, [3]audience.Value{audience.StringValue("daily"), audience.StringValue("weekly"), audience.StringValue("yearly")}},
		"created at": {store.Feature{Kind: store.FeatureCreatedAt}, [3]audience.Value{at(-1 * time.Second), at(0), at(time.Second)}},
		"updated at": {store.Feature{Kind: store.FeatureUpdatedAt}, [3]audience.Value{at(0), at(time.Hour), at(2 * time.Hour)}},
		"status":     {store.Feature{Kind: store.FeatureStatus}, [3]audience.Value{audience.StringValue("bounced"), audience.StringValue("none"), audience.StringValue("subscribed")}},
	}
	ops := map[store.CompareOp][3]bool{ // when the constant is less, the same, more
		store.Equal:          {false, true, false},
		store.NotEqual:       {true, false, true},
		store.Less:           {false, false, true},
		store.LessOrEqual:    {false, true, true},
		store.Greater:        {true, false, false},
		store.GreaterOrEqual: {true, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for op, wants := range ops {
				for i, v := range tt.values {
					if v.IsZero() {
						continue
					}
					want := map[bool]string{true: yes, false: no}[wants[i]]
					require.Equal(t, want, outcome(t, store.Compare{Feature: tt.feature, Op: op, Value: v}, p, c.CreatedAt), "%d %d", op, i)
				}
			}
			require.Equal(t, yes, outcome(t, store.Present{Feature: tt.feature}, p, c.CreatedAt))
		})
	}
}

// What is absent, of another type or not defined is unknown, and never false.
func TestCompareUnknown(t *testing.T) {
	p := predicateProfile()
	nobody := &audience.Profile{Contact: audience.Contact{ID: 1}}
	one, text := audience.IntValue(1), audience.StringValue("m")
	tests := map[string]struct {
		profile *audience.Profile
		compare store.Compare
	}{
		"absent field":        {p, store.Compare{Feature: field(fieldAbsent), Op: store.NotEqual, Value: one}},
		"no such field":       {p, store.Compare{Feature: field(0), Op: store.NotEqual, Value: one}},
		"an int with text":    {p, store.Compare{Feature: field(fieldInt), Op: store.NotEqual, Value: text}},
		"an int with a float": {p, store.Compare{Feature: field(fieldInt), Op: store.Equal, Value: audience.DoubleValue(5)}},
		"no constant":         {p, store.Compare{Feature: field(fieldInt), Op: store.NotEqual}},
		"absent, no constant": {p, store.Compare{Feature: field(fieldAbsent), Op: store.Equal}},
		"no operator":         {p, store.Compare{Feature: field(fieldInt), Value: one}},
		"unknown operator":    {p, store.Compare{Feature: field(fieldInt), Op: 99, Value: one}},
		"no feature":          {p, store.Compare{Op: store.NotEqual, Value: one}},
		"unknown feature":     {p, store.Compare{Feature: store.Feature{Kind: 99}, Op: store.NotEqual, Value: one}},
		"no phone":            {p, store.Compare{Feature: store.Feature{Kind: store.FeaturePhone}, Op: store.NotEqual, Value: text}},
		"no last name":        {p, store.Compare{Feature: store.Feature{Kind: store.FeatureLastName}, Op: store.NotEqual, Value: text}},
		"no address":          {nobody, store.Compare{Feature: store.Feature{Kind: store.FeatureEmail}, Op: store.NotEqual, Value: text}},
		"no first name":       {nobody, store.Compare{Feature: store.Feature{Kind: store.FeatureFirstName}, Op: store.NotEqual, Value: text}},
		"no frequency":        {nobody, store.Compare{Feature: store.Feature{Kind: store.FeatureFrequency}, Op: store.NotEqual, Value: text}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, unknown, outcome(t, tt.compare, tt.profile, p.Contact.CreatedAt))
		})
	}
	require.Equal(t, no, outcome(t, store.Present{Feature: field(fieldAbsent)}, p, p.Contact.CreatedAt))
	require.Equal(t, no, outcome(t, store.Present{Feature: store.Feature{Kind: store.FeatureEmail}}, nobody, p.Contact.CreatedAt))
	require.Equal(t, no, outcome(t, store.Present{}, p, p.Contact.CreatedAt))
}

func TestLeaves(t *testing.T) {
	p := predicateProfile()
	list := func(name string) store.Predicate {
		return store.OnList{List: audience.List{Name: name, Kind: audience.ListStatic}}
	}
	values := func(vs ...audience.Value) []audience.Value { return vs }
	tests := map[string]struct {
		predicate store.Predicate
		want      string
	}{
		"one of, among them":          {store.OneOf{Feature: field(fieldInt), Values: values(audience.IntValue(4), audience.IntValue(5))}, yes},
		"one of, not among them":      {store.OneOf{Feature: field(fieldInt), Values: values(audience.IntValue(4))}, no},
		"one of none":                 {store.OneOf{Feature: field(fieldInt)}, no},
		"one of other types":          {store.OneOf{Feature: field(fieldInt), Values: values(audience.StringValue("5"))}, unknown},
		"one of some of its type":     {store.OneOf{Feature: field(fieldInt), Values: values(audience.StringValue("5"), audience.IntValue(4))}, no},
		"one of, absent":              {store.OneOf{Feature: field(fieldAbsent), Values: values(audience.IntValue(4), audience.Value{})}, unknown},
		"one of none, absent":         {store.OneOf{Feature: field(fieldAbsent)}, unknown},
		"tag":                         {store.HasTag{Tag: "vip"}, yes},
		"no tag":                      {store.HasTag{Tag: "VIP"}, no},
		"list contains":               {store.ListContains{Field: fieldList, Item: "b"}, yes},
		"list contains not":           {store.ListContains{Field: fieldList, Item: "bb"}, no},
		"empty list contains not":     {store.ListContains{Field: fieldEmptyList, Item: ""}, no},
		"absent list":                 {store.ListContains{Field: fieldAbsent, Item: "b"}, unknown},
		"text is no list":             {store.ListContains{Field: fieldText, Item: "m"}, unknown},
		"on a list":                   {list("seed"), yes},
		"on no such list":             {list("sees"), no},
		"no consent":                  {store.Consents{Purpose: "marketing"}, no},
		"not suppressed":              {store.IsSuppressed{}, no},
		"everybody":                   {nil, yes},
		"not everybody":               {store.Not{}, no},
		"and everybody":               {store.And{nil, store.HasTag{Tag: "vip"}}, yes},
		"or everybody":                {store.Or{store.HasTag{Tag: "VIP"}, nil}, yes},
		"and of none":                 {store.And{}, yes},
		"or of none":                  {store.Or{}, no},
		"the primary address, folded": {store.OneOf{Feature: store.Feature{Kind: store.FeatureEmail}, Values: values(audience.StringValue("ann@example.com"))}, yes},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, outcome(t, tt.predicate, p, p.Contact.CreatedAt))
		})
	}
	p.SuppressedFrom = p.Contact.CreatedAt
	require.Equal(t, yes, outcome(t, store.IsSuppressed{}, p, p.Contact.CreatedAt))
}

// What was not read is unknown, and neither yes nor no.
func TestUnread(t *testing.T) {
	status := store.Feature{Kind: store.FeatureStatus}
	subscribed := []audience.Value{audience.StringValue("none")}
	tests := map[string]struct {
		predicate store.Predicate
		part      audience.ProfileParts
	}{
		"status":      {store.Compare{Feature: status, Op: store.Equal, Value: subscribed[0]}, audience.ProfileParts{Ledger: true}},
		"status of":   {store.OneOf{Feature: status, Values: subscribed}, audience.ProfileParts{Ledger: true}},
		"has status":  {store.Present{Feature: status}, audience.ProfileParts{Ledger: true}},
		"consent":     {store.Not{Part: store.Consents{Purpose: "marketing"}}, audience.ProfileParts{Ledger: true}},
		"topic":       {store.Not{Part: store.OnList{List: audience.List{Name: "news", Kind: audience.ListTopic}}}, audience.ProfileParts{Ledger: true}},
		"static list": {store.OnList{List: audience.List{Name: "vip", Kind: audience.ListStatic}}, audience.ProfileParts{Lists: true}},
		"suppressed":  {store.Not{Part: store.IsSuppressed{}}, audience.ProfileParts{Suppressed: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := predicateProfile()
			all := p.Parts
			p.Parts = audience.ProfileParts{
				Ledger: all.Ledger && !tt.part.Ledger, Lists: all.Lists && !tt.part.Lists, Suppressed: all.Suppressed && !tt.part.Suppressed,
			}
			require.Equal(t, unknown, outcome(t, tt.predicate, p, p.Contact.CreatedAt), "all but its part")
			p.Parts = tt.part
			require.Equal(t, yes, outcome(t, tt.predicate, p, p.Contact.CreatedAt), "its part alone")
		})
	}
}

// Leaves over the ledger follow it through time.
func TestStandings(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	ann := audience.Key("ann")
	news := audience.List{Name: "news", Kind: audience.ListTopic}
	start := f.now
	f.record(grant(ann, audience.MechanismDoubleOptIn))
	f.later(time.Hour)
	w := grant(ann, audience.MechanismDoubleOptIn)
	w.Scope.List, w.Expires = "news", start.Add(3*time.Hour)
	f.record(w)
	w = grant(ann, audience.MechanismVerbal)
	w.Scope.Purpose = "research"
	f.record(w)
	f.later(4 * time.Hour)
	f.record(refusal(ann, audience.ConsentWithdrawn))
	p := f.profile(ann)

	status := func(s audience.Status) store.Predicate {
		return store.Compare{Feature: store.Feature{Kind: store.FeatureStatus}, Op: store.Equal, Value: audience.StringValue(s.String())}
	}
	tests := map[string]struct {
		predicate store.Predicate
		want      [4]string // before, after an hour, after three, after five
	}{
		"none":         {status(audience.StatusNone), [4]string{yes, no, no, no}},
		"subscribed":   {status(audience.StatusSubscribed), [4]string{no, yes, yes, no}},
		"unsubscribed": {status(audience.StatusUnsubscribed), [4]string{no, no, no, yes}},
		"marketing":    {store.Consents{Purpose: "marketing"}, [4]string{no, yes, yes, no}},
		"research":     {store.Consents{Purpose: "research"}, [4]string{no, yes, yes, no}},
		"topic":        {store.OnList{List: news}, [4]string{no, yes, no, no}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i, after := range []time.Duration{-time.Microsecond, time.Hour, 3 * time.Hour, 5 * time.Hour} {
				require.Equal(t, tt.want[i], outcome(t, tt.predicate, &p, start.Add(after)), "after %s", after)
			}
		})
	}
	require.Equal(t, yes, outcome(t, store.IsSuppressed{}, &p, f.now))
}

// The connectives are Kleene's: random formulas against tables written out.
func TestKleene(t *testing.T) {
	p := predicateProfile()
	leaves := map[string]store.Predicate{
		yes:     store.Compare{Feature: field(fieldInt), Op: store.Greater, Value: audience.IntValue(1)},
		no:      store.Compare{Feature: field(fieldInt), Op: store.Less, Value: audience.IntValue(1)},
		unknown: store.Compare{Feature: field(fieldAbsent), Op: store.Less, Value: audience.IntValue(1)},
	}
	and := map[[2]string]string{
		{yes, yes}: yes, {yes, no}: no, {yes, unknown}: unknown, {no, yes}: no, {no, no}: no, {no, unknown}: no,
		{unknown, yes}: unknown, {unknown, no}: no, {unknown, unknown}: unknown,
	}
	or := map[[2]string]string{
		{yes, yes}: yes, {yes, no}: yes, {yes, unknown}: yes, {no, yes}: yes, {no, no}: no, {no, unknown}: unknown,
		{unknown, yes}: yes, {unknown, no}: unknown, {unknown, unknown}: unknown,
	}
	not := map[string]string{yes: no, no: yes, unknown: unknown}
	r := rand.New(rand.NewPCG(1, 2))
	var formula func(depth int) (store.Predicate, string)
	formula = func(depth int) (store.Predicate, string) {
		kind := r.IntN(4)
		if depth == 0 || kind == 0 {
			name := []string{yes, no, unknown}[r.IntN(3)]
			return leaves[name], name
		}
		if kind == 1 {
			part, value := formula(depth - 1)
			return store.Not{Part: part}, not[value]
		}
		var parts []store.Predicate
		value, table := yes, and
		if kind == 2 {
			value, table = no, or
		}
		for range r.IntN(4) {
			part, v := formula(depth - 1)
			parts = append(parts, part)
			value = table[[2]string{value, v}]
		}
		if kind == 2 {
			return store.Or(parts), value
		}
		return store.And(parts), value
	}
	seen := map[string]int{}
	for i := range 20_000 {
		predicate, want := formula(5)
		require.Equal(t, want, outcome(t, predicate, p, p.Contact.CreatedAt), "formula %d", i)
		seen[want]++
	}
	for _, name := range []string{yes, no, unknown} {
		require.Greater(t, seen[name], 2_000, name)
	}
}

func TestPartsOf(t *testing.T) {
	ledger, lists := audience.ProfileParts{Ledger: true}, audience.ProfileParts{Lists: true}
	suppressed := audience.ProfileParts{Suppressed: true}
	status := store.Feature{Kind: store.FeatureStatus}
	topic := store.OnList{List: audience.List{Name: "news", Kind: audience.ListTopic}}
	tests := map[string]struct {
		predicate store.Predicate
		want      audience.ProfileParts
	}{
		"nobody":        {nil, audience.ProfileParts{}},
		"field":         {store.Compare{Feature: field(1)}, audience.ProfileParts{}},
		"tag":           {store.HasTag{Tag: "vip"}, audience.ProfileParts{}},
		"list field":    {store.ListContains{Field: 1}, audience.ProfileParts{}},
		"status":        {store.Compare{Feature: status}, ledger},
		"status of":     {store.OneOf{Feature: status}, ledger},
		"has status":    {store.Present{Feature: status}, ledger},
		"consent":       {store.Consents{Purpose: "marketing"}, ledger},
		"topic":         {topic, ledger},
		"static list":   {store.OnList{List: audience.List{Name: "vip", Kind: audience.ListStatic}}, lists},
		"test list":     {store.OnList{List: audience.List{Name: "vip", Kind: audience.ListTest}}, lists},
		"suppressed":    {store.IsSuppressed{}, suppressed},
		"not":           {store.Not{Part: store.IsSuppressed{}}, suppressed},
		"not everybody": {store.Not{}, audience.ProfileParts{}},
		"and":           {store.And{topic, store.HasTag{}, store.IsSuppressed{}}, audience.ProfileParts{Ledger: true, Suppressed: true}},
		"or":            {store.Or{nil, store.And{topic}}, ledger},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := store.PartsOf(tt.predicate)
			require.Empty(t, got.Events)
			got.Events = nil
			require.Equal(t, tt.want, got)
		})
	}
}

// A predicate may be deep: a planner builds it, not a person.
func TestDeepPredicate(t *testing.T) {
	var p store.Predicate = store.HasTag{Tag: "vip"}
	for range 10_000 {
		p = store.Not{Part: store.And{p}}
	}
	require.Equal(t, yes, outcome(t, p, predicateProfile(), time.Time{}), strconv.Itoa(10_000))
}
