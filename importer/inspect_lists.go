package importer

import (
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// listFacts counts the rows that an import would reject for the lists that they
// name: an import declares none.
type listFacts struct {
	columns []int // those that may hold lists, by their headers
	unknown []int // for each, rows that name a list nobody has declared
	topics  []int // for each, rows that name a topic, and none of these
}

// listColumns finds the columns of lists before it is known whose export it is.
func (in *inspection) listColumns() {
	for i, header := range in.layout.Columns {
		if foldHeader(header) == "lists" {
			in.lists.columns = append(in.lists.columns, i)
		}
	}
	in.lists.unknown = make([]int, len(in.lists.columns))
	in.lists.topics = make([]int, len(in.lists.columns))
}

// addLists takes the cells of a row into account.
func (in *inspection) addLists(row *Row) {
	for i, column := range in.lists.columns {
		if column >= len(row.Cells) || row.Cells[column] == "" || row.Kind(column) == CellAbsent {
			continue
		}
		items, ok := ParseList(row.Cells[column])
		topic, unknown := false, !ok
		for _, name := range items {
			list, known := in.schema.ListNamed(name)
			unknown = unknown || !known
			topic = topic || known && list.Kind == audience.ListTopic
		}
		switch {
		case unknown:
			in.lists.unknown[i]++
		case topic:
			in.lists.topics[i]++
		}
	}
}

// listsNote gives what people should know of a column of lists; "" is nothing.
// Topics in our own exports are passed over, since consent comes back by
// evidence alone.
func (in *inspection) listsNote(column int) string {
	i := slices.Index(in.lists.columns, column)
	if i < 0 {
		return ""
	}
	rows := in.lists.unknown[i]
	if !in.own {
		rows += in.lists.topics[i]
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("%d rows name a list that the audience does not have, or a topic, and are rejected: declare it as a static list first, or pass over the column", rows)
}
