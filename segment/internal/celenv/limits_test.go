package celenv

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestLimits holds each limit at its edge.
func TestLimits(t *testing.T) {
	e := testEnv(t, func(o *Options) {
		o.Limits = Limits{SourceBytes: 400, Depth: 10, Nodes: 30, ListItems: 4, Streams: 3, RegexBytes: 20, Steps: 1_000, TextBytes: 1_000}
	})
	tests := []struct{ name, fits, exceeds, want string }{
		{
			"source", `true || "` + strings.Repeat("x", 383) + `" == ""`, `true || "` + strings.Repeat("x", 400) + `" == ""`,
			"1:1 limit: the expression has more than 400 bytes (split it into several segments)",
		},
		{
			"depth", strings.Repeat("(", 9) + "contact.vip" + strings.Repeat(")", 9), strings.Repeat("(", 40) + "contact.vip" + strings.Repeat(")", 40),
			"1:1 limit: the expression nests deeper than 10 (split it into several segments)",
		},
		{
			"depth of operators", `1 + 1 + 1 + 1 == 4`, `1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 == 12`,
			"1:1 limit: the expression nests deeper than 10 (split it into several segments)",
		},
		{
			"nodes", strings.Repeat("true || ", 28) + "true", strings.Repeat("true || ", 29) + "true",
			"1:233 limit: the expression has more than 30 parts (split it into several segments)",
		},
		{
			"list", `1 in [1, 2, 3, 4]`, `1 in [1, 2, 3, 4, 5]`,
			"1:6 limit: the list has more than 4 elements (a list field or a list in the store)",
		},
		{
			"streams", `events("visit").any() || events("visit").any() || events("visit").any()`,
			`events("visit").any() || events("visit").any() || events("visit").any() || events("visit").any()`,
			"1:76 limit: the expression asks for events more than 3 times (split it into several segments)",
		},
		{
			"bytes of a regular expression", `contact.city.matches("aaaaaaaaaaaaaaaaaaaa")`, `contact.city.matches("aaaaaaaaaaaaaaaaaaaaa")`,
			"1:22 limit: the regular expression has more than 20 bytes (several shorter ones)",
		},
		{
			"instructions of a regular expression", `contact.city.matches("a{30}")`, `contact.city.matches("(a{30}){30}")`,
			"1:22 limit: the regular expression needs more than 40 instructions (fewer or smaller repetitions)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := e.Compile(tt.fits, nil)
			require.Empty(t, shown(errs))
			_, errs = e.Compile(tt.exceeds, nil)
			require.Equal(t, []string{tt.want}, shown(errs))
		})
	}
}

// TestSteps holds that work is bounded while evaluating, and that exceeding
// the bound is an error that nothing absorbs.
func TestSteps(t *testing.T) {
	e := testEnv(t, func(o *Options) { o.Limits.Steps = 1_000 })
	p := testProfile(e)
	tags := make([]string, 200)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%03d", i)
		p.Contact.Tags = append(p.Contact.Tags, audience.Tag{Name: tags[i]})
	}
	f, _ := e.schema.FieldNamed("city")
	long := audience.StringValue(strings.Repeat("a", 60_000))
	big := testProfile(e)
	for i := range big.Contact.Fields {
		if big.Contact.Fields[i].ID == f.ID {
			big.Contact.Fields[i].Value = long
		}
	}
	many := withEvents(e, testProfile(e), "visit", 2_000, func(int) map[string]audience.Value { return nil })
	tests := []struct {
		name, source string
		profile      *audience.Profile
	}{
		{"nested macros", `contact.tags.all(a, contact.tags.all(b, a != b || a == b)) || true`, p},
		{"macros over macros", `contact.tags.map(a, contact.tags.filter(b, b != a).size()).exists(n, n == 1000) || true`, p},
		{"text that grows", `(contact.city + contact.city).size() == 0 || true`, big},
		{"a regular expression", `contact.city.matches("(a|b|c)*x") || true`, big},
		{"comparisons of long text", `contact.interests.exists(i, contact.interests.exists(j, contact.city + i != contact.city + j)) || true`, big},
		{"long text in a set", `contact.interests.exists(i, contact.city in ["x", "y"] || contact.city in contact.tags) || true`, big},
		{"reading tags", `contact.tags.map(t, contact.tags.size()).exists(n, n == 0) || true`, p},
		{"events", `events("visit").sum("secs") > 1.0 || true`, many},
		{"where", `events("visit").where(e, e.secs > 3 || e.page == "x").any() || true`, many},
		{"pairs", `events("visit").then(events("visit"), "1h").any() || true`, many},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			program, errs := e.Compile(tt.source, nil)
			require.Empty(t, shown(errs))
			truth, err := program.At(testNow()).Truth(testRow{tt.profile}, nil)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.Equal(t, Unknown, truth)
			require.Equal(t, True, answer(t, e, `contact.vip`, tt.profile), "the state is fit for use after it")
		})
	}
}

// TestHostileSources compiles what would take very long, or all of the stack,
// if it were not bounded.
func TestHostileSources(t *testing.T) {
	e := testEnv(t)
	fill := func(part string) string { return strings.Repeat(part, 65_000/len(part)) }
	for _, source := range []string{
		fill("("), fill("["), fill("!"), fill("-"), fill("!("), fill("a."), fill("a("), fill("1+"), fill("true&&"), fill("true||(") + "true",
		fill("a?b:"), fill("["), fill("{1:"), fill(`"`), fill("'''"), fill("//\n"), fill("x "), fill("1 "), fill("contact.agee==1||") + "true",
		fill("contact.tags.exists(a,"), fill(`events("x").any()||`) + "true", `1 in [` + fill("1,") + `1]`, fill("\\"), fill("\u00e9"), fill("\x00"), fill("\xff"),
		`contact.city.matches("((((a{1000}){1000}){1000}){1000})")`, `contact.city.matches("(((((((((a{2}){9}){9}){9}){9}){9}){9}){9}){9})")`,
	} {
		_, errs := e.Compile(source, nil)
		require.NotEmpty(t, errs, source[:20])
		require.LessOrEqual(t, len(errs), maxErrors)
	}
	for _, source := range []string{
		fill("!") + "contact.vip", "contact.city.matches('" + fill("(a*)*")[:900] + "')",
		`contact.city.matches("` + strings.Repeat("(", 400) + strings.Repeat(")", 400) + `")`,
	} {
		_, errs := e.Compile(source, nil)
		require.Empty(t, shown(errs))
	}
}

func TestFunctions(t *testing.T) {
	seen := make(chan []audience.Value, 1)
	functions := []Function{
		{
			Name: "all", Result: audience.TypeBool, Args: []audience.Type{
				audience.TypeString, audience.TypeInt, audience.TypeDouble, audience.TypeBool, audience.TypeTimestamp, audience.TypeDate, audience.TypeStringList,
			}, Call: func(args []audience.Value) (audience.Value, error) {
				seen <- args
				return audience.BoolValue(true), nil
			},
		},
	}
	functions[0].Name = "everything"
	one := func(name string, result audience.Type, call func() (audience.Value, error)) {
		functions = append(functions, Function{Name: name, Result: result, Call: func([]audience.Value) (audience.Value, error) { return call() }})
	}
	one("fails", audience.TypeBool, func() (audience.Value, error) { return audience.BoolValue(true), errSteps })
	one("panics", audience.TypeBool, func() (audience.Value, error) { panic("secret") })
	one("absent", audience.TypeBool, func() (audience.Value, error) { return audience.Value{}, nil })
	one("wrong", audience.TypeBool, func() (audience.Value, error) { return audience.IntValue(1), nil })
	one("whole", audience.TypeDouble, func() (audience.Value, error) { return audience.IntValue(2), nil })
	one("day", audience.TypeDate, func() (audience.Value, error) { return audience.DateValue(0), nil })
	one("words", audience.TypeStringList, func() (audience.Value, error) { return audience.StringListValue("b", "a"), nil })
	e := testEnv(t, func(o *Options) { o.Functions = functions })
	p := testProfile(e)

	require.Equal(t, True, answer(t, e, `everything("a", 1, 2, true, contact.seen, contact.birthday, contact.tags)`, p))
	args := <-seen
	want := []string{"a", "1", "2", "true", "2026-03-01T12:00:00Z", "1990-05-01T00:00:00Z", "beta,vip"}
	for i, v := range args {
		require.Equal(t, want[i], v.Reveal())
	}
	require.Equal(t, audience.TypeDouble, args[2].Type())
	require.Equal(t, Unknown, answer(t, e, `everything("a", 1, 2, true, contact.seen, contact.birthday, [contact.nickname])`, p))
	require.Empty(t, seen, "it does not run when an argument is unknown")

	require.Equal(t, Unknown, answer(t, e, `fails()`, p))
	require.Equal(t, Unknown, answer(t, e, `absent()`, p))
	require.Equal(t, True, answer(t, e, `absent() || whole() == 2 && day() == date("1970-01-01") && "a" in words()`, p))
	for _, name := range []string{"panics", "wrong"} {
		program, errs := e.Compile(name+`() || true`, nil)
		require.Empty(t, errs)
		_, err := program.At(testNow()).Truth(testRow{p}, nil)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
		require.Equal(t, True, answer(t, e, `contact.vip`, p))
	}

	for source, want := range map[string]string{
		`everything(1)`: "1:1 type: everything takes 7 arguments, not 1 (such as everything(string, int, double, bool, timestamp, date, list))",
		`everything("a", 1, 2, true, now, contact.birthday, contact.tags)`: "1:29 now: now cannot be used here (only in comparisons of timestamps, " +
			"in differences compared with a constant duration, and in getters down to hours)",
		`fails() || wole() == 1.0`: `1:12 unknown-function: there is no function "wole" (did you mean "whole"?)`,
		`everything("a", "1", 2, true, contact.seen, contact.birthday, contact.tags)`: "1:17 type: argument 2 of everything must be int, not string",
	} {
		_, errs := e.Compile(source, nil)
		require.Equal(t, []string{want}, shown(errs))
	}
}

func TestFunctionsRefused(t *testing.T) {
	call := func([]audience.Value) (audience.Value, error) { return audience.Value{}, nil }
	tests := []struct {
		name string
		give Function
		rule string
	}{
		{"no name", Function{Result: audience.TypeBool, Call: call}, "name"},
		{"bad name", Function{Name: "Weekend", Result: audience.TypeBool, Call: call}, "name"},
		{"a function of the language", Function{Name: "ago", Result: audience.TypeBool, Call: call}, "reserved"},
		{"an aggregate", Function{Name: "sum", Result: audience.TypeBool, Call: call}, "reserved"},
		{"a word", Function{Name: "contact", Result: audience.TypeBool, Call: call}, "reserved"},
		{"a word of CEL", Function{Name: "in", Result: audience.TypeBool, Call: call}, "reserved"},
		{"no result", Function{Name: "f", Call: call}, "type"},
		{"bad argument", Function{Name: "f", Args: []audience.Type{99}, Result: audience.TypeBool, Call: call}, "type"},
		{"many arguments", Function{Name: "f", Args: make([]audience.Type, 9), Result: audience.TypeBool, Call: call}, "max-items"},
		{"nothing to call", Function{Name: "f", Result: audience.TypeBool}, "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(testSchema(), Options{Limits: testLimits(), Functions: []Function{tt.give}})
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, tt.rule, field.Rule)
		})
	}
	twice := Function{Name: "f", Result: audience.TypeBool, Call: call}
	_, err := New(testSchema(), Options{Limits: testLimits(), Functions: []Function{twice, twice}})
	require.ErrorContains(t, err, "double")
}

// TestConcurrent runs one Moment in several goroutines, with unknowns of
// every kind, for the race detector.
func TestConcurrent(t *testing.T) {
	e := testEnv(t)
	p := visits(e)
	program, errs := e.Compile(`events("visit").where(e, e.secs / (e.secs - 10) >= 1).count() == 2
		&& contact.tags.exists(t, events("visit").then(events("purchase"), "1d").where(e, e.value > 33.35).any() && t == "vip")
		&& (contact.nickname == "x" || contact.seen + duration("1h") < now || 1 / 0 == 1)
		&& contact.tags.filter(t, t != contact.nickname).size() == 0`, nil)
	require.Empty(t, shown(errs))
	m := program.At(testNow())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				truth, err := m.Truth(testRow{p}, nil)
				if err != nil || truth != Unknown {
					t.Error(truth, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAtOutOfRange(t *testing.T) {
	e := testEnv(t)
	program, errs := e.Compile(`contact.vip`, nil)
	require.Empty(t, errs)
	_, err := program.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)).Truth(testRow{testProfile(e)}, nil)
	require.ErrorIs(t, err, audience.ErrInvalid)
}
