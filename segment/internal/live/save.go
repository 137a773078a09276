package live

import (
	"fmt"
	"math"

	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// Saved is what a checkpoint keeps of the segments of a core, besides the
// columns: all that could only be had again by evaluating. It is of one
// instant and does not change.
type Saved struct {
	segments  []savedSegment
	standings []savedStanding
}

type savedSegment struct {
	name      string
	members   *bitset.Frozen
	deadlines []deadline // of its row-by-row parts, ascending by contact
}

// Save gives the segments as they are. Members are shared until they change;
// deadlines are copied.
func (c *Core) Save() *Saved {
	out := &Saved{}
	for _, s := range c.segments {
		saved := savedSegment{name: s.name, members: s.Freeze()}
		if s.rowwise != 0 {
			c.agenda.Each(s.rowwise, agenda.None, func(id uint32, at int64) {
				saved.deadlines = append(saved.deadlines, deadline{id, at})
			})
		}
		out.segments = append(out.segments, saved)
	}
	out.standings = c.saveStandings()
	return out
}

// Encode writes it, so that [DecodeSaved] makes it again.
func (v *Saved) Encode(e *checkpoint.Encoder) {
	e.Uint(uint64(len(v.segments)))
	for i := range v.segments {
		s := &v.segments[i]
		e.Text(s.name)
		_ = s.members.Set().MarshalTo(e) // the encoder never fails
		encodeDeadlines(e, s.deadlines)
	}
	e.Uint(uint64(len(v.standings)))
	for i := range v.standings {
		v.standings[i].encode(e)
	}
}

func encodeDeadlines(e *checkpoint.Encoder, deadlines []deadline) {
	e.Uint(uint64(len(deadlines)))
	var before deadline
	for _, x := range deadlines {
		e.Uint(uint64(x.id - before.id))
		e.Int(x.at - before.at)
		before = x
	}
}

func decodeDeadlines(d *checkpoint.Decoder) (deadlines []deadline) {
	var x deadline
	for range d.Uint(math.MaxUint32) {
		if !d.OK() {
			break
		}
		x.id += uint32(d.Uint(math.MaxUint32))
		x.at += d.Int()
		deadlines = append(deadlines, x)
	}
	return deadlines
}

const nameMost = 1 << 16 // bytes of the name of a segment

// DecodeSaved reads what [Saved.Encode] wrote. What does not fit is the
// decoder's error.
func DecodeSaved(d *checkpoint.Decoder) *Saved {
	v := &Saved{}
	for range d.Uint(math.MaxUint32) {
		if !d.OK() {
			break
		}
		s := savedSegment{name: d.Text(nameMost)}
		set, err := bitset.ReadSet(d, math.MaxUint32)
		if err != nil {
			d.Fail("no set")
			break
		}
		var members bitset.Live
		members.Load(set)
		s.members = members.Freeze()
		s.deadlines = decodeDeadlines(d)
		v.segments = append(v.segments, s)
	}
	for range d.Uint(math.MaxUint32) {
		if !d.OK() {
			break
		}
		v.standings = append(v.standings, decodeStanding(d))
	}
	return v
}

// Restore makes the segments of a core that has none those that were saved, as
// of the core's clock, without evaluating them. What follows from the columns
// is found anew: orders, cursors, what is ahead. It is an error when
// the definitions are not of the segments that were saved, or contacts are
// members who do not exist; the core is of no use then.
func (c *Core) Restore(defs []Definition, saved *Saved) error {
	byName := make(map[string]*savedSegment, len(saved.segments))
	for i := range saved.segments {
		byName[saved.segments[i].name] = &saved.segments[i]
	}
	if len(byName) != len(defs) || len(byName) != len(saved.segments) {
		return fmt.Errorf("%d segments were saved of %d", len(saved.segments), len(defs))
	}
	d, err := c.begun(defs, nil, saved.standings)
	if err != nil {
		return err
	}
	for _, s := range d.dirty {
		w := byName[s.name]
		if w == nil {
			return fmt.Errorf("segment %q was not saved", s.name)
		}
		fresh := &drafted{deadlines: w.deadlines}
		for page := range w.members.Pages() {
			in, err := c.savedPage(w, page)
			if err != nil {
				return err
			}
			fresh.fresh = append(fresh.fresh, in)
		}
		d.scratch[s] = fresh
	}
	d.Publish()
	return nil
}

func (c *Core) savedPage(s *savedSegment, page int) (*words, error) {
	var scratch bitset.Words
	members := s.members.Page(page, &scratch)
	if members == nil {
		return nil, nil
	}
	in := words(*members)
	there := c.table.Presence().Page(page)
	for i, w := range in {
		if there == nil || w&^there[i] != 0 {
			return nil, fmt.Errorf("segment %q has members that do not exist", s.name)
		}
	}
	return &in, nil
}
