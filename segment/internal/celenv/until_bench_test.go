package celenv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// BenchmarkTruthUntil measures what it costs to know until when beside the
// outcome, and what an instant of one's own costs.
func BenchmarkTruthUntil(b *testing.B) {
	e := testEnv(b, func(o *Options) { o.Zone, _ = time.LoadLocation("Europe/Berlin") })
	p := withEvents(e, testProfile(e), "purchase", 20, func(int) map[string]audience.Value {
		return map[string]audience.Value{"value": audience.DoubleValue(19.99)}
	})
	row := testRow{p}
	for _, tt := range []struct{ name, source string }{
		{"field", `contact.age >= 18`},
		{"fixed", `contact.created_at < ago("30d")`},
		{"calendar", `contact.created_at < ago("6mo")`},
		{"calendar ahead", `contact.created_at > ago("2y")`},
		{"any", `events("purchase").within("30d").any()`},
		{"count by the calendar", `events("purchase").within("1y").count() > 3`},
		{"sum", `events("purchase").within("90d").sum("value") > 100`},
		{"two calendars", `ago("1mo") < ago("30d")`},
		{"reference", reference()},
	} {
		program, errs := e.Compile(tt.source, nil)
		require.Empty(b, errs)
		m := program.At(testNow())
		b.Run(tt.name+"/truth", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Truth(row, nil)
			}
		})
		b.Run(tt.name+"/until", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = m.TruthUntil(row, nil)
			}
		})
		b.Run(tt.name+"/instant", func(b *testing.B) {
			b.ReportAllocs()
			var own Moment
			for b.Loop() {
				program.AtInto(&own, testNow())
			}
		})
	}
}
