package importer

import (
	"context"
	"io"
	"iter"
)

// Format reads one kind of file as a table: columns with headers, and rows
// below them. CSV is in package csvimport, XLSX in a module of its own; the
// others are here. A Format holds no state and is safe for concurrent use.
type Format interface {
	// Name is short and lower case, such as "csv".
	Name() string
	// Detect looks at a file, as far as it has to, and says how it is written.
	// What the file leaves open is among the layout's questions, with the answer
	// that is taken if nobody gives another. A file that is not of the format is
	// [audience.ErrUnsupported].
	Detect(ctx context.Context, src Source, limits Limits) (*Layout, error)
	// Open starts reading a file that is written as layout says, which Detect
	// gave and a host may have changed.
	Open(ctx context.Context, src Source, layout *Layout, limits Limits) (Table, error)
	// Rejects begins a file of rejected rows: of the same format and with the
	// same columns, and one named [ReasonColumn] behind them, so that it can be
	// mended and imported as it is. Of the columns at the positions secret
	// nothing is written but the header.
	Rejects(w io.Writer, layout *Layout, secret []int) (Rejects, error)
}

// Table is a file that is being read. It is not safe for concurrent use.
type Table interface {
	// Rows gives the rows in order of the file, once. A [*RowError] is a row
	// that cannot be read, and reading goes on behind it; with it comes a Row of
	// what is known: where it stands and its raw bytes. Any other error is the
	// last. A Row and what it holds may be kept.
	Rows(ctx context.Context) iter.Seq2[*Row, error]
	// Read tells how many bytes of the file were read so far.
	Read() int64
	Close() error
}

// Rejects writes rejected rows, in order of the file.
type Rejects interface {
	// Reject writes one row and why it was rejected. Reasons never repeat what
	// stands in cells.
	Reject(row *Row, reason string) error
	// Close ends the file; it does not close the writer underneath.
	Close() error
}

// ReasonColumn is the header of the column that says why a row was rejected.
// Imports pass over it.
const ReasonColumn = "import_reason"

// CellKind says what a format knows about a cell besides its text.
type CellKind uint8

// The kinds.
const (
	CellText   CellKind = iota // text that may stand for anything: CSV has no types
	CellAbsent                 // the row does not mention the column
	CellString                 // a string in a format with types: "30" is no number
	CellNumber                 // a number, as the format wrote it
	CellBool                   // true or false
	CellList                   // several items, as [ParseList] reads them
	CellTime                   // an instant as RFC 3339, or a day as YYYY-MM-DD
)

// Row is one record of a file.
type Row struct {
	Line  int   // of the file, from 1: where it begins; in files without lines the number of the row
	Bytes int64 // that it took in the file
	// Cells are as many as there are columns: what a row lacks is empty.
	Cells []string
	Kinds []CellKind // of the cells; nil: all are CellText
	Raw   []byte     // how it stood in the file, decoded to UTF-8; nil where a format has no such thing
}

// Kind gives the kind of a cell.
func (r *Row) Kind(column int) CellKind {
	if r.Kinds == nil {
		return CellText
	}
	return r.Kinds[column]
}

// Layout is how a file is written. It is a plain value that can be stored as
// JSON, shown and used again.
type Layout struct {
	Format string `json:"format"`
	// Settings are what the format has to know, such as the encoding and the
	// delimiter of CSV: its package says which there are.
	Settings map[string]string `json:"settings,omitempty"`
	Columns  []string          `json:"columns"` // the headers as they stand there; some may be empty or alike
	// HeaderLine is where the headers stand; 0: the file has none, and Columns
	// are column_1, column_2 and so on.
	HeaderLine int        `json:"header_line"`
	Questions  []Question `json:"questions,omitempty"`
	Notes      []Note     `json:"notes,omitempty"`
}

// Question is something that a file leaves open. An import that could be wrong
// about it does not run until it is answered: see [Plan].
type Question struct {
	// ID is what the question is about: a setting, such as "encoding", or a
	// column, as "column 4: dates".
	ID      string   `json:"id"`
	Text    string   `json:"text"`    // for people
	Options []string `json:"options"` // the answers
	Assumed string   `json:"assumed"` // the answer that is taken for showing a preview
}

// Note is something about a file that people should know: lines that are not
// data, columns that are dropped. It holds nothing of the cells.
type Note struct {
	Code   string `json:"code"` // stable, such as "footer" or "secret-column"
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"` // from 1
	Text   string `json:"text"`
}
