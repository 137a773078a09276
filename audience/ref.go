package audience

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
)

// ContactID is the number the store gives a contact: from 1, never reused,
// mostly consecutive. It is the contact's bit in every segment set. 0 is
// nobody.
type ContactID uint32

// String gives the decimal number.
func (id ContactID) String() string { return strconv.FormatUint(uint64(id), 10) }

// HostSystem is the system of external ids made with [Key]: the host's own.
const HostSystem = "host"

// ExternalID is a contact's id in another system. System names are not
// personal; ids may be and are not printed.
type ExternalID struct {
	System string
	ID     Private
}

// External makes the external id of a system.
func External(system, id string) ExternalID {
	return ExternalID{System: system, ID: NewPrivate(id)}
}

// Equal reports whether both name the same id of the same system.
func (x ExternalID) Equal(o ExternalID) bool { return x.System == o.System && x.ID.Equal(o.ID) }

// Check reports why the id cannot be stored, or nil: both parts present,
// valid text, within the limits.
func (x ExternalID) Check(path string, l Limits) error {
	if x.isPlain(&l) {
		return nil
	}
	l = l.withDefaults()
	return x.check(path, &l)
}

// check is Check with limits in force. Paths are made for errors alone.
func (x ExternalID) check(path string, l *Limits) error {
	if x.System == "" || x.ID.IsZero() {
		return &FieldError{Path: path, Rule: "empty", Hint: "a system and an id"}
	}
	if checkName("", x.System, l) != nil {
		return checkName(path+".system", x.System, l)
	}
	if checkText("", x.ID.Reveal(), l.KeyBytes) != nil {
		return checkText(path+".id", x.ID.Reveal(), l.KeyBytes)
	}
	return nil
}

// isPlain reports what most ids are, of printable ASCII within the limits. The
// paths for errors are not made for them.
func (x ExternalID) isPlain(l *Limits) bool {
	id := x.ID.Reveal()
	return len(x.System) <= l.NameBytes && len(id) <= l.KeyBytes && isPlainName(x.System) && isPlainName(id)
}

// Ref names one contact, by id, by external id or by address. The zero Ref
// names nobody. Refs print without the key or address in them.
type Ref struct {
	id       ContactID
	external ExternalID
	address  Address
}

// ID names a contact by the number the store gave it.
func ID(id ContactID) Ref { return Ref{id: id} }

// Key names a contact by the host's own key.
func Key(key string) Ref { return Ref{external: External(HostSystem, key)} }

// ExternalRef names a contact by its id in another system.
func ExternalRef(x ExternalID) Ref { return Ref{external: x} }

// AddressRef names a contact by one of its addresses.
func AddressRef(a Address) Ref { return Ref{address: a} }

// Email names a contact by address; a text that is no address names nobody.
func Email(address string) Ref {
	a, err := ParseAddress(address)
	if err != nil {
		return Ref{}
	}
	return AddressRef(a)
}

// IsZero reports whether the Ref names nobody.
func (r Ref) IsZero() bool {
	_, isIdentity := r.Identity()
	return r.id == 0 && !isIdentity
}

// ContactID gives the number of a Ref made by [ID].
func (r Ref) ContactID() (ContactID, bool) { return r.id, r.id != 0 }

// Identity gives the identity of a Ref made by anything but [ID].
func (r Ref) Identity() (Identity, bool) {
	switch {
	case !r.external.ID.IsZero():
		return ExternalIdentity(r.external), true
	case !r.address.IsZero():
		return AddressIdentity(r.address), true
	}
	return Identity{}, false
}

// External gives the external id of a Ref made by [Key] or [ExternalRef].
func (r Ref) External() (ExternalID, bool) { return r.external, !r.external.ID.IsZero() }

// Address gives the address of a Ref made by [AddressRef] or [Email].
func (r Ref) Address() (Address, bool) { return r.address, !r.address.IsZero() }

// Format prints the kind of the Ref, and the number of one made by [ID].
func (r Ref) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.mask())) }

// LogValue logs what Format prints.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.mask()) }

// MarshalJSON gives what Format prints.
func (r Ref) MarshalJSON() ([]byte, error) { return json.Marshal(r.mask()) }

func (r Ref) mask() string {
	switch {
	case r.id != 0:
		return "contact " + r.id.String()
	case !r.external.ID.IsZero():
		return "contact by id of " + r.external.System
	case !r.address.IsZero():
		return "contact by address"
	}
	return "nobody"
}

// Identity is what is unique within an audience and belongs to at most one
// contact: an address in its compare form, or an external id.
type Identity struct {
	kind string // "address", or "external:" and the system
	key  Private
}

// AddressIdentity is the identity of an address; spellings that compare
// equal are one identity.
func AddressIdentity(a Address) Identity {
	return Identity{kind: "address", key: Private{text: a.canonical}}
}

// ExternalIdentity is the identity of an external id.
func ExternalIdentity(x ExternalID) Identity {
	if x.System == HostSystem { // most are; the text is not to be made each time
		return Identity{kind: "external:" + HostSystem, key: x.ID}
	}
	return Identity{kind: "external:" + x.System, key: x.ID}
}

// Equal reports whether both are the same identity.
func (i Identity) Equal(o Identity) bool { return i.kind == o.kind && i.key.Equal(o.key) }

// Format prints the kind, whatever the verb.
func (i Identity) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(i.kind)) }

// LogValue logs what Format prints.
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.kind) }

// MarshalJSON gives what Format prints.
func (i Identity) MarshalJSON() ([]byte, error) { return json.Marshal(i.kind) }

// Kind is "address", or "external:" followed by the system.
func (i Identity) Kind() string { return i.kind }

// Key is the compare form of the address, or the id. It is personal.
func (i Identity) Key() string { return i.key.Reveal() }

// Index gives kind and key as one text that is unique among identities, for
// the adapters' tables. It is personal.
func (i Identity) Index() string { return i.kind + "\x00" + i.key.Reveal() }
