package audience

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Apply gives the contact as it stands after the write, at the instant of
// the commit. fields resolves a custom field by name; every field of the
// write must be known to it. It is asked in order of names, so that one that
// declares what it does not know yet does so in the same order every time.
//
// The given contact is not changed; changed reports whether anything but
// version and update time differs. The result's version and update time are
// those of the given contact: the store sets them when it commits a change.
// Applying a write again changes nothing.
//
// A write that Check refuses must not be applied. A contact that would
// exceed the limits, would be left without any identity, or has no such field
// or one of another type is a [*FieldError]; a field of another owner is a
// [*DeniedError].
func (w *ContactWrite) Apply(c Contact, fields func(name string) (Field, bool), at time.Time, l Limits) (next Contact, changed bool, err error) {
	return NewApplier(at, l).Apply(w, c, fields)
}

// Applier applies the writes of one commit, as [ContactWrite.Apply] does it for
// one. Everything that writes of one source set in a row shares its provenance.
// It is not safe for concurrent use.
type Applier struct {
	at     time.Time
	limits Limits
	origin *Provenance // of the last source
}

// NewApplier gives an Applier for a commit at an instant.
func NewApplier(at time.Time, l Limits) *Applier {
	return &Applier{at: FromMicros(Micros(at)), limits: l.withDefaults()}
}

// Apply is [ContactWrite.Apply].
func (ap *Applier) Apply(w *ContactWrite, c Contact, fields func(name string) (Field, bool)) (next Contact, changed bool, err error) {
	if ap.origin == nil || ap.origin.Source != w.Source {
		ap.origin = &Provenance{Source: w.Source, At: ap.at}
	}
	a := application{write: w, next: c, origin: ap.origin}
	a.identities()
	a.names()
	a.tags()
	if err := a.fields(fields); err != nil {
		return Contact{}, false, err
	}
	if err := a.next.checkSize(&c, ap.limits); err != nil {
		return Contact{}, false, err
	}
	return a.next, a.changed, nil
}

// checkSize lets a contact that is too large already, since limits were
// lowered, shrink and change, but not grow.
func (c *Contact) checkSize(before *Contact, l Limits) error {
	identities := len(c.Addresses) + len(c.External)
	switch {
	case len(c.Tags) > max(l.Tags, len(before.Tags)):
		return &FieldError{Path: "tags", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Tags), Limit: true}
	case identities > max(l.Identities, len(before.Addresses)+len(before.External)):
		return &FieldError{Path: "identities", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Identities), Limit: true}
	case identities == 0:
		return &FieldError{Path: "identities", Rule: "empty", Hint: "a contact keeps at least one address or external id"}
	}
	return nil
}

// application works on copies: slices of the given contact are never changed in
// place, since readers share them.
type application struct {
	write   *ContactWrite
	next    Contact
	origin  *Provenance // of what the write sets; shared by all of it and by other writes
	changed bool
}

func (a *application) identities() {
	w := a.write
	for _, d := range w.Detach {
		a.detach(d)
	}
	if !w.Email.IsZero() {
		a.setPrimary(w.Email)
	}
	for _, addr := range w.Addresses {
		a.addAddress(addr)
	}
	for _, x := range w.External {
		a.addExternal(x)
	}
	if i, ok := w.Match.Identity(); !ok || slices.ContainsFunc(w.Detach, i.Equal) {
		return
	}
	if !w.Match.external.ID.IsZero() {
		a.addExternal(w.Match.external)
	} else {
		a.addAddress(w.Match.address)
	}
}

func (a *application) detach(d Identity) {
	address := func(x Address) bool { return AddressIdentity(x).Equal(d) }
	external := func(x ExternalID) bool { return ExternalIdentity(x).Equal(d) }
	if slices.ContainsFunc(a.next.Addresses, address) {
		a.next.Addresses = slices.DeleteFunc(slices.Clone(a.next.Addresses), address)
		a.changed = true
	}
	if slices.ContainsFunc(a.next.External, external) {
		a.next.External = slices.DeleteFunc(slices.Clone(a.next.External), external)
		a.changed = true
	}
}

// setPrimary keeps the latest spelling of an address that is already there.
func (a *application) setPrimary(addr Address) {
	if len(a.next.Addresses) > 0 && a.next.Addresses[0].Equal(addr) && a.next.Addresses[0].Reveal() == addr.Reveal() {
		return
	}
	others := slices.DeleteFunc(slices.Clone(a.next.Addresses), addr.Equal)
	a.next.Addresses = slices.Insert(others, 0, addr)
	a.changed = true
}

func (a *application) addAddress(addr Address) {
	if !slices.ContainsFunc(a.next.Addresses, addr.Equal) {
		a.next.Addresses = append(slices.Clone(a.next.Addresses), addr)
		a.changed = true
	}
}

func (a *application) addExternal(x ExternalID) {
	i, ok := slices.BinarySearchFunc(a.next.External, x, CompareExternal)
	if !ok {
		a.next.External = slices.Insert(slices.Clone(a.next.External), i, x)
		a.changed = true
	}
}

// CompareExternal orders external ids by system, then id: the order in which
// a contact has them.
func CompareExternal(a, b ExternalID) int {
	if c := strings.Compare(a.System, b.System); c != 0 {
		return c
	}
	return strings.Compare(a.ID.Reveal(), b.ID.Reveal())
}

func (a *application) names() {
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

// tags leaves a tag that stays its origin.
func (a *application) tags() {
	w := a.write
	if w.SetTags == nil && len(w.AddTags) == 0 && len(w.RemoveTags) == 0 {
		return
	}
	before := a.next.Tags
	tags := copyWithRoom(before, len(w.SetTags)+len(w.AddTags))
	if w.SetTags != nil {
		tags = slices.DeleteFunc(tags, func(t Tag) bool { return !slices.Contains(w.SetTags, t.Name) })
	}
	tags = slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(w.RemoveTags, t.Name) })
	for _, names := range [][]string{w.SetTags, w.AddTags} {
		for _, name := range names {
			if i, ok := slices.BinarySearchFunc(tags, name, compareTagName); !ok {
				tags = slices.Insert(tags, i, Tag{Name: name, Origin: a.origin})
			}
		}
	}
	if !slices.EqualFunc(before, tags, func(x, y Tag) bool { return x.Name == y.Name }) {
		a.next.Tags = tags
		a.changed = true
	}
}

func (a *application) fields(known func(string) (Field, bool)) error {
	if len(a.write.Set) == 0 && len(a.write.Clear) == 0 {
		return nil
	}
	values := copyWithRoom(a.next.Fields, len(a.write.Set))
	touched := false
	set := func(name string, v Value) error {
		f, err := a.writable(name, known)
		if err != nil {
			return err
		}
		v, err = Fit(v, f.Type, "fields."+name)
		if err != nil {
			return err
		}
		i, found := slices.BinarySearchFunc(values, f.ID, compareFieldID)
		if !found {
			values = slices.Insert(values, i, FieldValue{ID: f.ID})
		}
		if !values[i].Value.Equal(v) {
			values[i] = FieldValue{ID: f.ID, Value: v, Origin: a.origin}
			touched = true
		}
		return nil
	}
	const few = 16
	names := make([]string, 0, few) // on the stack, mostly
	for name := range a.write.Set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := set(name, a.write.Set[name]); err != nil {
			return err
		}
	}
	for _, name := range a.write.Clear {
		if isNameField(name) {
			continue
		}
		f, err := a.writable(name, known)
		if err != nil {
			return err
		}
		if i, found := slices.BinarySearchFunc(values, f.ID, compareFieldID); found {
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

// copyWithRoom gives a copy, with room for what comes first; later ones mostly
// replace what is there.
func copyWithRoom[T any](s []T, first int) []T {
	if len(s) == 0 && first > 0 {
		return make([]T, 0, first)
	}
	return slices.Clone(s)
}

// writable finds a field that the write may set or clear.
func (a *application) writable(name string, known func(string) (Field, bool)) (Field, error) {
	f, ok := known(name)
	switch {
	case !ok:
		return Field{}, &FieldError{Path: "fields." + name, Rule: "unknown", Hint: "a declared field"}
	case f.Owner != "" && f.Owner != a.write.Owner:
		return Field{}, &DeniedError{Rule: "owner", Hint: "field " + name + " is written by " + f.Owner + " only"}
	}
	return f, nil
}
