package celenv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTimeConstants holds which texts are timestamps and durations: what is
// finer than a microsecond is refused and never cut off.
func TestTimeConstants(t *testing.T) {
	e := testEnv(t)
	const noTime, fineTime = "this is no timestamp", "a timestamp has at most six decimals of a second"
	const noSpan, fineSpan = "this is no duration", "a duration is of whole microseconds"
	for text, want := range map[string]string{
		"2026-01-01T00:00:00Z":                           "",
		"2026-01-01T00:00:00.5Z":                         "",
		"2026-01-01T00:00:00.123456+01:00":               "",
		"2026-01-01T00:00:00.1234560000000Z":             "",
		"2026-01-01T23:59:59-23:59":                      "",
		"9999-12-31T23:59:59.999999Z":                    "",
		"2026-01-01T00:00:00.0000001Z":                   fineTime,
		"2026-01-01T00:00:00.0000000001Z":                fineTime,
		"2026-01-01T00:00:00.123456000001+01:00":         fineTime,
		"2026-01-01T0:00:00Z":                            noTime,
		"2026-01-01T00:00:00,5Z":                         noTime,
		"2026-01-01T00:00:00.Z":                          noTime,
		"2026-01-01T00:00:00+24:00":                      noTime,
		"2026-01-01T00:00:00+23:60":                      noTime,
		"2026-01-01t00:00:00z":                           noTime,
		"2026-02-30T00:00:00Z":                           noTime,
		"2026-01-01T24:00:00Z":                           noTime,
		"0000-12-31T23:59:59Z":                           "the timestamp is out of range",
		"9999-12-31T23:59:59-01:00":                      "the timestamp is out of range",
		"2026-01-01T00:00:00." + strings.Repeat("0", 99): noTime,
	} {
		_, errs := e.Compile(`contact.seen < timestamp("`+text+`")`, nil)
		requireMessage(t, want, errs, text)
	}
	for text, want := range map[string]string{
		"0":                           "",
		"36h":                         "",
		"-1h30m":                      "",
		"+1.5us":                      fineSpan,
		"1.5us0.5us":                  "",
		"1500ns500ns":                 "",
		"1000ns":                      "",
		"0.000001s":                   "",
		"1.0000010000000s":            "",
		".5ms":                        "",
		"1µs":                         "",
		"0.00000005m":                 "",
		"1ns":                         fineSpan,
		"1.0000000001s":               fineSpan,
		"0.0000000001h":               fineSpan,
		"1.0000001ms":                 fineSpan,
		"1us0.0001ns":                 fineSpan,
		"-1.00000000000000000000001h": fineSpan,
		"1d":                          noSpan,
		"":                            noSpan,
	} {
		_, errs := e.Compile(`contact.seen - contact.updated_at < duration("`+text+`")`, nil)
		requireMessage(t, want, errs, text)
	}
}

func requireMessage(t *testing.T, want string, errs []*Error, text string) {
	t.Helper()
	if want == "" {
		require.Empty(t, shown(errs), text)
		return
	}
	require.Len(t, errs, 1, text)
	require.Equal(t, want, errs[0].Message, text)
}
