package celenv

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestShiftedByConstantsOnly: what moves with now is shifted by constants
// alone, so that whoever looks for the next change finds it in the expression.
func TestShiftedByConstantsOnly(t *testing.T) {
	e := testEnv(t)
	const span = `(contact.seen - contact.updated_at)`
	for _, source := range []string{
		`now + ` + span + ` < contact.created_at`, `now - ` + span + ` < contact.created_at`, span + ` + now < contact.created_at`,
		`ago("1d") + ` + span + ` < contact.created_at`, span + ` + ahead("1d") < contact.created_at`,
		span + ` + (now - contact.created_at) < duration("1h")`, `(now - contact.created_at) + ` + span + ` < duration("1h")`,
		`(now - contact.created_at) - ` + span + ` < duration("1h")`, span + ` - (now - contact.created_at) < duration("1h")`,
		`now + (contact.vip ? duration("1h") : duration("2h")) < contact.seen`,
	} {
		_, errs := e.Compile(source, nil)
		require.Len(t, errs, 1, source)
		require.Equal(t, "what moves with now can only be shifted by a constant duration", errs[0].Message, source)
	}
	p := testProfile(e)
	for source, want := range map[string]Truth{
		`now + (duration("1h") + duration("1h")) == timestamp("2026-03-31T14:00:00Z")`:                      True,
		`duration("1h") + now == timestamp("2026-03-31T13:00:00Z")`:                                         True,
		`duration("1h") - (now - timestamp("2026-03-31T10:00:00Z")) == duration("-1h")`:                     True,
		`(now - timestamp("2026-03-31T10:00:00Z")) - duration("1h") == duration("1h")`:                      True,
		`contact.seen + ` + span + ` == contact.updated_at + (` + span + ` + ` + span + `)`:                 True,
		`events("visit").since(timestamp("2026-03-31T09:00:00Z") + duration("1h")).none()`:                  True,
		`events("visit").before(date("2026-03-31") - duration("1h")).none()`:                                True,
		`duration("2562047h") + duration("2562047h") > duration("0s")`:                                      Unknown,
		`duration("-2562047h") - duration("2562047h") < duration("0s")`:                                     Unknown,
		`duration("2562047h") + duration("47m") > duration("0s")`:                                           True,
		`timestamp("9999-12-31T00:00:00Z") + duration("24h") > now`:                                         Unknown,
		`timestamp("0001-01-01T00:00:00Z") - duration("1us") < now`:                                         Unknown,
		`timestamp("9999-12-31T00:00:00Z") - timestamp("0001-01-01T00:00:00Z") > duration("1h")`:            Unknown,
		`now - duration("-9223372036854775us") > now`:                                                       True,
		`timestamp("2262-04-11T23:47:16.854775Z") - timestamp("1970-01-01T00:00:00Z") > duration("1h")`:     True,
		`timestamp("2262-04-11T23:47:16.854776Z") - timestamp("1970-01-01T00:00:00Z") > duration("1h")`:     Unknown,
		`timestamp("1970-01-01T00:00:00Z") - timestamp("2262-04-11T23:47:16.854775Z") < duration("1h")`:     True,
		`timestamp("1970-01-01T00:00:00Z") - timestamp("2262-04-11T23:47:16.854776Z") < duration("1000us")`: Unknown,
	} {
		require.Equal(t, want, answer(t, e, source, p), source)
	}
}

// TestComputedEdges: a window may begin at a constant that is computed.
func TestComputedEdges(t *testing.T) {
	e := testEnv(t)
	p := visits(e)
	for _, source := range []string{
		`events("visit").since(timestamp("2026-03-31T08:00:00Z") + duration("2h")).count() == 2`,
		`events("visit").between(date("2026-03-31") + duration("8h"), date("2026-03-31") + duration("10h")).count() == 2`,
	} {
		require.Equal(t, True, answer(t, e, source, p), source)
	}
	_, errs := e.Compile(`events("visit").since(contact.seen + duration("2h")).any()`, nil)
	require.Len(t, errs, 1)
}

// TestFunctionResults: what a host's function gives is checked as any value
// is.
func TestFunctionResults(t *testing.T) {
	for name, result := range map[string]audience.Value{
		"not a number": audience.DoubleValue(math.NaN()), "infinite": audience.DoubleValue(math.Inf(1)),
		"NUL": audience.StringValue("a\x00b"), "no UTF-8": audience.StringValue("\xff"),
	} {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t, func(o *Options) {
				o.Functions = []Function{{
					Name: "given", Result: result.Type(), Call: func([]audience.Value) (audience.Value, error) { return result, nil },
				}}
			})
			source := map[audience.Type]string{audience.TypeDouble: `given() > 1.0 || true`, audience.TypeString: `given() != "" || true`}[result.Type()]
			program, errs := e.Compile(source, nil)
			require.Empty(t, shown(errs))
			_, err := program.At(testNow()).Truth(testRow{testProfile(e)}, nil)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.ErrorContains(t, err, "given")
		})
	}
}
