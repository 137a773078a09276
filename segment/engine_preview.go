package segment

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// PreviewOptions configures [Engine.Preview].
type PreviewOptions struct {
	Sample int // how many contacts to pick, at most 10,000; 0: none
}

const maxSample = 10_000

// Preview is who an expression would be true for.
type Preview struct {
	Members  Members
	Of       int            // contacts there are
	At       time.Time      // the instant of the engine
	Position store.Position // the position of the engine

	// Sample are some of the members in ascending order: the same ones for the
	// same members, and mostly the same ones for nearly the same members.
	Sample []audience.ContactID
	// Loaded says which columns had to be read from the store for it.
	Loaded []string
	Plan   *Plan
}

// Preview finds out who an expression is true for now, without making a
// segment of it. It may name live segments with inSegment. The answer is
// exact.
//
// Columns that live segments do not read are loaded from the store first,
// which takes as long as reading all contacts; [Preview.Loaded] names them.
// They stay until something is applied, so that the next preview of the kind
// is fast.
//
// Errors: a [*CompileError]; those of [Moment.Match]; [Engine.Err]; the
// store's; the context's.
func (e *Engine) Preview(ctx context.Context, expression string, opts PreviewOptions) (*Preview, error) {
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return nil, err
	}
	language, err := LanguageOf(e.aud, Options{Limits: e.opts.Limits, Functions: e.opts.Functions})
	if err != nil {
		return nil, err
	}
	compiled, err := language.compile(expression, append([]string{}, e.set.Names()...)) // none is not nil: there is a set
	if err != nil {
		return nil, err
	}
	have := e.state.Load().core.Table().Needs()
	loaded, err := e.loadColumns(ctx, live.NeedsOf(compiled.program))
	if err != nil {
		return nil, err
	}
	p := &Preview{Loaded: loaded, Plan: compiled.plan(&have)}
	return p, e.preview(p, compiled, min(opts.Sample, maxSample))
}

func (e *Engine) preview(p *Preview, compiled *Expression, sample int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(audience.Micros(e.aud.Now())); err != nil {
		return err
	}
	core := e.state.Load().core
	draft, err := core.Preview(live.Definition{Program: compiled.program, Names: compiled.names})
	if err != nil {
		return err
	}
	defer draft.Drop()
	var members bitset.Builder
	picked := sampler{most: sample}
	draft.Members("", func(id uint32) bool {
		members.Add(id)
		picked.offer(id)
		return true
	})
	p.Members = Members{ids: members.Build(), audience: e.position.Incarnation()}
	p.Of, p.At, p.Position, p.Sample = core.Table().Len(), audience.FromMicros(core.Now()), e.position, picked.sorted()
	return nil
}

// sampler picks those whose mixed number is least, which is as good as by
// chance and always the same.
type sampler struct {
	most   int
	picked mixedIDs
}

func (s *sampler) offer(id uint32) {
	m := mixedID{mix(id), id}
	switch {
	case s.most <= 0:
	case len(s.picked) < s.most:
		heap.Push(&s.picked, m)
	case m.mixed < s.picked[0].mixed:
		s.picked[0] = m
		heap.Fix(&s.picked, 0)
	}
}

func (s *sampler) sorted() []audience.ContactID {
	out := make([]audience.ContactID, 0, len(s.picked))
	for _, m := range s.picked {
		out = append(out, audience.ContactID(m.id))
	}
	slices.Sort(out)
	return out
}

type mixedID struct {
	mixed uint64
	id    uint32
}

// mixedIDs is a heap with the greatest first.
type mixedIDs []mixedID

func (h mixedIDs) Len() int           { return len(h) }
func (h mixedIDs) Less(i, j int) bool { return h[i].mixed > h[j].mixed }
func (h mixedIDs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *mixedIDs) Push(x any)        { *h = append(*h, x.(mixedID)) }

func (h *mixedIDs) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// mix spreads numbers over all 64 bits, each to one of its own: the finalizer
// of splitmix64.
func mix(id uint32) uint64 {
	x := uint64(id) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
