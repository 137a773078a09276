package sqlstore

import (
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
