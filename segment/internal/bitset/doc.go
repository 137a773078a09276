// Package bitset holds sets of contact numbers: ascending uint32s, kept as
// compressed bitmaps (Roaring), so that a million members of a large audience
// take kilobytes and set algebra works on whole words.
//
// It is the only importer of the bitmap library, whose mutable, partly
// copy-on-write bitmaps are easy to share wrongly. A [Set] is immutable and a
// plain value: it may be copied, kept and read from any number of goroutines.
// What changes is a [Builder], which hands its ids over and starts again.
//
// A [Live] set changes one id at a time while any number of goroutines read it
// without locks. Its pages of 65,536 ids are small sorted arrays, replaced as a
// whole, or plain bitmaps, written word by word. [Live.Freeze] gives what it
// holds now for the price of the page table: a bitmap is copied when it is
// written for the first time after that.
package bitset
