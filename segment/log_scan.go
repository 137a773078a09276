package segment

import (
	"context"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/store"
)

// Pages of batchScan: small at first, since a follower reads one batch, and
// growing, since a fold reads thousands.
const (
	scanFirst   = 8
	scanHeaders = 256
	scanRecords = 4_000
)

// batchScan goes through batches in order, reading ahead.
type batchScan struct {
	r       *store.Reader
	last    uint64 // the batch to end with
	headers []*batchHeader
	records []store.Record
	after   string // the last header read
	next    string // the last record read
	size    int
	through bool // no more records
}

// scanBatches begins with the batch after the one given and ends with the
// head's last.
func scanBatches(r *store.Reader, h *logHead, after uint64) *batchScan {
	after = max(after, h.FirstBatch-1)
	return &batchScan{r: r, last: h.Batch, after: numberKey(after), next: numberKey(after) + "~", size: scanFirst}
}

// header gives the next batch, nil after the last.
func (s *batchScan) header(ctx context.Context) (*batchHeader, error) {
	if len(s.headers) == 0 {
		found, err := s.r.Records(ctx, spaceBatches, "", s.after, s.size)
		if err != nil {
			return nil, err
		}
		s.size = min(s.size*2, scanHeaders)
		for _, rec := range found {
			s.after = rec.Key
			batch, err := strconv.ParseUint(rec.Key, 16, 64)
			if err != nil || numberKey(batch) != rec.Key {
				return nil, errDamaged("batch")
			}
			h, err := decodeBatchHeader(batch, rec.Value)
			if err != nil {
				return nil, err
			}
			s.headers = append(s.headers, h)
		}
	}
	if len(s.headers) == 0 || s.headers[0].batch > s.last {
		return nil, nil
	}
	h := s.headers[0]
	s.headers = s.headers[1:]
	return h, nil
}

// moves gives the transitions of the batch that header gave. Batches that are
// not asked for cost their records all the same.
func (s *batchScan) moves(ctx context.Context, h *batchHeader) ([]Transition, error) {
	prefix := numberKey(h.batch) + "/"
	var own []store.Record
	for {
		taken := 0
		for taken < len(s.records) && s.records[taken].Key < prefix {
			taken++
		}
		s.records = s.records[taken:]
		taken = 0
		for taken < len(s.records) && strings.HasPrefix(s.records[taken].Key, prefix) {
			taken++
		}
		own = append(own, s.records[:taken]...)
		s.records = s.records[taken:]
		if len(own) > batchMoves {
			return nil, errDamaged("moves")
		}
		if len(s.records) > 0 || s.through {
			return h.decodeBatch(own)
		}
		limit := min(scanRecords, s.size*batchMoves/scanFirst)
		found, err := s.r.Records(ctx, spaceMoves, "", s.next, limit)
		if err != nil {
			return nil, err
		}
		s.records, s.through = found, len(found) < limit
		if len(found) > 0 {
			s.next = found[len(found)-1].Key
		}
	}
}

// loadBatch gives the header of one batch.
func loadBatch(ctx context.Context, r *store.Reader, batch uint64) (*batchHeader, error) {
	rec, err := r.LoadRecord(ctx, spaceBatches, numberKey(batch))
	if err != nil {
		return nil, err
	}
	return decodeBatchHeader(batch, rec.Value)
}

// batchOf finds the batch that holds a number from the first that is kept to
// the last. Batches are numbered without gaps, so halving finds it.
func batchOf(ctx context.Context, r *store.Reader, h *logHead, number uint64) (uint64, error) {
	low, high := h.FirstBatch, h.Batch
	for low < high {
		middle := low + (high-low)/2
		b, err := loadBatch(ctx, r, middle)
		if err != nil {
			return 0, err
		}
		if b.last() < number {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// incarnation gives the life of the audience that contact ids belong to.
func incarnation(ctx context.Context, r *store.Reader) (store.Incarnation, error) {
	p, err := r.Position(ctx)
	return p.Incarnation(), err
}
