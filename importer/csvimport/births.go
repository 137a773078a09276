package csvimport

import (
	"crypto/sha256"
	"errors"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// births finds for each contact of a file the created_at that counts: the last
// one that a row says. A store takes it only when it creates the contact,
// which the first of her rows does, maybe many batches earlier.
type births struct {
	byKey, byMail map[digest]int32 // position in people
	people        []birth
	identities    int // that one contact may have
}

// digest stands for an external id or an address: exact enough at any size of
// file, and of the same small size each.
type digest [16]byte

type birth struct {
	at         time.Time
	keyed      bool
	identities int
}

// findBirths goes through the rows as they will be written.
func findBirths(rows iter.Seq2[*importer.Contact, error], limits audience.Limits) (*births, error) {
	b := &births{byKey: make(map[digest]int32), byMail: make(map[digest]int32), identities: limits.Identities}
	for row, err := range rows {
		switch {
		case err == nil:
			b.add(&row.Write)
		case isRowError(err):
		default:
			return nil, err
		}
	}
	return b, nil
}

func isRowError(err error) bool {
	var bad *importer.RowError
	return errors.As(err, &bad)
}

// add matches a row like [importer.Contacts] does, and leaves out those that
// clash or have one identity too many.
func (b *births) add(w *audience.ContactWrite) {
	key, mail := digests(w)
	byKey, knownKey := b.byKey[key]
	byMail, knownMail := b.byMail[mail]
	hasKey, hasMail := len(w.External) > 0, !w.Email.IsZero()
	knownKey, knownMail = knownKey && hasKey, knownMail && hasMail
	var who int32
	switch {
	case knownKey && knownMail && byKey != byMail, !knownKey && knownMail && hasKey && b.people[byMail].keyed:
		return
	case knownKey:
		who = byKey
	case knownMail:
		who = byMail
	default:
		who = int32(len(b.people))
		b.people = append(b.people, birth{})
	}
	p := &b.people[who]
	newKey, newMail := hasKey && !knownKey, hasMail && !knownMail
	identities := p.identities
	if newKey {
		identities++
	}
	if newMail {
		identities++
	}
	if identities > b.identities {
		return
	}
	p.identities = identities
	if newKey {
		b.byKey[key] = who
		p.keyed = true
	}
	if newMail {
		b.byMail[mail] = who
	}
	if !w.CreatedAt.IsZero() {
		p.at = w.CreatedAt
	}
}

// of gives what counts for the contact of a row: what the row itself says if
// it was left out.
func (b *births) of(w *audience.ContactWrite) time.Time {
	key, mail := digests(w)
	who, ok := b.byMail[mail]
	if len(w.External) > 0 {
		who, ok = b.byKey[key]
	} else {
		ok = ok && !w.Email.IsZero()
	}
	if !ok {
		return w.CreatedAt
	}
	return b.people[who].at
}

func digests(w *audience.ContactWrite) (key, mail digest) {
	for _, x := range w.External {
		sum := sha256.Sum256([]byte(x.ID.Reveal()))
		key = digest(sum[:16])
	}
	sum := sha256.Sum256([]byte(w.Email.Canonical()))
	return key, digest(sum[:16])
}
