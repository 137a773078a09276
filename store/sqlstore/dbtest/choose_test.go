package dbtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChoose holds that what the environment asks for by name has to be there.
func TestChoose(t *testing.T) {
	tests := []struct {
		name, value      string
		chosen, required []string
		unknown          []string
	}{
		{name: "whatever is there", value: "", chosen: []string{"a", "b", "c"}},
		{name: "all", value: "all", chosen: []string{"a", "b", "c"}, required: []string{"a", "b", "c"}},
		{name: "one", value: "b", chosen: []string{"b"}, required: []string{"b"}},
		{name: "two", value: "c, a", chosen: []string{"c", "a"}, required: []string{"c", "a"}},
		{name: "all but one", value: "all,-b", chosen: []string{"a", "c"}, required: []string{"a", "c"}},
		{name: "whatever is there but two", value: ",-a,-c", chosen: []string{"b"}},
		{name: "named and then not", value: "a,b,-a", chosen: []string{"b"}, required: []string{"b"}},
		{name: "without nobody", value: "-x", unknown: []string{"-x"}},
		{name: "nobody's name", value: "a,x", chosen: []string{"a"}, required: []string{"a"}, unknown: []string{"x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, unknown := choose([]Database{{Name: "a"}, {Name: "b"}, {Name: "c"}}, tt.value)
			require.Equal(t, tt.chosen, names(chosen))
			require.Equal(t, tt.unknown, unknown)
			var required []string
			for _, d := range chosen {
				if d.required {
					required = append(required, d.Name)
				}
			}
			require.Equal(t, tt.required, required)
		})
	}
}

// TestNamedServerIsRequired holds that a server which the environment names
// is not silently left out.
func TestNamedServerIsRequired(t *testing.T) {
	nobody := "postgres://nobody:secret@127.0.0.1:1/x?connect_timeout=5"
	for _, d := range []Database{findPostgres(t.Context(), nobody), findMySQL(t.Context(), "nobody:secret@tcp(127.0.0.1:1)/x")} {
		require.True(t, d.required)
		require.NotEmpty(t, d.Missing)
		require.NotContains(t, d.Missing, "secret")
	}
}

// TestFreshIsGoneAfterwards holds that tests leave nothing on servers.
func TestFreshIsGoneAfterwards(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		var used Source
		t.Run("user", func(t *testing.T) { used = d.Fresh(t) })
		if d.Engine == SQLite {
			t.Skip("files of a test are deleted by package testing")
		}
		require.Error(t, used.exec(context.Background(), "CREATE TABLE x (id INT)"))
	})
}

func TestWithSearchPath(t *testing.T) {
	for dsn, want := range map[string]string{
		"host=/tmp user=x":              "host=/tmp user=x search_path=s",
		"postgres://u:p@h/db":           "postgres://u:p@h/db?search_path=s",
		"postgresql://u@h/db?sslmode=x": "postgresql://u@h/db?search_path=s&sslmode=x",
	} {
		got, err := withSearchPath(dsn, "s")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := withSearchPath("postgres://u:secret@h:port/", "s")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}
