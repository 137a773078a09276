package audience_test

import (
	"encoding/csv"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestTypes(t *testing.T) {
	names := map[audience.Type]string{
		audience.TypeString: "string", audience.TypeInt: "int", audience.TypeDouble: "double", audience.TypeBool: "bool",
		audience.TypeTimestamp: "timestamp", audience.TypeDate: "date", audience.TypeStringList: "list",
	}
	for i := range 256 {
		typ := audience.Type(i)
		name, ok := names[typ]
		require.Equal(t, ok, typ.IsValid())
		if !ok {
			require.Equal(t, "none", typ.String())
			continue
		}
		require.Equal(t, name, typ.String())
		parsed, err := audience.ParseType(name)
		require.NoError(t, err)
		require.Equal(t, typ, parsed)
	}
	for _, s := range []string{"", "none", "String", "int64", " int", "[]string"} {
		typ, err := audience.ParseType(s)
		requireField(t, err, "type", "unknown")
		require.False(t, typ.IsValid())
	}
}

// oneOfEach has a value of every type, in the order of Compare.
func oneOfEach() []audience.Value {
	return []audience.Value{
		{},
		audience.StringValue("a"), audience.StringValue("b"), audience.StringValue("é"),
		audience.IntValue(math.MinInt64), audience.IntValue(-1), audience.IntValue(0), audience.IntValue(math.MaxInt64),
		audience.DoubleValue(-0.5), audience.DoubleValue(0), audience.DoubleValue(1e300),
		audience.BoolValue(false), audience.BoolValue(true),
		audience.TimestampValue(audience.MinInstant()), audience.TimestampValue(at(1)), audience.TimestampValue(at(1).Add(microsecond)),
		audience.DateValue(-1), audience.DateValue(0), audience.DateValue(20_000),
		audience.StringListValue(), audience.StringListValue(""), audience.StringListValue("a"), audience.StringListValue("a", "b"),
		audience.StringListValue("b"),
	}
}

func TestValueOrder(t *testing.T) {
	all := oneOfEach()
	for i, a := range all {
		for k, b := range oneOfEach() {
			want := 0
			switch {
			case i < k:
				want = -1
			case i > k:
				want = 1
			}
			require.Equal(t, want, a.Compare(b), "%s %s", a.Reveal(), b.Reveal())
			require.Equal(t, i == k, a.Equal(b))
			require.Equal(t, i == k, reflect.DeepEqual(a, b))
		}
	}
	require.False(t, reflect.TypeFor[audience.Value]().Comparable(), "== would compare pointers")
	require.Equal(t, 2*reflect.TypeFor[uintptr]().Size(), reflect.TypeFor[audience.Value]().Size(), "there are many of them")
}

// TestValueAccessors: each accessor answers for its own type only.
func TestValueAccessors(t *testing.T) {
	for _, v := range oneOfEach() {
		_, isString := v.Str()
		_, isInt := v.Int()
		_, isDouble := v.Double()
		_, isBool := v.Bool()
		_, isTimestamp := v.Timestamp()
		_, isDate := v.Date()
		_, isList := v.StringList()
		got := map[audience.Type]bool{
			audience.TypeString: isString, audience.TypeInt: isInt, audience.TypeDouble: isDouble, audience.TypeBool: isBool,
			audience.TypeTimestamp: isTimestamp, audience.TypeDate: isDate, audience.TypeStringList: isList,
		}
		for typ, ok := range got {
			require.Equal(t, typ == v.Type(), ok, "%s as %s", v.Type(), typ)
		}
		require.Equal(t, !v.Type().IsValid(), v.IsZero())
		require.NoError(t, v.Check("p", audience.Limits{}))
	}
}

func TestValueAccessorsOfOtherTypes(t *testing.T) {
	word := audience.StringValue("5")
	n, _ := word.Int()
	f, _ := word.Double()
	b, _ := word.Bool()
	ts, _ := word.Timestamp()
	d, _ := word.Date()
	l, _ := word.StringList()
	s, _ := audience.IntValue(5).Str()
	require.Zero(t, n)
	require.Zero(t, f)
	require.False(t, b)
	require.True(t, ts.IsZero())
	require.Zero(t, d)
	require.Nil(t, l)
	require.Empty(t, s)
}

func TestValueContent(t *testing.T) {
	s, _ := audience.StringValue("x\x00").Str()
	require.Equal(t, "x\x00", s, "kept as given; Check refuses it")
	n, _ := audience.IntValue(math.MinInt64).Int()
	require.Equal(t, int64(math.MinInt64), n)
	f, _ := audience.DoubleValue(math.Copysign(0, -1)).Double()
	require.False(t, math.Signbit(f), "-0 becomes 0")
	b, _ := audience.BoolValue(true).Bool()
	require.True(t, b)
	zone := time.FixedZone("", 3600)
	ts, _ := audience.TimestampValue(time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, zone)).Timestamp()
	require.Equal(t, time.Date(1969, 12, 31, 22, 59, 59, 999_999_000, time.UTC), ts, "UTC, cut towards the past")
	d, _ := audience.DateValue(-5).Date()
	require.Equal(t, audience.Date(-5), d)

	items := []string{"b", "a", "b", ""}
	list := audience.StringListValue(items...)
	items[0] = "changed"
	got, _ := list.StringList()
	require.Equal(t, []string{"", "a", "b"}, got, "sorted, each once, copied")
}

func TestValueReveal(t *testing.T) {
	tests := []struct {
		v    audience.Value
		want string
	}{
		{audience.Value{}, ""},
		{audience.StringValue(`plain, "quoted"`), `plain, "quoted"`},
		{audience.IntValue(-12), "-12"},
		{audience.DoubleValue(0.1), "0.1"},
		{audience.DoubleValue(100), "100"},
		{audience.DoubleValue(1e21), "1e+21"},
		{audience.BoolValue(true), "true"},
		{audience.BoolValue(false), "false"},
		{audience.TimestampValue(at(2)), "2026-01-02T12:00:00Z"},
		{audience.TimestampValue(at(2).Add(1500 * microsecond)), "2026-01-02T12:00:00.0015Z"},
		{audience.TimestampValue(audience.MinInstant()), "0001-01-01T00:00:00Z"},
		{audience.DateValue(0), "1970-01-01"},
		{audience.StringListValue(), ""},
		{audience.StringListValue(""), `""`},
		{audience.StringListValue("b", "a"), "a,b"},
		{audience.StringListValue("Berlin, Mitte", `say "hi"`, " x", "y\n"), `" x","Berlin, Mitte","say ""hi""","y` + "\n" + `"`},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.v.Reveal())
		require.Equal(t, "so far,"+tt.want, string(tt.v.AppendRevealed([]byte("so far,"))))
	}
}

// FuzzListReveal: the text of a list is one CSV record that gives the items
// back.
func FuzzListReveal(f *testing.F) {
	for _, seed := range []string{"", "a|b", "a,b|c", `"|""`, " |\t|a ", "a\nb|c\rd", `\.|#x`, "|", "é|\u00a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		v := audience.StringListValue(strings.Split(joined, "|")...)
		want, _ := v.StringList()
		want = slices.Clone(want)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "\r\n", "\n") // what a CSV reader makes of it
		}
		r := csv.NewReader(strings.NewReader(v.Reveal()))
		got, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestValueCheck(t *testing.T) {
	limits := audience.Limits{StringBytes: 4, ListItems: 2}
	late := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC) // cut, it is in range
	tests := []struct {
		name string
		v    audience.Value
		rule string
	}{
		{"absent", audience.Value{}, ""},
		{"string", audience.StringValue("four"), ""},
		{"long string", audience.StringValue("fives"), "max-length"},
		{"no UTF-8", audience.StringValue("a\xff"), "utf8"},
		{"surrogate", audience.StringValue("\xed\xa0\x80"), "utf8"},
		{"NUL", audience.StringValue("a\x00"), "nul"},
		{"NaN", audience.DoubleValue(math.NaN()), "finite"},
		{"infinite", audience.DoubleValue(math.Inf(-1)), "finite"},
		{"largest", audience.DoubleValue(math.MaxFloat64), ""},
		{"first instant", audience.TimestampValue(audience.MinInstant()), ""},
		{"before it", audience.TimestampValue(audience.MinInstant().Add(-1)), "range"},
		{"last instant", audience.TimestampValue(late), ""},
		{"after it", audience.TimestampValue(audience.MaxInstant().Add(microsecond)), "range"},
		{"end of time", audience.TimestampValue(time.Unix(math.MaxInt64, 0)), "range"},
		{"first date", audience.DateValue(mustDate(t, "0001-01-01")), ""},
		{"before it", audience.DateValue(mustDate(t, "0001-01-01") - 1), "range"},
		{"last date", audience.DateValue(mustDate(t, "9999-12-31")), ""},
		{"after it", audience.DateValue(mustDate(t, "9999-12-31") + 1), "range"},
		{"list", audience.StringListValue("four", ""), ""},
		{"two items after folding", audience.StringListValue("a", "b", "a"), ""},
		{"many items", audience.StringListValue("a", "b", "c"), "max-items"},
		{"long item", audience.StringListValue("fives"), "max-length"},
		{"NUL in an item", audience.StringListValue("\x00"), "nul"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.v.Check("fields.x", limits)
			if tt.rule == "" {
				require.NoError(t, err)
				return
			}
			requireField(t, err, "fields.x", tt.rule)
		})
	}
}

func TestFit(t *testing.T) {
	for _, v := range oneOfEach()[1:] {
		for want := audience.TypeString; want <= audience.TypeStringList; want++ {
			got, err := audience.Fit(v, want, "props.value")
			n, isInt := v.Int()
			switch {
			case want == v.Type():
				require.NoError(t, err)
				require.True(t, v.Equal(got))
			case isInt && want == audience.TypeDouble && n > -1<<53 && n < 1<<53:
				require.NoError(t, err)
				f, _ := got.Double()
				require.Equal(t, float64(n), f) //nolint:testifylint // exact
			default:
				field := requireField(t, err, "props.value", "type")
				require.Contains(t, field.Hint, want.String())
				require.Contains(t, field.Hint, v.Type().String())
				require.True(t, got.IsZero())
			}
		}
	}
}

// TestFitIntsExactly: beyond 2^53 not every int has its double.
func TestFitIntsExactly(t *testing.T) {
	for _, n := range []int64{1 << 53, -1 << 53} {
		_, err := audience.Fit(audience.IntValue(n), audience.TypeDouble, "p")
		require.NoError(t, err)
	}
	for _, n := range []int64{1<<53 + 1, -1<<53 - 1, math.MaxInt64} {
		_, err := audience.Fit(audience.IntValue(n), audience.TypeDouble, "p")
		requireField(t, err, "p", "type")
	}
	_, err := audience.Fit(audience.Value{}, audience.TypeInt, "p")
	requireField(t, err, "p", "type")
}
