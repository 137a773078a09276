package importer

// jsonSpan finds where a JSON value ends that comes in pieces. It looks at
// quotes and brackets alone: whether the value is right is for those who read it.
type jsonSpan struct {
	open    []byte // the brackets that wait for theirs
	str     bool   // within a string
	escaped bool   // behind a backslash
	plain   bool   // within a number or a word
}

// maxSpanDepth bounds what is remembered; records may be less deep.
const maxSpanDepth = 1024

// feed gives how many of the next bytes belong to the value and whether it is
// over. A hint says what is missing at n, when that cannot be known.
func (s *jsonSpan) feed(b []byte) (n int, done bool, hint string) {
	for i, c := range b {
		if s.str {
			switch {
			case s.escaped:
				s.escaped = false
			case c == '\\':
				s.escaped = true
			case c == '"':
				s.str = false
				if len(s.open) == 0 {
					return i + 1, true, ""
				}
			case c == '\n':
				return i, false, "a closing quote before the line ends"
			}
			continue
		}
		if s.plain {
			if isJSONSpace(c) || c == ',' || c == ']' || c == '}' {
				return i, true, ""
			}
			continue
		}
		switch c {
		case '"':
			s.str = true
		case '{', '[':
			if len(s.open) == maxSpanDepth {
				return i, false, "not so many objects and arrays within each other"
			}
			s.open = append(s.open, c+2) // the bracket that closes it
		case '}', ']':
			if len(s.open) == 0 || s.open[len(s.open)-1] != c {
				return i, false, "brackets in pairs"
			}
			if s.open = s.open[:len(s.open)-1]; len(s.open) == 0 {
				return i + 1, true, ""
			}
		case ',', ':':
			if len(s.open) == 0 {
				return i, false, "a value"
			}
		default:
			s.plain = len(s.open) == 0
		}
	}
	return len(b), false, ""
}

// ended reports whether the end of the file may end the value.
func (s *jsonSpan) ended() bool { return s.plain }
