package sqlstore

import (
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// attribute gives a value of the search copy of a contact: a text that compares
// by bytes, or a number; NULL when there is none. Keys are letters and digits.
// It is the text of index expressions, too.
func (d *dialect) attribute(table, key string, t audience.Type) string {
	text := t == audience.TypeString
	switch d.kind {
	case Postgres:
		if text {
			return "((" + table + "attrs ->> '" + key + `') COLLATE "C")`
		}
		if t == audience.TypeStringList {
			return "(" + table + "attrs -> '" + key + "')"
		}
		return "((" + table + "attrs -> '" + key + "')::bigint)"
	case MySQL:
		extract := "JSON_EXTRACT(" + table + "attrs, '$." + key + "')"
		if text {
			return "CAST(JSON_UNQUOTE(" + extract + ") AS BINARY)"
		}
		if t == audience.TypeStringList {
			return extract
		}
		return "CAST(" + extract + " AS SIGNED)"
	default:
		return "(" + table + "attrs ->> '" + key + "')"
	}
}

// hasAnyKey is about contacts whose search copy has one of the keys.
func (d *dialect) hasAnyKey(keys []string) string {
	switch d.kind {
	case Postgres:
		return "jsonb_exists_any(c.attrs, ARRAY['" + strings.Join(keys, "', '") + "'])"
	case MySQL:
		return "JSON_CONTAINS_PATH(c.attrs, 'one', '$." + strings.Join(keys, "', '$.") + "') = 1"
	default:
		return "((c.attrs -> '" + strings.Join(keys, "') IS NOT NULL OR (c.attrs -> '") + "') IS NOT NULL)"
	}
}

// listContains is about contacts whose list has the item; json is the item as
// JSON, written as the search copy writes it.
func (d *dialect) listContains(key, item, json string) (text string, arg any) {
	switch d.kind {
	case Postgres:
		return "jsonb_exists(c.attrs -> '" + key + "', ?)", item
	case MySQL: // MariaDB compares escapes as they are
		return "JSON_CONTAINS(c.attrs, ?, '$." + key + "') = 1", json
	default:
		return "EXISTS (SELECT 1 FROM json_each(c.attrs, '$." + key + "') i WHERE i.value = ?)", item
	}
}

// membership says that what is in front is among the items, or that it is
// there and not among them.
func (d *dialect) membership(items list, text, want bool) (string, []any) {
	if d.arrays {
		kind, operator := "bigint", "= ANY"
		if text {
			kind = "text"
		}
		if !want {
			operator = "<> ALL"
		}
		return operator + "(?::" + kind + "[])", []any{items.array()}
	}
	in := "IN ("
	if !want {
		in = "NOT IN ("
	}
	args := make([]any, padded(items.size()))
	for i := range args {
		args[i] = items.item(min(i, items.size()-1))
	}
	return in + strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ") + ")", args
}

// double gives a whole number, or a parameter, as a double.
func (d *dialect) double(expression string) string {
	switch d.kind {
	case Postgres:
		return "(" + expression + ")::float8"
	case MySQL:
		return "CAST(" + expression + " AS DOUBLE)"
	default:
		return "CAST(" + expression + " AS REAL)"
	}
}

// wide gives a whole number as one that does not overflow, where there is such
// a type.
func (d *dialect) wide(expression string) string {
	switch d.kind {
	case Postgres:
		return "(" + expression + ")::numeric"
	case MySQL:
		return "CAST(" + expression + " AS DECIMAL(60,0))"
	default:
		return expression
	}
}
