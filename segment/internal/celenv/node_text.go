package celenv

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// concatenation is + of two strings.
func concatenation(args []branch) exec {
	left, right := args[0], args[1]
	return func(f *frame) ref.Val {
		a, ok1 := left.Exec(f).(types.String)
		b, ok2 := right.Exec(f).(types.String)
		if !ok1 || !ok2 {
			return errUnknown
		}
		s := stateOf(f)
		s.charge(textCost(len(a) + len(b)))
		s.made(len(a) + len(b)) // before it is made
		return a + b
	}
}

// buildTextComparison gives the node of a comparison of strings, by bytes.
// Unlike cel-go's it counts what long strings cost.
func buildTextComparison(operator string) builder {
	holds := orderTest(operator)
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			a, ok1 := left.Exec(f).(types.String)
			b, ok2 := right.Exec(f).(types.String)
			if !ok1 || !ok2 {
				return errUnknown
			}
			chargeText(f, min(len(a), len(b)))
			return types.Bool(holds(strings.Compare(string(a), string(b))))
		}
	}
}

// orderTest gives what an operator asks of the order of two values.
func orderTest(operator string) func(order int) bool {
	return map[string]func(order int) bool{
		operators.Equals:        func(order int) bool { return order == 0 },
		operators.NotEquals:     func(order int) bool { return order != 0 },
		operators.Less:          func(order int) bool { return order < 0 },
		operators.LessEquals:    func(order int) bool { return order <= 0 },
		operators.Greater:       func(order int) bool { return order > 0 },
		operators.GreaterEquals: func(order int) bool { return order >= 0 },
	}[operator]
}

// chargeText counts the steps of reading a string where that is next to
// nothing for a short one.
func chargeText(f *frame, n int) {
	const short = 256
	if n > short {
		stateOf(f).charge(textCost(n))
	}
}

// buildText gives the node of a function that turns a string into another.
func buildText(name string) builder {
	turn := map[string]func(string) string{"lowerAscii": lowerASCII, "upperAscii": upperASCII, "trim": strings.TrimSpace}[name]
	makes := name != "trim" // which gives a part of what there is
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			s, ok := arg.Exec(f).(types.String)
			if !ok {
				return errUnknown
			}
			st := stateOf(f)
			st.charge(1 + len(s)/16)
			if makes {
				st.made(len(s))
			}
			return types.String(turn(string(s)))
		}
	}
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}, s)
}

// buildTextTest gives the node of a test of a string by another.
func buildTextTest(name string) builder {
	test := map[string]func(s, t string) bool{
		"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
	}[name]
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			a, ok1 := left.Exec(f).(types.String)
			b, ok2 := right.Exec(f).(types.String)
			if !ok1 || !ok2 {
				return errUnknown
			}
			stateOf(f).charge(textCost(len(a) + len(b)))
			return types.Bool(test(string(a), string(b)))
		}
	}
}

// buildMatches gives the node of matches. A regular expression costs by the
// length of the text and its own.
func buildMatches(re *regexp.Regexp, weight int) builder {
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			s, ok := arg.Exec(f).(types.String)
			if !ok {
				return errUnknown
			}
			stateOf(f).charge(1 + len(s)*weight/32)
			return types.Bool(re.MatchString(string(s)))
		}
	}
}

// buildSize gives the node of size: characters of a string, elements of a
// list.
func buildSize(k kind) builder {
	return func(args []branch) exec {
		arg := args[0]
		if k == listKind {
			return func(f *frame) ref.Val {
				if l, ok := arg.Exec(f).(traits.Sizer); ok {
					return l.Size()
				}
				return errUnknown
			}
		}
		return func(f *frame) ref.Val {
			s, ok := arg.Exec(f).(types.String)
			if !ok {
				return errUnknown
			}
			stateOf(f).charge(textCost(len(s)))
			return types.Int(utf8.RuneCountInString(string(s)))
		}
	}
}

// longestText is how many bytes of a list are shown, about.
const longestText = 65_536

// listText gives the text of a list: its elements joined by commas, of a very
// long one the beginning.
func listText(v ref.Val) (string, bool) {
	l, ok := v.(traits.Lister)
	if !ok {
		return "", false
	}
	var out strings.Builder
	for it := l.Iterator(); it.HasNext() == types.True; {
		s, ok := textOf(it.Next())
		if !ok {
			return "", false
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		if out.Len()+len(s) > longestText {
			out.WriteString("...")
			break
		}
		out.WriteString(s)
	}
	return out.String(), true
}

// Text evaluates any program and gives the text of its value, in the form of
// audience.Value.Reveal; false when it is unknown.
func (m *Moment) Text(row Row, members []bool) (string, bool, error) {
	v, _, err := m.eval(row, members, false)
	if err != nil || isUnknown(v) {
		return "", false, err
	}
	s, ok := textOf(v)
	return s, ok, nil
}
