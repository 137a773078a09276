package columns

// memberList is who is on one hand-picked list.
type memberList struct {
	on Presence // contacts as they are now, merged ones under their winner
	// origins are the contacts of lineages with more than one member under
	// whose own ids a membership was written.
	origins map[uint32]struct{}
}

func (l *memberList) write(origin uint32) {
	if l.origins == nil {
		l.origins = make(map[uint32]struct{})
	}
	l.origins[origin] = struct{}{}
}

func (l *memberList) join(t *Table, root uint32) {
	l.on.add(root)
	if t.lineages.isMerged(root) {
		l.write(root)
	}
}

func (l *memberList) leave(members []uint32) {
	l.on.remove(members[0])
	for _, id := range members {
		delete(l.origins, id)
	}
}

// merge is called before the lineages know of the merge.
func (l *memberList) merge(t *Table, winner, loser uint32) {
	either := false
	for _, id := range []uint32{winner, loser} {
		if !l.on.Contains(id) {
			continue
		}
		either = true
		if !t.lineages.isMerged(id) {
			l.write(id)
		}
	}
	l.on.remove(loser)
	l.on.put(winner, either)
}

// unmerge is called when the lineages know of it.
func (l *memberList) unmerge(t *Table, winner, loser uint32) {
	for _, root := range []uint32{winner, loser} {
		members := t.lineages.members(root)
		on := false
		for _, id := range members {
			_, written := l.origins[id]
			on = on || written
		}
		l.on.put(root, on)
		if len(members) == 1 {
			delete(l.origins, root)
		}
	}
}
