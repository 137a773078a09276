// Package store holds audiences: contacts, events, lists, the ledger of
// consent and refusal, suppressions and the change feed.
//
// A host opens one audience and works with its handle:
//
//	aud, err := store.Open(ctx, memstore.New(), "main", store.Options{Keys: keys})
//	pos, err := aud.Update(ctx, func(tx *store.Tx) error {
//		_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), Email: address})
//		return err
//	})
//	err = aud.View(ctx, func(r *store.Reader) error {
//		ann, err := r.Contact(ctx, audience.Key("u42"))
//		...
//	})
//
// # Transactions
//
// [Audience.View] reads one snapshot: every read in it sees the same commits,
// whole, whoever writes meanwhile. [Audience.Update] is one transaction: it
// commits when the function returns nil and leaves nothing behind on an error
// or a panic. The function may run again after a serialization failure, so it
// must have no other effects. [Audience.Put], [Audience.Append],
// [Audience.Record] and [Audience.Contact] are the same for one item.
//
// Writes come in batches, which are all or nothing: refused items are a
// [audience.BatchError] with the index and cause of each. Reads page by
// cursor; iterators run on top of the pages.
//
// # Consent
//
// [Tx.Record] is the only way in which anybody becomes mailable, and a grant
// needs evidence and keys. No other write raises a status: neither a put, nor
// a merge, nor an unmerge, nor deleting somebody and putting her again.
// Refusals are kept as keyed hashes of addresses too ([Tx.Suppress]), so that
// they outlive the contact. A request or grant recorded in error is taken back
// by a further record ([audience.ConsentRetracted]); a refusal never is.
//
// # Feed
//
// Every commit that changed something is one [Commit] in the feed, in one
// order for all readers, which respects acknowledgement. A change carries
// what it changed. A [Position] is a place in the feed: it can be kept, and is
// refused with [audience.ErrPositionGone] when the store was restored from a
// backup or has forgotten what came after it.
//
// # Adapters
//
// What a store has to do is written at [Adapter] and the roles below it, and
// checked by package storetest. Rules live in this package, once for all
// adapters; adapters keep rows and transactions. What only some of them can
// do is asked for with [As].
package store
