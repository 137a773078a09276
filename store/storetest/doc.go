// Package storetest checks that an adapter keeps the contract of package
// store. Everything above the adapter relies on nothing else, so an adapter
// that passes works with every feature, and one that does not fails here
// with the name of a check and the sentence that says why it matters.
//
// # For authors of adapters
//
// Implement [store.Adapter] along the comments of its roles, then write one
// test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			New: func(t testing.TB) store.Adapter { return myadapter.New() },
//		})
//	}
//
// Run it with -race. Each check is a subtest named topic/name, such as
// feed/every-commit-once, and gets an adapter of its own. Begin with the
// topics contacts, identities and ids; they need the least.
//
// A harness is strict by default. What an adapter cannot do is listed in
// Lacks with a reason, which the skipped checks show: so that what is not
// checked is a decision and not an oversight. [Bench] measures what the suite
// checks.
//
// # What a check may assume
//
// Checks call the adapter from several goroutines at once: the topics feed,
// snapshots and concurrency have other writers and a reader of the feed run
// beside what they look at. They never sleep and never depend on who comes
// first. Contact ids, positions and record versions are compared with each
// other and never with numbers. Time is a clock that the checks move; a
// deadline exists only so that an adapter that hangs fails.
//
// A check must be able to fail. The tests of this package keep a faulty
// adapter with one fault for every check, and require that the check finds
// it.
package storetest
