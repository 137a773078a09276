package segment

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// Snapshot is the members of segments at one instant and one position of the
// feed: what belongs together, whatever happens meanwhile. It is immutable and
// safe for concurrent use; reading it never waits. The zero Snapshot has no
// segments.
type Snapshot struct {
	At       time.Time
	Position store.Position

	names []string
	sets  []*bitset.Frozen
}

// Snapshot takes a snapshot of some segments, of all without any name, at the
// clock's instant. It copies no members: pages of them are shared until they
// change. Names of no segment are left out.
func (e *Engine) Snapshot(names ...string) *Snapshot {
	if e.opened() != nil {
		return &Snapshot{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.settleLocked(audience.Micros(e.aud.Now()))
	core := e.state.Load().core
	s := &Snapshot{At: audience.FromMicros(core.Now()), Position: e.position}
	if len(names) == 0 {
		names = e.set.Names()
	}
	names = slices.Clone(names)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if found := core.Segment(name); found != nil {
			s.names = append(s.names, name)
			s.sets = append(s.sets, found.Freeze())
		}
	}
	return s
}

// Names gives the names of the segments in the snapshot, sorted bytewise.
func (s *Snapshot) Names() []string { return slices.Clone(s.names) }

// Members gives who is in a segment; false when the snapshot does not have it.
func (s *Snapshot) Members(name string) (Members, bool) {
	i, ok := slices.BinarySearch(s.names, name)
	if !ok {
		return Members{}, false
	}
	return Members{ids: s.sets[i].Set(), audience: s.Position.Incarnation()}, true
}

// Contains reports whether a contact is in a segment of the snapshot. It
// allocates nothing.
func (s *Snapshot) Contains(name string, id audience.ContactID) bool {
	i, ok := slices.BinarySearch(s.names, name)
	return ok && s.sets[i].Contains(uint32(id))
}

// Len gives how many are in a segment of the snapshot.
func (s *Snapshot) Len(name string) int {
	i, ok := slices.BinarySearch(s.names, name)
	if !ok {
		return 0
	}
	return s.sets[i].Len()
}
