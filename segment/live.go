package segment

import (
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// Live is a live segment: what a host asks, once it has it, as often as it
// likes. It stays good when the segment is defined anew, and is empty once it
// is retired. It is safe for concurrent use.
type Live struct {
	engine *Engine
	name   string
	found  atomic.Pointer[foundSegment]
}

// foundSegment is the segment in one core, nil in it when there is none.
type foundSegment struct {
	state   *engineState
	segment *live.Segment
}

// Segment gives a live segment; [audience.ErrNotFound] when there is none of
// the name.
func (e *Engine) Segment(name string) (*Live, error) {
	s := e.state.Load()
	e.mu.Lock()
	found := s.core.Segment(name)
	e.mu.Unlock()
	if found == nil {
		return nil, &audience.NotFoundError{Kind: "segment", Name: name}
	}
	l := &Live{engine: e, name: name}
	l.found.Store(&foundSegment{s, found})
	return l, nil
}

// Name gives the segment's name.
func (l *Live) Name() string { return l.name }

// Has reports whether the contact that a Ref names is a member now. It is
// false for strangers, and for a Ref of a kind that [EngineOptions.Index] does
// not name. It allocates nothing.
func (l *Live) Has(ref audience.Ref) bool {
	id, ok := l.engine.refs.find(ref)
	return ok && l.Contains(id)
}

// Contains reports whether a contact is a member now. The id of a contact that
// was merged into another one names that one. It allocates nothing.
//
// A call with nothing due never waits. Otherwise it lets happen what is due,
// or waits for who does.
func (l *Live) Contains(id audience.ContactID) bool {
	s := l.segment(l.engine.settle())
	return s != nil && s.Contains(uint32(l.engine.refs.current(id)))
}

// Len gives the number of members now. It allocates nothing.
func (l *Live) Len() int {
	s := l.segment(l.engine.settle())
	if s == nil {
		return 0
	}
	return s.Len()
}

// Members gives the members now. It is [Engine.Snapshot] of this segment.
func (l *Live) Members() Members {
	m, _ := l.engine.Snapshot(l.name).Members(l.name)
	return m
}

// segment finds the segment in the core that is current.
func (l *Live) segment(s *engineState) *live.Segment {
	f := l.found.Load()
	if f.state == s {
		return f.segment
	}
	l.engine.mu.Lock()
	f = &foundSegment{s, s.core.Segment(l.name)}
	l.engine.mu.Unlock()
	l.found.Store(f)
	return f.segment
}
