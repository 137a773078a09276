package live

import (
	"io"
	"maps"
	"math"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
)

// savedStanding is what the ledgers gave, so that they need not all be folded
// again.
type savedStanding struct {
	key       string
	pages     [][]uint8  // up to the last that is known
	deadlines []deadline // when it changes by itself, ascending by contact
}

// saveStandings copies the standings, a byte per contact each.
func (c *Core) saveStandings() (out []savedStanding) {
	for _, key := range slices.Sorted(maps.Keys(c.standings)) {
		f := c.standings[key]
		saved := savedStanding{key: key, pages: f.clonePages()}
		c.agenda.Each(f.source, agenda.None, func(id uint32, at int64) {
			saved.deadlines = append(saved.deadlines, deadline{id, at})
		})
		out = append(out, saved)
	}
	return out
}

func (f *standing) clonePages() [][]uint8 {
	out := make([][]uint8, len(f.pages))
	for i, page := range f.pages {
		if page == nil {
			continue
		}
		n := pageSize
		for n > 0 && page[n-1] == 0 {
			n--
		}
		out[i] = slices.Clone(page[:n])
	}
	return out
}

func (s *savedStanding) encode(e *checkpoint.Encoder) {
	e.Text(s.key)
	e.Uint(uint64(len(s.pages)))
	for _, page := range s.pages {
		e.Uint(uint64(len(page)))
		_, _ = e.Write(page) // the encoder never fails
	}
	encodeDeadlines(e, s.deadlines)
}

func decodeStanding(d *checkpoint.Decoder) savedStanding {
	s := savedStanding{key: d.Text(nameMost)}
	for range d.Uint(math.MaxUint32/pageSize + 1) {
		n := d.Uint(pageSize)
		if !d.OK() {
			break
		}
		page := make([]uint8, n)
		if _, err := io.ReadFull(d, page); err != nil {
			break // the decoder's
		}
		for _, v := range page {
			if v > uint8(audience.StatusComplained)+1 {
				d.Fail("a standing that nobody has")
			}
		}
		s.pages = append(s.pages, page)
	}
	s.deadlines = decodeDeadlines(d)
	return s
}

// restoreStandings makes the standings known that were saved.
func (d *Draft) restoreStandings(saved []savedStanding) {
	d.saved = make(map[string]*savedStanding, len(saved))
	for i := range saved {
		d.saved[saved[i].key] = &saved[i]
	}
}

// restore takes over what was saved of a standing.
func (f *standing) restore(c *Core, saved *savedStanding) {
	f.pages = make([]*[pageSize]uint8, min(len(saved.pages), c.table.Presence().Pages()))
	for i := range f.pages {
		if c.table.Presence().Page(i) != nil && len(saved.pages[i]) > 0 {
			f.pages[i] = new([pageSize]uint8)
			copy(f.pages[i][:], saved.pages[i])
		}
	}
	c.agenda.SetMany(entriesOf(f.source, saved.deadlines))
}

func entriesOf(s agenda.Source, deadlines []deadline) []agenda.Entry {
	entries := make([]agenda.Entry, len(deadlines))
	for i, x := range deadlines {
		entries[i] = agenda.Entry{At: x.at, Source: s, Contact: x.id}
	}
	return entries
}
