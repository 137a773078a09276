// Package exporter brings contacts out of an audience: it reads them from one
// snapshot, everybody or the members of a segment, and hands them to an
// encoder. [NDJSON] is here; formats with dependencies are packages below,
// such as csvexport.
//
// What leaves is personal data in clear. An export goes where the caller says
// and nowhere else, and errors never show any of it.
package exporter
