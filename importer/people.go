package importer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// name is one way in which a row names its contact: the id in a system, or,
// of no system, an address in its compare form.
type name struct{ system, id string }

func (n name) isAddress() bool { return n.system == "" }

// label is a name as a row has it.
type label struct {
	name
	ref    audience.Ref
	number int // of the name within the batch, see [people]
}

func addressLabel(a audience.Address) label {
	return label{name: name{id: a.Canonical()}, ref: audience.AddressRef(a)}
}

func externalLabel(x audience.ExternalID) label {
	return label{name: name{x.System, x.ID.Reveal()}, ref: audience.ExternalRef(x)}
}

// appendLabels appends what a write names its contact by, the most telling
// first: the id of the host's own system, other ids, the primary address,
// further ones.
func appendLabels(labels []label, w *audience.ContactWrite) []label {
	first := len(labels)
	for _, x := range w.External {
		labels = append(labels, externalLabel(x))
		if last := len(labels) - 1; x.System == audience.HostSystem && labels[first].system != audience.HostSystem {
			labels[first], labels[last] = labels[last], labels[first]
		}
	}
	if !w.Email.IsZero() {
		labels = append(labels, addressLabel(w.Email))
	}
	for _, a := range w.Addresses {
		labels = append(labels, addressLabel(a))
	}
	return labels
}

// person is a contact that rows of a batch name: one that is stored, or one
// that an earlier row of the batch creates.
type person struct {
	id      audience.ContactID // 0: the batch creates her
	known   *portrait          // nil: nobody has asked yet
	systems []string           // whose ids rows of the batch give her

	// Of an import of contacts.
	mine      bool          // the import made her
	first     int           // of one whom the batch makes: which write that is
	line      int           // of the first row of the file about her; 0: there is none yet
	said      []*weighed    // records that rows of the batch make, not yet in the profile
	records   bool          // rows of the batch record something of her
	lists     []string      // that rows of the batch put her on
	addressed time.Time     // from when on an address that she gets here is suppressed
	version   uint64        // that the batch gave her
	consents  []consentMade // that the batch recorded
}

// portrait is what is known of somebody.
type portrait struct {
	stored  audience.Contact // as she was before the batch
	now     audience.Contact // as the rows so far leave her
	profile audience.Profile // the parts of it that rows of the batch ask for
}

// know gives what is known of her: nothing of one whom the batch makes, until
// something is put there.
func (who *person) know() *portrait {
	if who.known == nil {
		who.known = &portrait{}
	}
	return who.known
}

// people finds who the rows of a batch are about, as a row sees it that the
// rows in front of it have been written. Names have numbers in it, so that each
// is looked up once.
type people struct {
	r    *store.Reader
	by   []*person // by the number of a name; nil: nobody
	byID map[audience.ContactID]*person
}

// peopleRoom is what finding people needs and can be used again once nobody
// asks the people of the batch before. The zero peopleRoom is ready.
type peopleRoom struct {
	numbers map[name]int
	refs    []audience.Ref
	by      []*person
}

// findPeople numbers the names of all rows and resolves them.
func findPeople(ctx context.Context, r *store.Reader, rows [][]label, room *peopleRoom) (*people, error) {
	if room.numbers == nil {
		room.numbers = make(map[name]int, 2*len(rows))
	}
	clear(room.numbers)
	refs := room.refs[:0]
	for _, labels := range rows {
		for i := range labels {
			number, seen := room.numbers[labels[i].name]
			if !seen {
				number = len(refs)
				room.numbers[labels[i].name] = number
				refs = append(refs, labels[i].ref)
			}
			labels[i].number = number
		}
	}
	ids, err := r.Resolve(ctx, refs...)
	if err != nil {
		return nil, err
	}
	p := &people{r: r, by: slices.Grow(room.by[:0], len(ids))[:len(ids)], byID: make(map[audience.ContactID]*person)}
	room.refs, room.by = refs, p.by
	clear(p.by)
	for number, id := range ids {
		if id == 0 {
			continue
		}
		if p.byID[id] == nil {
			p.byID[id] = &person{id: id}
		}
		p.by[number] = p.byID[id]
	}
	return p, nil
}

// holder gives who has the name of a label, nil when nobody has.
func (p *people) holder(l *label) *person { return p.by[l.number] }

// lock holds everybody who was found and reads who they are, with the parts of
// their profiles.
func (p *people) lock(ctx context.Context, tx *store.Tx, parts audience.ProfileParts) error {
	ids := make([]audience.ContactID, 0, len(p.byID))
	for id := range p.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	locked, err := tx.Lock(ctx, ids...)
	if err != nil {
		return err
	}
	if len(locked) < len(ids) {
		return fmt.Errorf("a contact was merged or deleted meanwhile: %w", audience.ErrRetryable)
	}
	for i := range locked {
		p.byID[locked[i].ID].fill(locked[i])
	}
	if len(ids) == 0 || !parts.Ledger && !parts.Suppressed && !parts.Lists {
		return nil
	}
	profiles, err := tx.ProfilesOf(ctx, parts, ids...)
	if err != nil {
		return err
	}
	for i := range profiles {
		p.byID[profiles[i].Contact.ID].know().profile = profiles[i]
	}
	return nil
}

func (who *person) fill(c audience.Contact) {
	who.known = &portrait{stored: c, now: c}
}

// find gives the contact that a row names by an external id, else by an
// address; nil when it names nobody. Names of different contacts are a clash,
// and so is an unknown external id beside the address of somebody who has
// another one of that system.
func (p *people) find(ctx context.Context, labels []label) (who *person, clash, err error) {
	var by name
	for i := range labels {
		switch holder := p.holder(&labels[i]); {
		case holder == nil:
		case who == nil:
			who, by = holder, labels[i].name
		case holder != who:
			const hint = "its ids and addresses belong to different contacts"
			return nil, &audience.ConflictError{Kind: "ambiguous", Hint: hint}, nil
		}
	}
	if who == nil || !by.isAddress() {
		return who, nil, nil
	}
	for i := range labels {
		n := labels[i].name
		if n.isAddress() {
			break
		}
		if err := p.load(ctx, who); err != nil {
			return nil, nil, err
		}
		if slices.Contains(who.systems, n.system) || who.hasIDOf(n.system) {
			const hint = "the address belongs to a contact with another external id"
			return nil, &audience.ConflictError{Kind: "identity", Hint: hint}, nil
		}
	}
	return who, nil, nil
}

func (who *person) hasIDOf(system string) bool {
	return slices.ContainsFunc(who.know().stored.External, func(x audience.ExternalID) bool { return x.System == system })
}

// load reads who somebody is.
func (p *people) load(ctx context.Context, who *person) error {
	if who.known != nil || who.id == 0 {
		return nil
	}
	c, err := p.r.Contact(ctx, audience.ID(who.id))
	if err != nil {
		return err
	}
	who.fill(c)
	return nil
}

// add gives somebody the names of a row.
func (p *people) add(who *person, labels []label) {
	for i := range labels {
		l := &labels[i]
		if p.holder(l) == who {
			continue
		}
		p.by[l.number] = who
		if !l.isAddress() {
			who.systems = append(who.systems, l.system)
		}
	}
}
