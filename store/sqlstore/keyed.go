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
	text := k.those("SELECT " + k.columns)
	if lock != "" {
		text += " ORDER BY " + k.column + lock
	}
	return text
}

// all is find for keys that begin those of any number of rows.
func (k keyed) all(d *dialect) string {
	if d.arrays { // the offset keeps the planner from another order
		return "SELECT found.* FROM unnest(?::" + k.kind + "[]) AS listed(item) CROSS JOIN LATERAL (" + k.rows(k.columns) + " OFFSET 0) AS found"
	}
	return k.those("SELECT " + k.columns)
}

// remove gives the DELETE, with the same arguments.
func (k keyed) remove(d *dialect) string {
	if d.arrays {
		return "DELETE FROM {" + k.table + "} WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM unnest(?::" + k.kind +
			"[]) AS listed(item) CROSS JOIN LATERAL (" + k.one("ctid") + ") AS found))"
	}
	return k.those("DELETE")
}

// one reads the row of one item; the limit keeps it apart from the list.
func (k keyed) one(columns string) string { return k.rows(columns) + " LIMIT 1" }

func (k keyed) rows(columns string) string {
	return "SELECT " + columns + " FROM {" + k.table + "} WHERE " + k.where + " AND " + k.column + " = listed.item"
}

func (k keyed) those(what string) string {
	return what + " FROM {" + k.table + "}" + k.hint + " WHERE " + k.column + " {in " + k.kind + "} AND " + k.where
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
