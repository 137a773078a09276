// Package pdfreport writes an [exporter.Report] as a PDF document: facts as
// tiles, charts as sharp lines and bars, tables that go on over pages.
//
// Texts may be of any script that a font has. The fonts inside, Go Regular and
// Go Bold, have Latin, Greek and Cyrillic; for others, such as Chinese, the
// host gives TrueType fonts ([Options.Fonts]). What no font has is shown as a
// box and counted. Hebrew and the like run from right to left; Arabic letters
// do so too but are not joined, and scripts that need shaping, such as
// Devanagari, are set letter by letter.
//
// The package is a module of its own, so that only hosts that write PDF carry
// what it needs.
package pdfreport
