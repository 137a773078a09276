package sqlstore

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBehind: each dialect finds the place in an index by one of the two forms
// only.
func TestBehind(t *testing.T) {
	for kind, want := range map[Dialect]struct {
		text string
		args []any
	}{
		Postgres: {"(a, b, c) > (?, ?, ?)", []any{1, 2, 3}},
		SQLite:   {"(a, b, c) > (?, ?, ?)", []any{1, 2, 3}},
		MySQL:    {"(a > ? OR a = ? AND (b > ? OR b = ? AND c > ?))", []any{1, 1, 2, 2, 3}},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			d, _ := dialectOf(kind)
			require.Equal(t, want.text, d.behind("a", "b", "c"))
			require.Equal(t, want.args, d.behindArgs(1, 2, 3))
		})
	}
}

// TestNothingIsComparedWithEveryItem: no statement about listed contacts has
// PostgreSQL compare rows with an array, see [keyed.find].
func TestNothingIsComparedWithEveryItem(t *testing.T) {
	d, _ := dialectOf(Postgres)
	compared := regexp.MustCompile(`\b(contact|id|loser|winner) \{in bigint\}`)
	for _, l := range listing(d) {
		if l.key == byContact {
			require.NotRegexp(t, compared, l.text, l.name)
		}
	}
}
