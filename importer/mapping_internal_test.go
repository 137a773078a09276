package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestParseMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	tests := []struct{ cell, order, want string }{
		{"2026-01-31", "", "2026-01-30T23:00:00Z"},
		{"2026/1/31", "", "2026-01-30T23:00:00Z"},
		{"20260131", "", "2026-01-30T23:00:00Z"},
		{"2026-01-31 09:30:00", "", "2026-01-31T08:30:00Z"},
		{"2026-07-31 09:30", "", "2026-07-31T07:30:00Z"},
		{"2026-01-31T09:30:00.1234567Z", "", "2026-01-31T09:30:00.123456Z"},
		{"2026-01-31 09:30:00 UTC", "", "2026-01-31T09:30:00Z"},
		{"2026-01-31 09:30:00 +0000 UTC", "", "2026-01-31T09:30:00Z"},
		{"2026-01-31 09:30:00+02:00", "", "2026-01-31T07:30:00Z"},
		{"2026-01-31T09:30:00-0530", "", "2026-01-31T15:00:00Z"},
		{"31.01.2026", "dmy", "2026-01-30T23:00:00Z"},
		{"31-01-2026 09:30", "dmy", "2026-01-31T08:30:00Z"},
		{"1/31/2026 2:30 PM", "mdy", "2026-01-31T13:30:00Z"},
		{"1/31/2026, 12:05 AM", "mdy", "2026-01-30T23:05:00Z"},
		{"03/04/2021", "dmy", "2021-04-02T22:00:00Z"},
		{"03/04/2021", "mdy", "2021-03-03T23:00:00Z"},
		{"Apr 3 2021", "", "2021-04-02T22:00:00Z"},
		{"April 3, 2021", "", "2021-04-02T22:00:00Z"},
		{"3 Apr 2021", "", "2021-04-02T22:00:00Z"},
		{"3-apr-2021", "", "2021-04-02T22:00:00Z"},
		{"2021-04-03", "mdy", "2021-04-02T22:00:00Z"},

		{"03/04/2021", "", ""},
		{"31/01/2026", "mdy", ""},
		{"1/31/26", "mdy", ""},
		{"2026-02-29", "", ""},
		{"2026-1/31", "", ""},
		{"2026-01-31 24:00", "", ""},
		{"2026-01-31 9", "", ""},
		{"2026-01-31 13:00 PM", "", ""},
		{"2026-01-31 09:30:60", "", ""},
		{"2026-01-31 09:30:00 CET", "", ""},
		{"2026-01-31 09:30:00+25:00", "", ""},
		{"2026-01-31 09:30:00.", "", ""},
		{"2026-01-31x", "", ""},
		{"2026-01-31 09:30:00 +0100 UTC", "", ""},
		{"2026-01-31,", "", ""},
		{"2026-01-31 ", "", ""},
		{"0000-01-01", "", ""},
		{"", "", ""},
		{"--03-07", "", ""},
		{"4/12", "dmy", ""},
		{"Foo 3 2021", "", ""},
		{"Mayor 3 2021", "", ""},
		{"3 2021", "", ""},
		{"12:30", "", ""},
	}
	for _, tt := range tests {
		m, ok := parseMoment(tt.cell, tt.order)
		require.Equal(t, tt.want != "", ok, "%s %s", tt.cell, tt.order)
		if ok {
			at, ok := m.at(audience.NewCalendar(berlin), berlin)
			require.True(t, ok)
			require.Equal(t, tt.want, at.Format(time.RFC3339Nano), tt.cell)
		}
	}
}

func TestParseNumberedDays(t *testing.T) {
	for cell, want := range map[string]string{"1617441600": "2021-04-03T09:20:00Z", "161744160": "1975-02-16T00:56:00Z", "16174416000": "", "x": "", "": ""} {
		m, ok := parseUnix(cell)
		require.Equal(t, want != "", ok, cell)
		if ok {
			at, _ := m.at(audience.Calendar{}, nil)
			require.Equal(t, want, at.Format(time.RFC3339Nano))
		}
	}
	for cell, want := range map[string]string{"44289": "2021-04-03T00:00:00Z", "44289.4166666667": "2021-04-03T10:00:00Z", "44289.999999999": "2021-04-03T23:59:59Z", "1": "", "99999": "", "44289.": ""} {
		m, ok := parseExcel(cell)
		require.Equal(t, want != "", ok, cell)
		if ok {
			at, _ := m.at(audience.Calendar{}, nil)
			require.Equal(t, want, at.Format(time.RFC3339Nano))
		}
	}
}

func TestParseDecimal(t *testing.T) {
	tests := []struct {
		cell, form string
		want       float64
		bad        bool
	}{
		{cell: "1,234.50", form: "point", want: 1234.5},
		{cell: "$1,250.00", form: "point", want: 1250},
		{cell: "-$5.5", form: "point", want: -5.5},
		{cell: "12", form: "point", want: 12},
		{cell: "1'234.5", form: "point", want: 1234.5},
		{cell: "1.234,50", form: "comma", want: 1234.5},
		{cell: "1 234,50 zł", form: "comma", want: 1234.5},
		{cell: "1\u00a0234,5 €", form: "comma", want: 1234.5},
		{cell: "0,5", form: "comma", want: 0.5},
		{cell: "1,234,567", form: "point", want: 1234567},
		{cell: "12,34", form: "point", bad: true},
		{cell: "1,2345", form: "point", bad: true},
		{cell: "1,234.567.8", form: "point", bad: true},
		{cell: "0,123", form: "point", bad: true},
		{cell: "007", form: "point", bad: true},
		{cell: "1.23", form: "comma", bad: true},
		{cell: "", form: "point", bad: true},
		{cell: "$", form: "point", bad: true},
		{cell: "1e5", form: "point", bad: true},
		{cell: ".5", form: "point", bad: true},
		{cell: strings.Repeat("1", 40), form: "point", bad: true},
	}
	for _, tt := range tests {
		got, ok := parseDecimal(tt.cell, tt.form)
		require.Equal(t, !tt.bad, ok, tt.cell)
		if ok {
			require.InDelta(t, tt.want, got, 0, tt.cell)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	tests := []struct{ cell, want string }{
		{"a@example.com", "a@example.com"},
		{" a@example.com\t", "a@example.com"},
		{"mailto:a@example.com?subject=x", "a@example.com"},
		{"Nea Nord <NEA@example.com>", "NEA@example.com"},
		{`"Nord, Nea" <nea@example.com>`, "nea@example.com"},
		{"Nord, Nea <nea@example.com>, b@example.com", "nea@example.com b@example.com"},
		{"\u200ba@example.com\ufeff", "a@example.com"},
		{"\u00a0a@example.com ", "a@example.com"},
		{"a@example.com;b@example.org", "a@example.com b@example.org"},
		{"a@example.com ::: b@example.org ::: ", "a@example.com b@example.org"},
		{"<a@example.com>", "a@example.com"},
		{" \u200b ", ""},
		{";", ""},
		{"a\u200bb@example.com", "error"},
		{"a@example.com, nobody", "error"},
		{"nobody; a@example.com", "error"},
		{"a@example.com b@example.com", "error"},
		{"nobody", "error"},
		{"a@b@example.com", "error"},
		{"Nea <nea>", "error"},
	}
	for _, tt := range tests {
		first, further, err := parseAddresses(tt.cell)
		if tt.want == "error" {
			require.Error(t, err, "%q", tt.cell)
			require.NotContains(t, err.Error(), "nobody")
			continue
		}
		require.NoError(t, err, "%q", tt.cell)
		got := []string{first.Reveal()}
		for _, a := range further {
			got = append(got, a.Reveal())
		}
		require.Equal(t, tt.want, strings.Join(got, " "), "%q", tt.cell)
	}
}

func TestItemsOf(t *testing.T) {
	tests := []struct {
		cell, format string
		want         []string
		bad          bool
	}{
		{cell: `a, "b, c"`, want: []string{"a", "b, c"}},
		{cell: "a|| b ||", format: "||", want: []string{"a", "b"}},
		{cell: "a; b", format: ";", want: []string{"a", "b"}},
		{cell: "Work ::: * myContacts", format: " ::: ", want: []string{"Work"}},
		{cell: `"a; b"; c`, format: ";", want: []string{"a; b", "c"}},
		{cell: `["a", " b ", 3, null, true]`, format: "json", want: []string{"a", "b", "3", "true"}},
		{cell: `["a"`, format: "json", bad: true},
		{cell: `"a"b`, format: ";", bad: true},
	}
	for _, tt := range tests {
		got, ok := itemsOf(tt.cell, tt.format)
		require.Equal(t, !tt.bad, ok, tt.cell)
		if ok {
			require.Equal(t, tt.want, got, tt.cell)
		}
	}
}

func TestSeparators(t *testing.T) {
	for cells, want := range map[string]string{
		"a,b\nc": ",", "a;b\na;b,c": ";", "a||b": "||", "a|b||c||d": "||", "a ::: b": " ::: ", "a b": "", `"a","b; c"`: ",", `["a"]`: "json",
	} {
		var f itemFacts
		for c := range strings.SplitSeq(cells, "\n") {
			f.add(c)
		}
		require.Equal(t, want, f.separator(), cells)
	}
}

func TestHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"E-Mail Adresse": "emailadresse", "Prénom": "prenom", "Imię": "imie", "Straße": "strasse", "First_Name ": "firstname", "Имя": "имя", "": "",
	} {
		require.Equal(t, want, foldHeader(header))
	}
	require.Equal(t, []string{"customer", "id"}, headerWords("customerId"))
	require.Equal(t, []string{"customer", "id"}, headerWords("Customer ID"))
	require.Equal(t, []string{"optin", "time"}, headerWords("OPTIN_TIME"))
	for header, want := range map[string]bool{
		"password_hash": true, "rp_token": true, "API key": true, "Passwort": true, "token": true, "Stripe Secret": true,
		"rp_token_created_at": false, "Passport": false, "tokens": false, "Season pass": false, "password_changed_at": false,
	} {
		require.Equal(t, want, isSecret(headerWords(header), foldHeader(header)), header)
	}
}

// TestVendorTables: no vendor knows a header twice, and every status word is a
// status.
func TestVendorTables(t *testing.T) {
	for _, v := range vendors() {
		seen := make(map[string]bool)
		for _, c := range v.columns {
			require.NotEmpty(t, c.header, v.name)
			require.False(t, seen[c.header], "%s %s", v.name, c.header)
			require.Positive(t, c.weight)
			seen[c.header] = true
			require.Equal(t, c.Target == TargetStatus, c.Target != TargetEvidence && len(c.Words) > 0, "%s %s", v.name, c.header)
			if c.Target == TargetField && !c.plain {
				require.True(t, c.Type.IsValid() || c.Format == formatJSON, "%s %s", v.name, c.header)
			}
		}
		require.True(t, seen["email"] || seen["emailaddress"] || seen["email1value"] || seen["personemail"], v.name)
	}
	for name, target := range aliases() {
		require.Equal(t, foldHeader(name), name)
		require.NotEqual(t, TargetIgnore, target)
	}
}
