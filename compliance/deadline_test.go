package compliance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

func dateOf(t testing.TB, s string) audience.Date {
	t.Helper()
	if s == "" {
		return 0
	}
	d, err := audience.ParseDate(s)
	require.NoError(t, err)
	return d
}

func TestDeadlines(t *testing.T) {
	christmas := func(d audience.Date) bool {
		_, m, dd := d.Civil()
		return m != 12 || dd < 25 || dd > 27
	}
	for _, tt := range []struct {
		name    string
		regime  compliance.Regime
		kind    compliance.RequestKind
		arrived string
		workday func(audience.Date) bool
		want    [5]string // acknowledge, due, latest, extend by, extended
	}{
		{"the last day of a shorter month", "gdpr", "access", "2026-01-31", nil, [5]string{"", "2026-02-28", "2026-03-02", "2026-02-28", "2026-04-28"}},
		{"a leap year", "gdpr", "erasure", "2024-01-31", nil, [5]string{"", "2024-02-29", "2024-02-29", "2024-02-29", "2024-04-29"}},
		{"over the year's end", "uk", "portability", "2026-12-31", nil, [5]string{"", "2027-01-31", "2027-02-01", "2027-01-31", "2027-03-31"}},
		{"an unknown regime", "xx", "objection", "2026-11-23", nil, [5]string{"", "2026-12-23", "2026-12-23", "2026-12-23", "2027-02-23"}},
		{"days that nobody works", "gdpr", "access", "2026-11-25", christmas, [5]string{"", "2026-12-25", "2026-12-28", "2026-12-25", "2027-02-25"}},
		{"an opt-out in California", "ccpa", "opt-out-sale", "2026-11-23", nil, [5]string{"", "2026-12-14", "2026-12-14", "", ""}},
		{"to know in California", "ccpa", "access", "2026-11-23", nil, [5]string{"2026-12-07", "2027-01-07", "2027-01-07", "2027-01-07", "2027-02-21"}},
		{"five working days", "au-spam", "objection", "2026-11-23", nil, [5]string{"", "2026-11-30", "2026-11-30", "", ""}},
	} {
		t.Run("O30 "+tt.name, func(t *testing.T) {
			got, err := compliance.DeadlinesOf(tt.regime, tt.kind, dateOf(t, tt.arrived), tt.workday)
			require.NoError(t, err)
			require.Equal(t, compliance.Deadlines{
				Acknowledge: dateOf(t, tt.want[0]), Due: dateOf(t, tt.want[1]), Latest: dateOf(t, tt.want[2]), ExtendBy: dateOf(t, tt.want[3]), Extended: dateOf(t, tt.want[4]),
			}, got)
		})
	}
	_, err := compliance.DeadlinesOf("gdpr", "gift", 1, nil)
	require.ErrorIs(t, err, audience.ErrInvalid)
	got, err := compliance.DeadlinesOf("can-spam", "objection", 1, func(audience.Date) bool { return false })
	require.NoError(t, err, "a calendar without working days ends, too")
	require.Positive(t, got.Due)
}

// corpora gives the folder of the data that nobody here wrote.
func corporaDir(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("AUDIENCEKIT_CORPORA")
	if dir == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set")
	}
	return filepath.Join(dir, name)
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// O30: every row of the vectors.
func TestDeadlineVectors(t *testing.T) {
	var file struct {
		US      []string `json:"us_holidays"`
		CA      []string `json:"ca_holidays"`
		Vectors []struct {
			Regime, Request, Received, Due string
			Calendar                       string `json:"due_calendar"`
			Working                        string `json:"due_next_working_day_no_holidays"`
			ExtendBy                       string `json:"extension_notice_by"`
			Extended                       string `json:"extended_due"`
			ExtendedCalendar               string `json:"extended_due_calendar"`
			ExtendedStrict                 string `json:"extended_due_strict"`
		}
	}
	readJSON(t, filepath.Join(corporaDir(t, "compliance"), "vectors", "deadlines.json"), &file)
	holidays := func(days []string) func(audience.Date) bool {
		return func(d audience.Date) bool {
			w := d.In(time.UTC).Weekday()
			return w != 0 && w != 6 && !slices.Contains(days, d.String())
		}
	}
	seen := 0
	for _, v := range file.Vectors {
		ask := func(r compliance.Regime, k compliance.RequestKind, workday func(audience.Date) bool) compliance.Deadlines {
			got, err := compliance.DeadlinesOf(r, k, dateOf(t, v.Received), workday)
			require.NoError(t, err)
			seen++
			return got
		}
		switch v.Regime + " " + v.Request {
		case "CAN-SPAM opt-out":
			require.Equal(t, dateOf(t, v.Due), ask("can-spam", "objection", holidays(file.US)).Due, v.Received)
		case "CASL unsubscribe":
			require.Equal(t, dateOf(t, v.Due), ask("casl", "objection", holidays(file.CA)).Due, v.Received)
		case "CCPA opt-out-sale":
			require.Equal(t, dateOf(t, v.Due), ask("ccpa", "opt-out-sale", holidays(file.US)).Due, v.Received)
		case "CCPA delete|know|correct acknowledgement":
			require.Equal(t, dateOf(t, v.Due), ask("ccpa", "erasure", holidays(file.US)).Acknowledge)
		case "CCPA delete|know|correct":
			got := ask("ccpa", "access", holidays(file.US))
			require.Equal(t, dateOf(t, v.Due), got.Due)
			require.Equal(t, dateOf(t, v.Extended), got.Extended)
		case "AU-SPAM unsubscribe":
			require.Equal(t, dateOf(t, v.Due), ask("au-spam", "objection", nil).Due)
		}
		if v.Regime != "GDPR" {
			continue
		}
		for kind := range strings.SplitSeq(v.Request, "|") {
			got := ask("gdpr", compliance.RequestKind(kind), nil)
			require.Equal(t, dateOf(t, v.Calendar), got.Due, v.Received)
			require.Equal(t, dateOf(t, v.Working), got.Latest, v.Received)
			require.Equal(t, dateOf(t, v.ExtendBy), got.ExtendBy, v.Received)
			require.Equal(t, min(dateOf(t, v.ExtendedCalendar), dateOf(t, v.ExtendedStrict)), got.Extended, v.Received)
		}
	}
	require.Greater(t, seen, 75)
}
