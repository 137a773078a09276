package celenv

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/audiencekit/audiencekit/audience"
)

// functionResult is what a host's function panics with here when it gives a
// value of another type than it declared.
type functionResult struct{ name string }

// buildHostCall gives the node that calls a function of the host.
func buildHostCall(e *Env, fn Function) builder {
	convert := converter(e, fn.Result)
	return func(args []branch) exec {
		return func(f *frame) ref.Val {
			values := make([]audience.Value, len(args))
			for i, a := range args {
				v := a.Exec(f)
				if isUnknown(v) {
					return errUnknown
				}
				values[i] = hostValue(f, v)
			}
			result, err := callHost(fn, values)
			if err != nil || result.IsZero() {
				return errUnknown
			}
			fitted, err := audience.Fit(result, fn.Result, fn.Name)
			if err != nil || fitted.Check(fn.Name, audience.Limits{}) != nil {
				panic(functionResult{fn.Name})
			}
			return convert(fitted)
		}
	}
}

func callHost(fn Function, args []audience.Value) (v audience.Value, err error) {
	done := false
	defer func() {
		if !done {
			_ = recover()
			panic(functionPanicked{fn.Name})
		}
	}()
	v, err = fn.Call(args)
	done = true
	return v, err
}

// hostValue gives a value as a host's function gets it. Texts cost steps, and
// lists, which are copied and sorted.
func hostValue(f *frame, v ref.Val) audience.Value {
	switch x := v.(type) {
	case types.Bool:
		return audience.BoolValue(bool(x))
	case types.Int:
		return audience.IntValue(int64(x))
	case types.Double:
		return audience.DoubleValue(float64(x))
	case types.String:
		chargeText(f, len(x))
		return audience.StringValue(string(x))
	case types.Timestamp:
		return audience.TimestampValue(x.Time)
	case traits.Lister:
		var items []string
		for it := x.Iterator(); it.HasNext() == types.True; {
			s, _ := it.Next().(types.String)
			stateOf(f).charge(textCost(len(s)))
			items = append(items, string(s))
		}
		return audience.StringListValue(items...)
	}
	return audience.Value{}
}
