package columns

import "slices"

// lineages tell who was merged into whom. They are few beside the contacts.
type lineages struct {
	winner map[uint32]uint32  // of each loser
	merges map[uint32][]merge // by winner, in order
}

// merge is one that stands.
type merge struct {
	loser  uint32
	at     int64
	seq    uint64 // records in the winner's chain at the merge
	hidden bool   // events may not count because of it
}

// root gives who stands for a contact: herself unless she was merged.
func (l *lineages) root(id uint32) uint32 {
	for range len(l.winner) {
		w, ok := l.winner[id]
		if !ok {
			break
		}
		id = w
	}
	return id
}

// isMerged reports whether others were merged into the contact, or she into
// another one.
func (l *lineages) isMerged(id uint32) bool {
	if len(l.winner) == 0 {
		return false
	}
	_, lost := l.winner[id]
	return lost || len(l.merges[id]) > 0
}

// members gives a contact and everybody merged into her.
func (l *lineages) members(id uint32) []uint32 {
	out := []uint32{id}
	for i := 0; i < len(out); i++ {
		for _, m := range l.merges[out[i]] {
			out = append(out, m.loser)
		}
	}
	return out
}

// hides reports whether events of a contact may not count because of others.
func (l *lineages) hides(id uint32) bool {
	for _, m := range l.merges[id] {
		if m.hidden || l.hides(m.loser) {
			return true
		}
	}
	return false
}

// attach records a merge. It reports false when the feed cannot mean it: the
// loser was merged already, or the winner into her.
func (l *lineages) attach(winner uint32, m merge) bool {
	if _, ok := l.winner[m.loser]; ok || l.root(winner) == m.loser {
		return false
	}
	if l.winner == nil {
		l.winner, l.merges = make(map[uint32]uint32), make(map[uint32][]merge)
	}
	l.winner[m.loser] = winner
	l.merges[winner] = append(l.merges[winner], m)
	return true
}

// detach undoes a merge.
func (l *lineages) detach(winner, loser uint32) bool {
	if w, ok := l.winner[loser]; !ok || w != winner {
		return false
	}
	delete(l.winner, loser)
	rest := slices.DeleteFunc(l.merges[winner], func(m merge) bool { return m.loser == loser })
	if len(rest) == 0 {
		delete(l.merges, winner)
	} else {
		l.merges[winner] = rest
	}
	return true
}

// forget drops everybody of a lineage.
func (l *lineages) forget(members []uint32) {
	for _, id := range members {
		delete(l.winner, id)
		delete(l.merges, id)
	}
}

// Merges visits everybody who was merged into somebody, with whom.
func (t *Table) Merges(visit func(loser, winner uint32)) {
	for loser, winner := range t.lineages.winner {
		visit(loser, winner)
	}
}
