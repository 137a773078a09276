package store

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Commit is one committed transaction in the feed: a tick. States between
// commits do not exist for anybody.
type Commit struct {
	Position Position
	At       time.Time // the instant of the commit, never before that of an earlier one
	Changes  []Change  // at least one, in the order in which they were made
}

// ChangeKind says what a change is about.
type ChangeKind uint8

// The kinds of change. Their number is part of what adapters store.
const (
	ChangeContact     ChangeKind = 1  // After is the contact as it stands now
	ChangeEvent       ChangeKind = 2  // Event is what counts now, Retracted when taken back; Before what it superseded
	ChangeLedger      ChangeKind = 3  // Record was appended; a retraction perhaps to the chain of who was merged into Contact
	ChangeList        ChangeKind = 4  // List was joined or, with Left, left
	ChangeSuppression ChangeKind = 5  // SuppressedFrom is what holds now
	ChangeMerge       ChangeKind = 6  // Other was merged into Contact; After is the winner, Events count no more
	ChangeUnmerge     ChangeKind = 7  // Other was taken out of Contact again; After is the winner, Events count again
	ChangeDelete      ChangeKind = 8  // the contact is gone
	ChangeErase       ChangeKind = 9  // the contact is gone, and every trace of her
	ChangeSchema      ChangeKind = 10 // the schema or the zone changed; Contact is 0
	ChangeRecord      ChangeKind = 11 // a feature announced a change of its own records: List is their namespace; Contact is 0
)

// String gives "contact", "event", "ledger" and so on; "none" for any other.
func (k ChangeKind) String() string {
	switch k {
	case ChangeContact:
		return "contact"
	case ChangeEvent:
		return "event"
	case ChangeLedger:
		return "ledger"
	case ChangeList:
		return "list"
	case ChangeSuppression:
		return "suppression"
	case ChangeMerge:
		return "merge"
	case ChangeUnmerge:
		return "unmerge"
	case ChangeDelete:
		return "delete"
	case ChangeErase:
		return "erase"
	case ChangeSchema:
		return "schema"
	case ChangeRecord:
		return "record"
	}
	return "none"
}

// Change is one thing that a commit changed. It carries what it changed, so
// that a follower never has to read a state newer than its position. Members
// that its kind does not use are zero. Erasing a person leaves of earlier
// changes that held anything of hers what [Change.Blank] says; a contact that
// lives on and lost changes in this way, since she was merged with her for a
// while, gets a contact change in the erasing commit that brings her up to
// date.
type Change struct {
	Kind      ChangeKind
	Contact   audience.ContactID
	Other     audience.ContactID // the loser of a merge
	MergedAt  time.Time          // of a merge: as the fold dates it
	WinnerSeq uint64             // of a merge: records in the winner's own chain by then
	// Events are, of a merge, the events that no longer count, because another
	// one of the same id does; of its undoing those that count again, for
	// winner or loser. Each says under whom it was written (Origin) and, of a
	// merge, whose it was, of its undoing, whose it is (Contact). Those taken
	// back are not among them.
	Events []audience.Event
	After  *audience.Contact
	Event  *audience.Event
	Before *audience.Event
	Record *audience.ConsentRecord
	List   string
	Left   bool
	// SuppressedFrom is that of the profile (zero: not suppressed), with every
	// change that may have changed it; else nil.
	SuppressedFrom *time.Time
	Source         audience.Source
}

// Blank gives what is left of the change once the person in it is erased.
// What a merge says beyond rows and events is nobody's secret, and others need
// it.
func (c Change) Blank() Change {
	return Change{Kind: c.Kind, Contact: c.Contact, Other: c.Other, MergedAt: c.MergedAt, WinnerSeq: c.WinnerSeq}
}

// Concerns reports whether the change holds something of one of the contacts
// chosen: it is about her, she was merged or taken out again in it, or one of
// its events was written under her id.
func (c *Change) Concerns(chosen func(audience.ContactID) bool) bool {
	return chosen(c.Contact) || chosen(c.Other) || c.Event != nil && chosen(c.Event.Origin) || c.Before != nil && chosen(c.Before.Origin) ||
		slices.ContainsFunc(c.Events, func(e audience.Event) bool { return chosen(e.Origin) })
}
