package audience

import (
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"
)

// WriteMode says what a write may do. The zero mode does both.
type WriteMode uint8

// The modes.
const (
	Upsert     WriteMode = iota // create the contact or update it
	CreateOnly                  // a contact that exists is a conflict
	UpdateOnly                  // a contact that does not exist is not found
)

// ContactWrite creates or changes one contact. What it does not mention
// stays as it is.
//
// The contact is the one that Match names. With a zero Match it is the one
// that an external id of the write names, else the one that an address
// names; when they name different contacts the write is refused as
// ambiguous. If nobody is named a contact is created with these identities
// (and that of Match).
type ContactWrite struct {
	Match     Ref
	Mode      WriteMode
	IfVersion uint64 // refuse unless the contact has this version; 0: any

	Email     Address      // becomes the primary address; a former one stays as a further address
	Addresses []Address    // further addresses to add
	External  []ExternalID // external ids to add
	Detach    []Identity   // identities to take away, that of Match too; the next address becomes primary

	FirstName Private
	LastName  Private
	Phone     Private
	Set       map[string]Value // custom fields by name; a field of an unknown name is added to the schema
	Clear     []string         // fields to make absent: custom ones, first_name, last_name, phone; not among those that are set

	AddTags    []string
	RemoveTags []string
	SetTags    []string // replaces all tags when not nil; exclusive with the two above

	CreatedAt time.Time // of a contact that is created; zero: the instant of the commit
	Source    Source
	Owner     string  // the owner as whom fields with an owner are written
	Frequency *string // a wish about mail frequency, "" for none; nil leaves it. For compliance features

	// Returning lets a person come back whose erasure left a tombstone. It
	// is for her own act, such as a signup; an import never sets it.
	Returning bool
}

// Identities gives the identities that the write brings, each once: that of
// Match first, then external ids, then addresses.
func (w *ContactWrite) Identities() []Identity {
	var out []Identity
	for i := range w.EachIdentity() {
		if !slices.ContainsFunc(out, func(o Identity) bool { return o.Equal(i) }) {
			out = append(out, i)
		}
	}
	return out
}

// EachIdentity gives what Identities gives, in the same order; one that the
// write names twice comes twice.
func (w *ContactWrite) EachIdentity() iter.Seq[Identity] {
	return func(yield func(Identity) bool) {
		if i, ok := w.Match.Identity(); ok && !yield(i) {
			return
		}
		for _, x := range w.External {
			if !yield(ExternalIdentity(x)) {
				return
			}
		}
		if !w.Email.IsZero() && !yield(AddressIdentity(w.Email)) {
			return
		}
		for _, a := range w.Addresses {
			if !yield(AddressIdentity(a)) {
				return
			}
		}
	}
}

// Format prints whom the write is for, whatever the verb, without keys,
// addresses and names.
func (w ContactWrite) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(w.mask())) }

// LogValue logs what Format prints.
func (w ContactWrite) LogValue() slog.Value { return slog.StringValue(w.mask()) }

// MarshalJSON gives what Format prints.
func (w ContactWrite) MarshalJSON() ([]byte, error) { return json.Marshal(w.mask()) }

func (w *ContactWrite) mask() string {
	whom := w.Match
	switch {
	case !whom.IsZero():
	case len(w.External) > 0:
		whom = ExternalRef(w.External[0])
	case !w.Email.IsZero():
		whom = AddressRef(w.Email)
	case len(w.Addresses) > 0:
		whom = AddressRef(w.Addresses[0])
	}
	return "write of " + whom.mask()
}

// Check reports why the write can never be accepted, or nil. What depends on
// the schema or on stored data is checked by the store.
func (w *ContactWrite) Check(l Limits) error {
	l = l.withDefaults()
	if err := w.checkIdentities(&l); err != nil {
		return err
	}
	if err := w.checkNames(&l); err != nil {
		return err
	}
	if err := w.checkTags(&l); err != nil {
		return err
	}
	if err := w.checkFields(&l); err != nil {
		return err
	}
	if w.Mode > UpdateOnly {
		return &FieldError{Path: "mode", Rule: "unknown", Hint: "Upsert, CreateOnly or UpdateOnly"}
	}
	if err := checkText("owner", w.Owner, l.NameBytes); err != nil {
		return err
	}
	if err := w.Source.Check("source", l); err != nil {
		return err
	}
	return checkInstant("created_at", w.CreatedAt) // the zero Time is in range
}

func (w *ContactWrite) checkIdentities(l *Limits) error {
	if len(w.Addresses)+len(w.External)+len(w.Detach) > l.Identities {
		return &FieldError{Path: "identities", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Identities), Limit: true}
	}
	if x := w.Match.external; !x.ID.IsZero() {
		if err := x.check("match", l); err != nil {
			return err
		}
	}
	for i, a := range w.Addresses {
		if a.IsZero() {
			return &FieldError{Path: fmt.Sprintf("addresses[%d]", i), Rule: "empty", Hint: "an address"}
		}
	}
	for i, x := range w.External {
		if x.check("", l) != nil { // the path is made for errors alone
			return x.check(fmt.Sprintf("external[%d]", i), l)
		}
	}
	if w.Match.IsZero() && w.Email.IsZero() && len(w.Addresses) == 0 && len(w.External) == 0 {
		return &FieldError{Path: "match", Rule: "empty", Hint: "a Ref, an external id or an address"}
	}
	for i, d := range w.Detach {
		if w.adds(d) {
			return &FieldError{Path: fmt.Sprintf("detach[%d]", i), Rule: "exclusive", Hint: "either added or taken away"}
		}
	}
	return nil
}

// adds reports whether the write gives the contact the identity. That of
// Match names her; it is added to a new contact only.
func (w *ContactWrite) adds(i Identity) bool {
	if !w.Email.IsZero() && AddressIdentity(w.Email).Equal(i) {
		return true
	}
	return slices.ContainsFunc(w.Addresses, func(a Address) bool { return AddressIdentity(a).Equal(i) }) ||
		slices.ContainsFunc(w.External, func(x ExternalID) bool { return ExternalIdentity(x).Equal(i) })
}

func (w *ContactWrite) checkNames(l *Limits) error {
	names := []struct {
		path string
		p    Private
	}{{"first_name", w.FirstName}, {"last_name", w.LastName}, {"phone", w.Phone}}
	for _, n := range names {
		if err := checkText(n.path, n.p.Reveal(), l.StringBytes); err != nil {
			return err
		}
		if !n.p.IsZero() && slices.Contains(w.Clear, n.path) {
			return &FieldError{Path: n.path, Rule: "exclusive", Hint: "either set or cleared"}
		}
	}
	if w.Frequency != nil {
		return checkText("frequency", *w.Frequency, l.NameBytes)
	}
	return nil
}

func (w *ContactWrite) checkTags(l *Limits) error {
	if w.SetTags != nil && (len(w.AddTags) > 0 || len(w.RemoveTags) > 0) {
		return &FieldError{Path: "tags", Rule: "exclusive", Hint: "either SetTags or AddTags and RemoveTags"}
	}
	for _, tags := range [][]string{w.AddTags, w.RemoveTags, w.SetTags} {
		if len(tags) > l.Tags {
			return &FieldError{Path: "tags", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Tags), Limit: true}
		}
		for _, t := range tags {
			if err := checkName("tags", t, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *ContactWrite) checkFields(l *Limits) error {
	if len(w.Set) > l.Fields {
		return &FieldError{Path: "fields", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Fields), Limit: true}
	}
	if len(w.Clear) > l.Fields {
		return &FieldError{Path: "clear", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Fields), Limit: true}
	}
	for i, name := range w.Clear {
		if isNameField(name) {
			continue
		}
		if err := checkFieldName(name, l); err != nil {
			return &FieldError{Path: fmt.Sprintf("clear[%d]", i), Rule: "unknown", Hint: "a custom field, first_name, last_name or phone"}
		}
	}
	return firstByName(w.Set, func(name string, v Value) error {
		if err := checkFieldName(name, l); err != nil {
			return err
		}
		if v.IsZero() {
			return &FieldError{Path: "fields." + name, Rule: "empty", Hint: "a value; to make the field absent, name it in Clear"}
		}
		if slices.Contains(w.Clear, name) {
			return &FieldError{Path: "fields." + name, Rule: "exclusive", Hint: "either set or cleared"}
		}
		if v.check("", l) != nil { // the path is made for errors alone
			return v.check("fields."+name, l)
		}
		return nil
	})
}

// isNameField reports the built-in fields that may be cleared.
func isNameField(name string) bool {
	return name == "first_name" || name == "last_name" || name == "phone"
}

// firstByName calls check for every member and gives the error of the
// first by name, so that it does not depend on the order of the map.
func firstByName(members map[string]Value, check func(name string, v Value) error) error {
	first, failed := "", error(nil)
	for name, v := range members {
		if failed != nil && name >= first {
			continue
		}
		if err := check(name, v); err != nil {
			first, failed = name, err
		}
	}
	return failed
}
