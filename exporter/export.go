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
	// of their ids, such as those of a segment. Ids that are nobody's (any
	// more) are passed over.
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
		wanted := everybody
		if opts.Members != nil {
			next, stop := iter.Pull(opts.Members)
			defer stop()
			wanted = memberOf(next)
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
			in, more := wanted(p.Contact.ID)
			if in && !yield(Contact{Contact: p.Contact, Status: p.Status(opts.At).Status}, nil) || !more {
				return
			}
		}
	}
}

// everybody wants every contact.
func everybody(audience.ContactID) (in, more bool) { return true, true }

// memberOf wants the contacts that next names; more is false once there are no
// more of them. It is asked in ascending order.
func memberOf(next func() (audience.ContactID, bool)) func(audience.ContactID) (in, more bool) {
	member, more := next()
	return func(id audience.ContactID) (bool, bool) {
		for more && member < id {
			member, more = next()
		}
		return more && member == id, more
	}
}
