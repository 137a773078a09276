package sqlstore

import (
	"strconv"
	"strings"
)

// shardKey says which rows a statement is about, and with that on which shard
// it runs where a store is spread by contact.
type shardKey uint8

const (
	byAudience  shardKey = iota + 1 // few rows for each audience
	byContact                       // everything about the contacts given, on the shards of these
	byIdentity                      // the identities given, each on the shard of its own
	byHash                          // the address hashes given
	byRecord                        // the records of the names given
	onEachShard                     // the feed of a shard, which is read and numbered by itself
	everywhere                      // all shards, their answers united
)

// statement is one SQL statement. Its text names tables in braces, such as
// {contacts}, takes parameters as question marks, and lists, each a parameter
// of its own kind, as {in bigint}, {in text} or {in bytea}: what is in front is
// compared with every item. {rows bigint} is a list as a table. {pairs contact id} compares two columns, of numbers
// and texts, with every pair of a list.
type statement struct {
	name string
	key  shardKey
	text string
}

// list is the argument of an {in}: one of the lists below.
type list interface {
	size() int
	item(i int) any
	array() string // as the text of an array of PostgreSQL
	slice() any    // as an array for a driver that takes slices
}

// built is a statement for a dialect and lists of some sizes.
type built struct {
	statement *statement
	sizes     string
}

// build gives the text of a statement: names filled in, lists written out for
// their sizes, parameters numbered where the dialect numbers them.
func (d *dialect) build(prefix, text string, sizes []int) string {
	var b strings.Builder
	parameter := 0
	mark := func() {
		parameter++
		if d.arrays {
			b.WriteString("$" + strconv.Itoa(parameter))
		} else {
			b.WriteByte('?')
		}
	}
	for text != "" {
		i := strings.IndexAny(text, "?{")
		if i < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		if text[i] == '?' {
			mark()
			text = text[i+1:]
			continue
		}
		end := i + strings.IndexByte(text[i:], '}')
		name := text[i+1 : end]
		text = text[end+1:]
		kind, isList := strings.CutPrefix(name, "in ")
		columns, isPairs := strings.CutPrefix(name, "pairs ")
		switch {
		case isPairs:
			first, second, _ := strings.Cut(columns, " ")
			d.writePairs(&b, first, second, sizes, mark)
			sizes = sizes[min(1, len(sizes)):]
		case strings.HasPrefix(name, "rows "):
			writeRows(&b, strings.TrimPrefix(name, "rows "), sizes[0], mark)
			sizes = sizes[1:]
		case !isList:
			b.WriteString(prefix + name)
		case d.arrays:
			b.WriteString("= ANY(")
			mark()
			b.WriteString("::" + kind + "[])")
		default:
			b.WriteString("IN (")
			for k := range sizes[0] {
				if k > 0 {
					b.WriteByte(',')
				}
				mark()
			}
			b.WriteByte(')')
			sizes = sizes[1:]
		}
	}
	return b.String()
}

// writeRows writes a list as a table with the column item. Its texts are bytes,
// or they would compare as people compare them.
func writeRows(b *strings.Builder, kind string, size int, mark func()) {
	as := map[string]string{"bigint": "SIGNED", "text": "BINARY", "bytea": "BINARY"}[kind]
	for k := range size {
		if k > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT CAST(")
		mark()
		b.WriteString(" AS " + as + ") AS item")
	}
}

// writePairs writes the comparison of two columns with pairs in the form that
// uses an index of both, where lists are written out.
func (d *dialect) writePairs(b *strings.Builder, first, second string, sizes []int, mark func()) {
	// As one comparison: a chain of OR takes a server longer to read than to
	// answer, and is too deep for SQLite.
	b.WriteString("(" + first + ", " + second + ") IN (")
	if d.kind == SQLite {
		b.WriteString("VALUES ")
	}
	for k := range sizes[0] {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		mark()
		b.WriteString(", ")
		mark()
		b.WriteByte(')')
	}
	b.WriteByte(')')
}
