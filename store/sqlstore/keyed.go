package sqlstore

import "strings"

// keyed is what is read or removed by a list of keys, each of which is at most
// one row unless a method says otherwise.
type keyed struct {
	table, columns string
	column, kind   string // the last column of the key, and its type: "bigint", "text" or "bytea"
	where          string // the columns of the key before it
	hint           string // behind the table, where the list is written out
}

// find gives the SELECT, whose arguments are the list and then those of where.
// With a lock rows are locked in the order of the list.
//
// PostgreSQL looks up one key after another. Asked for = ANY of an array it
// plans once for arrays of any size: before it has statistics of a table, which
// is while the first import runs, it compares every row with every item.
func (k keyed) find(d *dialect, lock string) string {
	if d.arrays {
		return "SELECT found.* FROM unnest(?::" + k.kind + "[]) AS listed(item) CROSS JOIN LATERAL (" + k.one(k.columns) + lock + ") AS found"
	}
	text := "SELECT " + k.columns + " FROM {" + k.table + "}"
	if lock == "" {
		return text + k.hint + k.those()
	}
	return text + d.force("PRIMARY") + k.those() + " ORDER BY " + k.column + lock
}

// all is find for keys that begin those of any number of rows.
func (k keyed) all(d *dialect) string {
	if d.arrays { // the offset keeps the planner from another order
		return "SELECT found.* FROM unnest(?::" + k.kind + "[]) AS listed(item) CROSS JOIN LATERAL (" + k.rows(k.columns) + " OFFSET 0) AS found"
	}
	return "SELECT " + k.columns + " FROM {" + k.table + "}" + k.hint + k.those()
}

// remove gives the DELETE, with the same arguments.
func (k keyed) remove(d *dialect) string { return k.delete(d, k.one("ctid")) }

// removeAll is remove for keys that begin those of any number of rows.
func (k keyed) removeAll(d *dialect) string { return k.delete(d, k.rows("ctid")+" OFFSET 0") }

// delete gives a DELETE; found reads the places of the rows of one item.
func (k keyed) delete(d *dialect, found string) string {
	if d.arrays {
		return "DELETE FROM {" + k.table + "} WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM unnest(?::" + k.kind +
			"[]) AS listed(item) CROSS JOIN LATERAL (" + found + ") AS found))"
	}
	if d.kind == MySQL { // see removeListed
		return "DELETE r FROM ({rows " + k.kind + "}) AS listed STRAIGHT_JOIN {" + k.table + "} AS r" + d.force("PRIMARY") + " ON r." + k.column + " = listed.item WHERE " + k.where
	}
	return "DELETE FROM {" + k.table + "}" + k.those()
}

// one reads the row of one item; the limit keeps it apart from the list.
func (k keyed) one(columns string) string { return k.rows(columns) + " LIMIT 1" }

func (k keyed) rows(columns string) string {
	return "SELECT " + columns + " FROM {" + k.table + "} WHERE " + k.where + " AND " + k.column + " = listed.item"
}

func (k keyed) those() string {
	return " WHERE " + k.column + " {in " + k.kind + "} AND " + k.where
}

// removeListed gives a DELETE of rows that have given values in some columns of
// an index and a listed number in its next column; the arguments are the values
// and the list. MySQL heeds no index there unless the table is joined with what
// to look for.
func (d *dialect) removeListed(table, index, column string, equal ...string) string {
	if d.kind != MySQL {
		return "DELETE FROM {" + table + "} WHERE " + strings.Join(equal, " = ? AND ") + " = ? AND " + column + " {in bigint}"
	}
	given, on := make([]string, len(equal)), make([]string, len(equal))
	for i, name := range equal {
		given[i], on[i] = "? AS "+name, "r."+name+" = given."+name
	}
	return "DELETE r FROM (SELECT " + strings.Join(given, ", ") + ") AS given STRAIGHT_JOIN ({rows bigint}) AS listed STRAIGHT_JOIN {" + table + "} AS r" +
		d.force(index) + " ON " + strings.Join(on, " AND ") + " AND r." + column + " = listed.item"
}

// behind compares columns, which are the next ones of an index, with a row of
// values: that they come after it. The arguments are what behindArgs makes of
// the values. PostgreSQL and SQLite find the place in the index by a comparison
// of rows only, MySQL by one written out only; each goes through everything in
// front of it with the other form.
func (d *dialect) behind(columns ...string) string {
	if d.kind != MySQL {
		return "(" + strings.Join(columns, ", ") + ") > (" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")"
	}
	text := columns[len(columns)-1] + " > ?"
	for i := len(columns) - 2; i >= 0; i-- {
		text = "(" + columns[i] + " > ? OR " + columns[i] + " = ? AND " + text + ")"
	}
	return text
}

func (d *dialect) behindArgs(values ...any) []any {
	if d.kind != MySQL {
		return values
	}
	var args []any
	for i, v := range values {
		args = append(args, v)
		if i < len(values)-1 {
			args = append(args, v)
		}
	}
	return args
}
