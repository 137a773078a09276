// Package xlsxfile writes contacts as an Excel workbook (Office Open XML, .xlsx),
// with typed cells: numbers, booleans, dates and instants are what they are,
// and text is never a formula. The first row of each sheet holds the names of
// the columns, that of a custom field with its type, as in CSV ("score:int"); it
// stays in sight when the sheet is scrolled.
//
// What a workbook cannot hold is written as text, exactly: ints of more than 15
// digits, which programs would round, dates and instants before March 1900 or
// after 9999, and lists, as [audience.Value.Reveal] gives them. Characters that
// XML cannot hold become U+FFFD and are counted as replaced. A text of more
// than 32,767 characters is an error, or is cut and counted: see [Options].
// Programs keep 15 digits of a number: doubles that have more are rounded and
// counted, and so are instants to whole milliseconds.
//
// Rows are collected in a file of the system's temporary folder, which only its
// owner may read, so that memory does not grow with their number; the workbook
// is written at the end. The export removes that file, also after an error.
//
// It is a module of its own, so that only hosts that write workbooks get what it
// needs. For programs CSV and NDJSON are exact and many times faster.
package xlsxfile
