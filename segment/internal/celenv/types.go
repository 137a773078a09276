package celenv

import "github.com/audiencekit/audiencekit/audience"

// kind is the kind of a value in an expression.
type kind uint8

const (
	invalid kind = iota // an error was reported; nothing follows from it
	boolKind
	intKind
	doubleKind
	stringKind
	timeKind
	spanKind // a duration
	listKind
	streamKind // events(...)
	eventKind  // the variable of where
	contactKind
)

// typ is the type of a value.
type typ struct {
	kind kind
	elem kind // of a list; invalid when the list is empty
}

func (t typ) String() string {
	switch t.kind {
	case boolKind:
		return "bool"
	case intKind:
		return "int"
	case doubleKind:
		return "double"
	case stringKind:
		return "string"
	case timeKind:
		return "timestamp"
	case spanKind:
		return "duration"
	case listKind:
		if t.elem == invalid {
			return "list"
		}
		return "list of " + typ{kind: t.elem}.String()
	case streamKind:
		return "events"
	case eventKind:
		return "an event"
	case contactKind:
		return "the contact"
	default:
		return "unknown"
	}
}

// same reports whether values of both types can stand for each other. An
// empty list fits every list.
func (t typ) same(o typ) bool {
	if t.kind != o.kind {
		return false
	}
	return t.elem == o.elem || t.elem == invalid || o.elem == invalid
}

func (t typ) isNumber() bool { return t.kind == intKind || t.kind == doubleKind }

// typeOf gives the type that a declared type has in expressions.
func typeOf(t audience.Type) typ {
	switch t {
	case audience.TypeString:
		return typ{kind: stringKind}
	case audience.TypeInt:
		return typ{kind: intKind}
	case audience.TypeDouble:
		return typ{kind: doubleKind}
	case audience.TypeBool:
		return typ{kind: boolKind}
	case audience.TypeTimestamp, audience.TypeDate:
		return typ{kind: timeKind}
	case audience.TypeStringList:
		return typ{kind: listKind, elem: stringKind}
	}
	return typ{}
}

// motion says how a timestamp or a difference of timestamps moves with now.
type motion uint8

const (
	still     motion = iota // not at all, or only at midnights
	moving                  // ago and ahead
	isNow                   // now itself, shifted perhaps
	combined                // a difference with something that moves
	badMotion               // in a way that nothing can follow
)
