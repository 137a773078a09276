package quickstart

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSampleMembers finds the members of the reference segments by reading the
// sample's files row by row, with nothing of the library.
func TestSampleMembers(t *testing.T) {
	now := sampleNow()
	type person struct {
		created                                         time.Time
		subscribed, opened, clicked                     bool
		opens, sent, orders, ordersInYear, spentInCents int
	}
	people := make(map[string]*person)
	for _, row := range table(t, "sample/shop.csv") {
		created, err := time.Parse(time.RFC3339, row["created_at"])
		require.NoError(t, err)
		people[row["External ID"]] = &person{created: created, subscribed: row["status"] == "subscribed"}
	}
	for _, row := range table(t, "sample/events.csv") {
		p := people[row["external_id"]]
		if p == nil { // of a subscriber of the newsletter: no status, no orders
			require.NotEmpty(t, row["email"])
			require.NotEqual(t, "purchase", row["type"])
			continue
		}
		at, err := time.Parse(time.RFC3339, row["time"])
		require.NoError(t, err)
		require.False(t, at.After(now))
		switch row["type"] {
		case "email.sent":
			p.sent++
		case "email.opened":
			p.opens++
			p.opened = p.opened || at.After(now.Add(-30*24*time.Hour))
		case "email.clicked":
			p.clicked = p.clicked || at.After(now.Add(-60*24*time.Hour))
		case "purchase":
			cents, err := strconv.Atoi(strings.Replace(row["value"], ".", "", 1))
			require.NoError(t, err)
			p.orders++
			p.spentInCents += cents
			if at.After(now.AddDate(-1, 0, 0)) {
				p.ordersInYear++
			}
		}
	}
	engaged, valuable := membership{Segment: "engaged"}, membership{Segment: "high-value"}
	for key, p := range people {
		if p.subscribed && p.opened && p.clicked {
			engaged.Members = append(engaged.Members, key)
		}
		if p.spentInCents > 100_00 && p.ordersInYear > 3 && 2*p.opens > p.sent && p.created.Before(now.AddDate(0, -6, 0)) {
			valuable.Members = append(valuable.Members, key)
		}
	}
	var want strings.Builder
	for _, m := range []*membership{&engaged, &valuable} {
		slices.Sort(m.Members)
		m.Count = len(m.Members)
		require.Greater(t, m.Count, 5)
		line, err := json.Marshal(m)
		require.NoError(t, err)
		want.WriteString(string(line) + "\n")
	}
	requireText(t, want.String(), quickstart(t, "-json").stdout)
}

// table reads a CSV file as maps by header.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, row := range rows[1:] {
		m := make(map[string]string)
		for i, cell := range row {
			m[rows[0][i]] = cell
		}
		out = append(out, m)
	}
	return out
}
