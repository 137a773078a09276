package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// Incarnation tells one life of an audience's rows from another: it is made
// at random when a partition is created, and anew when a backup is restored.
type Incarnation [16]byte

// Position is a place in the feed of one audience: after some commit. The
// zero Position is before the first. It is comparable with == and opaque; its
// text form can be kept, in JSON too, and parsed again.
type Position struct {
	incarnation Incarnation
	numbers     string // big-endian numbers, one per shard
}

const (
	positionVersion = 1
	maxShards       = 4096
)

// NewPosition makes a position for an adapter: one number on one database,
// one per shard on many (1 to 4,096), ascending along the feed.
func NewPosition(incarnation Incarnation, numbers ...uint64) Position {
	b := make([]byte, 0, 8*len(numbers))
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return Position{incarnation: incarnation, numbers: string(b)}
}

// Numbers gives an adapter its numbers back, none for the zero Position. A
// position of another incarnation is [audience.ErrPositionGone].
func (p Position) Numbers(incarnation Incarnation) ([]uint64, error) {
	if p.IsZero() {
		return nil, nil
	}
	if p.incarnation != incarnation {
		return nil, fmt.Errorf("position of another store or audience: %w", audience.ErrPositionGone)
	}
	out := make([]uint64, 0, len(p.numbers)/8)
	for b := []byte(p.numbers); len(b) >= 8; b = b[8:] {
		out = append(out, binary.BigEndian.Uint64(b))
	}
	return out, nil
}

// Incarnation gives the life of the audience's rows that the position
// belongs to, the zero Incarnation for the zero Position. Contact ids and what
// is made of them mean nothing in another one.
func (p Position) Incarnation() Incarnation { return p.incarnation }

// IsZero reports whether the position is before the first commit.
func (p Position) IsZero() bool { return p == Position{} }

// String gives the text form.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	b := append([]byte{positionVersion}, p.incarnation[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, p.numbers...))
}

// MarshalText gives the text form, so that a position can be kept in JSON
// and the like; its error is always nil.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form: see [ParsePosition].
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}

// ParsePosition reads the text form; the empty text is the zero Position.
// Anything that String would not have written is [audience.ErrPositionGone].
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	head := 1 + len(Incarnation{})
	if len(text) > base64.RawURLEncoding.EncodedLen(head+8*maxShards) {
		return Position{}, fmt.Errorf("position too long: %w", audience.ErrPositionGone)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) <= head || (len(b)-head)%8 != 0 || b[0] != positionVersion {
		return Position{}, fmt.Errorf("not a position: %w", audience.ErrPositionGone)
	}
	p := Position{numbers: string(b[head:])}
	copy(p.incarnation[:], b[1:head])
	if p.String() != text { // one text form only
		return Position{}, fmt.Errorf("not a position: %w", audience.ErrPositionGone)
	}
	return p, nil
}
