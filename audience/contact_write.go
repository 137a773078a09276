package audience

import (
	"fmt"
	"slices"
	"strings"
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
	Detach    []Identity   // identities to take away; the next address becomes primary

	FirstName Private
	LastName  Private
	Phone     Private
	Set       map[string]Value // custom fields by name; a field of an unknown name is added to the schema
	Clear     []string         // fields to make absent: custom ones, first_name, last_name, phone

	AddTags    []string
	RemoveTags []string
	SetTags    []string // replaces all tags when not nil; exclusive with the two above

	CreatedAt time.Time // of a contact that is created; zero: the instant of the commit
	Source    Source
	Owner     string // the owner as whom fields with an owner are written
	Frequency *string

	// Returning lets a person come back whose erasure left a tombstone. It
	// is for her own act, such as a signup; an import never sets it.
	Returning bool
}

// Identities gives the identities that the write brings, the host's key
// first, then other external ids, then addresses.
func (w *ContactWrite) Identities() []Identity {
	var out []Identity
	add := func(i Identity) {
		if !slices.ContainsFunc(out, func(o Identity) bool { return o.Index() == i.Index() }) {
			out = append(out, i)
		}
	}
	if i, ok := w.Match.Identity(); ok {
		add(i)
	}
	for _, x := range w.External {
		add(ExternalIdentity(x))
	}
	if !w.Email.IsZero() {
		add(AddressIdentity(w.Email))
	}
	for _, a := range w.Addresses {
		add(AddressIdentity(a))
	}
	return out
}

// Check reports why the write can never be accepted, or nil. What depends on
// the schema or on stored data is checked by the store.
func (w *ContactWrite) Check(l Limits) error {
	l = l.withDefaults()
	if w.Match.IsZero() && len(w.Identities()) == 0 {
		return &FieldError{Path: "match", Rule: "empty", Hint: "a Ref, an external id or an address"}
	}
	if n := len(w.Identities()) + len(w.Detach); n > l.Identities {
		return &FieldError{Path: "identities", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Identities), Limit: true}
	}
	if i, ok := w.Match.Identity(); ok && len(i.Key()) > l.KeyBytes {
		return &FieldError{Path: "match", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", l.KeyBytes), Limit: true}
	}
	if !w.Match.external.ID.IsZero() {
		if err := w.Match.external.Check("match", l); err != nil {
			return err
		}
	}
	for i, x := range w.External {
		if err := x.Check(fmt.Sprintf("external[%d]", i), l); err != nil {
			return err
		}
	}
	for path, p := range map[string]Private{"first_name": w.FirstName, "last_name": w.LastName, "phone": w.Phone} {
		if err := checkText(path, p.Reveal(), l.StringBytes); err != nil {
			return err
		}
	}
	if err := w.checkTags(l); err != nil {
		return err
	}
	if err := w.checkFields(l); err != nil {
		return err
	}
	if !w.CreatedAt.IsZero() {
		return checkInstant("created_at", w.CreatedAt)
	}
	return nil
}

func (w *ContactWrite) checkTags(l Limits) error {
	if w.SetTags != nil && (len(w.AddTags) > 0 || len(w.RemoveTags) > 0) {
		return &FieldError{Path: "tags", Rule: "exclusive", Hint: "either SetTags or AddTags and RemoveTags"}
	}
	for _, tags := range [][]string{w.AddTags, w.RemoveTags, w.SetTags} {
		if len(tags) > l.Tags {
			return &FieldError{Path: "tags", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Tags), Limit: true}
		}
		for _, t := range tags {
			if err := CheckName("tags", t, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *ContactWrite) checkFields(l Limits) error {
	if len(w.Set) > l.Fields {
		return &FieldError{Path: "fields", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Fields), Limit: true}
	}
	for name, v := range w.Set {
		if err := CheckFieldName(name, l); err != nil {
			return err
		}
		if v.IsZero() {
			return &FieldError{Path: "fields." + name, Rule: "empty", Hint: "a value; to make the field absent, name it in Clear"}
		}
		if err := v.Check("fields."+name, l); err != nil {
			return err
		}
		if slices.Contains(w.Clear, name) {
			return &FieldError{Path: "fields." + name, Rule: "exclusive", Hint: "either set or cleared"}
		}
	}
	return nil
}

// Apply gives the contact as it stands after the write, at the instant of
// the commit. fields resolves a custom field by name; every field of the
// write must be known to it. The given contact is not changed; changed
// reports whether anything but version and update time differs. The result's
// version and update time are those of the given contact: the store sets
// them when it commits a change.
//
// A contact that would exceed the limits is a [*FieldError].
func (w *ContactWrite) Apply(c Contact, fields func(name string) (Field, bool), at time.Time, l Limits) (next Contact, changed bool, err error) {
	l = l.withDefaults()
	a := applier{write: w, next: c, origin: &Provenance{Source: w.Source, At: at}}
	a.identities()
	a.names()
	a.tags()
	if err := a.fields(fields); err != nil {
		return Contact{}, false, err
	}
	if len(a.next.Tags) > l.Tags {
		return Contact{}, false, &FieldError{Path: "tags", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Tags), Limit: true}
	}
	if n := len(a.next.Addresses) + len(a.next.External); n > l.Identities {
		return Contact{}, false, &FieldError{Path: "identities", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Identities), Limit: true}
	}
	if len(a.next.Addresses)+len(a.next.External) == 0 {
		return Contact{}, false, &FieldError{Path: "identities", Rule: "empty", Hint: "a contact keeps at least one address or external id"}
	}
	return a.next, a.changed, nil
}

// applier works on copies: slices of the given contact are never changed in
// place, since readers share them.
type applier struct {
	write   *ContactWrite
	next    Contact
	origin  *Provenance
	changed bool
}

func (a *applier) identities() {
	w := a.write
	a.next.Addresses = slices.Clone(a.next.Addresses)
	a.next.External = slices.Clone(a.next.External)
	for _, d := range w.Detach {
		a.detach(d)
	}
	if !w.Email.IsZero() {
		a.setPrimary(w.Email)
	}
	for _, addr := range w.Addresses {
		a.addAddress(addr)
	}
	if !w.Match.address.IsZero() {
		a.addAddress(w.Match.address)
	}
	for _, x := range w.External {
		a.addExternal(x)
	}
	if !w.Match.external.ID.IsZero() {
		a.addExternal(w.Match.external)
	}
}

func (a *applier) detach(d Identity) {
	before := len(a.next.Addresses) + len(a.next.External)
	a.next.Addresses = slices.DeleteFunc(a.next.Addresses, func(x Address) bool { return AddressIdentity(x).Index() == d.Index() })
	a.next.External = slices.DeleteFunc(a.next.External, func(x ExternalID) bool { return ExternalIdentity(x).Index() == d.Index() })
	if len(a.next.Addresses)+len(a.next.External) != before {
		a.changed = true
	}
}

// setPrimary keeps the latest spelling of an address that is already there.
func (a *applier) setPrimary(addr Address) {
	if len(a.next.Addresses) > 0 && a.next.Addresses[0].Equal(addr) {
		if a.next.Addresses[0].Reveal() != addr.Reveal() {
			a.next.Addresses[0] = addr
			a.changed = true
		}
		return
	}
	a.next.Addresses = slices.DeleteFunc(a.next.Addresses, addr.Equal)
	a.next.Addresses = slices.Insert(a.next.Addresses, 0, addr)
	a.changed = true
}

func (a *applier) addAddress(addr Address) {
	if !slices.ContainsFunc(a.next.Addresses, addr.Equal) {
		a.next.Addresses = append(a.next.Addresses, addr)
		a.changed = true
	}
}

func (a *applier) addExternal(x ExternalID) {
	i, ok := slices.BinarySearchFunc(a.next.External, x, CompareExternal)
	if !ok {
		a.next.External = slices.Insert(a.next.External, i, x)
		a.changed = true
	}
}

// CompareExternal orders external ids by system, then id: the order in which
// a contact holds them.
func CompareExternal(a, b ExternalID) int {
	if c := strings.Compare(a.System, b.System); c != 0 {
		return c
	}
	return strings.Compare(a.ID.Reveal(), b.ID.Reveal())
}

func (a *applier) names() {
	set := func(dst *Private, v Private, name string) {
		if slices.Contains(a.write.Clear, name) {
			v = Private{}
		} else if v.IsZero() {
			return
		}
		if !dst.Equal(v) {
			*dst = v
			a.changed = true
		}
	}
	set(&a.next.FirstName, a.write.FirstName, "first_name")
	set(&a.next.LastName, a.write.LastName, "last_name")
	set(&a.next.Phone, a.write.Phone, "phone")
	if f := a.write.Frequency; f != nil && *f != a.next.Frequency {
		a.next.Frequency = *f
		a.changed = true
	}
}

func (a *applier) tags() {
	w := a.write
	before := a.next.Tags
	tags := slices.Clone(before)
	if w.SetTags != nil {
		tags = slices.DeleteFunc(tags, func(t Tag) bool { return !slices.Contains(w.SetTags, t.Name) })
	}
	tags = slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(w.RemoveTags, t.Name) })
	for _, name := range slices.Concat(w.SetTags, w.AddTags) {
		i, ok := slices.BinarySearchFunc(tags, name, func(t Tag, n string) int { return strings.Compare(t.Name, n) })
		if !ok {
			tags = slices.Insert(tags, i, Tag{Name: name, Origin: a.origin})
		}
	}
	if !slices.EqualFunc(before, tags, func(x, y Tag) bool { return x.Name == y.Name }) {
		a.next.Tags = tags
		a.changed = true
	}
}

func (a *applier) fields(known func(string) (Field, bool)) error {
	if len(a.write.Set) == 0 && len(a.write.Clear) == 0 {
		return nil
	}
	values := slices.Clone(a.next.Fields)
	touched := false
	byID := func(f FieldValue, id FieldID) int { return int(f.ID) - int(id) }
	for name, v := range a.write.Set {
		f, ok := known(name)
		if !ok {
			return &FieldError{Path: "fields." + name, Rule: "unknown", Hint: "a declared field"}
		}
		v, err := Fit(v, f.Type, "fields."+name)
		if err != nil {
			return err
		}
		if f.Owner != "" && f.Owner != a.write.Owner {
			return &DeniedError{Rule: "owner", Hint: "field " + name + " is written by " + f.Owner + " only"}
		}
		i, found := slices.BinarySearchFunc(values, f.ID, byID)
		switch {
		case !found:
			values = slices.Insert(values, i, FieldValue{ID: f.ID, Value: v, Origin: a.origin})
			touched = true
		case !values[i].Value.Equal(v):
			values[i] = FieldValue{ID: f.ID, Value: v, Origin: a.origin}
			touched = true
		}
	}
	for _, name := range a.write.Clear {
		switch name {
		case "first_name", "last_name", "phone":
			continue
		}
		f, ok := known(name)
		if !ok {
			return &FieldError{Path: "fields." + name, Rule: "unknown", Hint: "a declared field"}
		}
		if f.Owner != "" && f.Owner != a.write.Owner {
			return &DeniedError{Rule: "owner", Hint: "field " + name + " is written by " + f.Owner + " only"}
		}
		if i, found := slices.BinarySearchFunc(values, f.ID, byID); found {
			values = slices.Delete(values, i, i+1)
			touched = true
		}
	}
	if touched {
		a.next.Fields = values
		a.changed = true
	}
	return nil
}

// Fit gives the value as one of the wanted type: itself, or an int as the
// double it equals. Anything else is a [*FieldError].
func Fit(v Value, want Type, path string) (Value, error) {
	have := v.Type()
	if have == want {
		return v, nil
	}
	const exact = 1 << 53 // beyond, not every int is a double
	if n, ok := v.Int(); ok && want == TypeDouble && n >= -exact && n <= exact {
		return DoubleValue(float64(n)), nil
	}
	return Value{}, &FieldError{Path: path, Rule: "type", Hint: "a value of type " + want.String() + ", not " + have.String()}
}
