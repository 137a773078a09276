package compliance

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/audiencekit/audiencekit/audience"
)

// The tree over the ends of all chains is that of RFC 6962 section 2.1: leaves
// are hashed behind a zero byte, nodes behind a one.

// head is the end of a chain as it was sealed; the zero head is of nobody.
type head struct {
	contact audience.ContactID
	seq     uint64
	hash    [32]byte
}

const headBytes = 4 + 8 + 32

func (h *head) bytes() (b [headBytes]byte) {
	binary.BigEndian.PutUint32(b[:4], uint32(h.contact))
	binary.BigEndian.PutUint64(b[4:12], h.seq)
	copy(b[12:], h.hash[:])
	return b
}

func parseHead(b *[headBytes]byte) (h head) {
	h.contact = audience.ContactID(binary.BigEndian.Uint32(b[:4]))
	h.seq = binary.BigEndian.Uint64(b[4:12])
	copy(h.hash[:], b[12:])
	return h
}

func (h *head) leaf() [32]byte {
	b := h.bytes()
	return sha256.Sum256(append([]byte{0}, b[:]...))
}

func node(left, right [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// tree takes leaves one after the other and holds one hash for each level. With
// a leaf marked it collects the path that leads from it to the root.
type tree struct {
	size   uint64
	levels []subtree // from the largest to the smallest
	path   [][32]byte
}

type subtree struct {
	hash   [32]byte
	leaves uint64
	marked bool
}

func (t *tree) add(leaf [32]byte, marked bool) {
	t.size++
	t.levels = append(t.levels, subtree{leaf, 1, marked})
	for n := len(t.levels); n > 1 && t.levels[n-2].leaves == t.levels[n-1].leaves; n = len(t.levels) {
		t.levels = append(t.levels[:n-2], t.join(t.levels[n-2], t.levels[n-1]))
	}
}

func (t *tree) join(left, right subtree) subtree {
	switch {
	case left.marked:
		t.path = append(t.path, right.hash)
	case right.marked:
		t.path = append(t.path, left.hash)
	}
	return subtree{node(left.hash, right.hash), left.leaves + right.leaves, left.marked || right.marked}
}

// root ends the tree. That of no leaves is the hash of nothing.
func (t *tree) root() [32]byte {
	if len(t.levels) == 0 {
		return sha256.Sum256(nil)
	}
	out := t.levels[len(t.levels)-1]
	for i := len(t.levels) - 2; i >= 0; i-- {
		out = t.join(t.levels[i], out)
	}
	return out.hash
}

// climb gives the root that a leaf and its path lead to (RFC 9162 section
// 2.1.3.2); false when the path is of another length.
func climb(leaf [32]byte, index, size uint64, path [][32]byte) ([32]byte, bool) {
	if index >= size {
		return leaf, false
	}
	out, last := leaf, size-1
	for _, p := range path {
		switch {
		case last == 0:
			return out, false
		case index&1 == 1 || index == last:
			out = node(p, out)
			for index&1 == 0 && index != 0 {
				index, last = index>>1, last>>1
			}
		default:
			out = node(out, p)
		}
		index, last = index>>1, last>>1
	}
	return out, last == 0
}
