package segment

import (
	"runtime"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// Live is a live segment: what a host asks, once it has it, as often as it
// likes. It stays good when the segment is defined anew, and is empty once it
// is retired. It is safe for concurrent use. The zero Live, and a nil one, have
// no members.
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
	if err := e.opened(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	s := e.state.Load()
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
func (l *Live) Name() string {
	if l == nil {
		return ""
	}
	return l.name
}

// isEmpty reports whether it is of no engine.
func (l *Live) isEmpty() bool { return l == nil || l.engine == nil }

// Has reports whether the contact that a Ref names is a member now. It is
// false for strangers, and for a Ref of a kind that [EngineOptions.Index] does
// not name. It allocates nothing.
func (l *Live) Has(ref audience.Ref) bool {
	if l.isEmpty() {
		return false
	}
	for {
		s, r := l.begin()
		id, in := l.engine.refs.find(ref)
		in = in && s != nil && s.Contains(uint32(l.engine.refs.current(id)))
		if r.isGood() {
			return in
		}
	}
}

// Contains reports whether a contact is a member now. The id of a contact that
// was merged into another one names that one. It allocates nothing.
//
// A call with nothing due waits for nobody, but for the moment in which what a
// tick changed becomes visible. Otherwise it lets happen what is due, or waits
// for who does.
func (l *Live) Contains(id audience.ContactID) bool {
	if l.isEmpty() {
		return false
	}
	for {
		s, r := l.begin()
		in := s != nil && s.Contains(uint32(l.engine.refs.current(id)))
		if r.isGood() {
			return in
		}
	}
}

// Len gives the number of members now. It allocates nothing.
func (l *Live) Len() int {
	if l.isEmpty() {
		return 0
	}
	for {
		s, r := l.begin()
		n := 0
		if s != nil {
			n = s.Len()
		}
		if r.isGood() {
			return n
		}
	}
}

// Members gives the members now. It is [Engine.Snapshot] of this segment.
func (l *Live) Members() Members {
	if l.isEmpty() {
		return Members{}
	}
	m, _ := l.engine.Snapshot(l.name).Members(l.name)
	return m
}

// reading is a look at a core at an instant and a version of it.
type reading struct {
	state   *engineState
	now     int64
	version uint64
}

// begin lets happen what is due and begins a read.
func (l *Live) begin() (*live.Segment, reading) {
	s, now := l.engine.settle()
	found := l.segment(s)
	return found, reading{s, now, s.core.Version()}
}

// isGood reports whether what was read since begin belongs together, and still
// holds at the instant: a commit that is applied late may bring what is over by
// then.
func (r *reading) isGood() bool {
	core := r.state.core
	if r.now < core.Earliest() && r.version&1 == 0 && core.Version() == r.version {
		return true
	}
	runtime.Gosched()
	return false
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
