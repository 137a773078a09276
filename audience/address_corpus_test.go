package audience_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// corpus reads a JSON file of the test corpora.
func corpus[T any](t *testing.T, name string) T {
	t.Helper()
	dir := os.Getenv("AUDIENCEKIT_CORPORA")
	if dir == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set: the address corpora are not part of the repository")
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	require.NoError(t, err)
	var out T
	require.NoError(t, json.Unmarshal(data, &out))
	require.NotEmpty(t, out)
	return out
}

type isemailCase struct {
	ID, Address, Category, Diagnosis string
}

func isAccepted(s string) bool {
	_, err := audience.ParseAddress(s)
	return err == nil
}

// TestIsemail runs Dominic Sayers' isemail cases. What is no address, or is
// one only within a message header, is refused; the table counts which.
func TestIsemail(t *testing.T) {
	cases := corpus[[]isemailCase](t, "email/isemail-tests.json")
	type count struct{ accepted, refused int }
	got := map[string]count{}
	var acceptedOdd, refusedPlain []string
	for _, c := range cases {
		n, accepted := got[c.Category], isAccepted(c.Address)
		if accepted {
			n.accepted++
		} else {
			n.refused++
		}
		got[c.Category] = n
		isPlain := c.Category == "ISEMAIL_VALID_CATEGORY" || c.Category == "ISEMAIL_DNSWARN"
		switch {
		case isPlain && !accepted:
			refusedPlain = append(refusedPlain, c.Address)
		case !isPlain && accepted:
			acceptedOdd = append(acceptedOdd, c.Address)
		}
	}
	require.Equal(t, map[string]count{
		"ISEMAIL_ERR":            {refused: 66},              // no address at all
		"ISEMAIL_VALID_CATEGORY": {accepted: 13, refused: 1}, // the one is a single label
		"ISEMAIL_DNSWARN":        {accepted: 8},              // well-formed; nobody asks the DNS here
		"ISEMAIL_RFC5321":        {refused: 16},              // quoted, literals, single and all-digit top labels
		"ISEMAIL_RFC5322":        {refused: 30},              // too long, domain literals
		"ISEMAIL_CFWS":           {accepted: 2, refused: 8},  // comments and folding; spaces around are dropped
		"ISEMAIL_DEPREC":         {refused: 20},              // obsolete forms
	}, got)
	require.Equal(t, []string{"test@io"}, refusedPlain)
	require.ElementsMatch(t, []string{" test@iana.org", "test@iana.org "}, acceptedOdd)
}

// TestIsemailExotic counts why valid but exotic forms are refused.
func TestIsemailExotic(t *testing.T) {
	got := map[string]map[string]int{}
	for _, c := range corpus[[]isemailCase](t, "email/isemail-tests.json") {
		switch c.Category {
		case "ISEMAIL_ERR", "ISEMAIL_DNSWARN":
			continue
		}
		if isAccepted(c.Address) {
			continue
		}
		rules := got[c.Category]
		if rules == nil {
			rules = map[string]int{}
			got[c.Category] = rules
		}
		rules[requireRefused(t, c.Address)]++
	}
	require.Equal(t, map[string]map[string]int{
		"ISEMAIL_VALID_CATEGORY": {"domain-labels": 1},
		"ISEMAIL_RFC5321":        {"quoted": 6, "literal": 7, "domain-labels": 1, "domain-tld": 2},
		"ISEMAIL_RFC5322": {
			"quoted": 2, "literal": 20, "control": 2, "domain": 1, // a slash
			"local-length": 1, "label-length": 1, "max-length": 3,
		},
		"ISEMAIL_CFWS": {"comment": 4, "control": 4}, // line breaks
		"ISEMAIL_DEPREC": {
			"quoted": 2, "literal": 1, "comment": 4, "control": 10, // quoted or within comments, and line breaks
			"domain": 1, "local-character": 2, // spaces around the @ and the dots
		},
	}, got)
}

// TestIsemailInLines wraps every case in line breaks: nothing of it passes.
func TestIsemailInLines(t *testing.T) {
	for _, c := range corpus[[]isemailCase](t, "email/isemail-tests.json") {
		for _, eol := range []string{"\r", "\n", "\r\n", " \r\n ", "\u0085", "\u2028"} {
			for _, s := range []string{eol + c.Address, c.Address + eol, eol + c.Address + eol} {
				require.False(t, isAccepted(s), "case %s as %q", c.ID, s)
			}
		}
	}
}

func TestMoreAddressCases(t *testing.T) {
	got := map[string]string{}
	for _, c := range corpus[[]isemailCase](t, "email/email-addresses-extra.json") {
		got[c.Diagnosis] = requireRefused(t, c.Address)
	}
	require.Equal(t, map[string]string{
		"ISEMAIL_DEPREC_CFWS_NEAR_AT": "local-character",
		"ISEMAIL_ERR_FWS_CRLF_X2":     "local-character",
	}, got)
}

func TestAddressNormalisationVectors(t *testing.T) {
	type vectors struct {
		Vectors []struct {
			In           string
			Out          string
			Error        string
			ErrorOrQuote string `json:"error_or_quoted"`
		}
	}
	spellings := map[string][]audience.Address{}
	for _, v := range corpus[vectors](t, "compliance/vectors/email-normalise.json").Vectors {
		switch {
		case v.Error != "" || v.ErrorOrQuote != "":
			requireRefused(t, v.In)
		case v.In == "\u212aim@example.com":
			// The vector keeps the Kelvin sign, which is not NFC: refusing it
			// is the other way not to take it for a K.
			require.Equal(t, "local-character", requireRefused(t, v.In))
		default:
			a, err := audience.ParseAddress(v.In)
			require.NoError(t, err, v.In)
			require.Equal(t, v.Out, a.Canonical())
			spellings[v.Out] = append(spellings[v.Out], a)
		}
	}
	require.Len(t, spellings["jane@example.com"], 2)
	for canonical, all := range spellings {
		for _, a := range all {
			require.True(t, a.Equal(audience.MustAddress(canonical)))
		}
	}
}

func TestAddressSuppressionVectors(t *testing.T) {
	type vectors struct {
		Vectors []struct{ Input, Normalised string }
	}
	n := 0
	for _, v := range corpus[vectors](t, "compliance/vectors/suppression-hash.json").Vectors {
		// The vectors strip these; refused, they cannot be mailed either, and
		// nobody's suppression is missed.
		rule := map[string]string{
			"jane@example.com.":           "domain-dots",
			`"jane"@example.com`:          "quoted",
			"Jane Doe <jane@example.com>": "local-character",
		}[v.Input]
		if rule != "" {
			require.Equal(t, rule, requireRefused(t, v.Input))
			continue
		}
		a, err := audience.ParseAddress(v.Input)
		require.NoError(t, err, v.Input)
		require.Equal(t, v.Normalised, a.Canonical())
		n++
	}
	require.Positive(t, n)
}
