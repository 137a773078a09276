package sqlstore

import (
	"context"
	"encoding/hex"
	"math/bits"
	"slices"
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
	same     int // so many of the first columns are the same in all rows that are inserted at once
	existing existing
}

// shared is how many columns are sent once for all rows of a statement. MySQL
// has no parameters that can be named twice.
func (in *insertion) shared(d *dialect) int {
	if d.kind == MySQL {
		return 0
	}
	return in.same
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
	if n == 0 { // in may be nil, where a dialect has no need for it
		return 0, nil
	}
	if s.copies(in, n) {
		if copied, done, err := s.copy(ctx, in, n, fill); done {
			return copied, err
		}
	}
	d := s.p.store.dialect
	shared := in.shared(d)
	width := len(in.columns) - shared
	for from := 0; from < n; {
		values := gather(in, shared, d.mostRows(in), from, n, fill)
		same := slices.Clone(values[:shared])
		rows := (len(values) - shared) / width
		from += rows
		for rows > 0 {
			size := rows
			arrays := d.arrays && size > 1
			if !arrays {
				size = 1 << (bits.Len(uint(size)) - 1) // few sizes, so that few statements are prepared
			}
			rows -= size
			args := values[:shared+size*width]
			values = values[size*width:]
			switch {
			case arrays && s.p.store.takesSlices():
				args = slicesOf(in, shared, args)
			case arrays:
				args = arraysOf(args, shared, width)
			}
			res, err := s.run(ctx, in.name, s.p.store.insertText(in, size, arrays), args)
			if err != nil {
				return touched, err
			}
			copy(values, same) // over the end of what has been sent, which was longer
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
		shared := in.shared(d)
		return min(mostEmbedded, (d.mostParameters-shared)/(len(in.columns)-shared))
	}
	return min(mostRows, d.mostParameters/len(in.columns))
}

// gather gives the values of some rows, one row after another: from one on, up
// to n, until a statement is full. Those of columns that are shared stand in
// front of them, once.
func gather(in *insertion, shared, most, from, n int, fill row) []any {
	width := len(in.columns) - shared
	most = min(most, n-from)
	out := make([]any, shared+width*most)
	all := make([]any, len(in.columns))
	rows, size := 0, 0
	for rows < most && size < mostBytes {
		fill(from+rows, all)
		copy(out[shared+rows*width:], all[shared:])
		rows++
		for _, v := range all[shared:] {
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
	copy(out, all[:shared])
	return out[:shared+rows*width]
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
		in.writeArrays(&b, in.shared(d))
	} else {
		one := in.parameters(d, size)
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

// parameters are those of one row among some. Columns that are shared name the
// first parameters again and again.
func (in *insertion) parameters(d *dialect, size int) string {
	marks := make([]string, len(in.columns))
	for i := range marks {
		marks[i] = "?"
		if size > 1 && i < in.shared(d) {
			marks[i] += strconv.Itoa(i + 1)
		}
	}
	return "(" + strings.Join(marks, ", ") + ")"
}

func (in *insertion) writeArrays(b *strings.Builder, shared int) {
	types := map[columnKind]string{intColumn: "bigint", textColumn: "text", bytesColumn: "bytea", jsonColumn: "text"}
	var read, given, named []string
	for i, c := range in.columns {
		name, parameter := "c"+strconv.Itoa(i), "?::"+types[c.kind]
		if i < shared {
			read = append(read, parameter)
			continue
		}
		given, named = append(given, parameter+"[]"), append(named, name)
		if c.kind == jsonColumn {
			name += "::jsonb"
		}
		read = append(read, name)
	}
	b.WriteString(" SELECT " + strings.Join(read, ", ") + " FROM unnest(" + strings.Join(given, ", ") + ") AS r(" + strings.Join(named, ", ") + ")")
}

// arraysOf gives the columns of some rows, each as the text of an array, behind
// the values that they share.
func arraysOf(values []any, shared, width int) []any {
	columns := make([]strings.Builder, width)
	for i, value := range values[shared:] {
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
	args := slices.Clone(values[:shared])
	for k := range columns {
		columns[k].WriteByte('}')
		args = append(args, columns[k].String())
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
