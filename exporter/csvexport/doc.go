// Package csvexport writes contacts as CSV, in a form that csvimport reads
// back: a header row with the names of the columns, name:type for custom
// fields, and a row for each contact. Tags and lists stand between commas within
// their cell, items with a comma in quotes. What is absent is an empty cell, and
// so is an empty text: CSV does not tell them apart.
//
// Files are for spreadsheets or for programs, see [Profile], and for the
// separators of a country, see [Options]. An import, see package importer, knows
// every column again: it brings back all but what only the audience itself can tell
// (updated_at, frequency, id) and what asks for evidence (consent:<purpose>, topics
// among lists); these it passes over. Lists must be declared before.
//
// [Rows] writes structs of the host's own in the same dialects.
package csvexport
