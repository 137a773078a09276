package celenv

import (
	"testing"

	"cel.dev/cel-go/common/types"
	"github.com/stretchr/testify/require"
)

// TestStateLetsGo holds that a state keeps nothing of a contact when it goes
// back to the pool.
func TestStateLetsGo(t *testing.T) {
	e := testEnv(t)
	p := visits(e)
	program, errs := e.Compile(`events("visit", "purchase").where(e, has(e.page)).distinct("page") == 2
		&& events("visit").then(events("visit").where(e, e.page == "b"), "1d").without(events("purchase"), "1s").any()
		&& events("visit").then(events("purchase"), "1d").any()`, nil)
	require.Empty(t, shown(errs))
	s := e.state()
	s.open(program.At(testNow()), testRow{p}, nil)
	require.Equal(t, types.True, program.root.Exec(s.frame))
	require.Positive(t, s.high)
	require.Positive(t, s.many)
	require.Empty(t, s.items, "streams cut the stack back")
	s.close()
	require.Nil(t, s.row)
	require.Nil(t, s.contact)
	for _, i := range s.items[:cap(s.items)] {
		require.Zero(t, i)
	}
	for _, text := range s.texts[:cap(s.texts)] {
		require.Empty(t, text)
	}
}
