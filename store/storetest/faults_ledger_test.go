package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func ledgerFaults() []fault {
	return []fault{
		{
			name: "instants of the ledger are cut to the second", found: []string{"ledger/round-trip-and-order"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return coarseLedger{w} }),
		},
		{
			name: "chains come in the order of the argument", found: []string{"ledger/round-trip-and-order"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return chainByChain{w} }),
		},
		{
			name: "the head is the greatest number as text", found: []string{"ledger/heads"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return textHeads{w} }),
		},
		{
			name: "the pages of heads end with the contacts", found: []string{"ledger/heads-in-pages"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return livingHeads{w} }),
		},
		{
			name: "a grant without evidence is accepted", found: []string{"ledger/grant-needs-evidence"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var taken []audience.ConsentRecord
				return func(w store.WriteRoles) store.WriteRoles { return anyGrant{w, &taken} }
			},
		},
		{
			name: "any record is accepted as the next", found: []string{"ledger/only-what-follows", "transactions/refused-but-alive"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return anyNext{w} }),
		},
		{
			name: "records are appended one by one", found: []string{"ledger/refused-batch-appends-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return oneByOne{w} }),
		},
		{
			name: "the ledger goes with the contact", found: []string{"ledger/outlives-the-contact", "deletion/delete"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				gone := make(map[audience.ContactID]bool)
				return func(w store.WriteRoles) store.WriteRoles { return mortalLedger{w, gone} }
			},
		},
		{
			name: "of two racing records one is lost", found: []string{"ledger/racing-appends"},
			adapter: func() store.Adapter { return newOverlapping(planted{noLocks: true, noRetry: true}) },
		},
		{
			name: "a retraction does not say of what", found: []string{"consent/an-error-is-taken-back"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return vagueLedger{w} }),
		},
		{
			name: "refusals are not recorded", found: []string{"consent/without-keys", "consent/refusal-survives-unmerge"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return deaf{w} }),
		},
	}
}

type livingHeads struct{ store.WriteRoles }

func (f livingHeads) LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error) {
	rows, err := f.ContactsAfter(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	ids := make([]audience.ContactID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return f.LedgerHeads(ctx, ids)
}

type coarseLedger struct{ store.WriteRoles }

func (f coarseLedger) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	records, err := f.WriteRoles.Ledger(ctx, contacts)
	for i := range records {
		records[i].Acted = records[i].Acted.Truncate(time.Second)
	}
	return records, err
}

type chainByChain struct{ store.WriteRoles }

func (f chainByChain) Ledger(ctx context.Context, contacts []audience.ContactID) (out []audience.ConsentRecord, err error) {
	for _, id := range contacts {
		records, err := f.WriteRoles.Ledger(ctx, []audience.ContactID{id})
		if err != nil {
			return nil, err
		}
		out = append(out, records...)
	}
	return out, nil
}

// undatedHeads hides when the ends of chains were recorded.
type undatedHeads struct{ store.WriteRoles }

func (f undatedHeads) LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	heads, err := f.WriteRoles.LedgerHeads(ctx, contacts)
	heads = slices.Clone(heads)
	for i := range heads {
		heads[i].Recorded = time.Time{}
	}
	return heads, err
}

type textHeads struct{ store.WriteRoles }

func (f textHeads) LedgerHeads(ctx context.Context, contacts []audience.ContactID) (out []audience.ConsentRecord, err error) {
	records, err := f.Ledger(ctx, contacts)
	for _, r := range records {
		if n := len(out) - 1; n < 0 || out[n].Contact != r.Contact {
			out = append(out, r)
		} else if strconv.FormatUint(r.Seq, 10) > strconv.FormatUint(out[n].Seq, 10) {
			out[n] = r
		}
	}
	return out, err
}

type anyGrant struct {
	store.WriteRoles
	taken *[]audience.ConsentRecord
}

func (f anyGrant) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	err := f.WriteRoles.AppendLedger(ctx, records)
	if errors.Is(err, audience.ErrDenied) {
		*f.taken = append(*f.taken, records...)
		return nil
	}
	return err
}

func (f anyGrant) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	records, err := f.WriteRoles.Ledger(ctx, contacts)
	return append(records, *f.taken...), err
}

type anyNext struct{ store.WriteRoles }

func (f anyNext) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	if err := f.WriteRoles.AppendLedger(ctx, records); !errors.Is(err, audience.ErrConflict) {
		return err
	}
	return nil
}

type oneByOne struct{ store.WriteRoles }

func (f oneByOne) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	for i := range records {
		if err := f.WriteRoles.AppendLedger(ctx, records[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

type mortalLedger struct {
	store.WriteRoles
	gone map[audience.ContactID]bool
}

func (f mortalLedger) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	for _, id := range ids {
		f.gone[id] = true
	}
	return f.WriteRoles.DeleteContacts(ctx, ids)
}

func (f mortalLedger) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	records, err := f.WriteRoles.Ledger(ctx, contacts)
	return slices.DeleteFunc(records, func(r audience.ConsentRecord) bool { return f.gone[r.Contact] }), err
}

type vagueLedger struct{ store.WriteRoles }

func (f vagueLedger) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	records, err := f.WriteRoles.Ledger(ctx, contacts)
	for i := range records {
		records[i].Retracts = 0
	}
	return records, err
}

type deaf struct{ store.WriteRoles }

func (f deaf) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	for _, r := range records {
		if r.Kind.IsRefusal() {
			return nil
		}
	}
	return f.WriteRoles.AppendLedger(ctx, records)
}

func suppressionFaults() []fault {
	return []fault{
		{
			name: "hashes end at a zero byte", found: []string{"suppressions/round-trip", "suppressions/pages"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return textHashes{w} }),
		},
		{
			name: "an address has one suppression", found: []string{"suppressions/one-of-each-reason"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return oneReason{w} }),
		},
		{
			name: "a page of suppressions begins with another hash", found: []string{"suppressions/pages"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return hashPages{w} }),
		},
		{
			name: "what is lifted for a time is lifted for good", found: []string{"suppressions/round-trip"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return liftedForGood{w} }),
		},
		{
			name: "what was lifted stays so", found: []string{"consent/an-error-is-taken-back"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return liftedForEver{w} }),
		},
		{
			name: "what was moved stays", found: []string{"suppressions/moved-to-another-hash"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return copying{w} }),
		},
		{
			name: "only what stands names its key", found: []string{"suppressions/keys-in-use"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return standingKeys{w} }),
		},
		{
			name: "nobody asks for keys", found: []string{"suppressions/keys-in-use", "schema/keys-are-asked-for"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noKeys{w} }),
		},
		{
			name: "suppressions go with the contact", found: []string{"consent/refusal-survives-deletion"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var deleted bool
				return func(w store.WriteRoles) store.WriteRoles { return mortalSuppressions{w, &deleted} }
			},
		},
		{
			name: "more than 1,000 suppressions are cut off", found: []string{"batches/ten-thousand-of-the-rest"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return cuttingSuppressions{w} }),
		},
	}
}

type textHashes struct{ store.WriteRoles }

func (f textHashes) PutSuppressions(ctx context.Context, rows []audience.Suppression) error {
	rows = slices.Clone(rows)
	for i := range rows {
		sum := &rows[i].Hash.Sum
		if n := slices.Index(sum[:], 0); n >= 0 {
			clear(sum[n:])
		}
	}
	return f.WriteRoles.PutSuppressions(ctx, rows)
}

type oneReason struct{ store.WriteRoles }

func (f oneReason) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	rows, err := f.WriteRoles.Suppressions(ctx, hashes)
	slices.SortFunc(rows, compareSuppressions)
	return slices.CompactFunc(rows, func(a, b audience.Suppression) bool { return a.Hash == b.Hash }), err
}

type hashPages struct{ store.WriteRoles }

func (f hashPages) SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	if after.Reason != 0 {
		after.Reason = 255
	}
	return f.WriteRoles.SuppressionsAfter(ctx, after, limit)
}

type liftedForGood struct{ store.WriteRoles }

func (f liftedForGood) PutSuppressions(ctx context.Context, rows []audience.Suppression) error {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].LiftedUntil = time.Time{}
	}
	return f.WriteRoles.PutSuppressions(ctx, rows)
}

type liftedForEver struct{ store.WriteRoles }

func (f liftedForEver) PutSuppressions(ctx context.Context, rows []audience.Suppression) error {
	hashes := make([]audience.AddressHash, len(rows))
	for i := range rows {
		hashes[i] = rows[i].Hash
	}
	held, err := f.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(s audience.Suppression) bool {
		return slices.ContainsFunc(held, func(h audience.Suppression) bool { return compareSuppressions(h, s) == 0 && !h.Lifted.IsZero() })
	})
	return f.WriteRoles.PutSuppressions(ctx, rows)
}

type copying struct{ store.WriteRoles }

func (f copying) MoveSuppressions(ctx context.Context, moves []store.SuppressionMove) error {
	rows := make([]audience.Suppression, len(moves))
	for i := range moves {
		rows[i] = moves[i].To
	}
	return f.PutSuppressions(ctx, rows)
}

type standingKeys struct{ store.WriteRoles }

func (f standingKeys) SuppressionKeys(ctx context.Context) (keys []string, err error) {
	rows, err := f.SuppressionsAfter(ctx, audience.Suppression{}, batchItems)
	for _, s := range rows {
		if s.Lifted.IsZero() {
			keys = append(keys, s.Hash.Key)
		}
	}
	return slices.Compact(keys), err
}

type noKeys struct{ store.WriteRoles }

func (f noKeys) SuppressionKeys(context.Context) ([]string, error) { return nil, nil }

type mortalSuppressions struct {
	store.WriteRoles
	deleted *bool
}

func (f mortalSuppressions) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	*f.deleted = true
	return f.WriteRoles.DeleteContacts(ctx, ids)
}

func (f mortalSuppressions) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	if *f.deleted {
		return nil, nil
	}
	return f.WriteRoles.Suppressions(ctx, hashes)
}

type cuttingSuppressions struct{ store.WriteRoles }

func (f cuttingSuppressions) PutSuppressions(ctx context.Context, rows []audience.Suppression) error {
	return f.WriteRoles.PutSuppressions(ctx, rows[:min(len(rows), 1000)])
}
