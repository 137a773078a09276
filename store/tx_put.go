package store

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// PutResult tells what became of one contact write.
type PutResult struct {
	ID      audience.ContactID
	Version uint64
	Created bool
	Changed bool // created, or something but version and update time differs
}

// Put creates and changes contacts, in order: a write sees what the writes
// in front of it did. Custom fields of unknown names are added to the schema
// with the type of their first value. Results are in the order of writes.
//
// Refused items: [audience.ErrInvalid] for what can never be accepted,
// [audience.ErrConflict] for a version that has moved on, an identity that
// another contact holds, an ambiguous match or CreateOnly,
// [audience.ErrNotFound] for UpdateOnly or a Match by id,
// [audience.ErrDenied] for a field of another owner or an erased person.
func (tx *Tx) Put(ctx context.Context, writes ...audience.ContactWrite) ([]PutResult, error) {
	if err := checkBatch(tx.audience.limits, writes, func(w *audience.ContactWrite) error {
		return w.Check(tx.audience.limits)
	}); err != nil {
		return nil, err
	}
	p, err := tx.newPutBatch(ctx, writes)
	if err != nil {
		return nil, err
	}
	var refused audience.BatchError
	for i := range writes {
		known := len(p.inferred)
		if err := p.apply(i, &writes[i]); err != nil {
			p.inferred = p.inferred[:known] // what is refused fixes no types
			refused.Add(i, err)
		}
	}
	if err := refused.OrNil(); err != nil {
		return nil, err
	}
	return p.commit(ctx)
}

// putBatch applies writes in memory, so that nothing is written when one of
// them is refused.
type putBatch struct {
	tx       *Tx
	applier  *audience.Applier
	numbers  numbers       // of identities
	holders  []*putContact // by number; nil: nobody
	brought  []int         // numbers of the identities that writes bring, one write after the other
	ends     []int         // per write: where its part of brought ends
	byID     map[audience.ContactID]*putContact
	redirect map[audience.ContactID]audience.ContactID
	touched  []*putContact // those that changed, in order of their first change
	made     []putContact  // room for those that are created: nearly every write of an import does
	results  []putItem
	fields   map[string]audience.Field                     // custom ones that writes asked for
	none     bool                                          // no suppression was held when the batch began
	hashes   map[string][]audience.AddressHash             // by address
	erased   map[audience.AddressHash]audience.Suppression // tombstones
	returned []audience.Suppression                        // those of them that are lifted
	held     *heldSuppressions                             // of addresses that leave contacts who refuse; nil: none do
	inferred []audience.Field
}

// putContact is one contact of the batch.
type putContact struct {
	stored *audience.Contact      // nil when created
	now    *audience.Contact      // stored until it changes, then the batch's own: the feed may keep it long after the others
	by     *audience.ContactWrite // the last write that changed her; nil: none did
}

// putItem is what became of one write.
type putItem struct {
	contact *putContact
	created bool // by this very write
	changed bool
}

func (c *putContact) version() uint64 {
	if c.stored == nil {
		return 0
	}
	return c.stored.Version
}

// set makes a state of the contact the present one.
func (c *putContact) set(next audience.Contact) {
	if c.now == nil || c.now == c.stored {
		c.now = new(audience.Contact)
	}
	*c.now = next
}

func (p *putBatch) apply(i int, w *audience.ContactWrite) error {
	c, err := p.target(i, w)
	if err != nil {
		return err
	}
	var now audience.Contact
	created := c == nil
	if created {
		if w.Mode == audience.UpdateOnly || w.IfVersion != 0 {
			return &audience.NotFoundError{Kind: "contact"}
		}
		c = p.newContact()
		if now.CreatedAt = p.tx.at; !w.CreatedAt.IsZero() {
			now.CreatedAt = audience.FromMicros(audience.Micros(w.CreatedAt))
		}
	} else if err := p.mayUpdate(c, w); err != nil {
		return err
	} else {
		now = *c.now
	}
	if err := p.checkErased(w); err != nil {
		return err
	}
	next, changed, err := p.applier.Apply(w, now, p.field(w))
	if err != nil {
		return err
	}
	if created && len(w.Detach) == 0 { // she has what the write brings
		err = p.give(c, p.broughtBy(i))
	} else {
		err = p.claim(c, &now, &next)
	}
	if err != nil {
		return err
	}
	if changed = changed || created; changed {
		if c.by == nil {
			p.touched = append(p.touched, c)
		}
		c.by = w
		c.set(next)
	}
	p.results = append(p.results, putItem{c, created, changed})
	return nil
}

func (p *putBatch) mayUpdate(c *putContact, w *audience.ContactWrite) error {
	if w.Mode == audience.CreateOnly {
		return &audience.ConflictError{Kind: "exists", Contact: c.now.ID, Hint: "the contact exists"}
	}
	if w.IfVersion != 0 && (w.IfVersion != c.version() || c.by != nil) {
		return &audience.ConflictError{Kind: "version", Contact: c.now.ID, Hint: "read it again"}
	}
	return nil
}

// target finds the contact a write is about, nil when it is to be created.
func (p *putBatch) target(i int, w *audience.ContactWrite) (*putContact, error) {
	if id, ok := w.Match.ContactID(); ok {
		c := p.byID[p.redirect[id]]
		if c == nil {
			return nil, notFound(w.Match)
		}
		return c, nil
	}
	brought := p.broughtBy(i)
	if _, ok := w.Match.Identity(); ok {
		return p.holders[brought[0]], nil // it comes first
	}
	var found *putContact
	for _, n := range brought {
		c := p.holders[n]
		switch {
		case c == nil || c == found:
		case found == nil:
			found = c
		default:
			return nil, &audience.ConflictError{Kind: "ambiguous", Contact: found.now.ID, Hint: "its identities belong to different contacts; name one with Match, or merge them"}
		}
	}
	return found, nil
}

// checkErased refuses addresses of erased persons, and lifts the tombstones
// of those who come back.
func (p *putBatch) checkErased(w *audience.ContactWrite) error {
	if len(p.erased) == 0 {
		return nil
	}
	for _, a := range writtenAddresses(w) {
		for _, h := range p.hashesOf(a) {
			s, ok := p.erased[h]
			switch {
			case !ok:
			case !w.Returning:
				return &audience.DeniedError{Rule: "erased", Hint: "the person was erased; only her own act brings her back (Returning)"}
			default:
				s.Lifted = p.tx.at
				p.returned = append(p.returned, s)
				delete(p.erased, h)
			}
		}
	}
	return nil
}

// field resolves custom fields for a write, adding unknown ones to the
// schema with the type of the value at hand.
func (p *putBatch) field(w *audience.ContactWrite) func(string) (audience.Field, bool) {
	return func(name string) (audience.Field, bool) {
		if f, ok := p.fields[name]; ok {
			return f, true
		}
		if f, ok := p.tx.settings.Schema.FieldNamed(name); ok {
			p.fields[name] = f
			return f, true
		}
		for _, f := range p.inferred {
			if f.Name == name {
				return f, true
			}
		}
		v, ok := w.Set[name]
		if !ok {
			return audience.Field{}, false
		}
		f := audience.Field{Name: name, Type: v.Type(), ID: p.nextField()}
		p.inferred = append(p.inferred, f)
		return f, true
	}
}

func (p *putBatch) nextField() audience.FieldID {
	var last audience.FieldID
	for _, f := range p.tx.settings.Schema.Fields {
		last = max(last, f.ID)
	}
	for _, f := range p.inferred {
		last = max(last, f.ID)
	}
	return last + 1
}

// claim moves the identities in memory; one that another contact holds is a
// conflict.
func (p *putBatch) claim(c *putContact, now, next *audience.Contact) error {
	if sameIdentities(now, next) {
		return nil
	}
	const few = 8
	wanted := make([]int, 0, few)
	for identity := range identitiesOf(next) {
		wanted = append(wanted, p.number(identity))
	}
	if err := p.free(c, wanted); err != nil {
		return err
	}
	for identity := range identitiesOf(now) {
		p.holders[p.number(identity)] = nil
	}
	return p.give(c, wanted)
}

// give makes a contact the holder of identities.
func (p *putBatch) give(c *putContact, wanted []int) error {
	if err := p.free(c, wanted); err != nil {
		return err
	}
	for _, n := range wanted {
		p.holders[n] = c
	}
	return nil
}

// free refuses identities that another contact holds.
func (p *putBatch) free(c *putContact, wanted []int) error {
	for _, n := range wanted {
		if h := p.holders[n]; h != nil && h != c {
			return &audience.ConflictError{Kind: "identity", Contact: h.now.ID, Hint: "another contact has this address or external id; merge them, or detach it there first"}
		}
	}
	return nil
}

// newContact gives a place for a contact that is created. None outlives the
// batch, so they may lie in blocks.
func (p *putBatch) newContact() *putContact {
	const block = 64
	if len(p.made) == 0 {
		p.made = make([]putContact, block)
	}
	c := &p.made[0]
	p.made = p.made[1:]
	return c
}
