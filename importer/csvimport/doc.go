// Package csvimport reads CSV files. [Format] is for imports that are mapped
// and planned, see package importer: it finds out how any file is written.
// [Rows] gives the rows of a file as values of a struct of the host's own.
// [Contacts] and [Events] read files in our own shape into an audience: UTF-8
// text with a header row, cells between commas, quotes as in RFC 4180.
//
// # Contacts
//
// [Contacts] knows the columns email, external_id, first_name, last_name,
// phone, tags (a list between commas; quotes around a tag that holds one),
// created_at and status; email or external_id must be among them. Headers are
// folded to field names, so "First Name" is first_name. Any other column is a
// custom field: "score:double" gives its type, else it has the type that the
// audience's schema declares, else the one that fits all of its cells, see
// [importer.Inference].
//
// An empty cell says nothing. Rows are matched by external id, then address; a
// second row about a contact updates the first, and what its cells say
// replaces what was known. How a status cell comes into the ledger, and when it
// does not, is told at [importer.Options] and [importer.Report].
//
// # Events
//
// [Events] knows the columns external_id, email, type, time (RFC 3339,
// YYYY-MM-DD or YYYYMMDD) and id; type and time must be there, and one of the
// first two. Any other column is a property of every type in the file, typed as
// declared for that type, else as [Events] says. An id that comes again
// counts once; equal rows without an id count each, and importing the file
// again adds nothing.
//
// # Bad rows
//
// A row that cannot be used is reported with its line and column and costs
// nothing but itself, also where a quote is never closed. Reading goes on at the
// line behind the one on which such a row begins. To find such a quote
// a row over several lines must have as many cells as the header: empty ones at
// its end may be left out only of a row on one line. Sizes of file, rows and
// cells are bounded by [importer.Limits].
//
// # Guards
//
// Spreadsheets run cells that begin with =, +, - or @ as formulas; exports put
// an apostrophe in front. It is taken off again: an apostrophe before such a
// cell is not part of it.
package csvimport
