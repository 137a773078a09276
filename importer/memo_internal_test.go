package importer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestRemember: cells become what they become without being remembered, each
// kind for itself, also where many share a place and after a column was given up.
func TestRemember(t *testing.T) {
	calls := 0
	read := remember(func(cell string, kind CellKind) (string, error) {
		calls++
		if strings.HasPrefix(cell, "bad") {
			return "", errors.New("bad")
		}
		return fmt.Sprint(kind, cell), nil
	})
	check := func(cell string, kind CellKind) {
		t.Helper()
		got, err := read(cell, kind)
		if strings.HasPrefix(cell, "bad") {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(kind, cell), got)
	}
	for range 5 * memoTrial {
		check("Oslo", CellText)
		check("Oslo", CellString)
		check("Ulm", CellText)
		check("bad", CellText)
		check(strings.Repeat("long", memoBytes), CellText)
	}
	require.Less(t, calls, 5*memoTrial*5, "some are remembered")
	calls = 0
	for i := range 10 * memoTrial {
		check(fmt.Sprint("cell ", i), CellText)
	}
	check("Oslo", CellText)
	calls = 0
	check("Oslo", CellText)
	require.Equal(t, 1, calls, "a column of different cells is given up")
}

// TestRememberedOnce: a column of few cells is read once for each of them.
func TestRememberedOnce(t *testing.T) {
	calls := 0
	read := remember(func(cell string, _ CellKind) (audience.Private, error) {
		calls++
		return audience.NewPrivate(cell), nil
	})
	for range 3 * memoTrial {
		p, err := read("Ann", CellText)
		require.NoError(t, err)
		require.Equal(t, "Ann", p.Reveal())
	}
	require.Equal(t, 1, calls)
}

// TestRowsShareNothingThatChanges: who changes what one row says leaves the others
// alone, although they were read from the same cells.
func TestRowsShareNothingThatChanges(t *testing.T) {
	m := Mapping{Columns: []Column{
		{Index: 0, Target: TargetExternalID},
		{Index: 1, Target: TargetTags},
		{Index: 2, Target: TargetLists},
		{Index: 3, Target: TargetField, Name: "city", Type: audience.TypeString},
	}}
	r, err := compile(&m, &Plan{}, newReadEnv(audience.Schema{}, nil, audience.Limits{}))
	require.NoError(t, err)
	var rows []*Contact
	for range 3 {
		c, bad := r.read(&Row{Cells: []string{"u1", "a,b", "x,y", "Oslo"}})
		require.Nil(t, bad)
		rows = append(rows, c)
	}
	w := &rows[0].Write
	w.SetTags[0], rows[0].Lists[1] = "changed", "changed"
	w.External[0] = audience.External("crm", "changed")
	w.External = append(w.External, audience.External("crm", "more"))
	w.Set["city"] = audience.StringValue("changed")
	for _, c := range rows[1:] {
		require.Equal(t, []string{"a", "b"}, c.Write.SetTags)
		require.Equal(t, []string{"x", "y"}, c.Lists)
		require.Equal(t, []audience.ExternalID{audience.External(audience.HostSystem, "u1")}, c.Write.External)
		require.Equal(t, "Oslo", c.Write.Set["city"].Reveal())
	}
}
