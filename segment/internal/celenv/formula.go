package celenv

import (
	"math"

	"github.com/audiencekit/audiencekit/audience"
)

// Formula is a condition as an engine plans it: conditions of their own, the
// atoms, under && || ! and ? :. Its truth is that of Kleene's tables over the
// truths of the atoms; of a Choice the branch counts when the condition is
// known, and it is unknown when not.
type Formula struct {
	Op    FormulaOp
	Parts []*Formula // of All and Some; one of Not; condition, yes and no of Choice
	Atom  *Atom      // of Condition
}

// FormulaOp is how the parts of a [Formula] go together.
type FormulaOp uint8

// The ways.
const (
	Condition FormulaOp = iota + 1
	All
	Some
	Not
	Choice
)

// maxChoices is how deep choices may stand in the conditions of choices: each
// level doubles what an engine makes of the innermost.
const maxChoices = 4

// choices gives how deep they do.
func (f *Formula) choices() int {
	most := 0
	for i, p := range f.Parts {
		n := p.choices()
		if f.Op == Choice && i == 0 {
			n++
		}
		most = max(most, n)
	}
	return most
}

// Atom is a condition that is no && || ! or ? : of others.
type Atom struct {
	Source       string // as it was written
	Line, Column int    // where, from 1
	// Test says what it is when it has a form that can be indexed, else nil.
	// Its truth is the Program's.
	Test Test
	// Dated says what it is at a given instant, by a [CompareTest] or [InTest],
	// of which the streams have Windows, or an [EdgeTest]. When it is nil, Test
	// says that, too.
	Dated Test
	// Program decides it row by row; nil when there is a Test.
	Program *Program
	Reads   []Read // what Program reads, in no order, some of it twice
}

// Read is something of a row that a program reads.
type Read struct {
	Kind  ReadKind
	Field audience.FieldID
	Name  string // of a built-in field, an event type or a list
	Prop  audience.PropID
	Place int // of a segment in the names given to Compile
}

// ReadKind says what a [Read] is about.
type ReadKind uint8

// The kinds of read.
const (
	ReadField      ReadKind = iota + 1 // Field
	ReadBuiltin                        // Name: a built-in field other than id, status and tags
	ReadTags                           // all tags
	ReadEvents                         // the events of the type Name
	ReadProp                           // Prop of the events of the type Name
	ReadOrder                          // the order of events of the type Name that happened at one instant
	ReadList                           // the hand-picked list Name
	ReadLedger                         // anything of the ledger
	ReadSuppressed                     // whether an address is suppressed
	ReadMember                         // membership in the segment at Place
	ReadID                             // the contact's id, which never changes
)

// Test is a condition in a form that can be indexed. It is one of the types
// below.
type Test interface{ isTest() }

// FeatureKind says what a [Feature] is.
type FeatureKind uint8

// The kinds of feature.
const (
	FeatureField    FeatureKind = iota + 1 // a custom field that is no list
	FeatureBuiltin                         // Name: one of the fields with one value, also id and status
	FeatureCount                           // of Stream; so are those below
	FeatureSum                             // of Prop
	FeatureAvg                             // of Prop
	FeatureMin                             // of Prop
	FeatureMax                             // of Prop
	FeatureDistinct                        // of Prop
	FeatureFirst                           // a timestamp
	FeatureLast                            // a timestamp
	FeatureRate                            // count of Stream over count of Over
)

// Feature is a value of a contact that a test compares. Two equal texts of
// Key are the same feature.
type Feature struct {
	Kind   FeatureKind
	Field  audience.FieldID
	Name   string
	Type   audience.Type // of the field, or of Prop
	Stream *Stream
	Over   *Stream
	Props  []audience.PropID // of an aggregate over a property: by the place of the type in Stream.Types, 0 where it has none
}

// Stream is the events of some types, those dated after now left out, all or
// those since an instant that moves with now.
type Stream struct {
	Types []string
	// From is where its window begins, nil when it has none. With After the
	// instant itself is outside.
	From  *Movement
	After bool
	// Windows are those of the Dated forms of atoms, which have no From.
	Windows []Window
}

// CompareOp is a comparison.
type CompareOp uint8

// The comparisons.
const (
	Equal CompareOp = iota + 1
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

// Flipped gives the comparison with the sides changed.
func (o CompareOp) Flipped() CompareOp {
	switch o {
	case Less:
		return Greater
	case LessOrEqual:
		return GreaterOrEqual
	case Greater:
		return Less
	case GreaterOrEqual:
		return LessOrEqual
	default:
		return o
	}
}

// Constant is a constant of the type of what it is compared with.
type Constant struct {
	Int   int64 // also a bool as 0 and 1, and an instant in microseconds
	Float float64
	Text  string
}

// CompareTest compares a feature with a constant; unknown when the feature
// is absent.
type CompareTest struct {
	Feature Feature
	Op      CompareOp
	Value   Constant
}

// InTest asks whether a feature is one of some constants; unknown when it is
// absent.
type InTest struct {
	Feature Feature
	Values  []Constant
}

// HasTest asks whether a feature is there. Never unknown.
type HasTest struct{ Feature Feature }

// MovingTest compares a timestamp with an instant that moves with now;
// unknown when the timestamp is absent or the instant out of range.
type MovingTest struct {
	Feature Feature
	Op      CompareOp
	To      Movement
}

// ContainsTest asks whether a set has an item: the tags, or a custom field of
// lists. Never unknown.
type ContainsTest struct {
	Field audience.FieldID // 0: the tags
	Item  string
}

// ListTest asks whether she is on a list. Never unknown.
type ListTest struct{ List audience.List }

// ConsentTest asks whether consent for a purpose stands. Never unknown.
type ConsentTest struct{ Purpose string }

// SuppressedTest asks whether an address is suppressed. Never unknown.
type SuppressedTest struct{}

// MemberTest asks whether she is in another segment, given by its place in
// the names given to Compile. Never unknown.
type MemberTest struct{ Segment int }

// ConstantTest is the same for everybody.
type ConstantTest struct{ Truth bool }

func (CompareTest) isTest()    {}
func (InTest) isTest()         {}
func (HasTest) isTest()        {}
func (MovingTest) isTest()     {}
func (ContainsTest) isTest()   {}
func (ListTest) isTest()       {}
func (ConsentTest) isTest()    {}
func (SuppressedTest) isTest() {}
func (MemberTest) isTest()     {}
func (ConstantTest) isTest()   {}

// Movement is an instant that moves with now: now minus or plus a period,
// then plus so many microseconds.
type Movement struct {
	Period  audience.Period
	Forward bool // plus the period instead of minus
	Shift   int64
}

// IsFixed reports whether the distance from now is always the same.
func (m Movement) IsFixed() bool { return m.Period.Months() == 0 }

// At gives the instant at now; false when it is out of range.
func (m Movement) At(c audience.Calendar, now int64) (int64, bool) {
	if m.IsFixed() {
		us := now + m.Distance()
		return us, inRange(us)
	}
	step := audience.Calendar.Ago
	if m.Forward {
		step = audience.Calendar.Ahead
	}
	t, ok := step(c, audience.FromMicros(now), m.Period)
	us := audience.Micros(t) + m.Shift
	return us, ok && inRange(us)
}

func inRange(us int64) bool {
	return us >= audience.Micros(audience.MinInstant()) && us <= audience.Micros(audience.MaxInstant())
}

// Reach gives the first now at which the instant is v or later, the greatest
// int64 when there is none.
func (m Movement) Reach(c audience.Calendar, v int64) int64 {
	if m.IsFixed() {
		return v - m.Distance()
	}
	reaches := audience.Calendar.AgoReaches
	if m.Forward {
		reaches = audience.Calendar.AheadReaches
	}
	t, ok := reaches(c, audience.FromMicros(v-m.Shift), m.Period)
	if !ok {
		return math.MaxInt64
	}
	return audience.Micros(t)
}

// Distance is the part of the distance from now that no calendar decides, all
// of it when IsFixed, in microseconds, ahead of now when positive.
func (m Movement) Distance() int64 {
	d := m.Period.Exact().Microseconds()
	if !m.Forward {
		d = -d
	}
	return d + m.Shift
}

// Negated gives the comparison that is true when o is false.
func (o CompareOp) Negated() CompareOp {
	switch o {
	case Equal:
		return NotEqual
	case NotEqual:
		return Equal
	case Less:
		return GreaterOrEqual
	case LessOrEqual:
		return Greater
	case Greater:
		return LessOrEqual
	default:
		return Less
	}
}

// ValueType gives the type of the feature's values.
func (f Feature) ValueType() audience.Type {
	switch f.Kind {
	case FeatureCount, FeatureDistinct:
		return audience.TypeInt
	case FeatureSum, FeatureAvg, FeatureRate:
		return audience.TypeDouble
	case FeatureFirst, FeatureLast:
		return audience.TypeTimestamp
	default:
		return f.Type
	}
}
