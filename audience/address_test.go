package audience_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// addressErrors is every text a refused address can give. The codes are part
// of the interface, and as no text is made from the input, none can leak it.
func addressErrors() map[string]string {
	return map[string]string{
		"empty":           "email: empty: an address like name@example.com",
		"max-length":      "email: max-length: the address has at most 254 bytes",
		"utf8":            "email: utf8: valid UTF-8",
		"control":         "email: control: an address without line breaks and control characters",
		"invisible":       "email: invisible: an address without invisible characters; type it anew",
		"at":              "email: at: an address like name@example.com",
		"one-address":     "email: one-address: one address alone, without a name or a list",
		"comment":         "email: comment: an address without comments",
		"quoted":          "email: quoted: a part before the @ without quotes",
		"local-empty":     "email: local-empty: a name before the @",
		"local-dots":      "email: local-dots: single dots within the part before the @, none at its ends",
		"local-character": "email: local-character: letters, digits and . ! # $ % & ' * + - / = ? ^ _ ` { | } ~ before the @",
		"local-length":    "email: local-length: the part before the @ has at most 64 bytes",
		"literal":         "email: literal: a domain name after the @, not the number of a machine",
		"domain":          "email: domain: a domain name like example.com after the @",
		"domain-labels":   "email: domain-labels: a whole domain like example.com after the @",
		"domain-dots":     "email: domain-dots: single dots within the domain, none at its ends",
		"label-length":    "email: label-length: a label of the domain has at most 63 bytes",
		"domain-tld":      "email: domain-tld: a domain that ends in a name, not in a number",
	}
}

// requireRefused checks that s is refused by one of the known rules, and
// gives that rule.
func requireRefused(t *testing.T, s string) string {
	t.Helper()
	a, err := audience.ParseAddress(s)
	require.Error(t, err, "accepted %q", s)
	require.True(t, a.IsZero())
	var field *audience.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "email", field.Path)
	require.Equal(t, addressErrors()[field.Rule], err.Error())
	require.ErrorIs(t, err, audience.ErrInvalid)
	isSize := strings.HasSuffix(field.Rule, "-length")
	require.Equal(t, isSize, errors.Is(err, audience.ErrLimit), field.Rule)
	return field.Rule
}

func TestParseAddressAccepts(t *testing.T) {
	for name, tt := range map[string]struct{ in, canonical, masked string }{
		"plain":                   {"jane@example.com", "jane@example.com", "j***@***.com"},
		"upper case":              {"Jane.Doe@Example.COM", "jane.doe@example.com", "j***@***.com"},
		"plus tag":                {"jane+news@example.com", "jane+news@example.com", "j***@***.com"},
		"one character":           {"j@example.co.uk", "j@example.co.uk", "***@***.uk"},
		"all of atext":            {"!#$%&'*+-/=?^_`{|}~@a.io", "!#$%&'*+-/=?^_`{|}~@a.io", "!***@***.io"},
		"digits":                  {"123@456.com", "123@456.com", "1***@***.com"},
		"top label with digits":   {"a.b@example.c0m", "a.b@example.c0m", "a***@***.c0m"},
		"local in Latin":          {"ÖZGE@example.de", "özge@example.de", "ö***@***.de"},
		"local in Cyrillic":       {"Иван@почта.рф", "иван@xn--80a1acny.xn--p1ai", "и***@***.xn--p1ai"},
		"local in Devanagari":     {"क्षि१@example.in", "क्षि१@example.in", "क***@***.in"},
		"local in Chinese":        {"用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s", "用***@***.xn--fiqs8s"},
		"local in Arabic":         {"سارة@example.ae", "سارة@example.ae", "س***@***.ae"},
		"decomposed":              {"zoe\u0308@example.com", "zoë@example.com", "z***@***.com"},
		"Turkish capital I":       {"İrem@example.tr", "i\u0307rem@example.tr", "i***@***.tr"},
		"Turkish dotless i":       {"ırmak@example.tr", "ırmak@example.tr", "ı***@***.tr"},
		"capital sharp s":         {"STRAẞE@example.de", "straße@example.de", "s***@***.de"},
		"capital final sigma":     {"ΓΙΏΡΓΟΣ@example.gr", "γιώργοσ@example.gr", "γ***@***.gr"},
		"small final sigma":       {"γιώργος@example.gr", "γιώργοσ@example.gr", "γ***@***.gr"},
		"titlecase letter":        {"ǅ@example.hr", "ǆ@example.hr", "***@***.hr"},
		"Ångström sign":           {"\u212bsa@example.se", "åsa@example.se", "å***@***.se"},
		"domain with sharp s":     {"jane@straße.de", "jane@xn--strae-oqa.de", "j***@***.de"},
		"domain in ASCII already": {"jane@XN--STRAE-OQA.de", "jane@xn--strae-oqa.de", "j***@***.de"},
		"domain in full width":    {"jane@ＥＸＡＭＰＬＥ。com", "jane@example.com", "j***@***.com"},
		"domain with joiner":      {"jane@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "jane@xn--mgba3gch31f060k.com", "j***@***.com"},
		"domain of Turkish i":     {"jane@İstanbul.example", "jane@xn--istanbul-o0e.example", "j***@***.example"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, around := range []string{"", " ", "\t", " \t  "} {
				a, err := audience.ParseAddress(around + tt.in + around)
				require.NoError(t, err)
				require.Equal(t, tt.in, a.Reveal())
				require.Equal(t, tt.canonical, a.Canonical())
				require.Equal(t, tt.masked, a.Masked())
				require.Equal(t, tt.canonical[strings.IndexByte(tt.canonical, '@')+1:], a.Domain())
				require.False(t, a.IsZero())
			}
			require.Equal(t, tt.canonical, audience.MustAddress(tt.canonical).Canonical())
			requireRefused(t, tt.masked)
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	reached := map[string]bool{}
	for name, tt := range map[string]struct{ in, rule string }{
		"nothing":                               {"", "empty"},
		"only spaces":                           {" \t ", "empty"},
		"no at":                                 {"jane", "at"},
		"full-width at":                         {"jane＠example.com", "at"},
		"no local part":                         {"@example.com", "local-empty"},
		"no domain":                             {"jane@", "domain"},
		"only an at":                            {"@", "local-empty"},
		"two addresses":                         {"jane@example.com,joe@example.com", "one-address"},
		"display name":                          {"Jane <jane@example.com>", "local-character"},
		"angle brackets":                        {"<jane@example.com>", "one-address"},
		"mailto":                                {"mailto:jane@example.com", "one-address"},
		"address as domain":                     {"jane@example.com@example.org", "one-address"},
		"quoted":                                {`"jane doe"@example.com`, "quoted"},
		"backslash":                             {`jane\doe@example.com`, "quoted"},
		"comment before":                        {"(home)jane@example.com", "comment"},
		"comment in the domain":                 {"jane@(home)example.com", "comment"},
		"dot first":                             {".jane@example.com", "local-dots"},
		"dot last":                              {"jane.@example.com", "local-dots"},
		"two dots":                              {"jane..doe@example.com", "local-dots"},
		"space":                                 {"jane doe@example.com", "local-character"},
		"no-break space":                        {"jane\u00a0doe@example.com", "local-character"},
		"no-break space around":                 {"\u00a0jane@example.com", "local-character"},
		"private use":                           {"jane\ue000@example.com", "local-character"},
		"unassigned":                            {"jane\U000e0fff@example.com", "invisible"},
		"noncharacter":                          {"jane\ufdd0@example.com", "local-character"},
		"emoji":                                 {"jane😀@example.com", "local-character"},
		"Kelvin sign":                           {"\u212aim@example.com", "local-character"},
		"Greek question mark":                   {"jane\u037e@example.com", "local-character"},
		"mark first":                            {"\u0301jane@example.com", "local-character"},
		"mark after a dot":                      {"jane.\u0301doe@example.com", "local-character"},
		"composes to a symbol":                  {"a=\u0338b@example.com", "local-character"},
		"non-joiner in local part":              {"ja\u200cne@example.com", "local-character"},
		"zero-width space":                      {"jane\u200b@example.com", "invisible"},
		"bidi override":                         {"jane\u202e@example.com", "invisible"},
		"byte order mark":                       {"\ufeffjane@example.com", "invisible"},
		"variation selector":                    {"jane\ufe0f@example.com", "invisible"},
		"Hangul filler":                         {"jane\u3164@example.com", "invisible"},
		"tag characters":                        {"jane\U000e0041@example.com", "invisible"},
		"soft hyphen in the domain":             {"jane@exam\u00adple.com", "invisible"},
		"word joiner in the domain":             {"jane@exam\u2060ple.com", "invisible"},
		"NUL":                                   {"jane\x00@example.com", "control"},
		"line feed after":                       {"jane@example.com\n", "control"},
		"carriage return before":                {"\rjane@example.com", "control"},
		"header injection":                      {"jane@example.com\r\nBcc: x@evil.example", "control"},
		"delete":                                {"jane\x7f@example.com", "control"},
		"next line":                             {"jane\u0085@example.com", "control"},
		"tab inside":                            {"jane\t@example.com", "control"},
		"invalid UTF-8":                         {"jane\xff@example.com", "utf8"},
		"encoded surrogate":                     {"jane\xed\xa0\x80@example.com", "utf8"},
		"IPv4 literal":                          {"jane@[192.0.2.1]", "literal"},
		"IPv6 literal":                          {"jane@[IPv6:2001:db8::1]", "literal"},
		"IPv4 address":                          {"jane@192.0.2.1", "domain-tld"},
		"full-width IPv4":                       {"jane@１９２.０.２.１", "domain-tld"},
		"single label":                          {"jane@localhost", "domain-labels"},
		"trailing dot":                          {"jane@example.com.", "domain-dots"},
		"ideographic trailing dot":              {"jane@example.com。", "domain-dots"},
		"leading dot":                           {"jane@.example.com", "domain-dots"},
		"two dots in the domain":                {"jane@example..com", "domain-dots"},
		"hyphen first":                          {"jane@-example.com", "domain"},
		"hyphen last":                           {"jane@example-.com", "domain"},
		"underscore":                            {"jane@exam_ple.com", "domain"},
		"space in the domain":                   {"jane@exam ple.com", "domain"},
		"no-break space at the end":             {"jane@example.com\u00a0", "domain"},
		"slash":                                 {"jane@example.com/path", "domain"},
		"port":                                  {"jane@example.com:25", "domain"},
		"bad punycode":                          {"jane@xn--zzzzzzzzzzz.com", "domain"},
		"punycode of ASCII":                     {"jane@xn--example-.com", "domain"},
		"mixed direction":                       {"jane@aא.com", "domain"},
		"letters of two directions once mapped": {"jane@a\u2135b.com", "domain"},
		"joiner without need":                   {"jane@exam\u200dple.com", "domain"},
		"mark first in the domain":              {"jane@\u0301example.com", "domain"},
		"full-width at in the domain":           {"jane@a＠example.com", "domain"},
		"local part of 65":                      {strings.Repeat("a", 65) + "@example.com", "local-length"},
		"label of 64":                           {"jane@" + strings.Repeat("a", 64) + ".com", "label-length"},
		"label of 64 in ASCII":                  {"jane@" + strings.Repeat("ü", 60) + ".com", "label-length"},
		"superscript digit":                     {"jane²@example.com", "local-character"},
		"300 letters to encode":                 {"jane@" + strings.Repeat("ü", 300) + ".de", "max-length"},
		"label of 200 to decode":                {"jane@xn--" + strings.Repeat("z", 200) + ".de", "label-length"},
		"unread":                                {strings.Repeat(" ", 1010) + "jane@example.com", "max-length"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.rule, requireRefused(t, tt.in))
		})
		reached[tt.rule] = true
	}
	for rule := range addressErrors() {
		require.True(t, reached[rule], "no case for %s", rule)
	}
}

func TestParseAddressLengths(t *testing.T) {
	label := strings.Repeat("d", 63)
	local := strings.Repeat("l", 64)
	domain := label + "." + label + "." + strings.Repeat("d", 57) + ".com" // 189 bytes
	require.Len(t, local+"@"+domain, 254)
	_, err := audience.ParseAddress(local + "@" + domain)
	require.NoError(t, err)
	require.Equal(t, "max-length", requireRefused(t, local+"@"+domain+"m"))

	for _, letter := range []string{"Ⱥ", "ẞ"} { // 2 bytes and 3 in lower case, the other way round
		_, err = audience.ParseAddress(strings.Repeat(letter, 20) + "@" + domain + "mail")
		require.NoError(t, err)
		require.Equal(t, "max-length", requireRefused(t, strings.Repeat(letter, 20)+"@"+domain+"mails"))
	}

	_, err = audience.ParseAddress("a@" + strings.Repeat("ü.", 31) + "com") // 7 bytes a label in ASCII
	require.NoError(t, err)
	require.Equal(t, "max-length", requireRefused(t, "a@"+strings.Repeat("ü.", 36)+"com"))

	_, err = audience.ParseAddress(strings.Repeat("Ⱥ", 21) + "@example.com") // 2 bytes, 3 in lower case
	require.NoError(t, err)
	require.Equal(t, "local-length", requireRefused(t, strings.Repeat("Ⱥ", 22)+"@example.com"))

	_, err = audience.ParseAddress("a@" + strings.Repeat(strings.Repeat("u\u0308", 40)+".", 4) + "com") // 40 of ü fit a label
	require.NoError(t, err)
	require.Equal(t, "max-length", requireRefused(t, "a@"+strings.Repeat(strings.Repeat("ü", 40)+".", 7)+"com"))

	_, err = audience.ParseAddress(strings.Repeat("한", 21) + "@example.com") // 63 bytes composed, 189 not
	require.NoError(t, err)
	_, err = audience.ParseAddress(strings.Repeat("\u1112\u1161\u11ab", 21) + "@example.com")
	require.NoError(t, err)
}

func TestAddressCompares(t *testing.T) {
	one, same := audience.MustAddress("Jane@Example.com"), audience.MustAddress("jane@example.COM")
	other := audience.MustAddress("jane.doe@example.com")
	require.True(t, one.Equal(same))
	require.False(t, one.Equal(other))
	require.False(t, one.Equal(audience.Address{}))
	require.True(t, audience.Address{}.Equal(audience.Address{}))

	require.True(t, reflect.DeepEqual(one, audience.MustAddress(" Jane@Example.com")))
	require.False(t, reflect.DeepEqual(one, same), "the spellings differ")
	require.True(t, reflect.DeepEqual(other, audience.MustAddress("jane.doe@example.com")))
	require.False(t, reflect.TypeFor[audience.Address]().Comparable(), "== would compare pointers")

	for _, different := range [][2]string{
		{"jane+news@example.com", "jane@example.com"},
		{"jane.doe@gmail.com", "janedoe@gmail.com"},
		{"strasse@example.de", "straße@example.de"},
		{"jane@strasse.de", "jane@straße.de"},
		{"irem@example.tr", "İrem@example.tr"},
		{"irmak@example.tr", "ırmak@example.tr"},
	} {
		a, b := audience.MustAddress(different[0]), audience.MustAddress(different[1])
		require.False(t, a.Equal(b), different)
	}
}

func TestZeroAddress(t *testing.T) {
	var a audience.Address
	require.True(t, a.IsZero())
	require.Empty(t, a.Reveal())
	require.Empty(t, a.Canonical())
	require.Empty(t, a.Domain())
	require.Empty(t, a.Masked())
	require.Empty(t, fmt.Sprintf("%v%+v%#v", a, a, a))
}

func TestAddressNeverPrints(t *testing.T) {
	a := audience.MustAddress("Zenobia@Quarto.example")
	for part, secret := range map[string]string{"local": "zenobia", "domain": "quarto"} {
		t.Run(part, func(t *testing.T) { requireHidden(t, a, secret) })
	}
}

func TestAddressPrintsAMask(t *testing.T) {
	const mask = "z***@***.example"
	a := audience.MustAddress("Zenobia@Quarto.example")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%40s"} {
		require.Contains(t, fmt.Sprintf(format, a), mask, format)
	}
	out, err := json.Marshal(struct{ A audience.Address }{a})
	require.NoError(t, err)
	require.JSONEq(t, `{"A": "z***@***.example"}`, string(out))
	text, err := a.MarshalText()
	require.NoError(t, err)
	require.Equal(t, mask, string(text))
	require.Equal(t, mask, a.LogValue().String())
}

func TestAddressCannotBeUnmarshalled(t *testing.T) {
	var row struct{ A audience.Address }
	require.Error(t, json.Unmarshal([]byte(`{"A": "jane@example.com"}`), &row))
	require.True(t, row.A.IsZero())
}

func TestMustAddressPanicsWithoutTheText(t *testing.T) {
	require.PanicsWithValue(t,
		"audience: MustAddress: email: local-dots: single dots within the part before the @, none at its ends",
		func() { audience.MustAddress("zenobia..quarto@example.com") })
}

// Every character that has a case or takes part in compositions, alone and
// before a mark that can trade places with those it carries.
func TestCanonicalIsStable(t *testing.T) {
	accepted := 0
	for r := range rune(0x30000) {
		isUniform := 0x3400 < r && r < 0x9f00 || 0xac80 < r && r < 0xf900 || 0x20000 < r && r < 0x2f7f0
		if isUniform { // Han, Hangul, surrogates and private use: the edges stand for all
			continue
		}
		for _, in := range []string{string(r) + "@example.com", "a" + string(r) + "\u0323@example.com"} {
			a, err := audience.ParseAddress(in)
			if err != nil {
				continue
			}
			accepted++
			again, err := audience.ParseAddress(a.Canonical())
			if err != nil || again.Canonical() != a.Canonical() || again.Reveal() != a.Canonical() {
				require.Fail(t, "the canonical form is not stable", "U+%04X", r)
			}
		}
	}
	require.Greater(t, accepted, 50_000)
}
