package exporter

import (
	"context"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Contact is one contact as it leaves.
type Contact struct {
	audience.Contact
	Status audience.Status // for e-mail and marketing, at the instant of the export
}

// Encoder writes contacts in a format. Begin comes first and once, then
// batches, End last, also when there was no contact; after an error nothing
// more is called. An Encoder is for one export.
type Encoder interface {
	Begin(schema audience.Schema) error
	Encode(batch []Contact) error
	End() error
}

// Options of an export. The zero Options export everybody.
type Options struct {
	// Where, if any, is true for the contacts to be exported.
	Where store.Predicate
	// Members, if not nil, are the contacts to be exported, in ascending order
	// of their ids, such as those of a segment; another order is
	// [audience.ErrInvalid]. Ids that are nobody's (any more) are passed over.
	Members iter.Seq[audience.ContactID]
	// At is the instant of statuses; zero is the clock's.
	At time.Time
}

// batchSize is how many contacts an encoder gets at once.
const batchSize = 1000

// Contacts exports contacts in ascending order of their ids and gives how many
// they were. It stops at the first error, of the store, the encoder or ctx;
// what was written until then is no whole export.
func Contacts(ctx context.Context, r *store.Reader, enc Encoder, opts Options) (int, error) {
	if opts.At.IsZero() {
		opts.At = r.Audience().Now()
	}
	if err := enc.Begin(r.Schema()); err != nil {
		return 0, err
	}
	n := 0
	batch := make([]Contact, 0, batchSize)
	for c, err := range chosen(ctx, r, opts) {
		if err != nil {
			return n, err
		}
		if batch = append(batch, c); len(batch) < batchSize {
			continue
		}
		if err := enc.Encode(batch); err != nil {
			return n, err
		}
		n, batch = n+len(batch), batch[:0]
	}
	if len(batch) > 0 {
		if err := enc.Encode(batch); err != nil {
			return n, err
		}
	}
	return n + len(batch), enc.End()
}

// chosen goes through the contacts to be exported: both sides of the choice
// are in order of ids, so that one pass over the audience finds the members.
func chosen(ctx context.Context, r *store.Reader, opts Options) iter.Seq2[Contact, error] {
	return func(yield func(Contact, error) bool) {
		var wanted choice
		if opts.Members != nil {
			next, stop := iter.Pull(opts.Members)
			defer stop()
			wanted.next = next
			wanted.advance()
		}
		q := store.ProfileQuery{
			ContactQuery: store.ContactQuery{Where: opts.Where, At: opts.At, Limit: batchSize},
			Parts:        audience.ProfileParts{Ledger: true},
		}
		for p, err := range r.AllProfiles(ctx, q) {
			if err != nil {
				yield(Contact{}, err)
				return
			}
			if wanted.is(p.Contact.ID) && !yield(Contact{Contact: p.Contact, Status: p.Status(opts.At).Status}, nil) {
				return
			}
			if wanted.over {
				break
			}
		}
		if err := wanted.rest(ctx); err != nil {
			yield(Contact{}, err)
		}
	}
}

// choice tells who is to be exported: those that next names or, without it,
// everybody. It is asked in ascending order.
type choice struct {
	next func() (audience.ContactID, bool)
	id   audience.ContactID // that next named last
	over bool               // next names no more
	err  error
}

// advance goes on to the next id. One that is not above the one before would
// have been passed over already, and a contact be lost in silence.
func (c *choice) advance() {
	id, more := c.next()
	if more && c.id > 0 && id <= c.id {
		c.over, c.err = true, &audience.FieldError{Path: "members", Rule: "order", Hint: "ids in ascending order, each once"}
		return
	}
	c.id, c.over = id, !more
}

func (c *choice) is(id audience.ContactID) bool {
	if c.next == nil {
		return true
	}
	for !c.over && c.id < id {
		c.advance()
	}
	return !c.over && c.id == id
}

// rest checks the ids behind the last contact, which are nobody's if they are
// in order.
func (c *choice) rest(ctx context.Context) error {
	const often = 1024
	for n := 0; c.next != nil && !c.over; n++ {
		if n%often == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		c.advance()
	}
	return c.err
}
