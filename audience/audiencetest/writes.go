package audiencetest

import (
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Contact makes the write of a contact by the host's own key, with custom
// fields as [Values] takes them.
func Contact(key string, fields ...any) audience.ContactWrite {
	return audience.ContactWrite{Match: audience.Key(key), Set: Values(fields...)}
}

// Event makes the write of an event without an id, with properties as
// [Values] takes them.
func Event(key, eventType string, at time.Time, props ...any) audience.EventWrite {
	return audience.EventWrite{Contact: audience.Key(key), Type: eventType, Time: at, Props: Values(props...)}
}

// Grant makes the record of a confirmed consent to marketing by e-mail.
func Grant(key string, acted time.Time) audience.ConsentWrite {
	return audience.ConsentWrite{
		Contact: audience.Key(key), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Acted: acted,
		Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("box ticked and link clicked"),
	}
}

// Withdrawal makes the record of a refusal of marketing by e-mail.
func Withdrawal(key string, acted time.Time) audience.ConsentWrite {
	return audience.ConsentWrite{
		Contact: audience.Key(key), Kind: audience.ConsentWithdrawn, Scope: audience.MarketingScope(), Acted: acted,
	}
}

// Values makes a map of values from names and Go values in turn:
//
//	audiencetest.Values("age", 30, "country", "DE", "interests", []string{"books"})
//
// It gives nil for none, and panics for what [Value] panics for, a name that
// is no string, or a name without a value.
func Values(namesAndValues ...any) map[string]audience.Value {
	if len(namesAndValues) == 0 {
		return nil
	}
	out := make(map[string]audience.Value, len(namesAndValues)/2)
	for len(namesAndValues) > 0 {
		name, ok := namesAndValues[0].(string)
		if !ok || len(namesAndValues) < 2 {
			panic("audiencetest: Values wants a name, a value, and so on")
		}
		out[name] = Value(namesAndValues[1])
		namesAndValues = namesAndValues[2:]
	}
	return out
}

// Value makes the value of a Go value: string, int, int64, float64, bool,
// time.Time, [audience.Date], []string, or an [audience.Value] itself. It
// panics for any other.
func Value(v any) audience.Value {
	switch v := v.(type) {
	case audience.Value:
		return v
	case string:
		return audience.StringValue(v)
	case int:
		return audience.IntValue(int64(v))
	case int64:
		return audience.IntValue(v)
	case float64:
		return audience.DoubleValue(v)
	case bool:
		return audience.BoolValue(v)
	case time.Time:
		return audience.TimestampValue(v)
	case audience.Date:
		return audience.DateValue(v)
	case []string:
		return audience.StringListValue(v...)
	}
	panic(fmt.Sprintf("audiencetest: no value is made of a %T", v))
}
