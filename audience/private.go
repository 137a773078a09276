package audience

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
)

var (
	_ fmt.Formatter          = Private{}
	_ slog.LogValuer         = Private{}
	_ json.Marshaler         = Private{}
	_ encoding.TextMarshaler = Private{}
)

// privateMask is what a Private shows instead of its text.
const privateMask = "***"

// Private is personal text such as a name or a phone number. It never prints
// itself: fmt, log/slog, encoding/json and everything that uses
// encoding.TextMarshaler show "***", or nothing when it is empty, also within
// structs, slices, maps and errors. In an unexported field of a struct, and
// with the wrong verbs %p and %w, fmt shows a pointer instead. Reveal is the
// way out.
//
// The zero Private is the empty text. A Private is immutable and safe for
// concurrent use. Compare with Equal; == does not compile, because it would
// compare pointers. It is not for secrets: it keeps text out of output, not
// out of memory.
type Private struct {
	_ [0]func()
	// A pointer, because fmt cannot call methods on an unexported field of
	// somebody else's struct: it then prints this as a number. To a string and
	// not to its bytes, so that reflect.DeepEqual compares the text.
	text *string
}

// NewPrivate wraps personal text.
func NewPrivate(s string) Private {
	if s == "" {
		return Private{} // so that all empty texts are deeply equal
	}
	return Private{text: &s}
}

// Reveal gives the text in clear. What happens to it is the caller's duty.
func (p Private) Reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// Value gives the text as a string value, without copying it; absent when it is
// empty.
func (p Private) Value() Value {
	if p.text == nil {
		return Value{}
	}
	return Value{content: p.text}
}

// IsZero reports whether the text is empty.
func (p Private) IsZero() bool { return p.text == nil }

// Equal reports whether both texts are the same bytes.
func (p Private) Equal(o Private) bool { return p.Reveal() == o.Reveal() }

// Format prints the mask for every verb, whatever the flags and width.
func (p Private) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(p.mask())) }

// LogValue logs the mask.
func (p Private) LogValue() slog.Value { return slog.StringValue(p.mask()) }

// MarshalJSON gives the mask as a JSON string; its error is always nil. There
// is no way back: a Private cannot be unmarshalled.
func (p Private) MarshalJSON() ([]byte, error) { return json.Marshal(p.mask()) }

// MarshalText gives the mask; its error is always nil.
func (p Private) MarshalText() ([]byte, error) { return []byte(p.mask()), nil }

func (p Private) mask() string {
	if p.text == nil {
		return ""
	}
	return privateMask
}
