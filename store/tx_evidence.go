package store

import (
	"context"
	"errors"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// DropEvidence destroys the evidence of requests and grants that have ended
// ([audience.EndedAt]), once nobody has to prove them any more. The records stay
// with their commitments, so that the chain is whole and says what it said;
// what was committed to is not there any more. Evidence that is gone already is
// left out.
//
// Refused items: [audience.ErrNotFound] for a record that the ledger does not
// have; [audience.ErrDenied] for one that has not ended: nobody is mailable
// without evidence.
func (tx *Tx) DropEvidence(ctx context.Context, records ...audience.ConsentRecord) error {
	noCheck := func(*audience.ConsentRecord) error { return nil }
	if err := checkBatch(tx.audience.limits, records, noCheck); err != nil || len(records) == 0 {
		return err
	}
	ids := make([]audience.ContactID, 0, len(records))
	for i := range records {
		ids = append(ids, records[i].Contact)
	}
	slices.Sort(ids)
	rows, err := tx.roles.Ledger(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	chains := make(map[audience.ContactID][]audience.ConsentRecord)
	for i := range rows {
		chains[rows[i].Contact] = append(chains[rows[i].Contact], rows[i])
	}
	var refused audience.BatchError
	for i := range records {
		r := &records[i]
		chain := chains[r.Contact]
		switch end, ended := audience.EndedAt(chain, r.Seq); {
		case !slices.ContainsFunc(chain, func(x audience.ConsentRecord) bool { return x.Seq == r.Seq }):
			refused.Add(i, &audience.NotFoundError{Kind: "ledger record"})
		case !ended || end.After(tx.at):
			refused.Add(i, &audience.DeniedError{Rule: "evidence", Hint: "only evidence of a request or grant that has ended"})
		}
	}
	if err := refused.OrNil(); err != nil {
		return err
	}
	return tx.whole(func() error { return tx.dropEvidence(ctx, records) })
}

func (tx *Tx) dropEvidence(ctx context.Context, records []audience.ConsentRecord) error {
	for i := range records {
		key := evidenceKey(records[i].Contact, records[i].Seq)
		kept, err := tx.roles.Record(ctx, namespaceEvidence, key, audience.MinInstant())
		if errors.Is(err, audience.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := tx.write.DeleteRecord(ctx, namespaceEvidence, key, kept.Version); err != nil {
			return err
		}
	}
	return nil
}
