package segmenttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// Transitioner is what a [System] may be besides: it tells of every change of membership. A [Trial] checks that they add
// up to the members, at the end and at the instants in between; that nobody enters twice or leaves without being in;
// that of one change or of the deadlines of one instant no contact has two in one segment; that numbers have no gaps;
// and that instants do not decrease.
type Transitioner interface {
	// Transitions gives the transitions with higher numbers than after, in order, up to what Members gave last.
	Transitions(ctx context.Context, after uint64) ([]segment.Transition, error)
}

// moves adds transitions up.
type moves struct {
	system  Transitioner
	last    uint64
	at      time.Time // of the comparison before
	members map[membership]bool
}

type membership struct {
	segment string
	contact audience.ContactID
}

func newMoves(x Transitioner) *moves { return &moves{system: x, members: make(map[membership]bool)} }

// check reads what is new and gives how many there are.
func (m *moves) check(ctx context.Context, g *stage, steps int) (int, error) {
	all, err := m.system.Transitions(ctx, m.last)
	if err != nil {
		return 0, err
	}
	now, seen, edges := g.oracle.now, make(map[membership]time.Time), []time.Time(nil)
	for i, x := range all {
		key := membership{x.Segment, x.Contact}
		at, before := seen[key]
		switch {
		case x.Number != m.last+1:
			return 0, m.wrong(g, x, fmt.Sprintf("it has the number %d after %d", x.Number, m.last))
		case x.At.Before(m.at) || i > 0 && x.At.Before(all[i-1].At):
			return 0, m.wrong(g, x, "it is dated before what was known already")
		case x.At.After(now):
			return 0, m.wrong(g, x, "it is dated ahead of the clock")
		case m.members[key] && x.Entered:
			return 0, m.wrong(g, x, "she is in already")
		case !m.members[key] && !x.Entered:
			return 0, m.wrong(g, x, "she is not in")
		case steps == 1 && before && at.Equal(x.At):
			return 0, m.wrong(g, x, "it is the second one of one change")
		}
		if x.At.Before(now) && (len(edges) == 0 || !edges[len(edges)-1].Equal(x.At)) {
			edges = append(edges, x.At)
		}
		m.set(key, x.Entered)
		seen[key], m.last = x.At, x.Number
	}
	if err := m.compare(g); err != nil {
		return 0, err
	}
	if steps == 1 && now.After(m.at) { // nothing but time has passed
		if err := m.between(g, all, edges); err != nil {
			return 0, err
		}
	}
	m.at = now
	return len(all), nil
}

func (m *moves) set(key membership, in bool) {
	if in {
		m.members[key] = true
	} else {
		delete(m.members, key)
	}
}

func (m *moves) wrong(g *stage, x segment.Transition, what string) error {
	verb := "leaves"
	if x.Entered {
		verb = "enters"
	}
	who := g.player.nameOf(x.Contact)
	return &MismatchError{
		Kind: "transitions", Segment: x.Segment, Contact: who,
		Detail: fmt.Sprintf("transition %d: %s %s %s at %s (%s): %s", x.Number, who, verb, x.Segment, instantText(x.At), x.Causes, what),
	}
}

// compare wants the sum to be the members that the reference finds.
func (m *moves) compare(g *stage) error {
	total := 0
	for k, name := range g.oracle.set.Names() {
		for i := range g.oracle.rows {
			id := g.oracle.rows[i].profile.Contact.ID
			if in := g.oracle.rows[i].in[k]; in != m.members[membership{name, id}] {
				return m.sumDiffers(g, name, id, g.oracle.now, in)
			} else if in {
				total++
			}
		}
	}
	if total == len(m.members) {
		return nil
	}
	for key := range m.members { // somebody who is there no more, or a segment that is not
		if ids, ok := g.oracle.members(key.segment); !ok || !slices.Contains(ids, key.contact) {
			return m.sumDiffers(g, key.segment, key.contact, g.oracle.now, false)
		}
	}
	return nil
}

func (m *moves) sumDiffers(g *stage, name string, id audience.ContactID, at time.Time, in bool) error {
	says := "out"
	if in {
		says = "in"
	}
	who := g.player.nameOf(id)
	return &MismatchError{
		Kind: "transitions", Segment: name, Contact: who,
		Detail: fmt.Sprintf("the transitions up to %s do not add up: by the reference %s is %s of %s", instantText(at), who, says, name),
	}
}

// maxBetween is how many instants between two comparisons are looked at.
const maxBetween = 4

// between looks at instants that the clock passed: right before now, so that nothing is dated late, half way, and on and
// right before those at which somebody moved.
func (m *moves) between(g *stage, all []segment.Transition, edges []time.Time) error {
	if len(edges) > maxBetween {
		edges = append(edges[:maxBetween/2:maxBetween/2], edges[len(edges)-maxBetween/2:]...)
	}
	now := g.oracle.now
	instants := []time.Time{now.Add(-time.Microsecond), m.at.Add(now.Sub(m.at) / 2)}
	for _, edge := range edges {
		instants = append(instants, edge.Add(-time.Microsecond), edge)
	}
	for _, at := range instants {
		if at.Before(m.at) {
			continue
		}
		if err := m.sumAt(g, all, audience.FromMicros(audience.Micros(at))); err != nil {
			return err
		}
	}
	return nil
}

// sumAt compares the sum as of an instant with the reference at that instant.
func (m *moves) sumAt(g *stage, all []segment.Transition, at time.Time) error {
	want, err := g.oracle.at(at)
	if err != nil {
		return err
	}
	changed := make(map[membership]bool)
	for _, x := range slices.Backward(all) {
		if x.At.After(at) {
			changed[membership{x.Segment, x.Contact}] = !x.Entered
		}
	}
	for k, name := range g.oracle.set.Names() {
		for i := range g.oracle.rows {
			key := membership{name, g.oracle.rows[i].profile.Contact.ID}
			in, ok := changed[key]
			if !ok {
				in = m.members[key]
			}
			if in != want[i][k] {
				return m.sumDiffers(g, name, key.contact, at, want[i][k])
			}
		}
	}
	return nil
}
