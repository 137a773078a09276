package segment

import (
	"context"
	"errors"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// logFold is one segment's members after some transition.
type logFold struct {
	base  bitset.Set
	moved map[uint32]bool // in or out whatever the base says
	count int
}

// apply makes a transition true and reports whether that changed anything. It
// may not: what came before it may have been erased.
func (f *logFold) apply(contact uint32, entered bool) bool {
	in, known := f.moved[contact]
	if !known {
		in = f.base.Contains(contact)
	}
	if in == entered {
		return false
	}
	f.moved[contact] = entered
	if entered {
		f.count++
	} else {
		f.count--
	}
	return true
}

func (f *logFold) set() bitset.Set {
	var in, out bitset.Builder
	for contact, entered := range f.moved {
		if entered {
			in.Add(contact)
		} else {
			out.Add(contact)
		}
	}
	return f.base.AndNot(out.Build()).Or(in.Build())
}

// membersAt gives the members of a segment at an instant as they were
// believed to be then: the fold of all transitions up to it, in order of
// their numbers. What became known later changes the members from then on and
// never before. Erased contacts are left out. An instant from before what the
// log keeps is a [*TrimmedError]; one ahead of the log gives its last members.
func (l *transitionLog) membersAt(ctx context.Context, segment string, at time.Time) (m Members, err error) {
	err = l.aud.View(ctx, func(r *store.Reader) error {
		h, _, err := loadHead(ctx, r)
		if err != nil {
			return err
		}
		f, _, err := foldAt(ctx, r, &h, segment, audience.Micros(at))
		if err != nil {
			return err
		}
		m.ids = f.set()
		m.audience, err = incarnation(ctx, r)
		return err
	})
	if err != nil {
		return Members{}, err
	}
	return m, nil
}

// membersNow gives the members of a segment where the log stands.
func (l *transitionLog) membersNow(ctx context.Context, segment string) (Members, error) {
	return l.membersAt(ctx, segment, audience.MaxInstant())
}

// foldAt folds up to an instant and gives the scan that is in front of the
// first batch that was not read to its end, with what is left of that.
func foldAt(ctx context.Context, r *store.Reader, h *logHead, segment string, at int64) (*logFold, *foldRest, error) {
	if rule, hint := checkName(segment); rule != "" {
		return nil, nil, &audience.FieldError{Path: "segment", Rule: rule, Hint: hint}
	}
	frames, err := loadFrames(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	frame := latestFrame(frames, func(f *logFrame) bool { return f.At <= at })
	if frame.Number+1 < h.FirstNumber {
		return nil, nil, &TrimmedError{Oldest: h.FirstNumber}
	}
	f := &logFold{moved: make(map[uint32]bool)}
	if f.base, err = loadFrameSet(ctx, r, &frame, segment); err != nil {
		return nil, nil, err
	}
	f.count = f.base.Len()
	rest := &foldRest{scan: scanBatches(r, h, frame.Batch), segment: segment}
	return f, rest, rest.each(ctx, at, func(t *Transition) { f.apply(uint32(t.Contact), t.Entered) })
}

// foldRest is the transitions of one segment that are not folded yet.
type foldRest struct {
	scan    *batchScan
	segment string
	ahead   []Transition
}

// each visits the transitions up to an instant that were not visited yet.
func (f *foldRest) each(ctx context.Context, at int64, visit func(*Transition)) error {
	for {
		for i := range f.ahead {
			t := &f.ahead[i]
			if audience.Micros(t.At) > at {
				f.ahead = f.ahead[i:]
				return nil
			}
			if t.Segment == f.segment {
				visit(t)
			}
		}
		f.ahead = nil
		b, err := f.scan.header(ctx)
		if err != nil || b == nil {
			return err
		}
		if f.ahead, err = f.scan.moves(ctx, b); err != nil {
			return err
		}
	}
}

// loadFrameSet gives one segment's members in a keyframe, without those who
// were erased.
func loadFrameSet(ctx context.Context, r *store.Reader, frame *logFrame, segment string) (bitset.Set, error) {
	var b bitset.Builder
	for page := range frame.Pages {
		rec, err := r.LoadRecord(ctx, spacePages, pageKey(frame.Number, page, segment))
		if errors.Is(err, audience.ErrNotFound) {
			continue
		}
		if err != nil {
			return bitset.Set{}, err
		}
		members, err := decodePage(rec.Value)
		if err != nil {
			return bitset.Set{}, err
		}
		erased, err := erasedAmong(ctx, r, page, members)
		if err != nil {
			return bitset.Set{}, err
		}
		members.andNot(erased)
		addPage(&b, page, members)
	}
	return b.Build(), nil
}

func addPage(b *bitset.Builder, page uint32, members *memberPage) {
	ids := make([]uint32, 0, members.len())
	for bit := range members.all() {
		ids = append(ids, page<<16|uint32(bit))
	}
	b.AddMany(ids)
}

// foldAll gives the members of every segment that has any where the log
// stands: what a writer that was rebuilt continues from.
func (l *transitionLog) foldAll(ctx context.Context) (sets map[string]bitset.Set, err error) {
	err = l.aud.View(ctx, func(r *store.Reader) error {
		h, _, err := loadHead(ctx, r)
		if err != nil {
			return err
		}
		sets, err = foldAllAt(ctx, r, &h)
		return err
	})
	return sets, err
}

func foldAllAt(ctx context.Context, r *store.Reader, h *logHead) (map[string]bitset.Set, error) {
	frames, err := loadFrames(ctx, r)
	if err != nil {
		return nil, err
	}
	frame := latestFrame(frames, func(*logFrame) bool { return true })
	if frame.Number+1 < h.FirstNumber {
		return nil, errDamaged("keyframe")
	}
	builders := make(map[string]*bitset.Builder)
	for page := range frame.Pages {
		segments, err := loadPage(ctx, r, frame.Number, page)
		if err != nil {
			return nil, err
		}
		erased, err := erasedAmong(ctx, r, page, unionOf(segments))
		if err != nil {
			return nil, err
		}
		for _, s := range segments {
			if builders[s.segment] == nil {
				builders[s.segment] = new(bitset.Builder)
			}
			s.members.andNot(erased)
			addPage(builders[s.segment], page, s.members)
		}
	}
	folds := make(map[string]*logFold)
	for segment, b := range builders {
		folds[segment] = &logFold{base: b.Build(), moved: make(map[uint32]bool)}
	}
	for scan := scanBatches(r, h, frame.Batch); ; {
		b, err := scan.header(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		moves, err := scan.moves(ctx, b)
		if err != nil {
			return nil, err
		}
		for _, m := range moves {
			if folds[m.Segment] == nil {
				folds[m.Segment] = &logFold{moved: make(map[uint32]bool)}
			}
			folds[m.Segment].apply(uint32(m.Contact), m.Entered)
		}
	}
	out := make(map[string]bitset.Set)
	for segment, f := range folds {
		if set := f.set(); set.Len() > 0 {
			out[segment] = set
		}
	}
	return out, nil
}
