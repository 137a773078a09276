// Package memstore keeps audiences in memory: for tests, for examples, and
// for programs whose audience fits. Nothing is written to disk; what a store
// holds ends with it.
//
// # Snapshots
//
// A partition is one immutable version behind an atomic pointer. View pins
// the version it starts with: it takes no lock, waits for nobody, and any
// number of views read in parallel, each its own commit for as long as it
// likes. Update works on a version of its own, which shares everything it
// does not change, and commits by moving the pointer; to roll back is to
// forget. Only who holds which identity is no part of a version, but a hash
// table for all of them, whose entries say from which commit on they hold: an
// Update that is rolled back takes out what it put in, and what no view can
// see any more is forgotten by the next Update. There is one writer at a time per partition; waiting for the turn
// ends with the context. Update within Update on the same partition waits
// for itself until its context ends.
//
// # Costs
//
// With n contacts, everything but identities is kept in ordered trees of 32
// entries per node, so that a read is one way down the tree and a write copies
// one way down, whatever n is: four nodes for a million contacts.
//
//   - Reading or writing one contact, list member, suppression, record or
//     merge: O(log n). Nothing is ever copied as a whole.
//   - Resolving, claiming or releasing an identity: O(1). A claim now and then
//     makes room in one of the 256 parts of the table, O(n/256).
//   - Reading k rows in order: O(log n + k).
//   - Events are in a tree per contact. Appending, revising, counting: as the
//     logarithm of that contact's events. Reading costs what is read, not what
//     the contact has of other types.
//   - A commit: constant beyond its writes, plus O(log n) per change for the
//     feed. Within one batch nodes are copied once and then changed in place.
//   - Redirect follows merges one by one.
//   - Trim and BlankChanges: O(log n) for each change they concern;
//     BlankChanges also copies the commits it finds.
//   - A snapshot costs nothing to take. While it is held it keeps alive what
//     was replaced since.
//
// Memory, by BenchmarkMemory: beyond its row as given, a contact with two
// identities takes about 120 bytes; beyond its id and properties, an event
// takes about 90. A change in the feed takes about 350 bytes for a contact
// and 250 for an event, until Trim: a host that follows no feed should trim
// it. Records that have expired keep their memory until they are
// overwritten or deleted.
package memstore
