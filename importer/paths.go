package importer

import (
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// maxDepth is how deep members and elements may lie within each other.
const maxDepth = 32

// maxNameBytes bounds the name of one member or element.
const maxNameBytes = 1024

// paths are the columns of a file whose records have named parts. A part
// within another one has both names, with a dot between them.
type paths struct {
	root    *namePath
	columns map[string]int // by path
	headers []string
	max     int
	nodes   int
	open    bool // new paths become columns
}

// namePath is a name within a record, at its place.
type namePath struct {
	name   string
	full   string
	column int  // -1: it is none
	null   bool // it was there without a value
	below  []*namePath
	index  map[string]int // of below, once they are many
}

// newPaths reads records that have the headers given, or, without any, finds
// out which there are.
func newPaths(headers []string, limits Limits, open bool) *paths {
	p := &paths{root: &namePath{column: -1}, columns: make(map[string]int, len(headers)), max: limits.Columns, open: open}
	for i, h := range headers {
		if _, twice := p.columns[h]; !twice {
			p.columns[h] = i
		}
	}
	p.headers = headers
	return p
}

// child gives what has a name within a path. next is where it is looked for
// first, since records have their parts mostly in the same order.
func (p *paths) child(of *namePath, name []byte, next *int) (*namePath, error) {
	if *next < len(of.below) && of.below[*next].name == string(name) {
		*next++
		return of.below[*next-1], nil
	}
	if i := of.find(name); i >= 0 {
		*next = i + 1
		return of.below[i], nil
	}
	const perColumn = 4 // parts that hold others are no columns themselves
	switch {
	case len(name) > maxNameBytes:
		return nil, &audience.FieldError{Path: "row", Rule: "max-length", Hint: fmt.Sprintf("names of at most %d bytes", maxNameBytes), Limit: true}
	case p.nodes >= perColumn*p.max:
		return nil, p.tooMany()
	}
	c := &namePath{name: string(name), column: -1}
	if c.full = c.name; of != p.root {
		c.full = of.full + "." + c.name
	}
	if at, ok := p.columns[c.full]; ok {
		c.column = at
	}
	p.nodes++
	of.below = append(of.below, c)
	*next = len(of.below)
	const few = 8
	if len(of.below) > few {
		of.learn()
	}
	return c, nil
}

func (n *namePath) find(name []byte) int {
	if n.index != nil {
		if i, ok := n.index[string(name)]; ok {
			return i
		}
		return -1
	}
	for i, c := range n.below {
		if c.name == string(name) {
			return i
		}
	}
	return -1
}

func (n *namePath) learn() {
	if n.index == nil {
		n.index = make(map[string]int)
	}
	for i := len(n.index); i < len(n.below); i++ {
		n.index[n.below[i].name] = i
	}
}

// column gives the column of a path that has a value, making it one while the
// columns are being found.
func (p *paths) column(n *namePath) (int, error) {
	if n.column >= 0 {
		return n.column, nil
	}
	if at, ok := p.columns[n.full]; ok { // under another shape of the record
		n.column = at
		return at, nil
	}
	switch {
	case !p.open:
		const hint = "only names that the file had when it was looked at; look at it again"
		return 0, &audience.FieldError{Path: "row", Rule: "columns", Hint: hint}
	case len(p.headers) >= p.max:
		return 0, p.tooMany()
	}
	n.column = len(p.headers)
	p.columns[n.full] = n.column
	p.headers = append(p.headers, n.full)
	return n.column, nil
}

// tooMany is of the file: no record can be read with it.
func (p *paths) tooMany() error {
	return &fileError{&audience.FieldError{Path: "file", Rule: "max-columns", Hint: fmt.Sprintf("at most %d different names in the records", p.max), Limit: true}}
}

// empty makes columns of the paths that are there without a value in all
// records.
func (p *paths) empty(n *namePath) error {
	for _, c := range n.below {
		if c.null && len(c.below) == 0 {
			if _, err := p.column(c); err != nil {
				return err
			}
		}
		if err := p.empty(c); err != nil {
			return err
		}
	}
	return nil
}

// fileError ends the reading of a file, where other errors cost one record.
type fileError struct{ error }

func (e *fileError) Unwrap() error { return e.error }
