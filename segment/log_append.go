package segment

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// appendTicks writes the moves of ticks, numbered in their order, and where
// the log stands afterwards, in one transaction. Ticks without moves count
// too: a takeover continues from the last.
//
// Of contacts whose erasure a tick covers nothing is written but what they
// leave by it, which whoever keeps the members elsewhere has to learn, and
// which says only that a number is in use no more. What was written of them
// before is taken out.
//
// Errors: [audience.ErrConflict] when the lease is not held any more, or when
// an earlier call has succeeded although it gave an error: acquire it again
// and compare what the log stands at; [audience.ErrInvalid] for ticks that
// are out of order. Either way nothing is written.
func (l *transitionLog) appendTicks(ctx context.Context, ticks []tick) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkHeld(); err != nil || len(ticks) == 0 {
		return err
	}
	if err := checkTicks(l.head.At, ticks); err != nil {
		return err
	}
	var erased []audience.ContactID
	for i := range ticks {
		for _, id := range ticks[i].erased {
			erased = append(erased, audience.ContactID(id))
		}
	}
	slices.Sort(erased)
	erased = slices.Compact(erased)
	before := l.head.Number
	err := l.fenced(ctx, func(tx *store.Tx, h *logHead) error {
		last := &ticks[len(ticks)-1]
		h.Position, h.At = last.position, last.at
		if err := writeMoves(ctx, tx, h, ticks, erased); err != nil {
			return err
		}
		return forgetLater(ctx, tx, h, erased)
	})
	if err == nil && l.head.Number > before {
		l.notify()
	}
	return err
}

// checkTicks refuses ticks that would make the log wrong for good.
func checkTicks(at int64, ticks []tick) error {
	least, most := audience.Micros(audience.MinInstant()), audience.Micros(audience.MaxInstant())
	for i := range ticks {
		t := &ticks[i]
		path := "ticks[" + strconv.Itoa(i) + "]"
		if t.at < at || t.at < least || t.at > most {
			return &audience.FieldError{Path: path + ".at", Rule: "order", Hint: "an instant not before that of the tick before"}
		}
		at = t.at
		for k := range t.moves {
			m := &t.moves[k]
			if rule, hint := checkName(m.segment); rule != "" {
				return &audience.FieldError{Path: path + ".segment", Rule: rule, Hint: hint}
			}
			if m.contact == 0 || m.causes == 0 {
				return &audience.FieldError{Path: path + ".move", Rule: "empty", Hint: "a contact and a cause"}
			}
			if k > 0 && compareMoves(&t.moves[k-1], m) >= 0 {
				return &audience.FieldError{Path: path + ".moves", Rule: "order", Hint: "ascending by segment and contact, each once"}
			}
		}
	}
	return nil
}

func compareMoves(a, b *move) int {
	if c := strings.Compare(a.segment, b.segment); c != 0 {
		return c
	}
	return cmp.Compare(a.contact, b.contact)
}

// writeMoves numbers the moves and stores them batch by batch.
func writeMoves(ctx context.Context, tx *store.Tx, h *logHead, ticks []tick, erased []audience.ContactID) error {
	var plan *batchPlan
	flush := func() error {
		if plan == nil {
			return nil
		}
		h.Batch, h.Number = plan.header.batch, plan.header.last()
		records := plan.records()
		plan = nil
		for group := range slices.Chunk(records, tx.Audience().Limits().BatchItems) {
			if _, err := tx.SaveRecords(ctx, group); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range ticks {
		t := &ticks[i]
		newTick := true
		for k := range t.moves {
			m := &t.moves[k]
			_, gone := slices.BinarySearch(erased, audience.ContactID(m.contact))
			if gone && (m.entered || !slices.Contains(t.erased, m.contact)) {
				continue
			}
			if plan != nil && !plan.fits(m) {
				if err := flush(); err != nil {
					return err
				}
			}
			if plan == nil {
				plan = newBatchPlan(h.Batch+1, h.Number+1)
			}
			plan.add(t.at, newTick, m)
			if gone {
				plan.leavesErased(m.contact)
			}
			newTick = false
		}
	}
	return flush()
}

// forgetItems is how many contacts one entry of the queue holds.
const forgetItems = 1_000

// forgetLater takes out what the log still has of erased contacts and queues
// them for the keyframes, which are too much for one transaction. Until that
// is done, reading leaves them out.
func forgetLater(ctx context.Context, tx *store.Tx, h *logHead, erased []audience.ContactID) error {
	for group := range slices.Chunk(erased, forgetItems) {
		if err := tx.SweepErased(ctx, group); err != nil {
			return err
		}
		var value []byte
		for _, id := range group {
			value = binary.LittleEndian.AppendUint32(value, uint32(id))
		}
		if err := queueForget(ctx, tx, h, value); err != nil {
			return err
		}
	}
	return nil
}

func queueForget(ctx context.Context, tx *store.Tx, h *logHead, value []byte) error {
	h.Queued++
	_, err := tx.SaveRecord(ctx, store.Record{Namespace: spaceForget, Key: numberKey(h.Queued), Value: value})
	return err
}
