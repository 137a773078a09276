package checkpoint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
)

// Format is the number of the format. It changes with the bytes, and also when
// the same bytes come to mean something else: another reading of an expression
// makes other members.
const Format = 2

const (
	magic     = "akcheck\n"
	chunkSize = 1 << 20
	nonceSize = 16
	headSize  = 5 // whether a chunk is the last, and its length
	macSize   = sha256.Size
	keyIDMost = 255

	more = 0
	last = 1
)

// What can be wrong with a file. Each comes with a text that says what was
// found, and nothing of what is in the file.
var (
	ErrDamaged   = errors.New("damaged")
	ErrTruncated = errors.New("cut off")
	ErrFormat    = errors.New("of another format")
	ErrKey       = errors.New("sealed with an unknown key")
)

// seal computes the codes of one file's chunks.
type seal struct {
	mac   hash.Hash
	count uint64
	sum   []byte
}

// newSeal makes the key of one file, so that its chunks fit into no other.
func newSeal(key, preamble []byte) *seal {
	mac := hmac.New(sha256.New, key)
	mac.Write(preamble)
	return &seal{mac: hmac.New(sha256.New, mac.Sum(nil))}
}

// next gives the code of the next chunk, valid until the call after.
func (s *seal) next(head, payload []byte) []byte {
	s.mac.Reset()
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], s.count)
	s.count++
	s.mac.Write(place[:])
	s.mac.Write(head)
	s.mac.Write(payload)
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum
}

func equal(a, b []byte) bool { return hmac.Equal(a, b) }
