package quickstart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// convertCDNOW turns the CDNOW sample of purchases into two CSV files. A line
// of it has, between spaces, the customer's number in the whole data and in the
// sample, the day as YYYYMMDD, the number of CDs and their price in dollars.
func convertCDNOW(purchases io.Reader, contacts, events io.Writer) error {
	c, e := csv.NewWriter(contacts), csv.NewWriter(events)
	rows := [][]string{{"external_id"}}
	if err := e.Write([]string{"external_id", "type", "time", "items", "value"}); err != nil {
		return err
	}
	lines := bufio.NewScanner(purchases)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if f[0] != rows[len(rows)-1][0] { // they are in order of customers
			rows = append(rows, f[:1])
		}
		if err := e.Write([]string{f[0], "purchase", f[2], f[3], f[4]}); err != nil {
			return err
		}
	}
	e.Flush()
	return c.WriteAll(rows)
}

// A file in any form becomes contacts and events with a few lines, see
// convertCDNOW above; from there on it is the quickstart.
func Example_convert() {
	const purchases = ` 00004 0001 19970101  2   29.33
 00004 0001 19970118  2   29.73
 00021 0002 19970101  3   63.34
`
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var contacts, events bytes.Buffer
	if err := convertCDNOW(strings.NewReader(purchases), &contacts, &events); err != nil {
		fmt.Println(err)
		return
	}
	for name, content := range map[string][]byte{
		"contacts.csv": contacts.Bytes(),
		"events.csv":   events.Bytes(),
		"twice.cel":    []byte(`events("purchase").within("30d").count() == 2`),
		"big.cel":      []byte(`events("purchase").sum("value") > 60`),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	run(context.Background(), []string{
		"-contacts", filepath.Join(folder, "contacts.csv"), "-events", filepath.Join(folder, "events.csv"),
		"-segments", folder, "-now", "1997-01-20T00:00:00Z", "-json",
	}, os.Stdout, os.Stdout)
	// Output:
	// {"segment":"big","count":1,"members":["00021"]}
	// {"segment":"twice","count":1,"members":["00004"]}
}

// TestCDNOW runs four segments over 6,919 real purchases of 2,357 customers,
// and holds their members against a computation that shares nothing with the
// library: whole cents, days as numbers.
func TestCDNOW(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	purchases, err := os.ReadFile(filepath.Join(root, "analytics", "CDNOW_sample.txt"))
	require.NoError(t, err)
	var contacts, events bytes.Buffer
	require.NoError(t, convertCDNOW(bytes.NewReader(purchases), &contacts, &events))

	args := []string{
		"contacts.csv=" + contacts.String(), "events.csv=" + events.String(),
		"s/big.cel=// Spent more than $100\n" + `events("purchase").sum("value") > 100`,
		"s/frequent.cel=// More than 3 purchases in a year\n" + `events("purchase").within("1y").count() > 3`,
		"s/lapsed.cel=// Bought once, not for half a year\n" + `events("purchase").any() && events("purchase").within("6mo").none()`,
		"s/quick.cel=// Came back within 30 days\n" + `events("purchase").then(events("purchase"), "30d").any()`,
		"-contacts", "DIR/contacts.csv", "-events", "DIR/events.csv", "-segments", "DIR/s", "-now", "1998-07-01T00:00:00Z",
	}
	got := quickstart(t, append(args, "-json")...)
	require.Zero(t, got.code)
	require.Empty(t, got.stderr)
	want, all := cdnowMembers(t, string(purchases))
	require.Len(t, all, 2357)
	require.Equal(t, want, got.stdout)
	for line := range strings.Lines(want) {
		t.Log(line[:strings.Index(line, `,"members"`)])
	}

	report := quickstart(t, append(args, "-out", "DIR/out")...)
	require.Zero(t, report.code)
	require.Contains(t, report.stdout, "2357 rows of contacts  2357 new")
	require.Contains(t, report.stdout, "6919 rows of events    6919 new")
}

// cdnowMembers gives what -json has to print, and every customer's purchases.
func cdnowMembers(t *testing.T, text string) (string, map[string][]purchase) {
	t.Helper()
	all := make(map[string][]purchase)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		day, err := time.Parse("20060102", f[2])
		require.NoError(t, err)
		dollars, cents, _ := strings.Cut(f[4], ".")
		price, err := strconv.Atoi(dollars + cents)
		require.NoError(t, err)
		require.Len(t, cents, 2)
		all[f[0]] = append(all[f[0]], purchase{date: f[2], day: int(day.Unix() / 86400), cents: price})
	}
	in := map[string][]string{"big": {}, "frequent": {}, "lapsed": {}, "quick": {}}
	for who, bought := range all {
		sum, year, half, quick := 0, 0, 0, false
		for _, p := range bought {
			sum += p.cents
			if p.date > "19970701" { // the first instant of that day is a year ago, and out
				year++
			}
			if p.date > "19980101" {
				half++
			}
			for _, q := range bought {
				quick = quick || q.day < p.day && p.day <= q.day+30
			}
		}
		for name, is := range map[string]bool{"big": sum > 100_00, "frequent": year > 3, "lapsed": half == 0, "quick": quick} {
			if is {
				in[name] = append(in[name], who)
			}
		}
	}
	var out strings.Builder
	for _, name := range []string{"big", "frequent", "lapsed", "quick"} {
		slices.Sort(in[name])
		fmt.Fprintf(&out, `{"segment":"%s","count":%d,"members":["%s"]}`+"\n", name, len(in[name]), strings.Join(in[name], `","`))
	}
	return out.String(), all
}

// purchase is one line of the data.
type purchase struct {
	date  string // YYYYMMDD
	day   int
	cents int
}
