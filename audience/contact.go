package audience

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// SourceKind says what kind of writer a value came from.
type SourceKind uint8

// The kinds of source.
const (
	SourceHost       SourceKind = iota // the host's own code
	SourceImport                       // an import job
	SourceConnection                   // a connected shop or CRM
	SourcePerson                       // the person herself, on a page or form
	SourceComputed                     // derived by a rule or a model
)

// String gives "host", "import", "connection", "person" or "computed";
// "none" for any other kind.
func (k SourceKind) String() string {
	switch k {
	case SourceHost:
		return "host"
	case SourceImport:
		return "import"
	case SourceConnection:
		return "connection"
	case SourcePerson:
		return "person"
	case SourceComputed:
		return "computed"
	default:
		return "none"
	}
}

// Source says who writes. The zero Source is the host.
type Source struct {
	Kind  SourceKind
	Name  string // the import job, connection or model; not personal
	Actor string // the operator's id, if any; not an address or a name
}

// Check reports why the source cannot be stored, or nil: a known kind, valid
// text, within the limits. It is a [*FieldError].
func (s Source) Check(path string, l Limits) error {
	if s == (Source{}) {
		return nil
	}
	l = l.withDefaults()
	if s.Kind > SourceComputed {
		return &FieldError{Path: path + ".kind", Rule: "unknown", Hint: "host, import, connection, person or computed"}
	}
	if checkText("", s.Name, l.NameBytes) != nil { // the path is made for errors alone
		return checkText(path+".name", s.Name, l.NameBytes)
	}
	if checkText("", s.Actor, l.NameBytes) != nil {
		return checkText(path+".actor", s.Actor, l.NameBytes)
	}
	return nil
}

// Provenance is where a value came from and when it was committed.
type Provenance struct {
	Source
	At time.Time
}

// FieldValue is the value of one custom field of a contact.
type FieldValue struct {
	ID     FieldID
	Value  Value
	Origin *Provenance // shared; not to be changed
}

// Tag is one tag of a contact.
type Tag struct {
	Name   string
	Origin *Provenance // shared; not to be changed
}

// Contact is one person as the store knows her at one position. Slices are
// shared with other readers and must not be changed; write through
// [ContactWrite]. It prints its id and version only.
type Contact struct {
	ID        ContactID
	Version   uint64       // grows with every committed change of the contact
	Addresses []Address    // the primary address first; may be empty
	External  []ExternalID // sorted by system, then id
	FirstName Private
	LastName  Private
	Phone     Private
	Tags      []Tag        // sorted by name, each once
	Fields    []FieldValue // sorted by ID, each once
	Frequency string       // a wish about mail frequency; written by compliance features only
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Email gives the primary address; the zero Address when there is none.
func (c *Contact) Email() Address {
	if len(c.Addresses) == 0 {
		return Address{}
	}
	return c.Addresses[0]
}

// OtherEmails gives the addresses behind the primary one as a list value, which
// is sorted as all lists are; absent when there are none.
func (c *Contact) OtherEmails() Value {
	if len(c.Addresses) < 2 {
		return Value{}
	}
	others := make([]string, 0, len(c.Addresses)-1)
	for _, a := range c.Addresses[1:] {
		others = append(others, a.Reveal())
	}
	return StringListValue(others...)
}

// Key gives the id in the host's own system, the first one bytewise, or "".
func (c *Contact) Key() string {
	for _, x := range c.External {
		if x.System == HostSystem {
			return x.ID.Reveal()
		}
	}
	return ""
}

// HasTag reports whether the contact has the tag.
func (c *Contact) HasTag(name string) bool {
	_, ok := slices.BinarySearchFunc(c.Tags, name, compareTagName)
	return ok
}

func compareTagName(t Tag, name string) int { return strings.Compare(t.Name, name) }

// TagNames gives the names of the tags, sorted.
func (c *Contact) TagNames() []string {
	out := make([]string, len(c.Tags))
	for i, t := range c.Tags {
		out[i] = t.Name
	}
	return out
}

// TagList gives the names of the tags as a list value; absent when there are
// none.
func (c *Contact) TagList() Value {
	if len(c.Tags) == 0 {
		return Value{}
	}
	return newList(c.TagNames())
}

// Value gives the value of a custom field; the zero Value when absent.
func (c *Contact) Value(id FieldID) Value {
	if i, ok := c.fieldIndex(id); ok {
		return c.Fields[i].Value
	}
	return Value{}
}

// Field gives the value of a custom field by name; the zero Value when it is
// absent or the schema has no such field.
func (c *Contact) Field(s *Schema, name string) Value {
	f, ok := s.FieldNamed(name)
	if !ok {
		return Value{}
	}
	return c.Value(f.ID)
}

func (c *Contact) fieldIndex(id FieldID) (int, bool) {
	return slices.BinarySearchFunc(c.Fields, id, compareFieldID)
}

func compareFieldID(f FieldValue, id FieldID) int { return cmp.Compare(f.ID, id) }

// Identities gives every identity of the contact, addresses first.
func (c *Contact) Identities() []Identity {
	out := make([]Identity, 0, len(c.Addresses)+len(c.External))
	for _, a := range c.Addresses {
		out = append(out, AddressIdentity(a))
	}
	for _, x := range c.External {
		out = append(out, ExternalIdentity(x))
	}
	return out
}

// Format prints id and version, whatever the verb.
func (c Contact) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.mask())) }

// LogValue logs what Format prints.
func (c Contact) LogValue() slog.Value { return slog.StringValue(c.mask()) }

// MarshalJSON gives what Format prints; exporters use the accessors.
func (c Contact) MarshalJSON() ([]byte, error) { return json.Marshal(c.mask()) }

func (c *Contact) mask() string { return fmt.Sprintf("contact %d v%d", uint32(c.ID), c.Version) }
