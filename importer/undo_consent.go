package importer

import (
	"context"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
)

// retraction is a grant or a request that is taken back.
type retraction struct {
	contact audience.ContactID // under whom it was written
	seq     uint64
}

// takeBack adds a record that the import made to those that are taken back;
// refusals are not.
func (s *step) takeBack(all []retraction, id audience.ContactID, made consentMade) []retraction {
	switch {
	case made.Kind.IsRefusal():
		s.head.Undone.Refusals++
		return all
	case made.Kind != audience.ConsentRequested && made.Kind != audience.ConsentGranted: // nothing that an import makes
		return all
	}
	return append(all, retraction{contact: id, seq: made.Seq})
}

// takeBackAll adds all records of a history that the import wrote under a
// contact, who may have been merged into another one since.
func (s *step) takeBackAll(all []retraction, id audience.ContactID, h *audience.History) []retraction {
	for i := range h.Records {
		if r := &h.Records[i]; r.Contact == id && s.isOurs(&r.Source) {
			all = s.takeBack(all, id, consentMade{Seq: r.Seq, Kind: r.Kind})
		}
	}
	for i := range h.Merged {
		all = s.takeBackAll(all, id, &h.Merged[i].History)
	}
	return all
}

// retract takes back grants and requests; those that somebody has taken back
// already are left.
func (s *step) retract(ctx context.Context, all []retraction) error {
	for len(all) > 0 {
		n := min(len(all), s.aud.Limits().BatchItems)
		if err := s.retractSome(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (s *step) retractSome(ctx context.Context, all []retraction) error {
	for len(all) > 0 {
		writes := make([]audience.ConsentWrite, len(all))
		for i, r := range all {
			writes[i] = audience.ConsentWrite{Contact: audience.ID(r.contact), Kind: audience.ConsentRetracted, Retracts: r.seq, Source: s.source}
		}
		_, err := s.tx.Record(ctx, writes...)
		batch, ok := errors.AsType[*audience.BatchError](err)
		if !ok {
			if err == nil {
				s.head.Undone.Retracted += len(all)
			}
			return err
		}
		refused := make(map[int]bool, len(batch.Items))
		for _, it := range batch.Items {
			if !errors.Is(it.Err, audience.ErrConflict) && !errors.Is(it.Err, audience.ErrNotFound) {
				return err
			}
			refused[it.Index] = true
		}
		var rest []retraction
		for i, r := range all {
			if !refused[i] {
				rest = append(rest, r)
			}
		}
		all = rest
	}
	return nil
}
