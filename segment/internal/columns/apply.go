package columns

import (
	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Apply brings the table from the state before a change to that after it.
// Changes come in the order of the feed, each once. What an erasure emptied
// changes nothing that is known; see [Table.Doubtful].
//
// The only error is [audience.ErrFull], when 65,536 contacts have more than
// 2^32 rows of one column; the table is of no use then.
func (t *Table) Apply(ch *store.Change) error {
	id := uint32(ch.Contact)
	switch ch.Kind {
	case store.ChangeContact:
		if ch.After != nil {
			t.put(id, ch.After)
		}
	case store.ChangeEvent:
		return t.applyEvent(ch)
	case store.ChangeLedger:
		if ch.Record == nil {
			t.doubtOthers(id, t.ledger != nil)
		} else if t.ledger != nil {
			if err := t.ledger.append(uint32(ch.Record.Contact), *ch.Record); err != nil { // perhaps one who was merged into her
				return err
			}
		}
	case store.ChangeList:
		t.applyList(ch)
	case store.ChangeMerge:
		if err := t.applyMerge(ch); err != nil {
			return err
		}
	case store.ChangeUnmerge:
		if err := t.applyUnmerge(ch); err != nil {
			return err
		}
	case store.ChangeDelete, store.ChangeErase:
		t.forget(id)
	default: // a schema is not followed, and suppressions come below
	}
	t.putSuppressed(id, ch.SuppressedFrom)
	return nil
}

// counting gives the event if it counts.
func counting(e *audience.Event) *audience.Event {
	if e == nil || e.Retracted {
		return nil
	}
	return e
}

func (t *Table) applyEvent(ch *store.Change) error {
	id := uint32(ch.Contact)
	if ch.Event == nil {
		t.doubtOthers(id, len(t.streams) > 0)
		return nil
	}
	before, after := counting(ch.Before), counting(ch.Event)
	if before != nil && after != nil && before.Type == after.Type {
		if s := t.Stream(after.Type); s != nil && s.same(before, after) {
			return nil
		}
	}
	t.removeEvent(id, before)
	return t.insertEvent(id, after)
}

func (t *Table) removeEvent(id uint32, e *audience.Event) {
	if e == nil {
		return
	}
	if s := t.Stream(e.Type); s != nil && !s.remove(id, e) {
		t.doubt(id)
	}
}

func (t *Table) insertEvent(id uint32, e *audience.Event) error {
	if e == nil {
		return nil
	}
	if s := t.Stream(e.Type); s != nil {
		return s.insert(id, e)
	}
	return nil
}

// doubtOthers is called for a change that was emptied: when the contact has
// others in her, it may have been about one of them.
func (t *Table) doubtOthers(id uint32, needed bool) {
	if needed && t.lineages.isMerged(id) {
		t.doubt(t.lineages.members(id)...)
	}
}

func (t *Table) applyList(ch *store.Change) {
	id := uint32(ch.Contact)
	if ch.List == "" {
		t.doubtOthers(id, len(t.lists) > 0)
		return
	}
	l := t.list(ch.List)
	switch {
	case l == nil:
	case ch.Left:
		l.leave(t.lineages.members(id))
	default:
		l.join(t, id)
	}
}

func (t *Table) applyMerge(ch *store.Change) error {
	winner, loser := uint32(ch.Contact), uint32(ch.Other)
	m := merge{loser: loser, at: audience.Micros(ch.MergedAt), seq: ch.WinnerSeq, hidden: len(ch.Events) > 0}
	if _, lost := t.lineages.winner[loser]; lost || t.lineages.root(winner) != winner || winner == loser {
		t.doubt(winner, loser)
		return nil
	}
	for i := range ch.Events {
		e := &ch.Events[i]
		t.removeEvent(t.lineages.root(uint32(e.Origin)), counting(e))
	}
	if ch.After == nil && t.bothHaveEvents(winner, loser) {
		m.hidden = true // perhaps: it does not say any more
		t.doubt(winner, loser)
	}
	for _, l := range t.lists {
		l.merge(t, winner, loser)
	}
	for _, s := range t.streams {
		if err := s.merge(winner, loser); err != nil {
			return err
		}
	}
	t.lineages.attach(winner, m)
	t.clearContact(loser)
	if ch.After != nil {
		t.put(winner, ch.After)
	}
	return nil
}

func (t *Table) bothHaveEvents(a, b uint32) bool {
	for _, s := range t.streams {
		if s.Len(a) > 0 && s.Len(b) > 0 {
			return true
		}
	}
	return false
}

func (t *Table) applyUnmerge(ch *store.Change) error {
	winner, loser := uint32(ch.Contact), uint32(ch.Other)
	if ch.After == nil && len(t.streams) > 0 && t.lineages.hides(winner) {
		t.doubt(t.lineages.members(winner)...)
	}
	if !t.lineages.detach(winner, loser) {
		t.doubt(winner, loser)
		return nil
	}
	origins := t.lineages.members(loser)
	for _, s := range t.streams {
		if err := s.unmerge(winner, loser, origins, t.lineages.isMerged(winner)); err != nil {
			return err
		}
	}
	for i := range ch.Events {
		e := &ch.Events[i]
		if err := t.insertEvent(t.lineages.root(uint32(e.Origin)), counting(e)); err != nil {
			return err
		}
	}
	for _, l := range t.lists {
		l.unmerge(t, winner, loser)
	}
	if ch.After != nil {
		t.put(winner, ch.After)
	}
	return nil
}

// forget drops a contact and everybody merged into her.
func (t *Table) forget(id uint32) {
	members := t.lineages.members(id)
	for _, s := range t.streams {
		s.forget(id)
	}
	for _, l := range t.lists {
		l.leave(members)
	}
	for _, m := range members {
		if t.ledger != nil {
			t.ledger.forget(m)
		}
		delete(t.doubtful, m)
	}
	t.lineages.forget(members)
	t.clearContact(id)
}
