package rowcodec

import (
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// AppendMerge appends the blob of a merge row: everything but loser, winner
// and number.
func AppendMerge(b []byte, m *store.Merge) []byte {
	e := encoder{b: append(b, version1)}
	e.time(m.At)
	e.uint(m.WinnerSeq)
	e.source(m.Source)
	e.count(len(m.Identities), m.Identities == nil)
	for _, i := range m.Identities {
		e.identity(i)
	}
	e.contact(&m.LoserRow)
	return e.b
}

// Merge reads what [AppendMerge] made of the merge of that loser into that
// winner.
func Merge(b []byte, loser, winner audience.ContactID, number uint64) (store.Merge, error) {
	d := open("merge", b)
	m := store.Merge{
		Loser: loser, Winner: winner, Number: number,
		At: d.time(), WinnerSeq: d.uint(), Source: d.source(),
	}
	n := d.count(1)
	m.Identities = items[audience.Identity](n)
	for i := 0; i < n && d.ok(); i++ {
		m.Identities = append(m.Identities, d.identity())
	}
	m.LoserRow = d.contact()
	if err := d.close(); err != nil {
		return store.Merge{}, err
	}
	return m, nil
}

// The kinds of identity.
const (
	identityNone = iota
	identityAddress
	identityExternal
)

// externalKind begins the kind of the identity of an external id.
const externalKind = "external:"

func (e *encoder) identity(i audience.Identity) {
	system, external := strings.CutPrefix(i.Kind(), externalKind)
	switch {
	case external:
		e.byte(identityExternal)
		e.text(system)
		e.text(i.Key())
	case i.Equal(audience.Identity{}):
		e.byte(identityNone)
	default:
		e.byte(identityAddress)
		e.text(i.Key())
	}
}

func (d *decoder) identity() audience.Identity {
	switch d.byte() {
	case identityNone:
		return audience.Identity{}
	case identityAddress:
		canonical := d.text()
		a, err := audience.RestoreAddress(canonical, canonical)
		if err != nil {
			d.fail()
		}
		return audience.AddressIdentity(a)
	case identityExternal:
		return audience.ExternalIdentity(audience.External(d.text(), d.text()))
	default:
		d.fail()
		return audience.Identity{}
	}
}
