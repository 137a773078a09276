package celenv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestStepsOfEach (G8): everything whose cost follows the contact counts it.
// In each case most of the steps are of what the name says.
func TestStepsOfEach(t *testing.T) {
	full := testEnv(t)
	long := strings.Repeat("a", 60_000)
	big := withCity(full, long, numbered(200)...)
	for _, name := range numbered(200) {
		big.Contact.Tags = append(big.Contact.Tags, audience.Tag{Name: name})
	}
	big = withEvents(full, big, "visit", 2_000, func(int) map[string]audience.Value {
		return map[string]audience.Value{"page": audience.StringValue("a"), "secs": audience.IntValue(1)}
	})
	tests := []struct {
		name, source string
		steps        int // too few, but enough for the rest
	}{
		{"rounds of macros", `contact.interests.all(a, contact.interests.all(b, true))`, 8_000},
		{"tags", `contact.tags.exists(t, contact.tags.size() == 0)`, 3_000},
		{"a long text in tags", `contact.city in contact.tags`, 8_000},
		{"a long text in a list field", `contact.city in contact.interests`, 8_000},
		{"a long text among constants", `contact.city in ["x"]`, 900},
		{"a sum of texts", `contact.city + contact.city == ""`, 1_000},
		{"a comparison of long texts", `contact.city == contact.city`, 900},
		{"the size of a text", `contact.city.size() == 1`, 900},
		{"an int of a text", `int(contact.city) == 1`, 900},
		{"lower case", `contact.city.lowerAscii() == ""`, 3_000},
		{"trim", `contact.city.trim() == ""`, 3_000},
		{"the beginning of a text", `contact.city.startsWith("b")`, 900},
		{"a regular expression", `contact.city.matches("b+c")`, 5_000},
		{"events", `events("visit").sum("secs") == 1`, 1_500},
		{"where", `events("visit").where(e, e.secs > 3).any()`, 5_000},
		{"then", `events("visit").then(events("visit"), "1h").any()`, 5_000},
		{"without", `events("visit").without(events("visit"), "1h").any()`, 5_000},
		{"different texts", `events("visit").distinct("page") == 1`, 3_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			few := testEnv(t, func(o *Options) { o.Limits.Steps = tt.steps })
			program, errs := few.Compile(tt.source, nil)
			require.Empty(t, shown(errs))
			truth, err := program.At(testNow()).Truth(testRow{big}, nil)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.Equal(t, Unknown, truth)
			answer(t, full, tt.source, big) // without an error
		})
	}
}
