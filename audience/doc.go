// Package audience holds the words of the library: contacts and their
// addresses, events, lists, the consent ledger with the fold that turns it
// into a standing, suppressions, the schema that types it all, and the
// categories of errors.
//
// It knows nothing of stores, files or networks: everything here is a value
// or a pure function. Two rules run through it:
//
//   - Time is UTC in whole microseconds, in the years 1 to 9999.
//   - Addresses, names, phones, external ids and values never print
//     themselves. [Address], [Private] and [Value] show a mask in fmt,
//     log/slog and encoding/json, also as fields of other structs; Reveal and
//     the typed accessors are the deliberate way out. What is kept as plain
//     text says that it must not be personal: names of fields, tags, lists and
//     event types, event ids, and who a [Source] is.
//
// A host writes with [ContactWrite], [EventWrite] and [ConsentWrite], names
// people by [Ref], and reads [Contact], [Event] and [Profile]. Stores call
// Check on what they are given, and the rest of the package to carry it out.
//
// Values of this package are safe for concurrent reads.
package audience
