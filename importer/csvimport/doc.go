// Package csvimport reads CSV files. [Format] is for contacts: given to
// [importer.Inspect] and [importer.Run] it finds out how any file is written, and
// asks what the file leaves open; [importer.Choose] tells it. [Rows] gives the rows
// of a file as values of a struct of the host's own. [Events] reads files in our own
// shape into an audience: UTF-8 text with a header row, cells between commas,
// quotes as in RFC 4180.
//
// # Contacts
//
// Any headers will do: what a column becomes is proposed by package importer,
// by its cells first. Sure are those of our own exports: external_id, email,
// first_name, last_name, phone, tags (a list between commas; quotes around a tag
// that holds one), status, created_at, other_emails, lists, external:<system>,
// and for custom fields a name and a type, such as score:double. A column without a
// type gets the one that the audience's schema declares, else the one that fits
// all of its cells.
//
// An empty cell says nothing, unless the plan says otherwise. How a status
// comes into the ledger, and when it does not, is told at [importer.Plan] and
// [importer.Report].
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
