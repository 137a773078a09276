package quickstart

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAhead: what time alone does is told with its instant, edges included.
func TestAhead(t *testing.T) {
	files := []string{
		"c.csv=external_id,email\nu1,a@example.com\nu2,b@example.com\n,c@example.com\n",
		"e.csv=external_id,email,type,time\nu1,,visit,2026-02-01T00:00:00Z\nu2,,visit,2026-02-06T00:00:00.000001Z\n,c@example.com,visit,2026-03-05T10:00:00Z\n",
		"s/away.cel=// Not seen for 30 days\n" + `events("visit").within("30d").none()`,
		"s/never.cel=events(\"visit\").count() > 5",
		"-contacts", "DIR/c.csv", "-events", "DIR/e.csv", "-segments", "DIR/s", "-now", "2026-03-01T00:00:00Z",
	}
	got := quickstart(t, append(files, "-json", "-ahead", "7")...)
	require.Zero(t, got.code, got.stderr)
	requireText(t, `{"segment":"away","count":1,"members":["c@example.com"],"ahead":{"until":"2026-03-08T00:00:00Z","entering":1,"leaving":1,"changes":[`+
		`{"at":"2026-03-03T00:00:00Z","contact":"u1","change":"enters"},{"at":"2026-03-05T10:00:00Z","contact":"c@example.com","change":"leaves"}]}}`+"\n"+
		`{"segment":"never","count":0,"members":[],"ahead":{"until":"2026-03-08T00:00:00Z","entering":0,"leaving":0,"changes":[]}}`+"\n", got.stdout)

	got = quickstart(t, append(files, "-ahead", "8")...)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, `
If nothing else happens within 8 days
─────────────────────────────────────
  Not seen for 30 days (away): 2 enter, 1 leave
    2026-03-03 00:00:00  enters  u1 ***@***.com
    2026-03-05 10:00:00  leaves  ***@***.com
    2026-03-08 00:00:00.000001  enters  u2 ***@***.com
  never: 0 enter, 0 leave

Why `)

	for _, args := range [][]string{{"-ahead", "0"}, {"-json"}} {
		got = quickstart(t, append(files, args...)...)
		require.Zero(t, got.code, got.stderr)
		require.NotContains(t, got.stdout, "If nothing else happens")
		require.NotContains(t, got.stdout, "ahead")
	}
}

// TestSampleAhead finds who leaves the engaged users by reading the sample's
// file of events row by row, with nothing of the library.
func TestSampleAhead(t *testing.T) {
	opened, clicked := map[string]time.Time{}, map[string]time.Time{}
	for _, row := range table(t, "sample/events.csv") {
		at, err := time.Parse(time.RFC3339, row["time"])
		require.NoError(t, err)
		for kind, last := range map[string]map[string]time.Time{"email.opened": opened, "email.clicked": clicked} {
			if who := row["external_id"]; row["type"] == kind && at.After(last[who]) {
				last[who] = at
			}
		}
	}
	first, _, _ := strings.Cut(quickstart(t, "-json", "-ahead", "20").stdout, "\n")
	var engaged membership
	require.NoError(t, json.Unmarshal([]byte(first), &engaged))
	require.Equal(t, "engaged", engaged.Segment)
	until := sampleNow().AddDate(0, 0, 20)
	want := []change{}
	for _, who := range engaged.Members {
		leaves := opened[who].Add(30 * 24 * time.Hour)
		if other := clicked[who].Add(60 * 24 * time.Hour); other.Before(leaves) {
			leaves = other
		}
		if !leaves.After(until) {
			want = append(want, change{At: leaves, Contact: who, Change: "leaves"})
		}
	}
	slices.SortFunc(want, func(a, b change) int { return a.At.Compare(b.At) })
	require.NotEmpty(t, want)
	require.Equal(t, &ahead{Until: until, Leaving: len(want), Changes: want}, engaged.Ahead)
}
