package segment

import (
	"context"
	"encoding/json"
	"errors"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	headFormat = 1
	headKey    = "head"
)

// logHead is the one record that every write of the log goes through: where
// the log stands and who may write it. Its version is what writers compare
// and swap, so of two who believe that they hold the lease one fails.
type logHead struct {
	Format      int            `json:"v"`
	Number      uint64         `json:"number"`      // of the last transition, 0 before the first
	Batch       uint64         `json:"batch"`       // the last one, from 1
	FirstNumber uint64         `json:"firstNumber"` // of the first transition that is kept
	FirstBatch  uint64         `json:"firstBatch"`
	Position    store.Position `json:"position"` // of the last tick
	At          int64          `json:"at"`       // of the last tick in microseconds

	Fence   uint64 `json:"fence"`   // grows with every taking of the lease
	Holder  string `json:"holder"`  // empty: nobody
	Expires int64  `json:"expires"` // in microseconds

	Frame      uint64 `json:"frame"` // the number of the last keyframe
	FrameBytes int    `json:"frameBytes"`
	Loose      uint64 `json:"loose"`     // a keyframe that is not whole: its pages are to go
	Queued     uint64 `json:"queued"`    // whom keyframes have to forget: the last entry of the queue
	Forgotten  uint64 `json:"forgotten"` // and the last that is done
}

func newLogHead() logHead {
	return logHead{Format: headFormat, FirstNumber: 1, FirstBatch: 1, At: math.MinInt64}
}

// loadHead gives the head and its version; that of an empty log, and 0, when
// there is none.
func loadHead(ctx context.Context, r *store.Reader) (logHead, uint64, error) {
	rec, err := r.LoadRecord(ctx, spaceState, headKey)
	if errors.Is(err, audience.ErrNotFound) {
		return newLogHead(), 0, nil
	}
	if err != nil {
		return logHead{}, 0, err
	}
	var h logHead
	if err := decodeState(rec.Value, "head", &h); err != nil {
		return logHead{}, 0, err
	}
	if h.FirstNumber == 0 || h.FirstBatch == 0 || h.Number == math.MaxUint64 || h.FirstNumber > h.Number+1 || h.FirstBatch > h.Batch+1 {
		return logHead{}, 0, errDamaged("head")
	}
	return h, rec.Version, nil
}

func saveHead(ctx context.Context, tx *store.Tx, h *logHead, version uint64) (uint64, error) {
	value, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	return tx.SaveRecord(ctx, store.Record{Namespace: spaceState, Key: headKey, Value: value, Version: version})
}

// decodeState reads one of the small records: JSON that says its format
// first.
func decodeState(value []byte, what string, into any) error {
	var format struct {
		Format int `json:"v"`
	}
	if err := json.Unmarshal(value, &format); err != nil {
		return errDamaged(what)
	}
	if format.Format != headFormat {
		return errNewer(what)
	}
	if err := json.Unmarshal(value, into); err != nil {
		return errDamaged(what)
	}
	return nil
}
