package quickstart

import (
	"os"
	"path/filepath"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// TestReportMasksValues: a segment may compare what says who somebody is, in
// any way of writing it, and an external id may be an address.
func TestReportMasksValues(t *testing.T) {
	for _, tt := range []struct{ name, segment, want string }{
		{"part of an address", `contact.email.startsWith("a")`, `contact.email.startsWith("a")`},
		{"address", `contact.email != "xy@other.example"`, `contact.email != "x***@***.example"   (is a***@***.com)`},
		{"addresses in a list", `contact.email in ["ann@example.com", "xy@other.example"]`, `contact.email in ["a***@***.com", "x***@***.example"]   (is a***@***.com)`},
		{"domain", `contact.email.endsWith("@example.com")`, `contact.email.endsWith("@example.com")`},
		{"address within text", `("<" + contact.email + ">") != "x"`, `("<" + contact.email + ">") != "x"   (is ***)`},
		{"first name", `contact.first_name != "x"`, `contact.first_name != "x"   (is ***)`},
		{"first name by spaces", "contact . first_name != \"x\"", `contact . first_name != "x"   (is ***)`},
		{"first name by a comment", "contact. // its\n first_name != \"x\"", `(is ***)`},
		{"first name if any", `contact.?first_name.orValue("x") != "x"`, `contact.?first_name.orValue("x") != "x"   (is ***)`},
		{"last name", `contact.last_name != "x"`, `contact.last_name != "x"   (is ***)`},
		{"phone", `contact.phone != "x"`, `contact.phone != "x"   (is ***)`},
		{"a field that holds an address", `contact.contact_at != "x"`, `contact.contact_at != "x"   (is see a***@***.com)`},
		{"other fields", `contact.city != "x" && contact.email_count > 2`, `contact.city != "x"   (is Oslo)`},
		{"a number", `contact.email_count > 2`, `contact.email_count > 2   (is 3)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := quickstart(t, "c.csv=external_id,email,first_name,last_name,phone,city,contact_at,email_count\n"+
				"Ann@Example.com,ann@example.com,Annabel,Smithers,+15005550006,Oslo,see ann@example.com,3\n"+
				"crm:bob@example.com,bob@example.com,Robert,Jones,+15005550007,Oslo,see bob@example.com,3\n"+
				"ann@example.com#2,,Zoe,Miller,+15005550008,Oslo,-,3\n",
				"-contacts", "DIR/c.csv", "s/x.cel="+tt.segment, "-segments", "DIR/s")
			require.Zero(t, got.code, got.stderr)
			require.Contains(t, got.stdout, tt.want)
			require.NotRegexp(t, `(?i)ann@|bob@|Annabel|Robert|Zoe|Smithers|Jones|Miller|5005550`, got.stdout)
		})
	}
	got := quickstart(t, "c.csv=external_id,email\nAnn@Example.com,ann@example.com\ncrm:bob@example.com,bo@example.com\nann@example.com#2,\nu1,cid@example.com\n",
		"-contacts", "DIR/c.csv", "s/x.cel=true", "-segments", "DIR/s")
	require.Contains(t, got.stdout, "\n    a***@***.com\n    crm:b***@***.com b***@***.com\n    ***\n    u1 c***@***.com\n")
}

// TestReportIsPlain: no character of a file moves the cursor or turns the
// direction of what stands beside it.
func TestReportIsPlain(t *testing.T) {
	got := quickstart(t, "c\u202e.csv=external_id,no\u202ete\nu\x1b[31m1,\u202ex\nu\u20662,\u2066y\n\u202e,\"a\nb\"\nu4,\"a\"b\n",
		"e\x1b.csv=external_id,type,time\nu\x1b[31m1,vi\u202esit,2026-01-01\nu9,x,\u202e\n",
		"s/x.cel=// Some \u202e\x1btitle\u2028\ncontact.no_te != \"\u202e\"", "s/y.cel=contact.nope\u202e", "s/\u202e.cel=true",
		"-contacts", "DIR/c\u202e.csv", "-events", "DIR/e\x1b.csv", "-segments", "DIR/s", "-out", "DIR/o\u202e", "-now", "2026-03-01T00:00:00Z")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stdout, "u\ufffd[31m1\n")
	require.Contains(t, got.stdout, "Some \ufffdtitle")
	for _, text := range []string{got.stdout, got.stderr} {
		require.NotEmpty(t, text)
		for _, r := range text {
			require.True(t, r == '\n' || unicode.IsPrint(r), "%q in %q", r, text)
		}
	}
}

// TestExportReplaces: a file that was there does not lend its mode, and nothing
// else is left in the folder.
func TestExportReplaces(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"contacts.csv", "other.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o666))
	}
	require.Zero(t, quickstart(t, "-out", dir).code)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"contacts.csv", "contacts.ndjson", "other.txt", "segment-engaged.csv", "segment-high-value.csv"}, names)
	info, err := os.Stat(filepath.Join(dir, "contacts.csv"))
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
}

// TestExportFails: half a file is no export.
func TestExportFails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "contacts.ndjson", "x"), 0o700))
	got := quickstart(t, "-out", dir)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "contacts.ndjson")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "the file before it and what was in the way")
}
