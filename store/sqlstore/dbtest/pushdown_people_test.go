package dbtest_test

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// A field of each type has the type's number; fieldMixed has any.
const fieldMixed = audience.FieldID(audience.TypeStringList) + 1

func (d dice) contact(id audience.ContactID) audience.Contact {
	c := audience.Contact{ID: id, CreatedAt: d.instant(), UpdatedAt: d.instant()}
	for f := audience.FieldID(1); f <= fieldMixed; f++ {
		if d.IntN(4) == 0 {
			continue
		}
		t := audience.Type(f)
		if f == fieldMixed {
			t = audience.Type(1 + d.IntN(7))
		}
		c.Fields = append(c.Fields, audience.FieldValue{ID: f, Value: d.valueOf(t, false)})
	}
	if d.IntN(2) == 0 {
		c.FirstName = audience.NewPrivate(one(d, nastyTexts()...))
	}
	if d.IntN(2) == 0 {
		c.LastName = audience.NewPrivate(one(d, nastyTexts()...))
	}
	if d.IntN(2) == 0 {
		c.Phone = audience.NewPrivate(one(d, nastyTexts()...))
	}
	c.Frequency = one(d, "", "", "weekly", "daily")
	if d.IntN(2) == 0 {
		c.Addresses = []audience.Address{audience.MustAddress(one(d, "Jane@example.com", "jane@example.com", "b@example.org", "zoë@bücher.example"))}
	}
	for _, tag := range slices.Sorted(slices.Values([]string{"vip", "VIP", "vip ", "😀", "a\u0001", strings.Repeat("t", 100)})) {
		if d.IntN(3) == 0 {
			c.Tags = append(c.Tags, audience.Tag{Name: tag})
		}
	}
	return c
}

func eventTypes() []string {
	return []string{"purchase", "Purchase", "email.opened", "email.sent", "x 😀"}
}

func (d dice) amount() audience.Value {
	switch d.IntN(8) {
	case 0:
		return audience.IntValue(one(d, nastyInts()...))
	case 1:
		return audience.DoubleValue(one(d, nastyDoubles()...))
	default:
		return audience.DoubleValue(float64(d.IntN(2000)-200) / one(d, 1.0, 10, 100, 1000))
	}
}

func (d dice) event(id audience.ContactID, n int) audience.Event {
	e := audience.Event{Contact: id, Origin: id, ID: "e" + strconv.Itoa(n), Type: one(d, eventTypes()...), Time: d.instant()}
	p := audience.PropID(0)
	for range d.IntN(3) {
		p += audience.PropID(1 + d.IntN(2))
		v := d.amount()
		if d.IntN(6) == 0 {
			v = audience.StringValue("x")
		}
		e.Props = append(e.Props, audience.EventProp{ID: p, Value: v})
	}
	e.Retracted = d.IntN(6) == 0
	return e
}

// chain gives records as a ledger takes them.
func (d dice) chain(id audience.ContactID) []audience.ConsentRecord {
	var out []audience.ConsentRecord
	at := pushdownNow().Add(-5 * time.Hour)
	wild := d.IntN(8) == 0 // consent to every purpose
	prev := audience.ChainStart(pushdownAudience, id)
	for i := range d.IntN(5) {
		at = at.Add(time.Duration(d.IntN(120)) * time.Minute)
		r := audience.ConsentRecord{
			Contact: id, Seq: uint64(i + 1), Kind: audience.ConsentKind(1 + d.IntN(5)), Recorded: at,
			Acted: at.Add(-time.Duration(d.IntN(100)) * time.Minute), Prev: prev, Evidence: [32]byte{1},
			Scope: audience.Scope{
				Channel: one(d, "email", "email", "", "sms"), Purpose: one(d, "marketing", "marketing", "research", ""), List: one(d, "", "", "news", "News"),
			},
			Mechanism: one(d, audience.MechanismDoubleOptIn, audience.MechanismSingleOptIn),
		}
		if r.Kind == audience.ConsentGranted && !wild && r.Scope.Purpose == "" {
			r.Scope.Purpose = "marketing"
		}
		if d.IntN(3) == 0 && !r.Kind.IsRefusal() {
			r.Expires = r.Acted.Add(time.Duration(1+d.IntN(400)) * time.Minute)
		}
		if i > 0 && d.IntN(4) == 0 {
			r.Kind, r.Retracts, r.Expires = audience.ConsentRetracted, uint64(1+d.IntN(i)), time.Time{}
		}
		r.Hash = sha256.Sum256(r.Canonical())
		prev = r.Hash
		out = append(out, r)
	}
	return out
}

func handPicked() []string { return []string{"Never", "never", "vip 😀"} }

func (d dice) someLists() []string {
	var out []string
	for _, l := range handPicked() {
		if d.IntN(3) == 0 {
			out = append(out, l)
		}
	}
	return out
}
