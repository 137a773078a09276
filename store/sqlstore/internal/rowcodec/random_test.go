package rowcodec_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// random makes rows of every shape. The same seed gives the same rows.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

func (r random) often() bool { return r.IntN(4) != 0 }

func (r random) text() string {
	texts := []string{
		"", "", "a", "plain", " x ", "Zoë 😀", "漢字", "a\"b\\c\n", "\x01", "e\u0301", "\u2028\u007f",
		strings.Repeat("x", 127), strings.Repeat("y", 128), strings.Repeat("é", 150), strings.Repeat("long ", 2000),
	}
	return texts[r.IntN(len(texts))]
}

// instant is often zero, at an edge, or near others.
func (r random) instant() time.Time {
	switch r.IntN(8) {
	case 0:
		return time.Time{}
	case 1:
		return audience.MaxInstant()
	case 2:
		return audience.MinInstant().Add(time.Microsecond)
	case 3:
		return audience.FromMicros(0)
	case 4:
		return audience.FromMicros(r.Int64N(1<<56) - 1<<55)
	}
	return audience.FromMicros(1_780_000_000_000_000 + r.Int64N(1000))
}

func (r random) source() audience.Source {
	if r.IntN(3) == 0 {
		return audience.Source{}
	}
	return audience.Source{Kind: audience.SourceKind(r.IntN(7)), Name: r.text(), Actor: r.text()}
}

// number has every length.
func (r random) number() uint64 { return r.Uint64() >> r.IntN(65) }

func (r random) id() audience.ContactID { return audience.ContactID(r.Uint32() >> r.IntN(33)) }

// slice gives nil, an empty slice or some items.
func slice[T any](r random, most int, item func() T) []T {
	switch n := r.IntN(most + 2); n {
	case 0:
		return nil
	default:
		out := make([]T, 0, n)
		for range n - 1 {
			out = append(out, item())
		}
		return out
	}
}

func (r random) value() audience.Value {
	switch r.IntN(8) {
	case 1:
		return audience.StringValue(r.text())
	case 2:
		return audience.IntValue(int64(r.number()))
	case 3:
		return r.double()
	case 4:
		return audience.BoolValue(r.often())
	case 5:
		return audience.TimestampValue(r.instant())
	case 6:
		return audience.DateValue(audience.Date(r.Uint32()))
	case 7:
		return audience.StringListValue(slice(r, 5, r.text)...)
	}
	return audience.Value{}
}

func (r random) double() audience.Value {
	doubles := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 49.9, math.MaxFloat64, -math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1)}
	if i := r.IntN(2 * len(doubles)); i < len(doubles) {
		return audience.DoubleValue(doubles[i])
	}
	if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) {
		return audience.DoubleValue(f)
	}
	return audience.DoubleValue(r.Float64())
}

func (r random) address() audience.Address {
	addresses := []string{"jane@example.com", "Jane@Example.com", "ZOË@BÜCHER.example", "a.b+c@x.example.org", "İΣ@straße.de"}
	return audience.MustAddress(addresses[r.IntN(len(addresses))])
}

func (r random) external() audience.ExternalID { return audience.External(r.text(), r.text()) }

// origins gives a source of provenances of which many come again, by pointer
// or by value.
func (r random) origins() func() *audience.Provenance {
	var known []*audience.Provenance
	return func() *audience.Provenance {
		switch n := r.IntN(6); {
		case n == 0:
			return nil
		case n == 1 && len(known) > 0:
			again := *known[r.IntN(len(known))]
			return &again
		case n < 5 && len(known) > 0:
			return known[r.IntN(len(known))]
		}
		p := &audience.Provenance{Source: r.source(), At: r.instant()}
		known = append(known, p)
		return p
	}
}

func (r random) contact() audience.Contact {
	origin, most := r.origins(), 6
	if r.IntN(10) == 0 {
		most = 300 // more origins than are looked at one by one
	}
	return audience.Contact{
		ID: r.id(), Version: r.number(),
		Addresses: slice(r, 4, r.address), External: slice(r, 4, r.external),
		FirstName: audience.NewPrivate(r.text()), LastName: audience.NewPrivate(r.text()), Phone: audience.NewPrivate(r.text()),
		Tags: slice(r, most, func() audience.Tag { return audience.Tag{Name: r.text(), Origin: origin()} }),
		Fields: slice(r, most, func() audience.FieldValue {
			return audience.FieldValue{ID: audience.FieldID(r.id()), Value: r.value(), Origin: origin()}
		}),
		Frequency: r.text(), CreatedAt: r.instant(), UpdatedAt: r.instant(),
	}
}

func (r random) prop() audience.EventProp {
	return audience.EventProp{ID: audience.PropID(r.id()), Value: r.value()}
}

func (r random) event() audience.Event {
	e := audience.Event{
		Contact: r.id(), Origin: r.id(), ID: r.text(), Type: r.text(), Time: r.instant(),
		Revision: r.number(), Retracted: !r.often(), Props: slice(r, 5, r.prop),
	}
	if r.often() {
		e.Contact = e.Origin
	}
	return e
}

func (r random) hash() (h [32]byte) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

func (r random) record() audience.ConsentRecord {
	c := audience.ConsentRecord{
		Contact: r.id(), Seq: r.number(), Kind: audience.ConsentKind(r.IntN(8)), Retracts: r.number(),
		Scope: audience.Scope{Channel: r.text(), Purpose: r.text(), List: r.text()},
		Acted: r.instant(), Recorded: r.instant(), Expires: r.instant(),
		Mechanism: audience.Mechanism(r.text()), Notice: r.text(), Source: r.source(),
	}
	if len(c.Canonical()) > 64<<10 { // more than a ledger takes
		c.Scope = audience.Scope{}
	}
	if r.often() {
		c.Evidence, c.Prev = r.hash(), r.hash()
	}
	c.Hash = c.ComputeHash()
	if !r.often() {
		c.Hash = r.hash() // as it was stored, whatever it is
	}
	return c
}

func (r random) identity() audience.Identity {
	switch r.IntN(4) {
	case 0:
		return audience.Identity{}
	case 1:
		return audience.AddressIdentity(audience.Address{})
	case 2:
		return audience.ExternalIdentity(r.external())
	}
	return audience.AddressIdentity(r.address())
}

func (r random) merge() store.Merge {
	return store.Merge{
		Loser: r.id(), Winner: r.id(), At: r.instant(), Number: r.number(), WinnerSeq: r.number(),
		LoserRow: r.contact(), Identities: slice(r, 4, r.identity), Source: r.source(),
	}
}

func (r random) membership() store.Membership {
	return store.Membership{List: r.text(), Origin: r.id(), At: r.instant(), Source: r.source()}
}

func (r random) suppression() audience.Suppression {
	return audience.Suppression{
		Hash: audience.AddressHash{Key: r.text(), Sum: r.hash()}, Reason: audience.SuppressionReason(r.IntN(7)),
		At: r.instant(), Lifted: r.instant(), LiftedUntil: r.instant(), Source: r.source(),
	}
}

// maybe gives one of two things: nothing or something.
func maybe[T any](r random, item func() T) *T {
	if r.often() {
		return nil
	}
	v := item()
	return &v
}

func (r random) change() store.Change {
	c := store.Change{
		Kind: store.ChangeKind(r.IntN(13)), Contact: r.id(), After: maybe(r, r.contact), Event: maybe(r, r.event), Before: maybe(r, r.event),
		Record: maybe(r, r.record), SuppressedFrom: maybe(r, r.instant), Left: !r.often(), Source: r.source(),
	}
	if !r.often() {
		c.Other, c.MergedAt, c.WinnerSeq, c.List = r.id(), r.instant(), r.number(), r.text()
		c.Events = slice(r, 4, r.event)
	}
	return c
}

func (r random) changes() []store.Change {
	var out []store.Change
	for range 1 + r.IntN(4) {
		out = append(out, r.change())
	}
	return out
}
