// Package bitset holds sets of contact numbers: ascending uint32s, kept as
// compressed bitmaps (Roaring), so that a million members of a large audience
// take kilobytes and set algebra works on whole words.
//
// It is the only importer of the bitmap library, whose mutable, partly
// copy-on-write bitmaps are easy to share wrongly. A [Set] is immutable and a
// plain value: it may be copied, kept and read from any number of goroutines.
// What changes is a [Builder], which hands its ids over and starts again.
package bitset
