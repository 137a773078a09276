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
//   - segment: the segment language, segments from a folder of files, and the
//     engine that keeps them up to date, explains, previews and looks ahead;
//     segment/segmenttest tests segments in a few lines, and any engine against
//     the reference
//   - importer, exporter: contacts and events in, contacts out: CSV, JSON, XML,
//     vCard, templates, workbooks; a gate says who may leave
//   - examples/quickstart: from files to segment members in one command
//
// # Quick start
//
//	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
//	_, err = aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), Email: address})
//
//	eng, err := segment.OpenEngine(ctx, aud, segment.EngineOptions{})
//	_, err = eng.Apply(ctx, segment.Definition{
//		Name: "buyers", Source: `events("purchase").within("1y").sum("value") > 100`,
//	})
//	go eng.Run(ctx)
//
//	buyers, err := eng.Segment("buyers")
//	if buyers.Has(audience.Key("u42")) { ... }
//
// The example of this package is the same as a whole program.
//
// # Guarantees
//
//   - G1: for every segment and contact, at the position and the instant where
//     the engine or a snapshot stands, she is in it exactly when the expression
//     is true of her record as of that position, to the microsecond, in the
//     audience's time zone. What is unknown is never taken for false. Proved by
//     trials: random schemas, segments over the whole grammar and histories,
//     after every step of which each member is compared with the reference
//     evaluator; and by that evaluator agreeing with a second, naive reading of
//     the language.
//   - G2: what evaluates an expression in another way agrees with the reference
//     on all that it accepts, and hands the rest back: the engine's indexes, and
//     the predicates for stores. Proved by the trials, by the same scripts for
//     all, and by random expressions.
//   - Nobody becomes mailable but by a record with evidence, and no import,
//     merge or deletion loses a refusal.
//   - A commit is atomic, and every reader of the feed sees every commit
//     exactly once, in one order.
//   - Audiences of one store are isolated from each other.
//   - Bad input is a typed error that says where and what was expected; the
//     good rows go in.
//   - Addresses, names and values appear in no error, log line or formatted
//     struct.
//   - G8: files and expressions are hostile: size, depth, time and memory of
//     everything are bounded, and a limit is an error that never decides who is
//     in a segment. Proved by fuzzing, and by tests of each limit, also in the
//     middle of an engine's work.
//
// README.md tells how each of them is proved.
package audiencekit
