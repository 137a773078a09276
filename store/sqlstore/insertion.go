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

const (
	// mostRows is how many rows one INSERT has where values are written out and
	// running a statement costs a round trip, mostInArrays where its parameters
	// are arrays. More than a few rows make nothing faster without a server.
	mostRows     = 1_024
	mostEmbedded = 256
	mostInArrays = 10_000
	// mostBytes is after how many bytes of values a statement is full, however
	// few its rows: servers bound the size of a packet, and drivers hold several
	// copies of it.
	mostBytes = 1 << 20
)

// insert inserts n rows and gives how many rows the database says it touched:
// with keep that is the number of rows inserted in PostgreSQL and SQLite, and
// at least that in MySQL.
func (s *session) insert(ctx context.Context, in *insertion, n int, fill row) (touched int64, err error) {
	if s.copies(in, n) {
		if copied, done, err := s.copy(ctx, in, n, fill); done {
			return copied, err
		}
	}
	d := s.p.store.dialect
	for from := 0; from < n; {
		rows := gather(in, d.mostRows(in), from, n, fill)
		from += len(rows) / len(in.columns)
		for len(rows) > 0 {
			size := len(rows) / len(in.columns)
			arrays := d.arrays && size > 1
			if !arrays {
				size = 1 << (bits.Len(uint(size)) - 1) // few sizes, so that few statements are prepared
			}
			args := rows[:size*len(in.columns)]
			rows = rows[len(args):]
			switch {
			case arrays && s.p.store.takesSlices():
				args = slicesOf(in, args)
			case arrays:
				args = arraysOf(args, len(in.columns))
			}
			res, err := s.run(ctx, in.name, s.p.store.insertText(in, size, arrays), args)
			if err != nil {
				return touched, err
			}
			some, err := res.RowsAffected()
			if err != nil {
				return touched, s.p.store.failed(ctx, in.name, err, true)
			}
			touched += some
		}
	}
	return touched, nil
}

// mostRows is how many rows of an insertion fit into a statement.
func (d *dialect) mostRows(in *insertion) int {
	if d.arrays {
		return mostInArrays
	}
	if d.kind == SQLite {
		return min(mostEmbedded, d.mostParameters/len(in.columns))
	}
	return min(mostRows, d.mostParameters/len(in.columns))
}

// gather gives the values of some rows, one row after another: from one on, up
// to n, until a statement is full.
func gather(in *insertion, most, from, n int, fill row) []any {
	width := len(in.columns)
	out := make([]any, width*min(most, n-from))
	rows, size := 0, 0
	for rows < min(most, n-from) && size < mostBytes {
		values := out[rows*width:][:width]
		fill(from+rows, values)
		rows++
		for _, v := range values {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			default:
				size += 8
			}
		}
	}
	return out[:rows*width]
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
func arraysOf(rows []any, width int) []any {
	columns := make([]strings.Builder, width)
	for i, value := range rows {
		b := &columns[i%width]
		if i < width {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		switch v := value.(type) {
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
	args := make([]any, width)
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
