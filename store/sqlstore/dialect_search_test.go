package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestAttribute pins the expressions: indexes that were made with them are used
// by no others, and a database whose own order is not that of bytes would take
// others all the same.
func TestAttribute(t *testing.T) {
	tests := map[Dialect]map[audience.Type]string{
		Postgres: {
			audience.TypeString: `((c.attrs ->> 's5') COLLATE "C")`,
			audience.TypeInt:    `((c.attrs -> 's5')::bigint)`,
		},
		MySQL: {
			audience.TypeString: `CAST(JSON_UNQUOTE(JSON_EXTRACT(c.attrs, '$.s5')) AS BINARY)`,
			audience.TypeInt:    `CAST(JSON_EXTRACT(c.attrs, '$.s5') AS SIGNED)`,
		},
		SQLite: {
			audience.TypeString: `(c.attrs ->> 's5')`,
			audience.TypeInt:    `(c.attrs ->> 's5')`,
		},
	}
	for kind, types := range tests {
		d, ok := dialectOf(kind)
		require.True(t, ok)
		for of, want := range types {
			require.Equal(t, want, d.attribute("c.", "s5", of), kind)
		}
	}
}
