package importer

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// person is a contact that rows of a batch name: one that is stored, or one
// that an earlier row of the batch creates.
type person struct {
	id      audience.ContactID // 0: the batch creates her
	keyed   bool               // she has an id of the host's own system
	loaded  bool               // keyed is known
	claimed bool               // it is a row of the batch that gives her that id
}

// holder is who has a name.
type holder struct {
	*person
	claimed bool // it is a row of the batch that gives her the name
}

// clash is why the names of a row cannot be those of one contact.
type clash struct {
	err *audience.ConflictError
	// hangs says that it is so because of another row of the batch: it is not
	// when that row is refused.
	hangs bool
}

// people finds who the rows of a batch are about, as a row sees it that the
// rows in front of it have been written.
type people struct {
	tx     *store.Tx
	byKey  map[string]holder // by external id
	byMail map[string]holder // by compare form
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
		byKey:  make(map[string]holder, len(rows)),
		byMail: make(map[string]holder, len(rows)),
		byID:   make(map[audience.ContactID]*person, len(rows)),
	}
	var refs []audience.Ref
	for _, n := range rows {
		if _, seen := p.byKey[n.key]; n.key != "" && !seen {
			p.byKey[n.key] = holder{}
			refs = append(refs, audience.Key(n.key))
		}
		if _, seen := p.byMail[n.mail.Canonical()]; !n.mail.IsZero() && !seen {
			p.byMail[n.mail.Canonical()] = holder{}
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
			p.byMail[identity.Key()] = holder{person: p.byID[ids[i]]}
			continue
		}
		p.byKey[identity.Key()] = holder{person: p.byID[ids[i]]}
		p.byID[ids[i]].keyed, p.byID[ids[i]].loaded = true, true
	}
	return p, nil
}

// find gives the contact that a row names by external id, else by address;
// nil when it names nobody. Names of different contacts are a clash, and so is
// an unknown external id beside the address of somebody who has another.
func (p *people) find(ctx context.Context, n names) (*person, *clash, error) {
	byKey, byMail := p.byKey[n.key], p.byMail[n.mail.Canonical()]
	switch {
	case byKey.person != nil && byMail.person != nil && byKey.person != byMail.person:
		why := &audience.ConflictError{Kind: "ambiguous", Hint: "the external id and the address belong to different contacts"}
		return nil, &clash{err: why, hangs: byKey.claimed || byMail.claimed}, nil
	case byKey.person != nil:
		return byKey.person, nil, nil
	case byMail.person == nil || n.key == "":
		return byMail.person, nil, nil
	}
	if err := p.load(ctx, byMail.person); err != nil {
		return nil, nil, err
	}
	if byMail.keyed {
		why := &audience.ConflictError{Kind: "identity", Hint: "the address belongs to a contact with another external id"}
		return nil, &clash{err: why, hangs: byMail.claimed || byMail.person.claimed}, nil
	}
	return byMail.person, nil, nil
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
func (p *people) add(who *person, n names) {
	if who == nil {
		who = &person{loaded: true}
	}
	if n.key != "" && p.byKey[n.key].person != who {
		p.byKey[n.key] = holder{person: who, claimed: true}
		who.keyed, who.claimed = true, true // what is known of her was loaded to get here
	}
	if mail := n.mail.Canonical(); !n.mail.IsZero() && p.byMail[mail].person != who {
		p.byMail[mail] = holder{person: who, claimed: true}
	}
}
