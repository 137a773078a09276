package celenv

import (
	"fmt"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// contactOnly are expressions over the contact, in our words and in those of
// an environment with one variable for each field.
func contactOnly() []struct{ name, ours, bare string } {
	return []struct{ name, ours, bare string }{
		{"status", `contact.status == "subscribed"`, `status == "subscribed"`},
		{
			"five",
			`contact.status == "subscribed" && contact.age >= 18 && contact.score > 5.0 && contact.city == "Berlin" && "vip" in contact.tags`,
			`status == "subscribed" && age >= 18 && score > 5.0 && city == "Berlin" && "vip" in tags`,
		},
		{"fields", `contact.age >= 18 && (contact.city == "Paris" || contact.city == "Berlin") && contact.vip`, `age >= 18 && (city == "Paris" || city == "Berlin") && vip`},
		{"in", `contact.city in ["Paris", "London", "Berlin"]`, `city in ["Paris", "London", "Berlin"]`},
		{"absent", `contact.nickname == "x" || contact.age > 30`, `nickname == "x" || age > 30`},
		{"macro", `contact.interests.exists(i, i == "sailing")`, `interests.exists(i, i == "sailing")`},
		{"time", `contact.created_at < timestamp("2026-01-01T00:00:00Z")`, `created_at < timestamp("2026-01-01T00:00:00Z")`},
	}
}

// bareRow is what somebody would write who uses cel-go by itself: an
// activation over the same profile.
type bareRow struct {
	profile *audience.Profile
	fields  map[string]audience.FieldID
}

func (r *bareRow) Parent() interpreter.Activation { return nil }

func (r *bareRow) ResolveName(name string) (any, bool) {
	switch name {
	case "status":
		return r.profile.Status(testNow()).Status.String(), true
	case "created_at":
		return r.profile.Contact.CreatedAt, true
	case "tags":
		return r.profile.Contact.TagNames(), true
	}
	v := r.profile.Contact.Value(r.fields[name])
	switch v.Type() {
	case audience.TypeString:
		s, _ := v.Str()
		return s, true
	case audience.TypeInt:
		n, _ := v.Int()
		return n, true
	case audience.TypeDouble:
		f, _ := v.Double()
		return f, true
	case audience.TypeBool:
		b, _ := v.Bool()
		return b, true
	case audience.TypeStringList:
		l, _ := v.StringList()
		return l, true
	default:
		return types.NewErr("absent"), true
	}
}

func bareProgram(b *testing.B, source string) cel.Program {
	b.Helper()
	env, err := cel.NewEnv(
		cel.Variable("status", cel.StringType), cel.Variable("age", cel.IntType), cel.Variable("score", cel.DoubleType),
		cel.Variable("city", cel.StringType), cel.Variable("nickname", cel.StringType), cel.Variable("vip", cel.BoolType),
		cel.Variable("tags", cel.ListType(cel.StringType)), cel.Variable("interests", cel.ListType(cel.StringType)),
		cel.Variable("created_at", cel.TimestampType),
	)
	require.NoError(b, err)
	ast, issues := env.Compile(source)
	require.NoError(b, issues.Err())
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
	require.NoError(b, err)
	return program
}

// BenchmarkContact compares our evaluator with cel-go by itself.
func BenchmarkContact(b *testing.B) {
	e := testEnv(b)
	profile := testProfile(e)
	for _, tt := range contactOnly() {
		b.Run(tt.name+"/ours", func(b *testing.B) {
			program, errs := e.Compile(tt.ours, nil)
			require.Empty(b, errs)
			m := program.At(testNow())
			b.ReportAllocs()
			for b.Loop() {
				truth, err := m.Truth(testRow{profile}, nil)
				if err != nil || truth != True {
					b.Fatal(truth, err)
				}
			}
		})
		b.Run(tt.name+"/bare", func(b *testing.B) {
			program := bareProgram(b, tt.bare)
			row := &bareRow{profile: profile, fields: map[string]audience.FieldID{}}
			for _, f := range e.schema.Fields {
				row.fields[f.Name] = f.ID
			}
			b.ReportAllocs()
			for b.Loop() {
				v, _, err := program.Eval(row)
				if err != nil || v != types.True {
					b.Fatal(v, err)
				}
			}
		})
	}
}

// BenchmarkEvents measures aggregates over the events of one contact.
func BenchmarkEvents(b *testing.B) {
	e := testEnv(b)
	tests := []struct{ name, source string }{
		{"any", `events("purchase").within("30d").any()`},
		{"count", `events("purchase").within("1y").count() > 3`},
		{"sum", `events("purchase").sum("value") > 100`},
		{"sum of many digits", `events("refund").sum("value") > 100`},
		{"avg", `events("purchase").avg("value") > 1`},
		{"distinct", `events("purchase").distinct("currency") == 2`},
		{"where", `events("purchase").where(e, e.value > 20 && e.currency == "EUR").count() > 1`},
		{"then", `events("email.opened").then(events("purchase"), "2h").count() > 3`},
		{"rate", `rate(events("email.opened"), events("purchase")) == 1`},
	}
	for _, n := range []int{10, 100, 1000} {
		p := withEvents(e, testProfile(e), "purchase", n, func(i int) map[string]audience.Value {
			currency := "EUR"
			if i%2 == 0 {
				currency = "USD"
			}
			return map[string]audience.Value{
				"value": audience.DoubleValue(float64(1999+i%97*100) / 100), "currency": audience.StringValue(currency), "items": audience.IntValue(int64(i)),
			}
		})
		p = withEvents(e, p, "refund", n, func(i int) map[string]audience.Value {
			return map[string]audience.Value{"value": audience.DoubleValue(100.0 / float64(i+3))}
		})
		p = withEvents(e, p, "email.opened", n, func(int) map[string]audience.Value { return nil })
		for _, tt := range tests {
			b.Run(fmt.Sprintf("%s/%d", tt.name, n), func(b *testing.B) {
				program, errs := e.Compile(tt.source, nil)
				require.Empty(b, errs)
				m := program.At(testNow())
				b.ReportAllocs()
				for b.Loop() {
					if _, err := m.Truth(testRow{p}, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// reference is the two segments of the first example of the documentation.
func reference() string {
	return `contact.status == "subscribed"
  && events("email.opened").within("30d").any()
  && events("email.clicked").within("60d").any()
  || events("purchase").sum("value") > 100
  && events("purchase").within("1y").count() > 3
  && rate(events("email.opened"), events("email.sent")) > 0.5
  && contact.created_at < ago("6mo")`
}

func BenchmarkCompile(b *testing.B) {
	e := testEnv(b)
	b.Run("short", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, errs := e.Compile(`contact.status == "subscribed"`, nil); errs != nil {
				b.Fatal(errs)
			}
		}
	})
	b.Run("reference", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, errs := e.Compile(reference(), nil); errs != nil {
				b.Fatal(errs)
			}
		}
	})
	b.Run("environment", func(b *testing.B) {
		schema := testSchema()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := New(schema, Options{Limits: testLimits()}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAt measures what a new instant costs.
func BenchmarkAt(b *testing.B) {
	e := testEnv(b)
	program, errs := e.Compile(reference(), nil)
	require.Empty(b, errs)
	b.ReportAllocs()
	for b.Loop() {
		program.At(testNow())
	}
}
