package store

import (
	"context"
	"errors"
	"slices"

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
		if err := p.apply(&writes[i]); err != nil {
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
	holders  map[string]*putContact // by Identity.Index; nil value: nobody
	byID     map[audience.ContactID]*putContact
	redirect map[audience.ContactID]audience.ContactID
	touched  []*putContact // those that changed, in order of their first change
	results  []*putContact
	before   []bool                                        // per result: created by this very write
	changes  []bool                                        // per result: changed by it
	hashes   map[string][]audience.AddressHash             // by address
	erased   map[audience.AddressHash]audience.Suppression // tombstones
	returned []audience.Suppression                        // those of them that are lifted
	held     *heldSuppressions                             // of addresses that leave contacts who refuse; nil: none do
	inferred []audience.Field
}

// putContact is one contact of the batch.
type putContact struct {
	stored  audience.Contact // zero when created
	now     audience.Contact
	changed bool
	source  audience.Source
}

func (tx *Tx) newPutBatch(ctx context.Context, writes []audience.ContactWrite) (*putBatch, error) {
	p := &putBatch{
		tx:       tx,
		holders:  make(map[string]*putContact, 2*len(writes)),
		byID:     make(map[audience.ContactID]*putContact),
		redirect: make(map[audience.ContactID]audience.ContactID),
		hashes:   make(map[string][]audience.AddressHash, len(writes)),
		touched:  make([]*putContact, 0, len(writes)),
		results:  make([]*putContact, 0, len(writes)),
		before:   make([]bool, 0, len(writes)),
		changes:  make([]bool, 0, len(writes)),
	}
	identities, indexes := make([]audience.Identity, 0, 2*len(writes)), make([]string, 0, 2*len(writes))
	var named []audience.ContactID
	for i := range writes {
		for _, identity := range writes[i].Identities() {
			index := identity.Index()
			if _, seen := p.holders[index]; !seen {
				p.holders[index] = nil
				identities, indexes = append(identities, identity), append(indexes, index)
			}
		}
		if id, ok := writes[i].Match.ContactID(); ok {
			named = append(named, id)
		}
	}
	var ids []audience.ContactID
	if len(identities) > 0 {
		found, err := tx.roles.Resolve(ctx, identities)
		if err != nil {
			return nil, err
		}
		ids = found
	}
	if len(named) > 0 {
		current, err := tx.roles.Redirect(ctx, named)
		if err != nil {
			return nil, err
		}
		for i, id := range named {
			p.redirect[id] = current[i]
		}
		ids = slices.Concat(ids, current)
	}
	rows, err := tx.lockResolved(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, c := range rows {
		p.byID[id] = &putContact{stored: *c, now: *c}
	}
	for i, index := range indexes {
		p.holders[index] = p.byID[ids[i]]
	}
	return p, p.findErased(ctx, writes)
}

// findErased looks up the tombstones of all addresses the batch brings.
func (p *putBatch) findErased(ctx context.Context, writes []audience.ContactWrite) error {
	var hashes []audience.AddressHash
	for i := range writes {
		for _, a := range writtenAddresses(&writes[i]) {
			if p.holders[audience.AddressIdentity(a).Index()] == nil {
				hashes = append(hashes, p.hashesOf(a)...)
			}
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	found, err := p.tx.roles.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	p.erased = make(map[audience.AddressHash]audience.Suppression)
	for _, s := range found {
		if s.Reason == audience.SuppressedErased && s.Stands(p.tx.at) {
			p.erased[s.Hash] = s
		}
	}
	return nil
}

// hashesOf gives the hashes of an address, which take longer to make than to
// find again.
func (p *putBatch) hashesOf(a audience.Address) []audience.AddressHash {
	hashes, known := p.hashes[a.Canonical()]
	if !known {
		hashes = p.tx.addressHashes(a)
		p.hashes[a.Canonical()] = hashes
	}
	return hashes
}

func writtenAddresses(w *audience.ContactWrite) []audience.Address {
	out := slices.Clone(w.Addresses)
	if !w.Email.IsZero() {
		out = append(out, w.Email)
	}
	if a, ok := w.Match.Address(); ok {
		out = append(out, a)
	}
	return out
}

func (p *putBatch) apply(w *audience.ContactWrite) error {
	c, err := p.target(w)
	if err != nil {
		return err
	}
	created := c == nil
	if created {
		if w.Mode == audience.UpdateOnly || w.IfVersion != 0 {
			return &audience.NotFoundError{Kind: "contact"}
		}
		c = &putContact{now: audience.Contact{CreatedAt: audience.FromMicros(audience.Micros(w.CreatedAt))}}
		if w.CreatedAt.IsZero() {
			c.now.CreatedAt = p.tx.at
		}
	} else if err := p.mayUpdate(c, w); err != nil {
		return err
	}
	if err := p.checkErased(w); err != nil {
		return err
	}
	next, changed, err := w.Apply(c.now, p.field(w), p.tx.at, p.tx.audience.limits)
	if err != nil {
		return err
	}
	if err := p.claim(c, &next); err != nil {
		return err
	}
	c.now = next
	changed = changed || created
	if changed {
		if !c.changed {
			p.touched = append(p.touched, c)
		}
		c.changed, c.source = true, w.Source
	}
	p.results = append(p.results, c)
	p.before = append(p.before, created)
	p.changes = append(p.changes, changed)
	return nil
}

func (p *putBatch) mayUpdate(c *putContact, w *audience.ContactWrite) error {
	if w.Mode == audience.CreateOnly {
		return &audience.ConflictError{Kind: "exists", Contact: c.now.ID, Hint: "the contact exists"}
	}
	if w.IfVersion != 0 && (w.IfVersion != c.stored.Version || c.changed) {
		return &audience.ConflictError{Kind: "version", Contact: c.now.ID, Hint: "read it again"}
	}
	return nil
}

// target finds the contact a write is about, nil when it is to be created.
func (p *putBatch) target(w *audience.ContactWrite) (*putContact, error) {
	if id, ok := w.Match.ContactID(); ok {
		c := p.byID[p.redirect[id]]
		if c == nil {
			return nil, notFound(w.Match)
		}
		return c, nil
	}
	if identity, ok := w.Match.Identity(); ok {
		return p.holders[identity.Index()], nil
	}
	var found *putContact
	for _, identity := range w.Identities() {
		c := p.holders[identity.Index()]
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
		if f, ok := p.tx.settings.Schema.FieldNamed(name); ok {
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
func (p *putBatch) claim(c *putContact, next *audience.Contact) error {
	if sameIdentities(&c.now, next) {
		return nil
	}
	wanted := make([]string, 0, 4)
	for _, identity := range next.Identities() {
		index := identity.Index()
		if h := p.holders[index]; h != nil && h != c {
			return &audience.ConflictError{Kind: "identity", Contact: h.now.ID, Hint: "another contact has this address or external id; merge them, or detach it there first"}
		}
		wanted = append(wanted, index)
	}
	for _, identity := range c.now.Identities() {
		delete(p.holders, identity.Index())
	}
	for _, index := range wanted {
		p.holders[index] = c
	}
	return nil
}

// sameIdentities reports whether two states of a contact have the same
// identities in the same order, which is what most writes leave.
func sameIdentities(a, b *audience.Contact) bool {
	return slices.EqualFunc(a.Addresses, b.Addresses, func(x, y audience.Address) bool { return x.Canonical() == y.Canonical() }) &&
		slices.EqualFunc(a.External, b.External, func(x, y audience.ExternalID) bool { return x.System == y.System && x.ID.Equal(y.ID) })
}

// commit writes rows, identities and changes.
func (p *putBatch) commit(ctx context.Context) ([]PutResult, error) {
	if err := p.checkInferred(); err != nil {
		return nil, err
	}
	if err := p.keepRefusals(ctx); err != nil {
		return nil, err
	}
	if err := p.number(ctx); err != nil {
		return nil, err
	}
	if len(p.inferred) > 0 {
		s := p.tx.change()
		s.Schema.Fields = append(s.Schema.Fields, p.inferred...)
	}
	if len(p.touched) > 0 {
		if err := p.tx.whole(func() error { return p.store(ctx) }); err != nil {
			return nil, err
		}
	}
	out := make([]PutResult, len(p.results))
	for i, c := range p.results {
		out[i] = PutResult{ID: c.now.ID, Version: c.now.Version, Created: p.before[i], Changed: p.changes[i]}
	}
	return out, nil
}

// checkInferred reports why the schema cannot take the new fields, or nil.
func (p *putBatch) checkInferred() error {
	if len(p.inferred) == 0 {
		return nil
	}
	next := p.tx.settings.Schema
	next.Fields = slices.Concat(next.Fields, p.inferred)
	return next.Check(p.tx.audience.limits)
}

// number gives created contacts their ids and changed ones their version.
func (p *putBatch) number(ctx context.Context) error {
	var created []*putContact
	for _, c := range p.touched {
		c.now.Version = c.stored.Version + 1
		c.now.UpdatedAt = p.tx.at
		if c.stored.ID == 0 {
			created = append(created, c)
		}
	}
	if len(created) == 0 {
		return nil
	}
	ids, err := p.tx.write.NewContactIDs(ctx, len(created))
	if err != nil {
		return err
	}
	for i, c := range created {
		c.now.ID = ids[i]
	}
	return nil
}

func (p *putBatch) store(ctx context.Context) error {
	tx := p.tx
	rows := make([]ContactRow, len(p.touched))
	changes := make([]Change, len(p.touched))
	var claims, releases []Claim
	var readdressed []int
	contacts := make([]audience.Contact, len(p.touched))
	for i, c := range p.touched {
		after := c.now // on its own: the feed may keep it long after the others
		rows[i] = ContactRow{Contact: after, Expect: c.stored.Version}
		contacts[i] = after
		changes[i] = Change{Kind: ChangeContact, Contact: after.ID, After: &after, Source: c.source}
		added, removed := identityChanges(&c.stored, &c.now)
		for _, identity := range removed {
			releases = append(releases, Claim{Identity: identity, Contact: c.now.ID})
		}
		for _, identity := range added {
			claims = append(claims, Claim{Identity: identity, Contact: c.now.ID})
		}
		if len(added)+len(removed) > 0 {
			readdressed = append(readdressed, i)
		}
	}
	if err := tx.write.PutContacts(ctx, rows); err != nil {
		return err
	}
	if len(releases) > 0 {
		if err := tx.write.ReleaseIdentities(ctx, releases); err != nil {
			return err
		}
	}
	if len(claims) > 0 {
		if err := tx.write.ClaimIdentities(ctx, claims); err != nil {
			return overtaken(err)
		}
	}
	if len(p.returned) > 0 {
		if err := tx.write.PutSuppressions(ctx, p.returned); err != nil {
			return err
		}
	}
	if p.held != nil {
		if err := p.held.store(ctx); err != nil {
			return err
		}
	}
	if err := p.tellSuppressed(ctx, contacts, changes, readdressed); err != nil {
		return err
	}
	return tx.log(ctx, changes...)
}

// overtaken makes a lost race worth another try: the batch was planned on
// what somebody else has changed since.
func overtaken(err error) error {
	if errors.Is(err, audience.ErrConflict) {
		return errors.Join(audience.ErrRetryable, err)
	}
	return err
}

// tellSuppressed adds to changes of contacts whose addresses changed from when
// on they are suppressed.
func (p *putBatch) tellSuppressed(ctx context.Context, contacts []audience.Contact, changes []Change, at []int) error {
	if len(at) == 0 {
		return nil
	}
	rows := make([]audience.Contact, len(at))
	for k, i := range at {
		rows[k] = contacts[i]
	}
	suppressed, err := p.tx.suppressedOf(ctx, rows, p.hashesOf)
	if err != nil {
		return err
	}
	for k, i := range at {
		changes[i].SuppressedFrom = &suppressed[k]
	}
	return nil
}
