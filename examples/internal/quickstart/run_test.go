package quickstart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outcome is what one run printed.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the command that keeps everything in memory.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return (&Command{Name: "quickstart"}).Run(ctx, args, stdout, stderr)
}

// quickstart runs the program. Arguments NAME=TEXT become files of a folder,
// and the folder's name replaces DIR in the others.
func quickstart(t *testing.T, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var rest []string
	for _, arg := range args {
		name, text, isFile := strings.Cut(arg, "=")
		if !isFile || strings.HasPrefix(arg, "-") {
			rest = append(rest, strings.ReplaceAll(arg, "DIR", dir))
			continue
		}
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), rest, &stdout, &stderr)
	return outcome{
		code:   code,
		stdout: strings.ReplaceAll(stdout.String(), dir, "DIR"),
		stderr: strings.ReplaceAll(stderr.String(), dir, "DIR"),
	}
}

// members runs -json over contacts and events with one segment, which must not
// be refused, and gives its members between spaces.
func members(t *testing.T, contacts, events, segment string, args ...string) (string, outcome) {
	t.Helper()
	args = append([]string{
		"contacts.csv=" + contacts, "segments/it.cel=" + segment, "-contacts", "DIR/contacts.csv", "-segments", "DIR/segments",
		"-now", "2026-03-01T00:00:00Z", "-json",
	}, args...)
	if events != "" {
		args = append(args, "events.csv="+events, "-events", "DIR/events.csv")
	}
	got := quickstart(t, args...)
	require.Zero(t, got.code, got.stderr)
	var line membership
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &line), got.stdout)
	require.Equal(t, "it", line.Segment)
	require.Len(t, line.Members, line.Count)
	return strings.Join(line.Members, " "), got
}

// requireText compares byte by byte, also what is JSON.
func requireText(t *testing.T, want, got string, why ...any) {
	t.Helper()
	require.Equal(t, want, got, why...)
}

func TestSampleReport(t *testing.T) {
	got := quickstart(t, "-out", "DIR/out")
	require.Zero(t, got.code)
	require.Empty(t, got.stderr)
	requireGolden(t, filepath.Join("testdata", "report.txt"), got.stdout)
	for _, wanted := range []string{"Engaged Users", "High-Value Customers", "is in:", "is not:", "DIR/out/contacts.csv"} {
		require.Contains(t, got.stdout, wanted)
	}
	require.NotContains(t, got.stdout, "@example.", "addresses are masked")
}

func TestSampleJSON(t *testing.T) {
	got := quickstart(t, "-json", "-out", "DIR/out")
	require.Zero(t, got.code)
	require.Empty(t, got.stderr)
	requireGolden(t, filepath.Join("testdata", "members.ndjson"), got.stdout)
}

// TestSampleTakesFlags: the sample with another instant and own segments.
func TestSampleTakesFlags(t *testing.T) {
	early := quickstart(t, "-json", "-now", "2025-01-01T00:00:00Z")
	requireText(t, "{\"segment\":\"engaged\",\"count\":0,\"members\":[]}\n{\"segment\":\"high-value\",\"count\":0,\"members\":[]}\n", early.stdout)
	own := quickstart(t, "-json", "segments/porto.cel="+`contact.city == "Porto" && contact.points > 200`, "-segments", "DIR/segments")
	require.Zero(t, own.code)
	require.True(t, strings.HasPrefix(own.stdout, `{"segment":"porto","count":`))
	require.NotContains(t, own.stdout, `"members":[]`)
}

func TestJSONOutput(t *testing.T) {
	got := quickstart(t,
		"c.csv=external_id,email\nu10,a@example.com\nu9,\n,Z@Example.com\n,b<1>@example.com\n,m&m@example.com\n",
		"s/b.cel=// Everybody\ntrue", "s/a.cel=false", "s/c-1.cel=contact.email != \"a@example.com\"",
		"-contacts", "DIR/c.csv", "-segments", "DIR/s", "-json", "-out", "DIR/out")
	require.Zero(t, got.code)
	requireText(t, `{"segment":"a","count":0,"members":[]}
{"segment":"b","count":4,"members":["m&m@example.com","u10","u9","z@example.com"]}
{"segment":"c-1","count":2,"members":["m&m@example.com","z@example.com"]}
`, got.stdout, "ordered by name, members bytewise, by external id, else by address; u9 has no address to compare")
	require.Equal(t, "c.csv: line 5, column 2: email: one-address: one address alone, without a name or a list\n", got.stderr)
}

// TestJSONExportsNothing: neither to -out nor to a temporary folder.
func TestJSONExportsNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-json", "-out", filepath.Join(dir, "out")}, &stdout, &stderr))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &stdout, &stderr))
	folders, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, folders, 1, "without -out one temporary folder")
	folder := filepath.Join(dir, folders[0].Name())
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "nobody else looks in")
	for _, name := range []string{"contacts.csv", "contacts.ndjson", "segment-engaged.csv", "segment-high-value.csv"} {
		require.Contains(t, stdout.String(), filepath.Join(folder, name))
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077)
	}

	// What was exported is an input again, with the same outcome.
	stdout.Reset()
	require.Zero(t, run(t.Context(), []string{"-contacts", filepath.Join(folder, "contacts.csv"), "-events", "sample/events.csv", "-now", "2026-03-01T12:00:00Z", "-attest", "as before", "-json"}, &stdout, &stderr))
	require.Empty(t, stderr.String())
	want, err := os.ReadFile(filepath.Join("testdata", "members.ndjson"))
	require.NoError(t, err)
	require.Equal(t, string(want), stdout.String())

	// A second export into the same folder replaces the first, but never an input.
	require.Zero(t, run(t.Context(), []string{"-out", folder}, &stdout, &stderr))
	before, err := os.ReadFile(filepath.Join(folder, "contacts.csv"))
	require.NoError(t, err)
	code := run(t.Context(), []string{"-contacts", filepath.Join(folder, "contacts.csv"), "-out", folder}, &stdout, &stderr)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr.String(), "would overwrite a file that was imported")
	after, err := os.ReadFile(filepath.Join(folder, "contacts.csv"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestNow(t *testing.T) {
	const contacts = "external_id,created_at\nold,2026-02-01T00:00:00Z\nnew,\n"
	got, _ := members(t, contacts, "", `contact.created_at == date("2026-03-01")`)
	require.Equal(t, "new", got, "a missing created_at is the instant of the run")

	got, _ = members(t, contacts+"edge,2026-02-01T00:00:00.000001Z\n", "", `contact.created_at <= ago("28d")`)
	require.Equal(t, "old", got)

	clock := func() time.Time { return time.Date(2027, 1, 2, 3, 4, 5, 6789, time.FixedZone("x", 3600)) }
	o, err := (&Command{}).parse([]string{"-contacts", "run.go"}, os.Stderr, clock)
	require.NoError(t, err)
	require.Equal(t, time.Date(2027, 1, 2, 2, 4, 5, 6000, time.UTC), o.now, "own data without -now: the clock")
	o, err = (&Command{}).parse(nil, os.Stderr, clock)
	require.NoError(t, err)
	require.Equal(t, sampleNow(), o.now)
}

func TestAttest(t *testing.T) {
	const contacts = "external_id,status\na,subscribed\nb,pending\nc,unsubscribed\nd,bounced\ne,complained\nf,none\ng,\nh,subscribed\nh,unsubscribed\ni,unsubscribed\ni,subscribed\n"
	for status, want := range map[string][2]string{ // without and with -attest
		"subscribed":   {"", "a"},
		"pending":      {"a b", "b"},
		"unsubscribed": {"c h i", "c h i"},
		"bounced":      {"d", "d"},
		"complained":   {"e", "e"},
		"none":         {"f g", "f g"},
	} {
		t.Run(status, func(t *testing.T) {
			segment := `contact.status == "` + status + `"`
			got, out := members(t, contacts, "", segment)
			require.Equal(t, want[0], got)
			require.Contains(t, out.stderr, "contacts.csv: rows that say subscribed, recorded as pending because nothing attests their consent: 2; attest what you hold with -attest\n")
			got, out = members(t, contacts, "", segment, "-attest", "We hold the consent of all who are marked subscribed.")
			require.Equal(t, want[1], got)
			require.Equal(t, "contacts.csv: status cells that were not recorded because a refusal stands: 1\n", out.stderr)
		})
	}
	got, _ := members(t, contacts, "", `consent("marketing") && now >= date("2026-03-01")`, "-attest", "yes")
	require.Equal(t, "a", got)
}

// TestContactsColumns: what cells become, seen through segments.
func TestContactsColumns(t *testing.T) {
	tests := []struct {
		name, contacts, segment, want string
	}{
		{"seed form", "email,first_name,last_name,tags\na@example.com,Ann,Lee,\"customer,vip\"\nb@example.com,Bob,Ray,vip\n", `"customer" in contact.tags && contact.last_name == "Lee"`, "a@example.com"},
		{"tag with a comma", "external_id,tags\na,\"\"\"one, two\"\",three\"\nb,\"one, two\"\n", `"one, two" in contact.tags`, "a"},
		{"folded headers", "External ID,Loyalty Tier,PHONE\na,gold,1\nb,silver,2\n", `contact.loyalty_tier == "gold" && contact.phone == "1"`, "a"},
		{"leading zeros are text", "external_id,zip\na,007\nb,7\n", `contact.zip == "007"`, "a"},
		{"integers", "external_id,n\na,7\nb,-7\nc,\n", `contact.n > 0`, "a"},
		{"a fraction makes doubles", "external_id,n\na,1.50\nb,1\n", `contact.n > 1.25`, "a"},
		{"minus zero is zero", "external_id,n\na,-0\nb,1\n", `contact.n == 0`, "a"},
		{"empty is absent", "external_id,n:int\na,\nb,0\n", `!has(contact.n)`, "a"},
		{
			"given types", "external_id,s:string,i:int,d:double,b:bool,t:timestamp,y:date,l:list\na,1,2,3,true,2026-01-31T10:00:00Z,2026-01-31,\"x,y\"\n",
			`contact.s == "1" && contact.i == 2 && contact.d == 3.0 && contact.b && contact.t > date("2026-01-31") && contact.y == date("2026-01-31") && "y" in contact.l`, "a",
		},
		{"inferred truth and days", "external_id,b,y\na,true,2026-01-31\nb,false,2026-02-01\n", `contact.b && contact.y < date("2026-02-01")`, "a"},
		{"second row", "external_id,email,city,tags\na,a@example.com,Oslo,x\n,A@example.com,,y\na,,Cork,\n", `contact.city == "Cork" && "y" in contact.tags && "x" in contact.tags`, "a"},
		{"created_at forms", "external_id,created_at\na,2026-01-31\nb,2026-01-31T00:00:00Z\n", `contact.created_at == date("2026-01-31")`, "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, out := members(t, tt.contacts, "", tt.segment)
			require.Equal(t, tt.want, got)
			require.Empty(t, out.stderr)
		})
	}
}

// TestAnswers: a question is answered on the command line.
func TestAnswers(t *testing.T) {
	for answer, want := range map[string]string{"dmy": "2021-04-03", "mdy": "2021-03-04"} {
		got, out := members(t, "email,seen:date\na@example.com,03/04/2021\n", "", `contact.seen == date("`+want+`")`, "-answer=column 2: dates="+answer)
		require.Equal(t, "a@example.com", got)
		require.Empty(t, out.stderr)
	}
}

func TestHeaderCollision(t *testing.T) {
	got, out := members(t, "external_id,Shoe Size,shoe-size,\na,40,99,x\n", "", `contact.shoe_size == 40`)
	require.Equal(t, "a", got)
	require.Equal(t, "contacts.csv: line 1, column 4: the column has no header\n", out.stderr)
}

func TestBadRows(t *testing.T) {
	got, out := members(t,
		"external_id,email,n:int\nu1,a@example.com,1\nu2,b@example.com,2\nu1,b@example.com,3\nu3,a@example.com,4\n,,5\nu4,secret,6\nu5,,secret\nu6,,7\n", // lines 2 to 9
		"external_id,email,type,time,value\nu1,,visit,2026-02-01,1\nu9,,visit,2026-02-01,1\nu1,b@example.com,visit,2026-02-01,1\nu2,,visit,secret,1\n,a@example.com,visit,20260202,2\n",
		`events("visit").count() == 2 || contact.n == 7`)
	require.Equal(t, "u1 u6", got)
	lines := strings.Split(strings.TrimSuffix(out.stderr, "\n"), "\n")
	var places []string
	for _, l := range lines {
		places = append(places, strings.Join(strings.SplitN(l, ":", 3)[:2], ":"))
	}
	require.Equal(t, []string{
		"contacts.csv: line 4", "contacts.csv: line 5", "contacts.csv: line 6", "contacts.csv: line 7, column 2", "contacts.csv: line 8, column 3",
		"events.csv: line 3", "events.csv: line 4", "events.csv: line 5, column 4",
	}, places)
	require.NotContains(t, out.stderr, "secret")
	require.NotContains(t, strings.ReplaceAll(out.stderr, "name@example.com", ""), "example.com", "but for a hint")
}

func TestEvents(t *testing.T) {
	const contacts = "external_id,email\nu1,a@example.com\nu2,b@example.com\nu3,\n"
	tests := []struct {
		name, events, segment, want string
	}{
		{"ids count once", "external_id,type,time,id\nu1,visit,2026-02-01,x\nu1,visit,2026-02-01,x\nu2,visit,2026-02-01,x\nu2,visit,2026-02-01,y\n", `events("visit").count() == 2`, "u2"},
		{"equal rows count each", "external_id,type,time\nu1,visit,2026-02-01\nu1,visit,2026-02-01\nu2,visit,2026-02-01\n", `events("visit").count() == 2`, "u1"},
		{"by address", "email,type,time\nA@EXAMPLE.com,visit,2026-02-01\n", `events("visit").any()`, "u1"},
		{"by id, then address", "external_id,email,type,time\nu3,,visit,2026-02-01\n,b@example.com,visit,2026-02-01\n", `events("visit").any()`, "u2 u3"},
		{"times", "external_id,type,time\nu1,visit,2026-02-01T00:00:00Z\nu2,visit,2026-02-01\nu3,visit,20260201\n", `events("visit").first() == date("2026-02-01")`, "u1 u2 u3"},
		{"declared types first", "external_id,type,time,order,value\nu1,purchase,2026-02-01,17,5\n", `events("purchase").where(e, e.order == "17" && e.value == 5.0).any()`, "u1"},
		{"others are inferred", "external_id,type,time,seats,code\nu1,booking,2026-02-01,2,007\nu2,booking,2026-02-01,3,7\n", `events("booking").where(e, e.seats == 2 && e.code == "007").any()`, "u1"},
		{"a property of every type", "external_id,type,time,seats\nu1,booking,2026-02-01,2\nu2,visit,2026-02-01,\n", `events("visit").sum("seats") == 0 && events("visit").any()`, "u2"},
		{"later than now", "external_id,type,time\nu1,visit,2026-03-01T00:00:00Z\nu2,visit,2026-03-01T00:00:00.000001Z\n", `events("visit").any()`, "u1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, out := members(t, contacts, tt.events, tt.segment)
			require.Equal(t, tt.want, got)
			require.Empty(t, out.stderr)
		})
	}
}

func TestSegmentThatDoesNotCompile(t *testing.T) {
	for _, format := range []string{"-json", "-out=DIR/out"} {
		got := quickstart(t, "c.csv=external_id,n\na,1\nb,2\n",
			"s/good.cel=// The good\ncontact.n == 1", "s/bad.cel=// The bad\ncontact.n == 1\n  && contact.nn == 2", "s/ugly.cel=contact.n ==",
			"-contacts", "DIR/c.csv", "-segments", "DIR/s", strings.ReplaceAll(format, "DIR", t.TempDir()))
		require.Equal(t, 1, got.code)
		require.Regexp(t, `(?m)^DIR/s/bad\.cel:3:\d+: .+$`, got.stderr)
		require.Regexp(t, `(?m)^DIR/s/ugly\.cel:1:\d+: .+$`, got.stderr)
		require.NotContains(t, got.stderr, "quickstart:")
		if format == "-json" {
			requireText(t, "{\"segment\":\"good\",\"count\":1,\"members\":[\"a\"]}\n", got.stdout)
			continue
		}
		require.Contains(t, got.stdout, "The good (good): 1 of 2 contacts")
		require.Contains(t, got.stdout, "segment-good.csv")
	}
	none := quickstart(t, "s/bad.cel=1", "s/BAD.cel=true", "-segments", "DIR/s", "-json")
	require.Equal(t, 1, none.code)
	require.Empty(t, none.stdout)
	require.Contains(t, none.stderr, "DIR/s/bad.cel:1:1: ")
	require.Contains(t, none.stderr, "DIR/s/BAD.cel:1:1: ")
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"help", []string{"-h"}, 0, "-segments"},
		{"unknown flag", []string{"-nope"}, 2, "-nope"},
		{"argument", []string{"file.csv"}, 2, "unexpected argument"},
		{"bad now", []string{"-now", "yesterday"}, 2, "RFC 3339"},
		{"now without all digits", []string{"-now", "2026-01-01T0:00:00Z"}, 2, "RFC 3339"},
		{"now out of range", []string{"-now", "0000-01-01T00:00:00Z"}, 2, "RFC 3339"},
		{"now too early", []string{"-now", "0999-12-31T00:00:00Z"}, 2, "in the years 1000 to 8000"},
		{"now too late", []string{"-now", "8001-01-01T00:00:00Z"}, 2, "in the years 1000 to 8000"},
		{"ahead to the past", []string{"-ahead", "-1"}, 2, "-ahead wants a number of days"},
		{"ahead too far", []string{"-ahead", "3661"}, 2, "-ahead wants a number of days"},
		{"no such file", []string{"-contacts", "DIR/none.csv"}, 1, "none.csv"},
		{"a folder for a file", []string{"-contacts", "DIR"}, 1, "regular"},
		{"no such folder", []string{"-segments", "DIR/none"}, 1, "quickstart: -segments: stat DIR/none: no such file or directory"},
		{"a file for a folder", []string{"s.cel=true", "-segments", "DIR/s.cel"}, 1, "quickstart: -segments: DIR/s.cel: a folder is expected"},
		{"no segments", []string{"s/readme.txt=x", "-segments", "DIR/s"}, 1, "no segments"},
		{"no contacts", []string{"c.csv=n,m\n1,2\n", "-contacts", "DIR/c.csv"}, 1, "c.csv: nothing of this file was used: "},
		{"an open question", []string{"c.csv=email,seen\na@example.com,03/04/2021\n", "-contacts", "DIR/c.csv"}, 1, "-answer \"column 2: dates="},
		{"no contacts, and events", []string{"c.csv=n,m\n1,2\n", "e.csv=email,type,time\na@example.com,visit,20260101\n", "-contacts", "DIR/c.csv", "-events", "DIR/e.csv"}, 1, "nothing could be used"},
		{"no file of events", []string{"c.csv=email\na@example.com\n", "-contacts", "DIR/c.csv", "-events", "DIR/none.csv"}, 1, "none.csv"},
		{"nothing useful", []string{"c.csv=email\nx\ny\n", "-contacts", "DIR/c.csv"}, 1, "nothing could be used"},
		{"a header alone", []string{"c.csv=email\n", "-contacts", "DIR/c.csv"}, 1, "nothing could be used"},
		{"events of nobody", []string{"e.csv=email,type,time\na@example.com,visit,20260101\n", "-events", "DIR/e.csv"}, 1, "nothing could be used"},
		{"some good rows", []string{"c.csv=email\na@example.com\nx\n", "-contacts", "DIR/c.csv", "-json"}, 0, "c.csv: line 3, column 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := quickstart(t, tt.args...)
			require.Equal(t, tt.code, got.code, got.stderr)
			require.Contains(t, got.stderr, tt.stderr)
			if tt.code != 0 {
				require.Empty(t, got.stdout)
			}
			require.NotContains(t, strings.ReplaceAll(got.stderr, "name@example.com", ""), "@example.com")
		})
	}
}

// TestEventsThatAreUseless: the contacts are used without them.
func TestEventsThatAreUseless(t *testing.T) {
	var many, wide strings.Builder
	many.WriteString("email,type,time\n")
	for i := range 501 {
		fmt.Fprintf(&many, "a@example.com,type%d,20260101\n", i)
	}
	wide.WriteString("email,type,time")
	for i := range 201 {
		fmt.Fprint(&wide, ",p", i)
	}
	for _, tt := range []struct{ name, events, stderr string }{
		{"empty", "", "file: empty: a header row"},
		{"no column", "x\n", "line 1: header: column: "},
		{"too many types", many.String(), "type: max-items: at most 500 event types in a file"},
		{"too many columns", wide.String() + "\na@example.com,visit,20260101\n", "max-items"},
		{"another encoding", "\xff\xfee\x00", "file: encoding: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := []string{
				"c.csv=email\na@example.com\n", "e.csv=" + tt.events, "s/x.cel=contact.email == \"a@example.com\"",
				"-contacts", "DIR/c.csv", "-events", "DIR/e.csv", "-segments", "DIR/s",
			}
			got := quickstart(t, append(files, "-json")...)
			require.Zero(t, got.code, got.stderr)
			requireText(t, "{\"segment\":\"x\",\"count\":1,\"members\":[\"a@example.com\"]}\n", got.stdout)
			require.Contains(t, got.stderr, "e.csv: nothing of this file was used: ")
			require.Contains(t, got.stderr, tt.stderr)
			require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
			require.Contains(t, quickstart(t, files...).stdout, "  e.csv  nothing was used\n")
		})
	}
}

// TestFromPipe: a file that can be read only once.
func TestFromPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	_, err = w.WriteString("external_id,n\na,1\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	name := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("this system has no /dev/fd")
	}
	got := quickstart(t, "s/x.cel=contact.n == 1", "-contacts", name, "-segments", "DIR/s", "-json")
	require.Zero(t, got.code, got.stderr)
	requireText(t, "{\"segment\":\"x\",\"count\":1,\"members\":[\"a\"]}\n", got.stdout)
}
