// Package rowcodec makes the bytes that the SQL store keeps in its blobs, and
// the search copy of a contact that databases look into.
//
// Blobs. Every blob begins with a version byte. What stands in columns beside
// it (ids, versions, keys) is not in it and is given to the decoder. Equal
// rows give equal bytes, and decoders give rows back exactly: texts byte for
// byte, doubles bit for bit, instants in UTC, nil slices nil and empty ones
// empty, and provenances that were equal within a contact as one pointer.
// Instants are whole microseconds of the years 1 to 9999, what is finer is cut
// off. Bytes that are no row are a [*DamageError], never a panic, and no length
// in them is believed before the bytes for it are there. It is not a checksum:
// a text with another letter in it is a row.
//
// Numbers are unsigned varints in their shortest form, signed ones zigzag
// first. A text is its length and its bytes. A slice is 0 when it is nil,
// else its length plus one, and its items. An instant is 0 for the zero Time,
// else one plus the zigzag distance to the instant before it in the blob, 0
// micros before the first. Encoders append, so that many rows share a buffer.
//
// Formats of version 1 are pinned by a test and never change; a change of them
// is version 2, and decoders read both.
package rowcodec
