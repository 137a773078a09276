package rowcodec

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// AppendMembership appends the blob of a membership row: its source.
func AppendMembership(b []byte, m *store.Membership) []byte {
	e := encoder{b: append(b, version1)}
	e.source(m.Source)
	return e.b
}

// Membership reads what [AppendMembership] made of the membership of that
// list, origin and instant.
func Membership(b []byte, list string, origin audience.ContactID, at time.Time) (store.Membership, error) {
	d := open("membership", b)
	m := store.Membership{List: list, Origin: origin, At: at, Source: d.source()}
	if err := d.close(); err != nil {
		return store.Membership{}, err
	}
	return m, nil
}

// AppendSuppression appends the blob of a suppression row: everything but hash
// and reason.
func AppendSuppression(b []byte, s *audience.Suppression) []byte {
	e := encoder{b: append(b, version1)}
	e.time(s.At)
	e.time(s.Lifted)
	e.time(s.LiftedUntil)
	e.source(s.Source)
	return e.b
}

// Suppression reads what [AppendSuppression] made of the suppression of that
// hash and reason.
func Suppression(b []byte, hash audience.AddressHash, reason audience.SuppressionReason) (audience.Suppression, error) {
	d := open("suppression", b)
	s := audience.Suppression{
		Hash: hash, Reason: reason,
		At: d.time(), Lifted: d.time(), LiftedUntil: d.time(), Source: d.source(),
	}
	if err := d.close(); err != nil {
		return audience.Suppression{}, err
	}
	return s, nil
}
