package rowcodec

import (
	"github.com/audiencekit/audiencekit/audience"
)

// AppendContact appends the blob of a contact row: everything but id and
// version.
func AppendContact(b []byte, c *audience.Contact) []byte {
	var known [8]*audience.Provenance
	e := encoder{b: append(b, version1), origins: known[:0]}
	e.contactBody(c)
	return e.b
}

// Contact reads what [AppendContact] made of the contact of that id and
// version.
func Contact(b []byte, id audience.ContactID, version uint64) (audience.Contact, error) {
	d := open("contact", b)
	c := audience.Contact{ID: id, Version: version}
	d.contactBody(&c)
	if err := d.close(); err != nil {
		return audience.Contact{}, err
	}
	return c, nil
}

// contact writes a contact that stands in another row: with id and version.
func (e *encoder) contact(c *audience.Contact) {
	e.uint(uint64(c.ID))
	e.uint(c.Version)
	e.contactBody(c)
}

func (d *decoder) contact() audience.Contact {
	c := audience.Contact{ID: audience.ContactID(d.uint32()), Version: d.uint()}
	d.contactBody(&c)
	return c
}

func (e *encoder) contactBody(c *audience.Contact) {
	e.noOrigins()
	e.time(c.CreatedAt)
	e.time(c.UpdatedAt)
	e.count(len(c.Addresses), c.Addresses == nil)
	for _, a := range c.Addresses {
		e.address(a)
	}
	e.count(len(c.External), c.External == nil)
	for _, x := range c.External {
		e.text(x.System)
		e.text(x.ID.Reveal())
	}
	e.text(c.FirstName.Reveal())
	e.text(c.LastName.Reveal())
	e.text(c.Phone.Reveal())
	e.text(c.Frequency)
	e.count(len(c.Tags), c.Tags == nil)
	for i := range c.Tags {
		e.text(c.Tags[i].Name)
		e.origin(c.Tags[i].Origin)
	}
	e.count(len(c.Fields), c.Fields == nil)
	for i := range c.Fields {
		e.uint(uint64(c.Fields[i].ID))
		e.value(c.Fields[i].Value)
		e.origin(c.Fields[i].Origin)
	}
}

func (d *decoder) contactBody(c *audience.Contact) {
	d.origins = d.origins[:0]
	c.CreatedAt, c.UpdatedAt = d.time(), d.time()
	c.Addresses = d.addresses()
	c.External = d.externals()
	c.FirstName = audience.NewPrivate(d.text())
	c.LastName = audience.NewPrivate(d.text())
	c.Phone = audience.NewPrivate(d.text())
	c.Frequency = d.text()
	c.Tags = d.tags()
	c.Fields = d.fields()
}

// address writes the spelling and, when it is another text, the compare form:
// nothing is folded anew when the row is read.
func (e *encoder) address(a audience.Address) {
	original, canonical := a.Reveal(), a.Canonical()
	e.text(original)
	if canonical == original {
		canonical = ""
	}
	e.text(canonical)
}

func (d *decoder) address() audience.Address {
	original, canonical := d.text(), d.text()
	if canonical == "" {
		canonical = original
	}
	a, err := audience.RestoreAddress(original, canonical)
	if err != nil {
		d.fail()
	}
	return a
}

func (d *decoder) addresses() []audience.Address {
	n := d.count(2)
	out := items[audience.Address](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, d.address())
	}
	return out
}

func (d *decoder) externals() []audience.ExternalID {
	n := d.count(2)
	out := items[audience.ExternalID](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, audience.External(d.text(), d.text()))
	}
	return out
}

func (d *decoder) tags() []audience.Tag {
	n := d.count(2)
	out := items[audience.Tag](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, audience.Tag{Name: d.text(), Origin: d.origin()})
	}
	return out
}

func (d *decoder) fields() []audience.FieldValue {
	n := d.count(3)
	out := items[audience.FieldValue](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, audience.FieldValue{ID: audience.FieldID(d.uint32()), Value: d.value(), Origin: d.origin()})
	}
	return out
}
