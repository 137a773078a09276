package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// logFrame says of a keyframe what it is: every segment's members after all
// transitions up to a number, so that folding need not begin at the first.
// Its pages lie beside it, by page and segment: one contact is in one place
// of it for each segment, and one segment is one record for each page.
type logFrame struct {
	Format int    `json:"v"`
	Number uint64 `json:"number"`
	Batch  uint64 `json:"batch"`
	At     int64  `json:"at"`    // of the last transition, microseconds
	Pages  uint32 `json:"pages"` // how many pages of contacts it has
	Bytes  int    `json:"bytes"`
}

func pagePrefix(number uint64, page uint32) string { return fmt.Sprintf("%016x/%04x/", number, page) }

func pageKey(number uint64, page uint32, segment string) string {
	return pagePrefix(number, page) + segment
}

// loadFrames gives the keyframes that are whole, in order.
func loadFrames(ctx context.Context, r *store.Reader) ([]logFrame, error) {
	var out []logFrame
	for after := ""; ; {
		const limit = 1_000
		found, err := r.Records(ctx, spaceFrames, "", after, limit)
		if err != nil {
			return nil, err
		}
		for _, rec := range found {
			var f logFrame
			if err := decodeState(rec.Value, "keyframe", &f); err != nil {
				return nil, err
			}
			if numberKey(f.Number) != rec.Key || f.Pages > pageNumbers {
				return nil, errDamaged("keyframe")
			}
			out = append(out, f)
			after = rec.Key
		}
		if len(found) < limit {
			return out, nil
		}
	}
}

// latestFrame gives the last keyframe that fits, the empty one of number 0
// when none does.
func latestFrame(frames []logFrame, fits func(*logFrame) bool) logFrame {
	for _, f := range slices.Backward(frames) {
		if fits(&f) {
			return f
		}
	}
	return logFrame{}
}

// segmentPage is one segment's part of a page.
type segmentPage struct {
	segment string
	members *memberPage
	version uint64 // of its record
}

// loadPage gives a page of a keyframe for all segments that have members in
// it, in order of their names, as stored.
func loadPage(ctx context.Context, r *store.Reader, number uint64, page uint32) ([]segmentPage, error) {
	prefix := pagePrefix(number, page)
	var out []segmentPage
	for after := ""; ; {
		const limit = 256
		found, err := r.Records(ctx, spacePages, prefix, after, limit)
		if err != nil {
			return nil, err
		}
		for _, rec := range found {
			members, err := decodePage(rec.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, segmentPage{segment: strings.TrimPrefix(rec.Key, prefix), members: members, version: rec.Version})
			after = rec.Key
		}
		if len(found) < limit {
			return out, nil
		}
	}
}

// erasedAmong gives which members of a page were erased.
func erasedAmong(ctx context.Context, r *store.Reader, page uint32, members *memberPage) (*memberPage, error) {
	var ids []audience.ContactID
	for bit := range members.all() {
		ids = append(ids, audience.ContactID(page<<16|uint32(bit)))
	}
	out := new(memberPage)
	for group := range slices.Chunk(ids, r.Audience().Limits().BatchItems) {
		erased, err := r.Erased(ctx, group)
		if err != nil {
			return nil, err
		}
		for i, gone := range erased {
			if gone {
				out.set(uint16(group[i]), true)
			}
		}
	}
	return out, nil
}

// frameChanges is what the log says since the keyframe before: of each page
// and segment the contacts who are in or out in the end.
type frameChanges map[uint32]map[string]map[uint16]bool

func (c frameChanges) add(t *Transition) {
	page, bit := pageOf(uint32(t.Contact))
	if c[page] == nil {
		c[page] = make(map[string]map[uint16]bool)
	}
	if c[page][t.Segment] == nil {
		c[page][t.Segment] = make(map[uint16]bool)
	}
	c[page][t.Segment][bit] = t.Entered
}

// makeFrame makes the keyframe after the first batch for which enough holds,
// and reports false when there is none or it is there already. The caller
// holds mu.
func (l *transitionLog) makeFrame(ctx context.Context, enough func(*batchHeader) bool) (bool, error) {
	if err := l.dropLoose(ctx); err != nil { // somebody else's call may have been broken off meanwhile
		return false, err
	}
	var before, frame logFrame
	changes := make(frameChanges)
	err := l.aud.View(ctx, func(r *store.Reader) (err error) {
		before, frame, err = l.planFrame(ctx, r, enough, changes)
		return err
	})
	if err != nil || frame.Number == 0 {
		return false, err
	}
	// From here on the keyframe is there in part.
	if err := l.fenced(ctx, func(_ *store.Tx, h *logHead) error {
		h.Loose = frame.Number
		return nil
	}); err != nil {
		return false, err
	}
	for page := range frame.Pages {
		if err := l.writeFramePage(ctx, before.Number, &frame, page, changes[page]); err != nil {
			return false, err
		}
	}
	return true, l.fenced(ctx, func(tx *store.Tx, h *logHead) error {
		value, err := json.Marshal(frame)
		if err != nil {
			return err
		}
		h.Loose = 0
		h.Frame, h.FrameBytes = max(h.Frame, frame.Number), frame.Bytes
		_, err = tx.SaveRecord(ctx, store.Record{Namespace: spaceFrames, Key: numberKey(frame.Number), Value: value})
		return err
	})
}

// planFrame reads what makes the next keyframe of the one before it; a frame
// of number 0 when there is nothing to make.
func (l *transitionLog) planFrame(
	ctx context.Context, r *store.Reader, enough func(*batchHeader) bool, changes frameChanges,
) (before, frame logFrame, err error) {
	h, _, err := loadHead(ctx, r)
	if err != nil {
		return before, frame, err
	}
	frames, err := loadFrames(ctx, r)
	if err != nil {
		return before, frame, err
	}
	before = latestFrame(frames, func(f *logFrame) bool { return !enough(&batchHeader{batch: f.Batch, first: f.Number, count: 1}) })
	pages := before.Pages
	for scan := scanBatches(r, &h, before.Batch); ; {
		b, err := scan.header(ctx)
		if err != nil || b == nil {
			return before, frame, err
		}
		moves, err := scan.moves(ctx, b)
		if err != nil {
			return before, frame, err
		}
		for i := range moves {
			changes.add(&moves[i])
		}
		if !enough(b) {
			continue
		}
		if slices.ContainsFunc(frames, func(f logFrame) bool { return f.Batch == b.batch }) {
			return before, frame, nil
		}
		for page := range changes {
			pages = max(pages, page+1)
		}
		return before, logFrame{Format: headFormat, Number: b.last(), Batch: b.batch, At: b.lastAt(), Pages: pages}, nil
	}
}

// writeFramePage writes one page of a keyframe: that of the one before with
// the changes since.
func (l *transitionLog) writeFramePage(
	ctx context.Context, before uint64, frame *logFrame, page uint32, changes map[string]map[uint16]bool,
) error {
	members := make(map[string]*memberPage)
	if err := l.aud.View(ctx, func(r *store.Reader) error {
		old, err := loadPage(ctx, r, before, page)
		for _, o := range old {
			members[o.segment] = o.members
		}
		return err
	}); err != nil {
		return err
	}
	for segment, moved := range changes {
		if members[segment] == nil {
			members[segment] = new(memberPage)
		}
		for bit, in := range moved {
			members[segment].set(bit, in)
		}
	}
	var records []store.Record
	for _, segment := range slices.Sorted(maps.Keys(members)) {
		if members[segment].len() == 0 {
			continue
		}
		value := members[segment].encode()
		frame.Bytes += len(value)
		records = append(records, store.Record{Namespace: spacePages, Key: pageKey(frame.Number, page, segment), Value: value})
	}
	for group := range slices.Chunk(records, min(256, l.aud.Limits().BatchItems)) {
		if err := l.fenced(ctx, func(tx *store.Tx, _ *logHead) error {
			_, err := tx.SaveRecords(ctx, group)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// dropFrame lets go of a keyframe. The caller holds mu.
func (l *transitionLog) dropFrame(ctx context.Context, number uint64) error {
	if err := l.dropLoose(ctx); err != nil {
		return err
	}
	if err := l.fenced(ctx, func(tx *store.Tx, h *logHead) error {
		rec, err := tx.LoadRecord(ctx, spaceFrames, numberKey(number))
		if errors.Is(err, audience.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		h.Loose = number
		return tx.DeleteRecord(ctx, spaceFrames, rec.Key, rec.Version)
	}); err != nil {
		return err
	}
	return l.dropLoose(ctx)
}

// dropLoose takes away the pages of a keyframe that is not whole: because
// making it was broken off, or since it was let go.
func (l *transitionLog) dropLoose(ctx context.Context) error {
	if l.head.Loose == 0 {
		return nil
	}
	prefix := numberKey(l.head.Loose) + "/"
	if err := l.deleteRecords(ctx, spacePages, prefix, prefix+"~"); err != nil {
		return err
	}
	return l.fenced(ctx, func(_ *store.Tx, h *logHead) error {
		h.Loose = 0
		return nil
	})
}

// deleteRecords deletes the records of a namespace with a prefix whose keys
// are below a bound, some at a time.
func (l *transitionLog) deleteRecords(ctx context.Context, namespace, prefix, below string) error {
	const limit = 256
	for through := false; !through; {
		if err := l.fenced(ctx, func(tx *store.Tx, _ *logHead) error {
			found, err := tx.Records(ctx, namespace, prefix, "", limit)
			if err != nil {
				return err
			}
			through = len(found) < limit
			for _, rec := range found {
				if rec.Key >= below {
					through = true
					return nil
				}
				if err := tx.DeleteRecord(ctx, namespace, rec.Key, rec.Version); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
