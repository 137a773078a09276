// Package csvexport writes contacts as CSV, in a form that csvimport reads
// back: a header row with the names of the columns, name:type for custom
// fields, and a row for each contact. Tags and lists stand between commas within
// their cell, items with a comma in quotes. What is absent is an empty cell, and
// so is an empty text: CSV does not tell them apart.
//
// Files are for spreadsheets or for programs, see [Profile], and for the
// separators of a country, see [Options]. An import that is mapped, see package
// importer, knows every column: it puts further addresses, ids in other systems
// and static lists back, and passes over what others tell or evidence must
// (updated_at, frequency, id, consent:<purpose>, topics among lists). csvimport.Contacts reads
// external_id, email, first_name, last_name, phone, tags, status, created_at and
// custom fields back; other columns become custom fields there.
package csvexport
