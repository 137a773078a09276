package audience

import (
	"slices"
	"strings"
)

// IsRole reports whether the address is most likely that of a role and not of
// a person, such as info@ or noreply@: the mailbox names of RFC 2142 and the
// few others that are in use everywhere. It is a hint to look at, no verdict:
// small firms read all their mail at info@.
func (a Address) IsRole() bool {
	local, _, _ := strings.Cut(a.Canonical(), "@")
	local, _, _ = strings.Cut(local, "+")
	switch local {
	case "abuse", "noc", "security", "postmaster", "hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp", // RFC 2142
		"info", "marketing", "sales", "support", "list", "list-request",
		"admin", "administrator", "root", "mailer-daemon", "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply",
		"contact", "office", "hello", "help", "helpdesk", "service", "team", "staff", "everyone", "all", "undisclosed-recipients",
		"billing", "accounts", "accounting", "invoice", "invoices", "jobs", "careers", "hr", "press", "privacy", "legal", "compliance":
		return true
	default:
		return false
	}
}

// IsDisposable reports whether the address is at one of the domains that the
// host takes for throw-away mailboxes, or below one. Domains are in lower case
// and ASCII form. Lists of them disagree, so it is for the host to bring one:
// relays that hide an address for a person are not throw-away.
func (a Address) IsDisposable(domains map[string]struct{}) bool {
	for domain := a.Domain(); domain != ""; {
		if _, ok := domains[domain]; ok {
			return true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false
}

// SuggestedDomain gives the domain of a large mailbox provider from which that
// of the address differs by one slip of the hand: a letter too many, missing,
// wrong, or two swapped. False when there is none. It is for a form to ask
// "did you mean", never to be applied: domains that exist or may exist, such
// as gmail.co, have no suggestion.
func (a Address) SuggestedDomain() (string, bool) {
	domain := a.Domain()
	if domain == "" || len(domain) > 30 || slices.Contains(neighbours(), domain) {
		return "", false
	}
	name, tld, _ := strings.Cut(domain, ".")
	for _, known := range largeProviders() {
		knownName, _, _ := strings.Cut(known, ".")
		switch {
		case known == domain:
			return "", false
		case name == knownName && len(tld) == 2: // a country of its own
			continue
		case isOneSlip(domain, known):
			return known, true
		}
	}
	return "", false
}

// largeProviders are mailbox providers whose names are long enough that what
// is one letter away is hardly a name of its own.
func largeProviders() []string {
	return []string{
		"gmail.com", "googlemail.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "outlook.com", "yahoo.com", "yahoo.co.uk", "yahoo.fr",
		"icloud.com", "comcast.net", "verizon.net", "btinternet.com", "t-online.de", "freenet.de", "orange.fr", "wanadoo.fr", "laposte.net",
		"libero.it", "virgilio.it", "interia.pl", "proton.me", "protonmail.com", "yandex.ru", "rambler.ru", "qq.com", "naver.com",
	}
}

// neighbours are domains that are one letter from a large provider and real.
func neighbours() []string {
	return []string{"ymail.com", "mail.com", "email.com", "fmail.com", "hmail.com", "zmail.com", "tmail.com", "qmail.com", "gmail.org", "hotmail.de", "outlook.de"}
}

// isOneSlip reports whether one inserted, missing, wrong or swapped byte makes
// one of the other.
func isOneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
