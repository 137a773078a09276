package quickstart

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// hidden stands for what people are not shown.
const hidden = "***"

// shown is text from files as a terminal may get it: on one line, and without
// characters that move the cursor or turn the direction of writing.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// masker masks personal data in text for people.
type masker struct {
	addresses *regexp.Regexp // what may be an address, within any text
	personal  *regexp.Regexp // fields that say who somebody is, within an expression
}

func newMasker() *masker {
	const space = `(?:\s|//[^\n]*\n)*`
	return &masker{
		addresses: regexp.MustCompile("[^\\s\"'`<>(),:;\\[\\]{}|\\\\]+[@＠][^\\s\"'`<>(),:;\\[\\]{}|\\\\]*"),
		personal:  regexp.MustCompile(`\.` + space + `\??` + space + "`?" + `(?:email|first_name|last_name|phone)\b`),
	}
}

// text masks every address in it, and all else that has something before an @.
func (m *masker) text(s string) string {
	return m.addresses.ReplaceAllStringFunc(s, func(found string) string {
		if address, err := audience.ParseAddress(found); err == nil {
			return address.Masked()
		}
		return hidden
	})
}

// contact is how a contact is shown: by external id, which may be an address
// too, and by address, never in clear.
func (m *masker) contact(c *audience.Contact) string {
	email := c.Email()
	key, address := shown(m.text(c.Key())), shown(email.Masked())
	switch {
	case address == "" || key == address:
		return key
	case key == "":
		return address
	default:
		return key + " " + address
	}
}

// atom is a condition with what it is for a contact. Addresses are masked, and
// what else says who somebody is does not show; values of custom fields and of
// events do.
func (m *masker) atom(a segment.Atom) string {
	personal := m.personal.MatchString(a.Source)
	a.Source = m.text(a.Source)
	if a.HasValue {
		value := a.Value.Reveal()
		if _, err := audience.ParseAddress(value); personal && err != nil {
			value = hidden
		}
		a.Value = audience.NewPrivate(m.text(value))
	}
	return shown(a.Reveal())
}
