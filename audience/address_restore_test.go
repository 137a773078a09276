package audience_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestRestoreAddress(t *testing.T) {
	for _, s := range []string{
		"jane@example.com", "Jane.Doe@Example.com", "  jane@example.com\t", "ZOË@BÜCHER.example", "zoe\u0308@straße.de", "İ.Σ@example.org",
		strings.Repeat("x", 64) + "@" + strings.Repeat(strings.Repeat("d", 61)+".", 3) + "de",
	} {
		a := audience.MustAddress(s)
		got, err := audience.RestoreAddress(a.Reveal(), a.Canonical())
		require.NoError(t, err)
		require.Equal(t, a, got)
		require.Equal(t, a.Reveal(), got.Reveal())
		require.Equal(t, a.Canonical(), got.Canonical())
		require.Equal(t, a.Masked(), got.Masked())
	}
	zero, err := audience.RestoreAddress("", "")
	require.NoError(t, err)
	require.True(t, zero.IsZero())
}

// TestRestoreAddressKeepsTheRulesOfItsDay restores what today's rules would
// fold in another way.
func TestRestoreAddressKeepsTheRulesOfItsDay(t *testing.T) {
	got, err := audience.RestoreAddress("Straße@example.com", "strasse@example.com")
	require.NoError(t, err)
	require.Equal(t, "strasse@example.com", got.Canonical())
	require.Equal(t, "Straße@example.com", got.Reveal())
}

func TestRestoreAddressRefused(t *testing.T) {
	const good = "jane@example.com"
	tests := []struct{ name, original, canonical string }{
		{"no spelling", "", good},
		{"no compare form", good, ""},
		{"no @", good, "example.com"},
		{"no @ in the spelling", "example.com", good},
		{"no local part", good, "@example.com"},
		{"no domain", good, "jane@"},
		{"no dot", good, "jane@example"},
		{"dot at the beginning", good, "jane@.com"},
		{"dot at the end", good, "jane@example."},
		{"dot in the local part only", good, "jane.doe@example"},
		{"line break in the spelling", "jane\r\n@example.com", good},
		{"line break in the compare form", good, "jane@exam\nple.com"},
		{"delete", good, "jane\x7f@example.com"},
		{"no UTF-8", "jane\xff@example.com", good},
		{"no UTF-8 in the compare form", good, "jane\xff@example.com"},
		{"too long", strings.Repeat("j", 1024) + "@example.com", good},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := audience.RestoreAddress(tt.original, tt.canonical)
			require.True(t, got.IsZero())
			require.ErrorIs(t, err, audience.ErrInvalid)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, "restore", field.Rule)
			require.NotContains(t, err.Error(), "jane")
		})
	}
}

// FuzzRestoreAddress: what is restored prints, and never its text.
func FuzzRestoreAddress(f *testing.F) {
	f.Add("Jane@example.com", "jane@example.com")
	f.Add("a@b@c", "a@b@c.d")
	f.Fuzz(func(t *testing.T, original, canonical string) {
		a, err := audience.RestoreAddress(original, canonical)
		if err != nil {
			require.True(t, a.IsZero())
			return
		}
		require.Equal(t, original, a.Reveal())
		require.Equal(t, canonical, a.Canonical())
		require.Equal(t, a.Masked(), fmt.Sprint(a))
		require.Equal(t, a.IsZero(), a.Domain() == "")
	})
}
