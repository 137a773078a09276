// Package columns keeps, in memory and by column, what the live segments read
// of contacts. A [Table] is filled from a snapshot of the store and then
// follows its feed, change by change; at every position it says exactly what
// the profiles of the store say there.
//
// A Table has one writer; it may be read only while nothing writes, which its
// owner sees to. Instants are microseconds since the Unix epoch, contacts
// their numbers, texts numbers of a dictionary, so that nothing in it is a
// pointer of one contact.
package columns
