package segment

import "strings"

// token is a piece of a source that has been compiled, so nothing here needs
// to tell what is valid from what is not.
type token struct {
	text       string
	start, end int
}

// nesting is how much deeper the token leads.
func (t token) nesting() int {
	switch t.text {
	case "(", "[", "{":
		return 1
	case ")", "]", "}":
		return -1
	}
	return 0
}

// tokensOf cuts a source into strings, words with numbers, and signs. Space
// and comments are left out.
func tokensOf(source string) []token {
	var out []token
	for i := 0; i < len(source); {
		n := lengthOf(source[i:])
		text := source[i : i+n]
		if strings.TrimSpace(text) != "" && !strings.HasPrefix(text, "//") {
			if isString(text) {
				text = `""` // it could hold anything, so that it is nothing else
			}
			if text == "?" && len(out) > 0 && out[len(out)-1].text == "." {
				text = ".?" // contact.?field, which begins no condition
			}
			out = append(out, token{text: text, start: i, end: i + n})
		}
		i += n
	}
	return out
}

// lengthOf gives the length of the token, space or comment that s, which is
// not empty, begins with.
func lengthOf(s string) int {
	if strings.HasPrefix(s, "//") {
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			return i
		}
		return len(s)
	}
	if n := stringLength(s); n > 0 {
		return n
	}
	n := 0
	for n < len(s) && isWordByte(s[n]) {
		n++
	}
	if n > 0 {
		return n
	}
	for _, sign := range []string{"&&", "||", "==", "!=", "<=", ">="} {
		if strings.HasPrefix(s, sign) {
			return len(sign)
		}
	}
	return 1
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isString(text string) bool { return text != "" && stringLength(text) == len(text) }

// stringLength gives the length of the string that s begins with, with the
// letters before the quotes; 0 when there is none.
func stringLength(s string) int {
	prefix, raw := 0, false
	for prefix < len(s) && strings.IndexByte("rRbB", s[prefix]) >= 0 {
		raw = raw || s[prefix] == 'r' || s[prefix] == 'R'
		prefix++
	}
	rest := s[prefix:]
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return 0
	}
	quote := rest[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(rest, triple) {
		quote = triple
	}
	for i := len(quote); i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(rest[i:], quote):
			return prefix + i + len(quote)
		}
	}
	return len(s)
}
