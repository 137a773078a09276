package celenv

import (
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// buildLogic gives the node of && or ||. They come out as cel-go's own do:
// the value that decides alone absorbs unknown ones. Unlike those it knows
// that, as long as one part decides, it does not matter when others change.
func buildLogic(operator string) builder {
	var decides, otherwise ref.Val = types.False, types.True
	if operator == operators.LogicalOr {
		decides, otherwise = otherwise, decides
	}
	return func(args []branch) exec {
		return func(f *frame) ref.Val {
			s := stateOf(f)
			if s.timed {
				return s.logicUntil(f, args, decides, otherwise)
			}
			out := otherwise
			for _, arg := range args {
				switch v := arg.Exec(f); v {
				case decides:
					return v
				case otherwise:
				default:
					out = errUnknown
				}
			}
			return out
		}
	}
}

func (s *state) logicUntil(f *frame, args []branch, decides, otherwise ref.Val) ref.Val {
	outer, all, out := s.until, int64(never), otherwise
	for _, arg := range args {
		s.until = never
		v := arg.Exec(f)
		if v == decides {
			s.lower(outer)
			return v
		}
		if v != otherwise {
			out = errUnknown
		}
		all = min(all, s.until)
	}
	s.until = min(outer, all)
	return out
}
