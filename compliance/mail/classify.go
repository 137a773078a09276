package mail

import (
	"slices"
	"strings"
)

// BounceClass says what a delivery report means for the address.
type BounceClass string

// The classes. Only BounceHard says that the address is gone; what is about
// the sender, the message or a policy never speaks against the recipient.
const (
	BounceNone     BounceClass = "none"         // delivered, relayed or expanded
	BounceHard     BounceClass = "hard"         // the address does not exist
	BounceSoft     BounceClass = "soft"         // given up after a failure that may pass
	BounceFull     BounceClass = "mailbox-full" // a soft one: over quota
	BounceDelayed  BounceClass = "delayed"      // still being tried
	BounceBlock    BounceClass = "block"        // policy, reputation or spam
	BounceContent  BounceClass = "content"      // size or form of the message
	BounceConfig   BounceClass = "config"       // the sender's address or set-up
	BounceProtocol BounceClass = "protocol"     // the sender's server spoke wrongly
	BounceUnknown  BounceClass = "unknown"      // failed, and nobody says why
)

// maxDiagnostic bounds the text that is searched for phrases.
const maxDiagnostic = 4096

// classify gives the code that counts, the reply code and the class, by RFC
// 3463 and what servers really write. A status without a subject and detail,
// such as 5.0.0, says nothing: the code in the diagnostic text counts then,
// then its words.
func classify(action, status, diagnostic string) (code string, smtp int, class BounceClass) {
	words := words(diagnostic)
	code, smtp = enhanced(status), replyCode(diagnostic)
	if code == "" || strings.HasSuffix(code, ".0.0") {
		if better := firstEnhanced(words); better != "" && !strings.HasSuffix(better, ".0.0") {
			code = better
		}
	}
	switch {
	case action == "delayed":
		return code, smtp, BounceDelayed
	case action == "":
		return code, smtp, BounceUnknown
	case action != "failed":
		return code, smtp, BounceNone
	}
	permanent := strings.HasPrefix(code, "5") || code == "" && smtp >= 500
	if class := classOfCode(code, words); class != "" {
		return code, smtp, class
	}
	return code, smtp, classOfWords(words, smtp, permanent)
}

// classOfCode is the table of codes; empty where the code alone says too
// little.
func classOfCode(code, words string) BounceClass {
	class, detail, _ := strings.Cut(code, ".")
	switch {
	case class == "":
		return ""
	case strings.HasPrefix(detail, "7."):
		return BounceBlock
	case detail == "2.2":
		return BounceFull
	case class == "4":
		return "" // words may say that it is a policy or a quota
	case class != "5":
		return BounceUnknown
	}
	switch detail {
	case "1.1", "1.2", "1.3", "1.6", "1.10", "4.4":
		return BounceHard
	case "2.1":
		if hasAny(words, ratePhrases()) {
			return BounceSoft
		}
		return BounceHard
	case "4.1":
		if strings.Contains(words, "recipient address rejected") {
			return BounceHard
		}
		return BounceSoft
	case "1.7", "1.8":
		return BounceConfig
	case "2.3", "3.4":
		return BounceContent
	}
	switch detail[:strings.IndexByte(detail, '.')] {
	case "4":
		return BounceSoft
	case "5":
		return BounceProtocol
	case "6":
		return BounceContent
	default:
		return ""
	}
}

// classOfWords reads the words of the diagnostic. What is about the sender
// comes first, so that "sender address rejected" is not taken for a recipient.
func classOfWords(words string, smtp int, permanent bool) BounceClass {
	switch {
	case hasAny(words, senderPhrases()):
		return BounceConfig
	case hasAny(words, fullPhrases()):
		return BounceFull
	case !strings.Contains(words, "recipient address rejected") && hasAny(words, blockPhrases()):
		return BounceBlock
	case hasAny(words, sizePhrases()):
		return BounceContent
	case !permanent:
		return BounceSoft
	case hasAny(words, goneWords()):
		return BounceHard
	case smtp == 552:
		return BounceFull
	case smtp >= 500 && smtp <= 504:
		return BounceProtocol
	default:
		return BounceUnknown
	}
}

func senderPhrases() []string {
	return []string{"sender address", "sender domain", "sender rejected", "bad sender", "invalid sender", "sender denied", "domain of sender"}
}

func fullPhrases() []string {
	return []string{
		"over quota", "overquota", "quota exceeded", "exceeded quota", "exceeded the quota", "exceeds quota", "mailbox full", "mailbox is full",
		"mail box full", "inbox is full", "insufficient storage", "insufficient system storage", "out of storage", "storage space", "disk full",
	}
}

func blockPhrases() []string {
	return []string{
		"spam", "policy", "policies", "blacklist", "black list", "blocklist", "block list", "blocked", "banned", "reputation", "dnsbl",
		" rbl", "unsolicited", "dmarc", "dkim", " spf", "listed at", "listed in", "access denied", "not authorized", "not authorised",
		"abuse", "ube,", "content rejected", "virus", "greylist", "graylist", "too many", "rate limit", "throttl", "suspicious",
	}
}

func sizePhrases() []string {
	return []string{"too large", "too big", "message size", "size exceed", "exceeds size", "exceeds maximum", "maximum size"}
}

func ratePhrases() []string {
	return []string{"rate that", "at a rate", "receiving mail too", "too many", "too quickly"}
}

func goneWords() []string {
	return []string{
		"user unknown", "unknown user", "unknown recipient", "recipient unknown", "unknown address", "unknown mailbox", "no such user",
		"no such mailbox", "no such recipient", "no such address", "no such account", "does not exist", "doesn't exist", "not exist",
		"user not found", "mailbox not found", "recipient not found", "address not found", "account not found", "no mailbox",
		"not a registered", "not a valid mailbox", "invalid recipient", "invalid mailbox", "invalid address", "address rejected",
		"unrouteable address", "account disabled", "account is disabled", "account has been disabled", "mailbox disabled",
		"no longer on server", "no longer available", "no longer valid", "no longer in use", "domain name not found", "host unknown",
		"unknown host", "nxdomain", "null mx",
	}
}

func hasAny(s string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(s, p) })
}

// words gives a diagnostic text in lower case with single spaces, without
// addresses and links: jane.spam@example.com is not spam.
func words(s string) string {
	if len(s) > maxDiagnostic {
		s = s[:maxDiagnostic]
	}
	keep := strings.Fields(strings.ToLower(s))
	keep = slices.DeleteFunc(keep, func(w string) bool { return strings.Contains(w, "@") || strings.Contains(w, "://") })
	return " " + strings.Join(keep, " ")
}

// enhanced gives an enhanced status code that a text starts with; "" for none.
func enhanced(s string) string {
	parts, at := 0, 0
	for {
		start := at
		for at < len(s) && s[at] >= '0' && s[at] <= '9' && at-start < 4 {
			at++
		}
		n := at - start
		if n == 0 || n > 3 || parts == 0 && (n != 1 || s[0] != '2' && s[0] != '4' && s[0] != '5') {
			return ""
		}
		if parts++; parts == 3 {
			return s[:at]
		}
		if at >= len(s) || s[at] != '.' {
			return ""
		}
		at++
	}
}

// firstEnhanced looks for an enhanced status code among words. An IP address
// is none: neither a digit nor another part may follow.
func firstEnhanced(words string) string {
	for w := range strings.SplitSeq(words, " ") {
		for _, w := range []string{w, w[strings.LastIndexByte(w, '-')+1:]} { // also 550-5.1.1
			w = strings.Trim(w, "#()[]<>,:;\"'")
			code := enhanced(w)
			if code == "" {
				continue
			}
			if rest := w[len(code):]; rest == "" || !isDigit(rest[0]) && (rest[0] != '.' || len(rest) == 1) {
				return code
			}
		}
	}
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// replyCode gives the SMTP reply code in a diagnostic text; 0 for none.
func replyCode(diagnostic string) int {
	if len(diagnostic) > maxDiagnostic {
		diagnostic = diagnostic[:maxDiagnostic]
	}
	for w := range strings.FieldsFuncSeq(diagnostic, func(c rune) bool { return c == ' ' || c == '\t' || c == ';' || c == '-' || c == ':' }) {
		if len(w) == 3 && (w[0] == '4' || w[0] == '5') && w[1] >= '0' && w[1] <= '5' && isDigit(w[2]) {
			return int(w[0]-'0')*100 + int(w[1]-'0')*10 + int(w[2]-'0')
		}
	}
	return 0
}
