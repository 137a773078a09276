// Package importer brings rows of files into an audience. It holds what every
// format shares: sources that can be read twice, the reading of cells as typed
// values, the ids of events that have none, the path of a status cell into
// the ledger, and the pipeline that writes rows in batches. Formats are
// here ([JSON], [NDJSON], [XML], [VCard]) or packages below, such as csvimport;
// [Handler] takes contacts over HTTP.
//
// [Inspect] finds out what is in a file: how it is written, whose export it is,
// and what each of its columns becomes. It decides by cells, not by names, and
// asks what they leave open. The [Proposal] can be shown to people, its [Mapping]
// changed, and both go into a [Plan], with the modes that say what the import may
// do to whom, and what the host attests of their consent.
//
// [Preview] tells what an import would do, row by row with the changes if they
// are asked for, and through Options.WhatIf what it would change in live segments.
// [Run] does it: in batches, keeping in each transaction how far it has come, so
// that it goes on where it was stopped and does nothing twice. [Undo] takes it
// back, but for what somebody has changed since. [Jobs] lists what was imported.
// [Contacts] and [PreviewContacts] do the same with rows of the host's own,
// [Write] within a transaction of the host's. Every row is created, updated,
// skipped, suppressed or rejected, and [Report.Check] proves that none is lost.
//
// Good rows go in and bad rows come back: a row that cannot be used costs
// nothing but itself and is reported with its line, its column and a typed
// reason, never with its cells. An import can keep or lower somebody's
// standing; it makes nobody mailable without an [Attestation], and it never
// lifts a refusal.
package importer
