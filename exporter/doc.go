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
// The members of a segment that may be mailed, as CSV, in a file of one's own:
//
//	vip, ok := engine.Snapshot("vip").Members("vip")
//	err := aud.View(ctx, func(r *store.Reader) error {
//		return exporter.WriteFile("vip.csv", func(w io.Writer) error {
//			_, err := exporter.Contacts(ctx, r, csvexport.New(w, csvexport.Options{}), exporter.OnlyMailable(),
//				exporter.Options{Members: vip.All(), Columns: []string{"email", "first_name"}})
//			return err
//		})
//	})
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
// Files hold what the columns reach, to the last character; what a format has no
// place for it counts, see [Loss]. The columns of [DefaultColumns] come back
// through the importer as they were: but for an empty text in CSV, which is
// absent then, and a status, which only evidence raises.
//
// It also writes reports, documents of figures for people: a [Report] is a
// value that anybody fills, [SegmentReport] does it with segments. Text is
// here, PDF is the module pdfreport below.
//
// What leaves is personal data in clear. An export goes where the caller says
// and nowhere else, errors and logs never show any of it, and [WriteFile] makes
// files that only their owner may read.
package exporter
