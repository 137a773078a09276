// Package exporter brings contacts out of an audience: it reads them from one
// snapshot, everybody or the members of a segment, and hands them to an
// encoder. [NDJSON] is here; formats with dependencies are packages below,
// such as csvexport.
//
// It also writes reports, documents of figures for people: a [Report] is a
// value that anybody fills, [SegmentReport] does it with segments. Text is
// here, PDF is the module pdfreport below.
//
// What leaves is personal data in clear. An export goes where the caller says
// and nowhere else, and errors never show any of it.
package exporter
