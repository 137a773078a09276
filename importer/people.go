package importer

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// person is a contact that rows of a batch name: one that is stored, or one
// that an earlier row of the batch creates.
type person struct {
	id     audience.ContactID // 0: the batch creates her
	keyed  bool               // she has an id of the host's own system
	loaded bool               // keyed is known
}

// people finds who the rows of a batch are about, as a row sees it that the
// rows in front of it have been written.
type people struct {
	tx     *store.Tx
	byKey  map[string]*person // by external id
	byMail map[string]*person // by compare form
	byID   map[audience.ContactID]*person
}

// names are how one row names its contact; one of them may be empty.
type names struct {
	key  string
	mail audience.Address
}

func findPeople(ctx context.Context, tx *store.Tx, rows []names) (*people, error) {
	p := &people{
		tx:     tx,
		byKey:  make(map[string]*person, len(rows)),
		byMail: make(map[string]*person, len(rows)),
		byID:   make(map[audience.ContactID]*person, len(rows)),
	}
	var refs []audience.Ref
	for _, n := range rows {
		if _, seen := p.byKey[n.key]; n.key != "" && !seen {
			p.byKey[n.key] = nil
			refs = append(refs, audience.Key(n.key))
		}
		if _, seen := p.byMail[n.mail.Canonical()]; !n.mail.IsZero() && !seen {
			p.byMail[n.mail.Canonical()] = nil
			refs = append(refs, audience.AddressRef(n.mail))
		}
	}
	ids, err := tx.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	for i, ref := range refs {
		if ids[i] == 0 {
			continue
		}
		if p.byID[ids[i]] == nil {
			p.byID[ids[i]] = &person{id: ids[i]}
		}
		identity, _ := ref.Identity()
		if _, ok := ref.Address(); ok {
			p.byMail[identity.Key()] = p.byID[ids[i]]
			continue
		}
		p.byKey[identity.Key()] = p.byID[ids[i]]
		p.byID[ids[i]].keyed, p.byID[ids[i]].loaded = true, true
	}
	return p, nil
}

// find gives the contact that a row names by external id, else by address;
// nil when it names nobody. Names of different contacts are a conflict, and so
// is an unknown external id beside the address of somebody who has another.
func (p *people) find(ctx context.Context, n names) (*person, error) {
	byKey, byMail := p.byKey[n.key], p.byMail[n.mail.Canonical()]
	switch {
	case byKey != nil && byMail != nil && byKey != byMail:
		return nil, &audience.ConflictError{Kind: "ambiguous", Hint: "the external id and the address belong to different contacts"}
	case byKey != nil:
		return byKey, nil
	case byMail == nil || n.key == "":
		return byMail, nil
	}
	if err := p.load(ctx, byMail); err != nil {
		return nil, err
	}
	if byMail.keyed {
		return nil, &audience.ConflictError{Kind: "identity", Hint: "the address belongs to a contact with another external id"}
	}
	return byMail, nil
}

// load finds out whether somebody has an id of the host's own system.
func (p *people) load(ctx context.Context, who *person) error {
	if who.loaded {
		return nil
	}
	c, err := p.tx.Contact(ctx, audience.ID(who.id))
	if err != nil {
		return err
	}
	who.keyed, who.loaded = c.Key() != "", true
	return nil
}

// add gives somebody the names of a row, creating her when who is nil.
func (p *people) add(who *person, n names) *person {
	if who == nil {
		who = &person{loaded: true}
	}
	if n.key != "" {
		p.byKey[n.key] = who
		who.keyed, who.loaded = true, true
	}
	if !n.mail.IsZero() {
		p.byMail[n.mail.Canonical()] = who
	}
	return who
}
