package audience

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

var (
	_ fmt.Formatter          = Address{}
	_ slog.LogValuer         = Address{}
	_ json.Marshaler         = Address{}
	_ encoding.TextMarshaler = Address{}
)

// Address is an e-mail address that was found valid by [ParseAddress]. It
// keeps the spelling it came in and a canonical form for comparison. Like
// [Private] it never prints itself: everything shows what Masked gives.
//
// The zero Address is no address. An Address is immutable and safe for
// concurrent use. Compare with Equal, or keep Canonical as a map key; == does
// not compile.
type Address struct {
	_         [0]func()
	original  *string // pointers to strings for the reasons given at Private
	canonical *string // the same pointer when the spellings are the same
}

// ParseAddress checks an address and brings it into its canonical form. The
// error is a [*FieldError] for the path "email" and never holds the input.
//
// Spaces and tabs around the address are dropped. What remains must be
// local@domain, split at the last @:
//
//   - The local part is atoms joined by single dots. An atom is of the
//     characters that RFC 5322 section 3.2.3 calls atext, and beyond ASCII
//     (RFC 6531) of letters, marks and decimal digits; it does not start with
//     a mark. Invisible characters are refused, and so is the Kelvin sign,
//     which would compare equal to a K. At most 64 bytes.
//   - The domain is a host name of at least two labels, mapped and checked
//     with the non-transitional lookup profile of UTS 46, so straße.de is
//     xn--strae-oqa.de and not strasse.de. Labels have 1 to 63 bytes, the last
//     one is not all digits, and there is no dot at the end.
//   - The whole has at most 254 bytes (RFC 5321 section 4.5.3.1.3), counted
//     with the domain in ASCII.
//
// Both limits hold for the canonical form too, which can be longer. Input
// beyond 1,024 bytes is refused unread.
//
// The canonical form is what [Address.Canonical] documents.
//
// Some forms are valid in RFC 5321 or RFC 5322 and refused all the same:
//
//   - Quoted local parts ("jane doe"@example.com): no provider gives them
//     out, and many relays cannot carry them.
//   - Address and domain literals (jane@[192.0.2.1]): they name a machine,
//     not somebody who can consent.
//   - Comments, folding white space and obsolete forms
//     (jane(home)@example.com, jane . doe@example.com): they belong to message
//     headers and are not part of an address; line breaks are how headers are
//     injected.
//   - Names and lists (Jane <jane@example.com>): one address is expected.
//   - Single-label domains (jane@org): public top-level domains take no mail,
//     and local host names mean something else on every machine.
//   - Domains that only name resolution would accept, such as an all-digit
//     top label, which is a mistyped IP address, or an underscore.
//
// The rules in errors, stable codes: "empty", "max-length", "utf8",
// "control", "invisible", "at", "one-address", "comment", "quoted",
// "local-empty", "local-dots", "local-character", "local-length",
// "literal", "domain", "domain-labels", "domain-dots", "label-length",
// "domain-tld". Lengths are also [ErrLimit].
func ParseAddress(s string) (Address, error) {
	if len(s) > maxAddressInput {
		return Address{}, addressTooLong("max-length", maxAddressBytes, "the address")
	}
	original := trimBlanks(s)
	canonical, err := canonicalAddress(original)
	if err != nil {
		return Address{}, err
	}
	if canonical == original {
		return Address{original: &canonical, canonical: &canonical}, nil
	}
	original = strings.Clone(original) // not the row or file it was cut from
	return Address{original: &original, canonical: &canonical}, nil
}

// MustAddress is [ParseAddress] for tests and constants: it panics when the
// address is refused, without showing it.
func MustAddress(s string) Address {
	a, err := ParseAddress(s)
	if err != nil {
		panic("audience: MustAddress: " + err.Error())
	}
	return a
}

// Reveal gives the address in clear, as it was spelled, without the spaces
// and tabs around it. Mail goes to this spelling.
func (a Address) Reveal() string {
	if a.original == nil {
		return ""
	}
	return *a.original
}

// Value gives what Reveal gives as a string value, without copying it; absent
// for the zero Address.
func (a Address) Value() Value {
	if a.original == nil {
		return Value{}
	}
	return Value{content: a.original}
}

// Canonical gives the compare form in clear: the local part in NFC and
// lower-cased, the domain in lower-case ASCII. It is contact.email in
// segments and the identity of the address. Parsing it gives itself.
//
// Lower-casing is Unicode's without regard to language or position: İ is i
// followed by a combining dot, and both forms of the small sigma are σ, so
// that Σ has one counterpart. Nothing else is folded: dots, plus tags, ß and
// ss stay different.
func (a Address) Canonical() string {
	if a.canonical == nil {
		return ""
	}
	return *a.canonical
}

// Domain gives the domain in lower-case ASCII. Few people have a domain to
// themselves, but some do: treat it like the address.
func (a Address) Domain() string {
	_, domain, _ := strings.Cut(a.Canonical(), "@")
	return domain
}

// IsZero reports whether this is no address.
func (a Address) IsZero() bool { return a.canonical == nil }

// Equal reports whether both have the same canonical form; two zero addresses
// are equal.
func (a Address) Equal(o Address) bool { return a.Canonical() == o.Canonical() }

// Masked gives what may be shown to tell addresses apart in a log:
// "j***@***.com", the first character of the canonical local part and the top
// label of the domain. A local part of one character shows nothing of itself.
// The lengths of what is hidden do not show. A mask is no valid address, so it
// cannot come back as one. The zero Address has the empty mask.
func (a Address) Masked() string {
	local, domain, ok := strings.Cut(a.Canonical(), "@")
	if !ok {
		return ""
	}
	_, size := utf8.DecodeRuneInString(local)
	if size == len(local) {
		size = 0
	}
	return local[:size] + privateMask + "@" + privateMask + domain[strings.LastIndexByte(domain, '.'):]
}

// Format prints the mask for every verb, whatever the flags and width.
func (a Address) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.Masked())) }

// LogValue logs the mask.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Masked()) }

// MarshalJSON gives the mask as a JSON string; its error is always nil. There
// is no way back: an Address cannot be unmarshalled, it is parsed.
func (a Address) MarshalJSON() ([]byte, error) { return json.Marshal(a.Masked()) }

// MarshalText gives the mask; its error is always nil.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.Masked()), nil }
