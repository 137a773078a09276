// Package audiencekit is the root of an embeddable library for audience
// management: contacts, lists, live segments, consent, import and export,
// inside the host's own process. There is no server, no broker and no global
// state; a host imports the packages it needs.
//
// # Map
//
//   - audience: the words of the field as types: contacts, addresses, events,
//     schema, the ledger of consent and its fold, keys, errors;
//     audience/audiencetest generates a shop of any size to measure with
//   - store: the handle a host holds, transactions, pages and the change feed;
//     store/memstore keeps it all in memory, store/storetest checks any adapter
//   - segment: the segment language, sets of segments from a folder of files,
//     and their evaluation; segment/segmenttest tests segments in a few lines
//   - importer, exporter: contacts and events in and out, as CSV and NDJSON
//   - examples/quickstart: from files to segment members in one command
//
// # Quick start
//
//	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
//	_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), Email: address})
//
//	language, err := segment.LanguageOf(aud, segment.Options{})
//	buyers, err := language.Compile(`events("purchase").within("1y").sum("value") > 100`)
//
//	ann, err := aud.Profile(ctx, audience.Key("u42"), buyers.Parts())
//	member, err := buyers.At(aud.Now()).Match(&ann)
//
// The example of this package is the same as a whole program.
//
// # Guarantees
//
//   - Segments are exactly right at the instant asked about, to the
//     microsecond, in the audience's time zone; what is unknown is never taken
//     for false.
//   - Nobody becomes mailable but by a record with evidence, and no import,
//     merge or deletion loses a refusal.
//   - A commit is atomic, and every reader of the feed sees every commit
//     exactly once, in one order.
//   - Audiences of one store are isolated from each other.
//   - Bad input is a typed error that says where and what was expected; the
//     good rows go in.
//   - Addresses, names and values appear in no error, log line or formatted
//     struct.
//   - Files and expressions are hostile: size, depth, time and memory of
//     everything are bounded.
//
// README.md tells how each of them is proved.
package audiencekit
