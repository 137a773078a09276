package store

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// Cursor is a place between two items of a paged read. It is opaque text,
// bound to the audience and the query that made it; the empty Cursor is
// before the first item.
type Cursor string

const (
	cursorVersion  = 1
	cursorTagBytes = 8
	maxCursorKey   = 2048
)

// EncodeCursor makes the cursor after the item with the given key. The query
// is any text that names everything that selects and orders the items; the
// key has at most 2,048 bytes. Adapters and features make cursors here and
// nowhere else.
func EncodeCursor(audienceName, query string, key []byte) Cursor {
	b := append([]byte{cursorVersion}, cursorTag(audienceName, query, key)...)
	return Cursor(base64.RawURLEncoding.EncodeToString(append(b, key...)))
}

// DecodeCursor gives the key back; nil for the empty cursor. A cursor that
// is damaged, or was made for another audience or query, is
// [audience.ErrInvalidCursor].
func DecodeCursor(audienceName, query string, c Cursor) ([]byte, error) {
	if c == "" {
		return nil, nil
	}
	bad := func(why string) ([]byte, error) {
		return nil, fmt.Errorf("cursor %s: start again without one: %w", why, audience.ErrInvalidCursor)
	}
	if len(c) > base64.RawURLEncoding.EncodedLen(1+cursorTagBytes+maxCursorKey) {
		return bad("too long")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	switch {
	case err != nil || len(b) < 1+cursorTagBytes || base64.RawURLEncoding.EncodeToString(b) != string(c):
		return bad("damaged") // the decoder skips line breaks
	case b[0] != cursorVersion:
		return bad("of another version")
	}
	tag, key := b[1:1+cursorTagBytes], b[1+cursorTagBytes:]
	if subtle.ConstantTimeCompare(tag, cursorTag(audienceName, query, key)) != 1 {
		return bad("of another query or audience, or damaged")
	}
	return key, nil
}

// cursorTag binds a key to its audience and query. It guards against mixing
// cursors up, not against forgery: a forged cursor reads nothing that its
// query would not have given.
func cursorTag(audienceName, query string, key []byte) []byte {
	h := sha256.New()
	for _, part := range []string{audienceName, query, string(key)} {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		h.Write([]byte(part))
	}
	return h.Sum(nil)[:cursorTagBytes]
}
