package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// lineages tell, for a batch of contacts, under which ids their rows were
// written: their own and those of everybody merged into them. Rows keep the
// id they were written under, so that a merge can be undone exactly; this is
// where reading puts them together.
type lineages struct {
	roots   []audience.ContactID
	origins []audience.ContactID                      // every origin of every root, each once
	root    map[audience.ContactID]audience.ContactID // of each origin
	rank    map[audience.ContactID]int                // of each origin: 0 the root, then in order of the merges
	merges  map[audience.ContactID][]Merge            // by winner, in order
}

func (r *Reader) lineages(ctx context.Context, roots []audience.ContactID) (*lineages, error) {
	l := &lineages{
		roots:   roots,
		origins: slices.Clone(roots),
		root:    make(map[audience.ContactID]audience.ContactID, len(roots)),
	}
	for _, id := range roots {
		l.root[id] = id
	}
	for level := roots; len(level) > 0; {
		merges, err := r.roles.Merges(ctx, level)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, m := range merges {
			if l.merges == nil {
				l.merges = make(map[audience.ContactID][]Merge)
			}
			l.merges[m.Winner] = append(l.merges[m.Winner], m)
			if _, seen := l.root[m.Loser]; seen {
				continue
			}
			l.root[m.Loser] = l.root[m.Winner]
			l.origins = append(l.origins, m.Loser)
			level = append(level, m.Loser)
		}
	}
	if l.merges != nil {
		l.rank = make(map[audience.ContactID]int, len(l.origins))
		for _, id := range roots {
			l.number(id)
		}
	}
	return l, nil
}

// number ranks a contact and everybody merged into her: the winner before
// the loser, an earlier merge before a later one.
func (l *lineages) number(id audience.ContactID) {
	l.rank[id] = len(l.rank)
	for _, m := range l.merges[id] {
		l.number(m.Loser)
	}
}

// originsOf gives the ids under which the rows of one root were written.
func (l *lineages) originsOf(root audience.ContactID) []audience.ContactID {
	out := []audience.ContactID{root}
	if l.merges == nil { // which is mostly so
		return out
	}
	for _, m := range l.merges[root] {
		out = append(out, l.originsOf(m.Loser)...)
	}
	return out
}

// eventsOf gives each root's events in order of type, time and id, without
// those taken back. No types means every type.
func (r *Reader) eventsOf(ctx context.Context, l *lineages, types []string) (map[audience.ContactID][]audience.Event, error) {
	merged := l.merges != nil
	q := EventQuery{Origins: l.origins, Types: types, Retracted: merged}
	if merged || len(types) == 0 {
		q.Types = nil // a revision may have moved an event to another type
	}
	rows, err := r.roles.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make(map[audience.ContactID][]audience.Event, len(l.roots))
	if !merged {
		for start := 0; start < len(rows); {
			end := start + 1
			for end < len(rows) && rows[end].Origin == rows[start].Origin {
				end++
			}
			out[rows[start].Origin] = rows[start:end:end]
			start = end
		}
		return out, nil
	}
	for _, e := range rows {
		root := l.root[e.Origin]
		e.Contact = root
		out[root] = append(out[root], e)
	}
	for root, events := range out {
		out[root] = l.unite(events, types)
	}
	return out, nil
}

// unite leaves of equal ids the one that counts: the higher revision, on a
// tie the winner's.
func (l *lineages) unite(events []audience.Event, types []string) []audience.Event {
	slices.SortFunc(events, func(a, b audience.Event) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		if c := cmp.Compare(b.Revision, a.Revision); c != 0 {
			return c
		}
		return cmp.Compare(l.rank[a.Origin], l.rank[b.Origin])
	})
	events = slices.CompactFunc(events, func(a, b audience.Event) bool { return a.ID == b.ID })
	events = slices.DeleteFunc(events, func(e audience.Event) bool {
		return e.Retracted || len(types) > 0 && !slices.Contains(types, e.Type)
	})
	slices.SortFunc(events, func(a, b audience.Event) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return audience.CompareEvents(a, b)
	})
	return events
}

// historiesOf gives each root's ledger.
func (r *Reader) historiesOf(ctx context.Context, l *lineages) (map[audience.ContactID]audience.History, error) {
	rows, err := r.roles.Ledger(ctx, l.origins)
	if err != nil {
		return nil, err
	}
	chains := make(map[audience.ContactID][]audience.ConsentRecord)
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].Contact == rows[start].Contact {
			end++
		}
		chains[rows[start].Contact] = rows[start:end:end]
		start = end
	}
	out := make(map[audience.ContactID]audience.History, len(l.roots))
	for _, id := range l.roots {
		out[id] = l.history(id, chains)
	}
	return out, nil
}

func (l *lineages) history(id audience.ContactID, chains map[audience.ContactID][]audience.ConsentRecord) audience.History {
	h := audience.History{Records: chains[id]}
	for _, m := range l.merges[id] {
		h.Merged = append(h.Merged, audience.MergedHistory{At: m.At, Seq: m.WinnerSeq, History: l.history(m.Loser, chains)})
	}
	return h
}
