package sqlstore

import "sync/atomic"

// generatedColumns are the columns that MySQL and MariaDB make of values of the
// search copy, by name: an index is on the column, and a query has to name it.
type generatedColumns struct {
	names atomic.Pointer[map[string]bool]
}

func (g *generatedColumns) known() map[string]bool {
	if p := g.names.Load(); p != nil {
		return *p
	}
	return nil
}

// generatedColumn names the column for a key of the search copy.
func generatedColumn(key string) string { return "search_" + key }
