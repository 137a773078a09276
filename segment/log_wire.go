package segment

import (
	"encoding/binary"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// errDamaged is for a stored part of the log that nobody wrote like this.
func errDamaged(what string) error {
	return &audience.FieldError{Path: "transitions." + what, Rule: "damaged", Hint: "what the log wrote"}
}

// errNewer is for what a later version of the library wrote: guessing at it
// would show wrong members.
func errNewer(what string) error {
	return fmt.Errorf("transitions: %s of a newer format: %w", what, audience.ErrUnsupported)
}

// wire reads what was written by appending varints. After the first thing
// that is not there everything it gives is zero and bad is set.
type wire struct {
	rest []byte
	bad  bool
}

// number reads a number that is at most limit.
func (w *wire) number(limit uint64) uint64 {
	n, size := binary.Uvarint(w.rest)
	if w.bad || size <= 0 || n > limit || size > 1 && w.rest[size-1] == 0 { // one form for each number
		w.bad = true
		return 0
	}
	w.rest = w.rest[size:]
	return n
}

func (w *wire) signed() int64 {
	n, size := binary.Varint(w.rest)
	if w.bad || size <= 0 || size > 1 && w.rest[size-1] == 0 {
		w.bad = true
		return 0
	}
	w.rest = w.rest[size:]
	return n
}

func (w *wire) text(limit int) string {
	n := w.number(uint64(limit))
	if w.bad || n > uint64(len(w.rest)) {
		w.bad = true
		return ""
	}
	s := string(w.rest[:n])
	w.rest = w.rest[n:]
	return s
}

// done reports whether everything was there and nothing is left.
func (w *wire) done() bool { return !w.bad && len(w.rest) == 0 }
