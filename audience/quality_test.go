package audience_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestIsRole(t *testing.T) {
	for address, want := range map[string]bool{
		"info@example.com": true, "No-Reply@example.com": true, "support+de@example.com": true, "postmaster@example.com": true,
		"jane@example.com": false, "information@example.com": false, "inf.o@example.com": false, "academy@example.com": false,
	} {
		require.Equal(t, want, audience.MustAddress(address).IsRole(), address)
	}
	require.False(t, audience.Address{}.IsRole())
}

func TestIsDisposable(t *testing.T) {
	domains := map[string]struct{}{"trash.example": {}}
	for address, want := range map[string]bool{
		"a@trash.example": true, "a@Sub.Trash.example": true, "a@mytrash.example": false, "a@example.com": false, "a@example": false,
	} {
		a, err := audience.ParseAddress(address)
		if err != nil {
			continue // no address, nothing to ask
		}
		require.Equal(t, want, a.IsDisposable(domains), address)
	}
	require.False(t, audience.MustAddress("a@trash.example").IsDisposable(nil))
	require.False(t, audience.Address{}.IsDisposable(domains))
}

func TestSuggestedDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"gmial.com": "gmail.com", "gmail.con": "gmail.com", "gmailc.om": "gmail.com", "gmaill.com": "gmail.com", "hotmal.com": "hotmail.com",
		"btinternet.co": "", "gmail.com": "", "gmail.co": "", "gmail.de": "", "ymail.com": "", "mail.com": "", "example.com": "", "yahoo.co.jp": "",
		"gmx.de": "", "outlook.de": "", "xn--gmal-5pa.com": "",
	} {
		got, ok := audience.MustAddress("a@" + domain).SuggestedDomain()
		require.Equal(t, want, got, domain)
		require.Equal(t, want != "", ok, domain)
	}
	_, ok := audience.Address{}.SuggestedDomain()
	require.False(t, ok)
}

// TestDomainCorpus: every typo is seen, and nothing is suggested for what is
// real.
func TestDomainCorpus(t *testing.T) {
	dir := os.Getenv("AUDIENCEKIT_CORPORA")
	if dir == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "email", "domain-typos.csv"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	typos := 0
	for _, row := range rows[1:] {
		got, ok := audience.MustAddress("a@" + row[0]).SuggestedDomain()
		if row[2] != "typo" {
			require.False(t, ok, row[0])
			continue
		}
		require.Equal(t, row[1], got, row[0])
		typos++
	}
	require.Equal(t, 34, typos)
}

func BenchmarkQuality(b *testing.B) {
	a := audience.MustAddress("jane@hotmial.com")
	domains := map[string]struct{}{"trash.example": {}}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = a.SuggestedDomain()
		_ = a.IsRole()
		_ = a.IsDisposable(domains)
	}
}

func ExampleAddress_SuggestedDomain() {
	a := audience.MustAddress("jane@gmial.com")
	if domain, ok := a.SuggestedDomain(); ok {
		fmt.Println("did you mean", domain+"?")
	}
	// Output: did you mean gmail.com?
}
