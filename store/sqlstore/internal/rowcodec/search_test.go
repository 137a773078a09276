package rowcodec_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

func long(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "\x01" + hex.EncodeToString(sum[:])
}

func TestSearchText(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"short", "Zoë 😀", "Zoë 😀"},
		{"the longest that stands for itself", x(200), x(200)},
		{"one byte more", x(201), x(160) + long(x(201))},
		{"two bytes over the end", x(159) + "é" + x(100), x(159) + "é" + long(x(159)+"é"+x(100))},
		{"three bytes over the end", x(159) + "漢" + x(100), x(159) + "漢" + long(x(159)+"漢"+x(100))},
		{"four bytes over the end", x(159) + "😀" + x(100), x(159) + "😀" + long(x(159)+"😀"+x(100))},
		{"four bytes up to the end", x(156) + "😀" + x(100), x(156) + "😀" + long(x(156)+"😀"+x(100))},
		{"no UTF-8", strings.Repeat("\x80", 300), strings.Repeat("\x80", 163) + long(strings.Repeat("\x80", 300))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := rowcodec.SearchText(tt.in)
			require.Equal(t, tt.want, got)
			require.LessOrEqual(t, len(got), rowcodec.SearchTextBytes)
		})
	}
}

// neighbour gives texts that differ late or not at all: beginnings of one
// text, with something else behind.
func neighbour(r *rand.Rand, base string) string {
	runes := []string{"a", "x", "é", "漢", "😀", "\x01", "\U0010ffff", "0", " "}
	end := r.IntN(len(base) + 1)
	for end > 0 && end < len(base) && !utf8.RuneStart(base[end]) {
		end--
	}
	var s strings.Builder
	s.WriteString(base[:end])
	for range r.IntN(4) {
		s.WriteString(runes[r.IntN(len(runes))])
	}
	if r.IntN(2) == 0 {
		s.WriteString(base[end:])
	}
	return s.String()
}

// TestSearchTextCompares holds what the renderer of predicates relies on.
func TestSearchTextCompares(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	orders := 0
	for range 60_000 {
		var base strings.Builder
		for base.Len() < 140+r.IntN(80) {
			base.WriteString([]string{"x", "é", "漢", "😀"}[r.IntN(4)])
		}
		a, b := neighbour(r, base.String()), neighbour(r, base.String())
		require.True(t, utf8.ValidString(a) && utf8.ValidString(b))
		formA, formB := rowcodec.SearchText(a), rowcodec.SearchText(b)
		require.True(t, utf8.ValidString(formA))
		require.Equal(t, a == b, formA == formB)
		if len(b) > rowcodec.SearchOrderBytes {
			continue
		}
		orders++
		require.Equal(t, audience.StringValue(a).Compare(audience.StringValue(b)), cmp.Compare(formA, formB), "%q against %q", a, b)
		require.Equal(t, strings.HasPrefix(a, b), strings.HasPrefix(formA, b), "%q begins with %q", a, b)
	}
	require.Greater(t, orders, 10_000)
}

func TestSortableDouble(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	edges := []float64{
		math.NaN(), math.Inf(-1), -math.MaxFloat64, -1e300, -1.5, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0,
		math.SmallestNonzeroFloat64, 0.1, 1, math.Nextafter(1, 2), 49.9, 1 << 53, math.MaxFloat64, math.Inf(1),
		math.Float64frombits(math.MaxUint64), // another NaN
	}
	pick := func() float64 {
		switch r.IntN(3) {
		case 0:
			return edges[r.IntN(len(edges))]
		case 1:
			return math.Float64frombits(r.Uint64())
		}
		return math.Nextafter(edges[r.IntN(len(edges))], float64(r.IntN(3)-1))
	}
	for range 200_000 {
		a, b := pick(), pick()
		want := audience.DoubleValue(a).Compare(audience.DoubleValue(b))
		require.Equal(t, want, cmp.Compare(rowcodec.SortableDouble(a), rowcodec.SortableDouble(b)), "%g against %g", a, b)
	}
}

func TestSearchNumber(t *testing.T) {
	r := newRandom(5)
	seen := map[audience.Type]int{}
	for range 50_000 {
		a, b := r.value(), r.value()
		numberA, okA := rowcodec.SearchNumber(a)
		numberB, okB := rowcodec.SearchNumber(b)
		isNumber := a.Type() != 0 && a.Type() != audience.TypeString && a.Type() != audience.TypeStringList
		require.Equal(t, isNumber, okA)
		if a.Type() == b.Type() && okA && okB {
			seen[a.Type()]++
			require.Equal(t, a.Compare(b), cmp.Compare(numberA, numberB))
		}
	}
	require.Len(t, seen, 5)
}

func TestAttributes(t *testing.T) {
	tests := []struct {
		name string
		c    audience.Contact
		want string
	}{
		{"nothing", audience.Contact{ID: 7, Version: 3}, `{}`},
		{
			"everything",
			audience.Contact{
				Addresses: []audience.Address{audience.MustAddress("Jane@Bücher.example"), audience.MustAddress("b@example.org")},
				FirstName: audience.NewPrivate("Zoë"), LastName: audience.NewPrivate(`O'Hara "\`), Phone: audience.NewPrivate("+41"), Frequency: "weekly",
				Fields: []audience.FieldValue{
					{ID: 1, Value: audience.StringValue("")},
					{ID: 2, Value: audience.StringValue("a\n\x1f\x7f\u2028</é>")},
					{ID: 3, Value: audience.IntValue(math.MinInt64)},
					{ID: 4, Value: audience.DoubleValue(1)},
					{ID: 5, Value: audience.BoolValue(true)},
					{ID: 6, Value: audience.BoolValue(false)},
					{ID: 7, Value: audience.TimestampValue(audience.MaxInstant())},
					{ID: 8, Value: audience.DateValue(-1)},
					{ID: 9, Value: audience.StringListValue()},
					{ID: 10, Value: audience.StringListValue("b", "", "a\"")},
					{ID: 11},
					{ID: math.MaxUint32, Value: audience.DoubleValue(-1)},
				},
			},
			`{"e":"jane@xn--bcher-kva.example","fn":"Zoë","ln":"O'Hara \"\\","fr":"weekly","ph":"+41","s1":"","s2":"a\u000a\u001f` + "\x7f\u2028" +
				`</é>","i3":-9223372036854775808,"d4":4607182418800017408,"b5":1,"b6":0,"t7":253402300799999999,"y8":-1,"l9":[],"l10":["","a\"","b"],` +
				`"d4294967295":-4607182418800017409}`,
		},
		{
			"long texts",
			audience.Contact{
				Phone:  audience.NewPrivate(strings.Repeat("1", 201)),
				Fields: []audience.FieldValue{{ID: 1, Value: audience.StringListValue(strings.Repeat("x", 300))}},
			},
			`{"ph":"` + strings.Repeat("1", 160) + `\u0001` + long(strings.Repeat("1", 201))[1:] + `","l1":["` + strings.Repeat("x", 160) + `\u0001` + long(strings.Repeat("x", 300))[1:] + `"]}`,
		},
		{
			"what no check lets through",
			audience.Contact{FirstName: audience.NewPrivate("a\x00b\xffc\xe6\xbc"), LastName: audience.NewPrivate("\ufffd")},
			`{"fn":"a` + "\ufffdb\ufffdc\ufffd\ufffd" + `","ln":"` + "\ufffd" + `"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(rowcodec.Attributes(&tt.c)))
		})
	}
}

// TestAttributesAreJSON reads the copies of all kinds of contacts back.
func TestAttributesAreJSON(t *testing.T) {
	for seed := range uint64(500) {
		c := newRandom(seed).contact()
		for i := range c.Fields {
			c.Fields[i].ID = audience.FieldID(i + 1)
		}
		copied := rowcodec.Attributes(&c)
		require.True(t, utf8.Valid(copied))
		require.False(t, bytes.ContainsFunc(copied, func(r rune) bool { return r < ' ' }))
		decoder := json.NewDecoder(bytes.NewReader(copied))
		decoder.UseNumber()
		var got map[string]any
		require.NoError(t, decoder.Decode(&got))
		require.Equal(t, expectedAttributes(&c), got)
	}
}

func expectedAttributes(c *audience.Contact) map[string]any {
	want := map[string]any{}
	email := c.Email()
	for key, s := range map[string]string{
		"e": email.Canonical(), "fn": c.FirstName.Reveal(), "ln": c.LastName.Reveal(), "ph": c.Phone.Reveal(), "fr": c.Frequency,
	} {
		if s != "" {
			want[key] = rowcodec.SearchText(s)
		}
	}
	for _, f := range c.Fields {
		id := json.Number(audience.ContactID(f.ID).String())
		number, isNumber := rowcodec.SearchNumber(f.Value)
		if s, ok := f.Value.Str(); ok {
			want["s"+string(id)] = rowcodec.SearchText(s)
		} else if list, ok := f.Value.StringList(); ok {
			items := []any{}
			for _, s := range list {
				items = append(items, rowcodec.SearchText(s))
			}
			want["l"+string(id)] = items
		} else if isNumber {
			b, _ := json.Marshal(number)
			want[rowcodec.SearchKey(f.Value.Type(), f.ID)] = json.Number(b)
		}
	}
	return want
}

// FuzzAttributes: whatever the text, every database can read the copy.
func FuzzAttributes(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\xff\u2028\"\\\x01" + strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, s string) {
		c := audience.Contact{FirstName: audience.NewPrivate("x" + s), Fields: []audience.FieldValue{{ID: 1, Value: audience.StringListValue(s)}}}
		copied := rowcodec.Attributes(&c)
		require.True(t, utf8.Valid(copied))
		require.NotContains(t, string(copied), `\u0000`)
		var got struct {
			FN string   `json:"fn"`
			L1 []string `json:"l1"`
		}
		require.NoError(t, json.Unmarshal(copied, &got))
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			require.Equal(t, rowcodec.SearchText("x"+s), got.FN)
			require.Equal(t, []string{rowcodec.SearchText(s)}, got.L1)
		}
	})
}
