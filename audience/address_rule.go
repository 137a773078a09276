package audience

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	maxAddressInput = 1024 // what is looked at; decomposed spellings are longer than what they spell
	maxAddressBytes = 254  // RFC 5321 section 4.5.3.1.3, a path of 256 with its angle brackets
	maxLocalBytes   = 64   // RFC 5321 section 4.5.3.1.1
	maxLabelBytes   = 63   // RFC 1035 section 2.3.4
)

const kelvinSign = '\u212A'

func addressError(rule, hint string) error {
	return &FieldError{Path: "email", Rule: rule, Hint: hint}
}

func addressTooLong(rule string, limit int, what string) error {
	return &FieldError{Path: "email", Rule: rule, Hint: fmt.Sprintf("%s has at most %d bytes", what, limit), Limit: true}
}

// trimBlanks takes spaces and tabs off the ends; strings.Trim makes a set of
// characters first.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// canonicalAddress gives the compare form of an address without spaces around
// it, or why it is refused.
func canonicalAddress(s string) (string, error) {
	if s == "" {
		return "", addressError("empty", "an address like name@example.com")
	}
	if isPlainAddress(s) {
		if lower := strings.ToLower(s); lower != s {
			return lower, nil
		}
		return strings.Clone(s), nil // not the row or file it was cut from
	}
	if err := checkAddressText(s); err != nil {
		return "", err
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", addressError("at", "an address like name@example.com")
	}
	// Splitting before NFC is safe: no character composes with an @.
	local, lower, err := canonicalLocal(s[:at])
	if err != nil {
		return "", err
	}
	domain, err := canonicalDomain(s[at+1:])
	if err != nil {
		return "", err
	}
	if max(len(local), len(lower))+1+len(domain) > maxAddressBytes {
		return "", addressTooLong("max-length", maxAddressBytes, "the address")
	}
	return lower + "@" + domain, nil
}

// isPlainAddress reports addresses of which the rules below say nothing but
// that they are lower-cased: ASCII letters, digits and a few signs, far from all
// limits. Nearly all are, and one look is enough for them.
func isPlainAddress(s string) bool {
	at, before := -1, byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', 'A' <= c && c <= 'Z':
		case c == '.' && before != '.' && before != '@' && (at < 0 || before != '-'):
		case c == '-' && at >= 0 && before != '-' && before != '.' && before != '@':
		case (c == '_' || c == '+' || c == '-') && at < 0:
		case c == '@' && at < 0 && before != '.':
			at = i
		default:
			return false
		}
		before = c
	}
	if len(s) > maxLabelBytes || at < 1 || before == '.' || before == '-' || before == '@' {
		return false
	}
	top := strings.LastIndexByte(s[at+1:], '.')
	return top > 0 && !isAllDigits(s[at+1+top+1:])
}

func isAllDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// checkAddressText refuses what must not stand anywhere in an address, also
// where mapping the domain would silently drop it.
func checkAddressText(s string) error {
	if !utf8.ValidString(s) {
		return addressError("utf8", "valid UTF-8")
	}
	for _, r := range s {
		switch {
		case unicode.IsControl(r):
			return addressError("control", "an address without line breaks and control characters")
		case r >= utf8.RuneSelf && isInvisible(r):
			return addressError("invisible", "an address without invisible characters; type it anew")
		}
	}
	return nil
}

// isInvisible reports characters that show nothing by themselves: two
// addresses that differ in them look the same. The joiners are left to the
// rules of the local part, which refuse them, and of the domain, which allow
// them where a script needs them.
func isInvisible(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200C', '\u200D'
	if r == zeroWidthNonJoiner || r == zeroWidthJoiner {
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// canonicalLocal gives the local part in NFC, and that in lower case.
func canonicalLocal(s string) (local, lower string, err error) {
	if err := checkLocal(s); err != nil {
		return "", "", err
	}
	local = norm.NFC.String(s)
	if local != s { // composing can give a character that is not allowed: = and a stroke give ≠
		if err := checkLocal(local); err != nil {
			return "", "", err
		}
	}
	lower, err = lowerLocal(local)
	if err != nil {
		return "", "", err
	}
	if len(local) > maxLocalBytes || len(lower) > maxLocalBytes {
		return "", "", addressTooLong("local-length", maxLocalBytes, "the part before the @")
	}
	return local, lower, nil
}

func checkLocal(s string) error {
	if s == "" {
		return addressError("local-empty", "a name before the @")
	}
	atomStart := true
	for _, r := range s {
		switch {
		case r == '.' && atomStart:
			return localDotsError()
		case r == '.':
			atomStart = true
			continue
		case !isAtomRune(r) || atomStart && unicode.Is(unicode.M, r):
			return localRuneError(r)
		}
		atomStart = false
	}
	if atomStart {
		return localDotsError()
	}
	return nil
}

// isAtomRune reports what an atom of the local part is made of. The Kelvin
// sign is left out because NFC makes it a K: somebody who registers it must
// not become somebody else.
func isAtomRune(r rune) bool {
	switch {
	case r >= utf8.RuneSelf:
		return unicode.In(r, unicode.L, unicode.M, unicode.Nd) && r != kelvinSign
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func localDotsError() error {
	return addressError("local-dots", "single dots within the part before the @, none at its ends")
}

// localRuneError names the form that the refused character belongs to, so
// that a person who mends the address knows what to take out.
func localRuneError(r rune) error {
	switch r {
	case '@', ',', ';', '<', '>', ':':
		return addressError("one-address", "one address alone, without a name or a list")
	case '"', '\\':
		return addressError("quoted", "a part before the @ without quotes")
	case '(', ')':
		return addressError("comment", "an address without comments")
	}
	return localCharacterError()
}

func localCharacterError() error {
	return addressError("local-character", "letters, digits and . ! # $ % & ' * + - / = ? ^ _ ` { | } ~ before the @")
}

// lowerLocal gives the lower case of a local part, again in NFC.
//
// It is not strings.ToLower alone, which makes İ a plain i and so one person
// out of two, and which has no counterpart for Σ that holds for both small
// sigmas; full Unicode case folding would make ß ss.
func lowerLocal(s string) (string, error) {
	if isASCII(s) {
		return strings.ToLower(s), nil
	}
	const passes = 4 // one is enough for the Unicode of today
	for range passes {
		next := strings.ReplaceAll(s, "İ", "i\u0307")
		next = strings.ToLower(next)
		next = norm.NFC.String(strings.ReplaceAll(next, "ς", "σ"))
		if next == s {
			return s, nil
		}
		s = next
	}
	return "", localCharacterError()
}

// canonicalDomain gives a domain in lower-case ASCII.
func canonicalDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return "", addressError("literal", "a domain name after the @, not the number of a machine")
	}
	if strings.ContainsAny(s, "()") {
		return "", addressError("comment", "an address without comments")
	}
	domain := norm.NFC.String(s)
	if utf8.RuneCountInString(domain) > maxAddressBytes { // each takes a byte or more in ASCII
		return "", addressTooLong("max-length", maxAddressBytes, "the address")
	}
	if isASCII(domain) {
		// Lower-casing is all that mapping does to ASCII. The labels are checked
		// first because decoding one takes the square of its length.
		domain = strings.ToLower(domain)
		if err := checkLabels(domain); err != nil {
			return "", err
		}
		if isPlainDomain(domain) {
			return domain, nil
		}
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return "", err
	}
	return domain, checkLabels(domain)
}

// isPlainDomain reports domains of which mapping is known to change nothing and
// to refuse nothing: letters, digits and single hyphens between them. Nearly all
// are, and mapping takes longer than everything else about an address.
func isPlainDomain(s string) bool {
	before := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '-' || c == '.') && before != '-' && before != '.':
		default:
			return false
		}
		before = c
	}
	return before != '-' && before != '.'
}

// asciiDomain maps a domain and sees that mapping the result changes nothing
// more. The error of idna is dropped because it quotes the domain.
func asciiDomain(s string) (string, error) {
	domain, err := idna.Lookup.ToASCII(s)
	if err == nil && domain != s {
		var again string
		again, err = idna.Lookup.ToASCII(domain)
		if again != domain {
			domain = ""
		}
	}
	if err != nil || !isHostName(domain) {
		return "", domainError()
	}
	return domain, nil
}

func domainError() error {
	return addressError("domain", "a domain name like example.com after the @")
}

// isHostName makes sure of the characters, which versions of UTS 46 exclude
// at different steps.
func isHostName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// checkLabels checks what idna leaves to its caller.
func checkLabels(s string) error {
	if s == "" {
		return domainError()
	}
	labels, last := 0, ""
	for last = range strings.SplitSeq(s, ".") {
		switch {
		case last == "":
			return addressError("domain-dots", "single dots within the domain, none at its ends")
		case len(last) > maxLabelBytes:
			return addressTooLong("label-length", maxLabelBytes, "a label of the domain")
		}
		labels++
	}
	if labels < 2 {
		return addressError("domain-labels", "a whole domain like example.com after the @")
	}
	if strings.Trim(last, "0123456789") == "" {
		return addressError("domain-tld", "a domain that ends in a name, not in a number")
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
