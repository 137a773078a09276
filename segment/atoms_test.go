package segment

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestAtoms(t *testing.T) {
	language, err := NewLanguage(audience.Schema{Fields: []audience.Field{
		{Name: "age", Type: audience.TypeInt}, {Name: "vip", Type: audience.TypeBool}, {Name: "city", Type: audience.TypeString},
	}}, Options{})
	require.NoError(t, err)

	tests := []struct {
		name, source string
		want         []string // line:column, ! when negated, the source, the left side of a comparison
	}{
		{"one", `contact.vip`, []string{`1:1 contact.vip`}},
		{"a comparison", `contact.age >= 18`, []string{`1:1 contact.age >= 18 | contact.age`}},
		{"and, or", `contact.vip && contact.age > 1 || suppressed()`, []string{
			`1:1 contact.vip`, `1:16 contact.age > 1 | contact.age`, `1:35 suppressed()`,
		}},
		{"parentheses", "((contact.vip) ||\n  (contact.age + 1) * 2 > 3)", []string{
			`1:3 contact.vip`, `2:3 (contact.age + 1) * 2 > 3 | (contact.age + 1) * 2`,
		}},
		{"not", `!(contact.vip && !(contact.age in [1, 2]))`, []string{`1:3 ! contact.vip`, `1:20 contact.age in [1, 2] | contact.age`}},
		{"not many times", `!!!contact.vip`, []string{`1:4 ! contact.vip`}},
		{"not binds closer than a comparison", `!contact.vip == suppressed()`, []string{`1:1 !contact.vip == suppressed() | !contact.vip`}},
		{"a condition is one", `contact.vip && suppressed() ? contact.vip : contact.age > 1`, []string{
			`1:1 contact.vip && suppressed() ? contact.vip : contact.age > 1`,
		}},
		{"a condition in parentheses", `contact.vip && (suppressed() ? contact.vip : contact.age > 1)`, []string{
			`1:1 contact.vip`, `1:17 suppressed() ? contact.vip : contact.age > 1`,
		}},
		{"strings and comments", "contact.city == \"a && b\" // or || more\n  && contact.city != r'\\' && contact.city == '''a'b\" || ''' ", []string{
			`1:1 contact.city == "a && b" | contact.city`, `2:6 contact.city != r'\' | contact.city`,
			`2:30 contact.city == '''a'b" || ''' | contact.city`,
		}},
		{"escapes", `contact.city == "\" || \\" && contact.vip`, []string{`1:1 contact.city == "\" || \\" | contact.city`, `1:31 contact.vip`}},
		{"within calls", `contact.tags.exists(t, t == "a" || t == "b") && events("purchase").where(e, e.value > 1 && true).any()`, []string{
			`1:1 contact.tags.exists(t, t == "a" || t == "b")`, `1:49 events("purchase").where(e, e.value > 1 && true).any()`,
		}},
		{"columns count characters", `contact.city == "äöü" && contact.vip`, []string{`1:1 contact.city == "äöü" | contact.city`, `1:26 contact.vip`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := language.Compile(tt.source)
			require.NoError(t, err)
			var got []string
			for _, a := range e.atoms() {
				require.NotNil(t, a.truth, a.source)
				line := fmt.Sprintf("%d:%d ", a.line, a.column)
				if a.negated {
					line += "! "
				}
				line += a.source
				if a.compares {
					left, _, _ := (&splitter{}).sides(a.source)
					require.NotNil(t, a.side, left)
					line += " | " + left
				}
				got = append(got, line)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAtomsOfLongChains(t *testing.T) {
	language, err := NewLanguage(audience.Schema{}, Options{})
	require.NoError(t, err)
	e, err := language.Compile(strings.Repeat("!", 50_000) + "suppressed()")
	require.NoError(t, err)
	require.Len(t, e.atoms(), 1)
	require.False(t, e.atoms()[0].negated)

	e, err = language.Compile(strings.Repeat("suppressed() || ", 2_000) + "suppressed()")
	require.NoError(t, err)
	require.Len(t, e.atoms(), 2_001)
}
