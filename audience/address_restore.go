package audience

import (
	"strings"
	"unicode/utf8"
)

// RestoreAddress gives back an address that [ParseAddress] accepted, from
// what its Reveal and Canonical gave. It is for stores: parsing again would
// change the identity of stored addresses on the day on which a newer version
// of the rules, or of Unicode, folds a character in another way. For input use
// [ParseAddress].
//
// The address is equal to the one that was stored, also deeply, and two empty
// texts are the zero Address. Only that the texts have the shape of an address
// is checked, so that damage cannot become a line break in a header or a panic
// in Masked; else it is a [*FieldError] for the path "email" with the rule
// "restore".
func RestoreAddress(original, canonical string) (Address, error) {
	if original == "" && canonical == "" {
		return Address{}, nil
	}
	if !hasAddressShape(original) || !hasAddressShape(canonical) || !hasDottedDomain(canonical) {
		return Address{}, addressError("restore", "both spellings of an address that ParseAddress accepted")
	}
	if original == canonical {
		return Address{original: &canonical, canonical: &canonical}, nil
	}
	return Address{original: &original, canonical: &canonical}, nil
}

// hasAddressShape reports whether the text has something on both sides of an
// @, and nothing in it that ends a line.
func hasAddressShape(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	at := strings.IndexByte(s, '@')
	return 0 < at && at < len(s)-1 && len(s) <= maxAddressInput && utf8.ValidString(s)
}

func hasDottedDomain(s string) bool {
	_, domain, _ := strings.Cut(s, "@")
	dot := strings.LastIndexByte(domain, '.')
	return 0 < dot && dot < len(domain)-1
}
