package sqlstore

import (
	"context"
	"encoding/hex"
	"math/bits"
	"strconv"
	"strings"
)

// columnKind is the kind of values that a column takes.
type columnKind uint8

const (
	intColumn   columnKind = iota + 1 // int64, or nil
	textColumn                        // string
	bytesColumn                       // []byte, never nil
	jsonColumn                        // string of JSON
)

// column is one column of an insertion.
type column struct {
	name string
	kind columnKind
}

// existing says what an insertion makes of rows that exist.
type existing uint8

const (
	refuse  existing = iota // the database refuses them
	keep                    // they stay
	replace                 // they are replaced
	compete                 // there are none: one that is there now was made by somebody faster
)

// insertion inserts rows into a table.
type insertion struct {
	name     string
	key      shardKey
	table    string
	keys     []string // of the primary key
	columns  []column
	existing existing
}

// row fills the values of row i in the order of the columns.
type row func(i int, values []any)

// mostRows is how many rows one INSERT has where values are written out.
const mostRows = 256

// insert inserts n rows and gives how many rows the database says it touched:
// with keep that is the number of rows inserted in PostgreSQL and SQLite, and
// at least that in MySQL.
func (s *session) insert(ctx context.Context, in *insertion, n int, fill row) (touched int64, err error) {
	if s.copies(in, n) {
		if copied, done, err := s.copy(ctx, in, n, fill); done {
			return copied, err
		}
	}
	values := make([]any, len(in.columns))
	for from := 0; from < n; {
		size, arrays := s.rowsAtOnce(in, n-from)
		var args []any
		switch {
		case arrays && s.p.store.takesSlices():
			args = slicesOf(in, from, size, values, fill)
		case arrays:
			args = arraysOf(in, from, size, values, fill)
		default:
			args = make([]any, 0, size*len(values))
			for i := range size {
				fill(from+i, values)
				args = append(args, values...)
			}
		}
		res, err := s.run(ctx, in.name, s.p.store.insertText(in, size, arrays), args)
		if err != nil {
			return touched, err
		}
		some, err := res.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched += some
		from += size
	}
	return touched, nil
}

// rowsAtOnce gives how many of the rows left go into one statement, and
// whether their columns are arrays.
func (s *session) rowsAtOnce(in *insertion, left int) (size int, arrays bool) {
	const mostInArrays = 10_000
	d := s.p.store.dialect
	if d.arrays && left > 1 {
		return min(left, mostInArrays), true
	}
	most := min(mostRows, d.mostParameters/len(in.columns), left)
	return 1 << (bits.Len(uint(most)) - 1), false // few sizes, so that few statements are prepared
}

type insertKey struct {
	in     *insertion
	size   int
	arrays bool
}

func (s *Store) insertText(in *insertion, size int, arrays bool) string {
	key := insertKey{in: in, size: size, arrays: arrays}
	if arrays {
		key.size = 0
	}
	if text, ok := s.texts.Load(key); ok {
		return text.(string) //nolint:forcetypeassert // nothing else is stored
	}
	text := s.dialect.build(s.prefix, in.text(s.dialect, size, arrays), nil)
	s.texts.Store(key, text)
	return text
}

// text gives the INSERT for some rows.
func (in *insertion) text(d *dialect, size int, arrays bool) string {
	var b strings.Builder
	names := in.names()
	b.WriteString("INSERT INTO {" + in.table + "} (" + strings.Join(names, ", ") + ")")
	if arrays {
		in.writeArrays(&b)
	} else {
		one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
		b.WriteString(" VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", size), ", "))
	}
	switch in.existing {
	case refuse:
	case compete:
		if d.kind != MySQL { // where a refused statement does no harm, and counts of rows tell nothing
			b.WriteString(d.doNothing(in.keys))
		}
	case keep:
		b.WriteString(d.doNothing(in.keys))
	case replace:
		b.WriteString(d.upsert(in.keys, without(names, in.keys)))
	}
	return b.String()
}

func (in *insertion) writeArrays(b *strings.Builder) {
	b.WriteString(" SELECT ")
	for i, c := range in.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("c" + strconv.Itoa(i))
		if c.kind == jsonColumn {
			b.WriteString("::jsonb")
		}
	}
	b.WriteString(" FROM unnest(")
	for i, c := range in.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("?::" + map[columnKind]string{intColumn: "bigint", textColumn: "text", bytesColumn: "bytea", jsonColumn: "text"}[c.kind] + "[]")
	}
	b.WriteString(") AS r(")
	for i := range in.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("c" + strconv.Itoa(i))
	}
	b.WriteByte(')')
}

// arraysOf gives the columns of some rows, each as the text of an array.
func arraysOf(in *insertion, from, size int, values []any, fill row) []any {
	columns := make([]strings.Builder, len(values))
	for i := range size {
		fill(from+i, values)
		for k := range columns {
			b := &columns[k]
			if i == 0 {
				b.WriteByte('{')
			} else {
				b.WriteByte(',')
			}
			switch v := values[k].(type) {
			case int64:
				b.WriteString(strconv.FormatInt(v, 10))
			case string:
				writeElement(b, v)
			case []byte:
				b.WriteString(`"\\x`)
				_, _ = hex.NewEncoder(b).Write(v)
				b.WriteByte('"')
			default:
				b.WriteString("NULL")
			}
		}
	}
	args := make([]any, len(columns))
	for k := range columns {
		columns[k].WriteByte('}')
		args[k] = columns[k].String()
	}
	return args
}

// without gives the names that are not among others.
func without(names, others []string) []string {
	var out []string
next:
	for _, n := range names {
		for _, o := range others {
			if n == o {
				continue next
			}
		}
		out = append(out, n)
	}
	return out
}
