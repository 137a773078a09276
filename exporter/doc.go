// Package exporter brings contacts out of an audience: it reads them from one
// snapshot, lets a gate decide who and what of them may leave, and hands them
// to an encoder, one by one, in memory that does not grow with their number.
//
// # Who
//
// Everybody, those for whom a predicate is true, those on a list, the members
// of a segment, or what several of these have in common: see [Options]. In any
// case a [Gate] has the last word, and every export names one: [OnlyMailable],
// [Purpose], [Everything] with a reason, or the host's own. [Redact] masks
// columns or turns them into pseudonyms.
//
// # Columns
//
// [Options] name the columns that leave and their order, else they are those of
// [DefaultColumns]:
//
//	external_id          the host's own id
//	external:<system>    the id in another system; external:host is external_id
//	email other_emails   the primary address, the further ones (a list)
//	first_name last_name phone tags
//	status               for e-mail and marketing, at the instant of the export
//	consent:<purpose>    the same for a purpose
//	lists                the lists she is on, of any kind
//	created_at updated_at frequency
//	id                   the store's number
//	<field>              a custom field; field:<field> if it is named like one of the above
//
// # Formats
//
// [NDJSON], [JSON], [XML] and [VCard] are here, and [Template] for one's own;
// package csvexport writes CSV, the module xlsxfile workbooks. Any other format
// is an [Encoder]. All get the same columns and typed values.
//
// What comes back through the importer is the same audience as far as the
// columns reach, from JSON and CSV to the last character; what a format has no
// place for it counts, see [Loss].
//
// It also writes reports, documents of figures for people: a [Report] is a
// value that anybody fills, [SegmentReport] does it with segments. Text is
// here, PDF is the module pdfreport below.
//
// What leaves is personal data in clear. An export goes where the caller says
// and nowhere else, errors and logs never show any of it, and [WriteFile] makes
// files that only their owner may read.
package exporter
