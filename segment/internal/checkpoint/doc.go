// Package checkpoint is the format of checkpoints of an engine: numbers and
// texts, one after the other, in chunks that are sealed with a key.
//
// A file is a preamble (what it is, its format, the name of the key, a random
// number) and chunks of at most a MiB. Each chunk carries an HMAC-SHA256 over
// its place, its length and its bytes, under a key that is made of the named
// one and the preamble, and says whether it is the last. Nothing of a chunk is
// given out before it was checked, so chunks that were changed, taken from
// another file, swapped, left out or cut off are found before they mean
// anything. Who reads to the end and gets no error from [Decoder.Close] has
// read what was written.
//
// The format does not hide anything: a file is as confidential as the contacts
// in it.
package checkpoint
