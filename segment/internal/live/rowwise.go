package live

import (
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// rowwise is a condition that is evaluated row by row, with the reference
// evaluator.
type rowwise struct {
	atom   *celenv.Atom
	moment *celenv.Moment // at the instant at
	at     int64
	want   celenv.Truth // True, or False under a negation
	named  []namedSegment
}

// namedSegment is a segment that a program knows by its place.
type namedSegment struct {
	place   int
	segment *Segment
}

func (n *rowwise) holds(c *Core, id uint32) bool {
	if n.moment == nil {
		n.moment, n.at = n.atom.Program.At(audience.FromMicros(c.now)), c.now
	} else if n.at != c.now {
		n.atom.Program.AtInto(n.moment, audience.FromMicros(c.now))
		n.at = c.now
	}
	for _, s := range n.named {
		c.member(s.place, c.isMember(s.segment, id))
	}
	c.seek(id)
	t, until, err := n.moment.TruthUntil(c.row, c.members)
	if err != nil {
		if c.failed == nil {
			c.failed = fmt.Errorf("contact %s: %w", audience.ContactID(id), err)
		}
		return false
	}
	if until < horizon {
		c.until = min(c.until, until)
	}
	return t == n.want
}

func (n *rowwise) filter(c *Core, page int, in *words) {
	filterOneByOne(page, in, func(id uint32) bool {
		c.until = never
		holds := n.holds(c, id)
		if c.draft != nil && c.until != never {
			c.draft.deadline(id, c.until)
		}
		return holds
	})
}

func (*rowwise) price() int              { return 2000 }
func (n *rowwise) each(visit func(node)) { visit(n) }

// member tells the program under way about a segment.
func (c *Core) member(place int, in bool) {
	for len(c.members) <= place {
		c.members = append(c.members, false)
	}
	c.members[place] = in
}

// seek puts the row on a contact; one that is there already and unchanged
// stays.
func (c *Core) seek(id uint32) {
	if c.rowOf == id && c.rowAt == c.changes {
		return
	}
	c.row.Seek(id)
	c.rowOf, c.rowAt = id, c.changes
}
