// Package xlsxfile reads Excel workbooks (Office Open XML, .xlsx and .xlsm) as
// a format of package importer. One sheet is the table; the layout asks which
// when several hold something.
//
// Cells are what they are stored as, not what a program shows: numbers as they
// stand in the file, booleans, text, and numbers in the format of a date as days
// or wall times. Formulas give the value that was stored with them; errors such
// as #N/A are empty. Rows and parts of a workbook that are damaged are errors
// with the number of the row, never left out.
//
// It is a module of its own, which hosts need that take workbooks.
package xlsxfile
