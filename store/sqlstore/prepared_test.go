package sqlstore

import (
	"database/sql"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// use finds a text as often as makes it worth a place.
func (p *preparedStatements) use(t *testing.T, text string) {
	t.Helper()
	for range usesToPrepare {
		require.Nil(t, p.find(text), "it is not prepared")
	}
}

func TestPreparedWhenUsedAgain(t *testing.T) {
	p := newPreparedStatements(sqlite())
	require.Nil(t, p.find("once"))
	p.use(t, "often")
	p.use(t, "more often")
	require.Nil(t, p.find("often"), "it waits until no connection is held")
	require.Equal(t, []string{"often", "more often"}, p.takeWanted(), "each once")
	require.Empty(t, p.takeWanted())
	s := &sql.Stmt{}
	require.Nil(t, p.keep("often", s))
	require.Same(t, s, p.find("often"))
	other := &sql.Stmt{}
	require.Same(t, other, p.keep("often", other), "somebody was faster")
	require.Same(t, s, p.find("often"))
}

func TestPreparedAreBounded(t *testing.T) {
	p := newPreparedStatements(mysql())
	statements := make([]*sql.Stmt, mostPrepared)
	for i := range statements {
		statements[i] = &sql.Stmt{}
		require.Nil(t, p.keep(strconv.Itoa(i), statements[i]))
	}
	require.NotNil(t, p.find("0"))
	require.Same(t, statements[1], p.keep("another", &sql.Stmt{}), "the one that was not used for longest")
	require.Len(t, p.ready, mostPrepared)
	require.Nil(t, p.find("1"))
	require.NotNil(t, p.find("0"))
	for i := range 3 * mostCounted {
		p.find("text " + strconv.Itoa(i))
	}
	require.LessOrEqual(t, len(p.uses), mostCounted)
}

func TestNothingIsPreparedForPostgres(t *testing.T) {
	p := newPreparedStatements(postgres())
	require.Nil(t, p)
	p.prepareWanted(t.Context(), nil)
	p.close()
}
