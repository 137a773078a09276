package mail

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/compliance"
)

const basisOneClick = "RFC 8058; sender requirements of Gmail and Yahoo"

// list checks the fields that unsubscribe. Where one of them is broken, what
// hangs on it is not looked at.
func (c *checker) list() {
	const where = "List-Unsubscribe"
	values, posts := c.header.all(where), c.header.all("List-Unsubscribe-Post")
	needed := c.class() == compliance.ClassMarketing || c.obliged(compliance.OblUnsubscribe)
	switch {
	case len(values) == 0 && len(posts) == 0 && !needed:
		return
	case len(values) == 0:
		c.block("missing-list-unsubscribe", where, "no field unsubscribes", "RFC 2369; 15 USC 7704(a)(3); CASL s. 6(2)(c)")
		return
	case len(values) > 1:
		c.block("duplicate-list-unsubscribe", where, "the field stands more than once", "RFC 2369 section 2")
		return
	case strings.Contains(values[0], "=?"):
		c.block("encoded-list-unsubscribe", where, "the field is encoded, and no program decodes it", "RFC 2369 section 2")
		return
	}
	uris := ParseListUnsubscribe(values[0])
	if len(uris) == 0 {
		c.block("bad-list-unsubscribe", where, "no address stands in angle brackets", "RFC 2369 section 2")
		return
	}
	c.post(uris, posts)
}

// post checks that one click suffices.
func (c *checker) post(uris, posts []string) {
	const where = "List-Unsubscribe-Post"
	switch {
	case len(posts) == 0:
		note := c.warn
		if c.profile.Bulk || c.obliged(compliance.OblUnsubscribe) {
			note = c.block
		}
		note("no-one-click", where, "unsubscribing takes more than one click", basisOneClick)
		return
	case len(posts) > 1 || posts[0] != oneClick:
		c.block("bad-list-unsubscribe-post", where, "the field has to be "+oneClick+", once and to the letter", "RFC 8058 section 3.1")
		return
	}
	if !slices.ContainsFunc(uris, func(u string) bool { return len(u) > 8 && strings.EqualFold(u[:8], "https://") }) {
		c.block("one-click-without-https", "List-Unsubscribe", "one click needs an https address", "RFC 8058 section 3.1")
	}
	c.covered()
}

// covered wants both fields under one DKIM signature.
func (c *checker) covered() {
	signatures := c.header.all("DKIM-Signature")
	if len(signatures) == 0 {
		c.block("no-dkim", "DKIM-Signature", "nothing proves that the fields are the sender's", "RFC 8058 section 4")
		return
	}
	best := []string{"list-unsubscribe", "list-unsubscribe-post"}
	for _, s := range signatures {
		signed := strings.Split(strings.ToLower(tags(s)["h"]), ":")
		missing := slices.DeleteFunc([]string{"list-unsubscribe", "list-unsubscribe-post"}, func(name string) bool {
			return slices.Contains(signed, name)
		})
		if len(missing) < len(best) {
			best = missing
		}
	}
	for _, name := range best {
		c.block("dkim-does-not-cover:"+name, "DKIM-Signature", "the signature does not cover the field", "RFC 8058 section 4")
	}
}

// tags reads the tag=value list of a DKIM signature (RFC 6376 section 3.2),
// values without white space.
func tags(s string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(s, ";") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			out[strings.TrimSpace(name)] = removeSpace(value)
		}
	}
	return out
}
