package importer

import (
	"strconv"
)

// RowError says why a row, or a column, could not be used. It never holds
// what stood in the cells.
type RowError struct {
	Line   int   // of the file, from 1: where the row begins
	Column int   // from 1; 0 when it is about the row as a whole
	Err    error // of one of the categories of package audience
}

// Error gives "line 12, column 4: " and the reason.
func (e *RowError) Error() string {
	s := "line " + strconv.Itoa(e.Line)
	if e.Column > 0 {
		s += ", column " + strconv.Itoa(e.Column)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *RowError) Unwrap() error { return e.Err }

// Report says what became of a file. Every row counts once:
//
//	Rows == Created + Updated + Unchanged + Bad
//
// After an error it is about the rows up to the last batch that was written.
type Report struct {
	Rows      int // rows of data; neither the header nor empty lines
	Created   int // contacts that are new, or events
	Updated   int // contacts that a row changed
	Unchanged int // rows that say what was known already, and repeated events
	Bad       int // rows that could not be used

	// What became of status cells of rows that are not bad. A cell that says
	// what holds already does nothing and is in none of them.
	Recorded int // ledger records that were written
	Pending  int // of these: "subscribed" without an attestation, recorded as a request
	Kept     int // cells that a refusal which stands outweighs: nothing was recorded

	Columns []*RowError // columns that were not read or not read as their header says
	Errors  []*RowError // the first bad rows in order of the file, see Limits.Errors
}

// Progress is how far an import has come.
type Progress struct {
	Rows  int   // rows written or found bad so far
	Bytes int64 // of the file, that the rows written took
}
