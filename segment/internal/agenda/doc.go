// Package agenda holds deadlines: which contact has to be looked at for which
// source (a feature that changes by time alone) at which instant.
//
// A source asks to be woken at the latest at an instant; of two such wishes for
// one contact the earlier stays, since the owner, when woken, looks and asks
// again. So a contact waits at most once per source, and an [Agenda] grows with
// the contacts that wait, not with what happens to them. Its entries lie in one
// array, sorted only as far as the next ones need it. The instant that counts
// for a source and a contact lies in pages of 1,024 ids beside it: an entry
// that was overtaken by an earlier one is recognised by its instant and dropped
// when it is met, or all together when they are the majority.
package agenda
