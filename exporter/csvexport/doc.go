// Package csvexport writes contacts as CSV, in a form that csvimport reads
// back: a header row with the columns
//
//	external_id email first_name last_name phone tags status created_at
//
// and one column name:type for each custom field of the schema, in order of
// the names. Tags and lists stand between commas within their cell, items with
// a comma in quotes. What is absent is an empty cell, and so is an empty text:
// CSV does not tell them apart. The host's own external id and the primary
// address leave, further ones do not.
package csvexport
