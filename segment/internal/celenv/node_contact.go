package celenv

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/audiencekit/audiencekit/audience"
)

// fieldRead gives the node that reads a field of the contact.
func fieldRead(e *Env, f audience.Field, custom bool) reader {
	if custom {
		return customRead(e, f)
	}
	switch f.Name {
	case "id":
		return func(s *state) ref.Val { return types.Int(s.contact.ID) }
	case "email":
		return func(s *state) ref.Val { return text(s.contact.Email().Canonical()) }
	case "first_name":
		return func(s *state) ref.Val { return text(s.contact.FirstName.Reveal()) }
	case "last_name":
		return func(s *state) ref.Val { return text(s.contact.LastName.Reveal()) }
	case "phone":
		return func(s *state) ref.Val { return text(s.contact.Phone.Reveal()) }
	case "status":
		return statusRead()
	case "tags":
		return func(s *state) ref.Val {
			s.charge(len(s.contact.Tags) / 8)
			return stringList(s.contact.TagNames())
		}
	case "created_at":
		return func(s *state) ref.Val { return timestamp(s.contact.CreatedAt) }
	case "updated_at":
		return func(s *state) ref.Val { return timestamp(s.contact.UpdatedAt) }
	}
	return func(s *state) ref.Val { return text(s.contact.Frequency) } // frequency
}

// text gives a built-in text, which is absent when it is empty.
func text(s string) ref.Val {
	if s == "" {
		return errUnknown
	}
	return types.String(s)
}

func timestamp(t time.Time) ref.Val {
	if t.IsZero() {
		return errUnknown
	}
	return types.Timestamp{Time: t.UTC()}
}

func stringList(items []string) ref.Val {
	return types.NewStringList(types.DefaultTypeAdapter, items)
}

// statusRead reads the status once for each evaluation.
func statusRead() reader {
	var names []ref.Val
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		names = append(names, types.String(s.String()))
	}
	return func(s *state) ref.Val {
		if s.status == nil {
			standing := s.row.Status(s.moment.now)
			s.status, s.statusUntil = names[standing.Status], standing.Until
		}
		s.lowerTo(s.statusUntil)
		return s.status
	}
}

// customRead reads a custom field. A list is never absent.
func customRead(e *Env, f audience.Field) reader {
	convert := converter(e, f.Type)
	if f.Type == audience.TypeStringList {
		return func(s *state) ref.Val {
			items, _ := s.contact.Value(f.ID).StringList()
			return stringList(items)
		}
	}
	return func(s *state) ref.Val { return convert(s.contact.Value(f.ID)) }
}

// converter gives what makes a value of a declared type one of expressions.
// A value of another type is unknown, as is an absent one.
func converter(e *Env, t audience.Type) func(audience.Value) ref.Val {
	switch t {
	case audience.TypeString:
		return func(v audience.Value) ref.Val {
			if x, ok := v.Str(); ok {
				return types.String(x)
			}
			return errUnknown
		}
	case audience.TypeInt:
		return func(v audience.Value) ref.Val {
			if x, ok := v.Int(); ok {
				return types.Int(x)
			}
			return errUnknown
		}
	case audience.TypeDouble:
		return func(v audience.Value) ref.Val {
			if x, ok := v.Double(); ok {
				return double(x)
			}
			return errUnknown
		}
	case audience.TypeBool:
		return func(v audience.Value) ref.Val {
			if x, ok := v.Bool(); ok {
				return types.Bool(x)
			}
			return errUnknown
		}
	case audience.TypeStringList:
		return func(v audience.Value) ref.Val {
			if x, ok := v.StringList(); ok {
				return stringList(x)
			}
			return errUnknown
		}
	default: // a timestamp or a date
		return func(v audience.Value) ref.Val {
			if t, ok := instantIn(e, v); ok {
				return types.Timestamp{Time: t}
			}
			return errUnknown
		}
	}
}

// instantIn gives the instant of a timestamp or a date.
func instantIn(e *Env, v audience.Value) (time.Time, bool) {
	if t, ok := v.Timestamp(); ok {
		return t, true
	}
	if d, ok := v.Date(); ok {
		return e.calendar.StartOfDate(d)
	}
	return time.Time{}, false
}

// containsIn gives the node that looks a string up in a field's set.
func containsIn(_ *Env, f audience.Field, custom bool) builder {
	contains := func(s *state, text string) bool { return s.contact.HasTag(text) }
	if custom {
		contains = func(s *state, text string) bool {
			items, _ := s.contact.Value(f.ID).StringList()
			_, ok := slices.BinarySearch(items, text)
			return ok
		}
	}
	return func(args []branch) exec {
		element := args[0]
		return func(f *frame) ref.Val {
			text, ok := element.Exec(f).(types.String)
			if !ok {
				return errUnknown
			}
			chargeText(f, 10*len(text)) // about that many comparisons
			return types.Bool(contains(stateOf(f), string(text)))
		}
	}
}

// isOneOf gives the node that looks a value up among constants.
func isOneOf(literals []value) builder {
	set := make(map[ref.Val]struct{}, len(literals))
	for _, l := range literals {
		set[l.tree.AsLiteral()] = struct{}{}
	}
	return func(args []branch) exec {
		element := args[0]
		return func(f *frame) ref.Val {
			v := element.Exec(f)
			switch x := v.(type) {
			case types.String:
				chargeText(f, len(x))
				_, ok := set[v]
				return types.Bool(ok)
			case types.Bool, types.Int, types.Double:
				_, ok := set[v]
				return types.Bool(ok)
			case types.Timestamp, types.Duration:
				return isAmong(v, set)
			}
			return errUnknown
		}
	}
}

// isAmongElements is the node that looks a value up in a list that is
// computed. Unlike cel-go's own it counts what that costs.
func isAmongElements(args []branch) exec {
	element, list := args[0], args[1]
	return func(f *frame) ref.Val {
		v := element.Exec(f)
		l, ok := list.Exec(f).(traits.Lister)
		if !ok || isUnknown(v) {
			return errUnknown
		}
		s := stateOf(f)
		text, isText := v.(types.String)
		for it := l.Iterator(); it.HasNext() == types.True; {
			x := it.Next()
			s.charge(1)
			if other, ok := x.(types.String); ok && isText && len(other) == len(text) {
				chargeText(f, len(text))
			}
			if v.Equal(x) == types.True {
				return types.True
			}
		}
		return types.False
	}
}

// isAmong compares instants and lengths, which == of Go does not.
func isAmong(v ref.Val, set map[ref.Val]struct{}) ref.Val {
	for k := range set {
		if v.Equal(k) == types.True {
			return types.True
		}
	}
	return types.False
}

func readSuppressed(s *state) ref.Val {
	from := s.row.SuppressedFrom()
	if from.IsZero() {
		return types.False
	}
	if from.After(s.moment.now) {
		s.lowerTo(from)
		return types.False
	}
	return types.True
}

// fact is something that the ledger or the lists know. It is found out once
// for each evaluation: ledgers may be long, and macros ask again and again.
type fact struct {
	kind, name string
	ask        func(*state) audience.Standing
}

// factAnswer is what is known of a fact during an evaluation.
type factAnswer struct {
	asked, holds bool
	until        time.Time // zero: for ever
}

// fact gives the node that reads a fact.
func (c *checker) fact(f fact) reader {
	i := slices.IndexFunc(c.facts, func(o fact) bool { return o.kind == f.kind && o.name == f.name })
	if i < 0 {
		c.facts = append(c.facts, f)
		i = len(c.facts) - 1
	}
	return func(s *state) ref.Val {
		known := &s.facts[i]
		if !known.asked {
			standing := f.ask(s)
			*known = factAnswer{asked: true, holds: standing.Status == audience.StatusSubscribed, until: standing.Until}
		}
		s.lowerTo(known.until)
		return types.Bool(known.holds)
	}
}

func isOnList(l audience.List) fact {
	return fact{"list", l.Name, func(s *state) audience.Standing { return s.row.OnList(l, s.moment.now) }}
}

func hasConsent(purpose string) fact {
	return fact{"consent", purpose, func(s *state) audience.Standing { return s.row.Consent(purpose, s.moment.now) }}
}

func readMember(i int) reader {
	return func(s *state) ref.Val { return types.Bool(i < len(s.members) && s.members[i]) }
}

// readBucket gives the node of bucket(salt, n).
func readBucket(salt string, n uint64) reader {
	prefix := append([]byte(salt), 0)
	return func(s *state) ref.Val {
		s.charge(textCost(len(prefix)))
		var space [128]byte
		text := strconv.AppendUint(append(space[:0], prefix...), uint64(s.contact.ID), 10)
		sum := sha256.Sum256(text)
		return types.Int(binary.BigEndian.Uint64(sum[:8]) % n)
	}
}
