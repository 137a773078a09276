package exporter

import (
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Encoder writes contacts in a format. Begin comes first and once, then Encode
// for each contact, End last, also when there was none; after an error nothing
// more is called, but one that is an io.Closer too is closed in any case, last.
// An Encoder is for one export and is called by one goroutine.
//
// Errors say which row, as a number from 1, and which column; never what
// stands there.
type Encoder interface {
	// Begin is told the columns, in order. They are not changed later.
	Begin(columns []Column) error
	// Encode writes one contact: a value for each column, of the column's type,
	// or the zero Value where there is none. The slice is the caller's and holds
	// the next contact afterwards; the values may be kept.
	Encode(row []audience.Value) error
	// End writes what is left and says what the format could not hold.
	End() (Loss, error)
}

// Loss says what a format could not hold. Zero: nothing was lost.
type Loss struct {
	Replaced int // characters that the format has no place for, written as another one, mostly U+FFFD
	Cut      int // values that were too long and were cut
	Rounded  int // numbers and instants that were finer than the format is
}

// Column is a column of an export.
type Column struct {
	Name   string        // as in Options.Columns; of a custom field its name
	Type   audience.Type // of the values
	Custom bool          // a custom field of the audience
}

// Group splits the name of a column that is one of several of a kind:
// "external:crm" is "external" and "crm". Of others, such as "email" and all
// custom fields, the member is "".
func (c Column) Group() (group, member string) {
	group, member, _ = strings.Cut(c.Name, ":")
	return group, member
}
