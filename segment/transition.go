package segment

import (
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Causes says why contacts changed segments in one tick. A tick of one change
// has one cause; a tick of several has all of them.
type Causes uint16

// The causes. The bits are those of the live core and are stored: they never change.
const (
	CauseEvent      Causes = 1 << iota // an event was recorded
	CauseField                         // a field of the contact changed
	CauseList                          // a list was joined or left
	CauseLedger                        // the consent ledger changed
	CauseTime                          // time passed
	CauseDefinition                    // a segment was defined, changed or retired
	CauseMerge                         // contacts were merged or separated
	CauseErasure                       // the contact was deleted or erased
	CauseRebuild                       // found while rebuilding: the reason is not known any more

	causesAll = CauseRebuild<<1 - 1
)

// Has reports whether every one of the causes is among them; of none it is true.
func (c Causes) Has(causes Causes) bool { return c&causes == causes }

// String gives the names in a fixed order, time last, such as "event+time".
func (c Causes) String() string {
	ordered := [...]struct {
		cause Causes
		name  string
	}{
		{CauseEvent, "event"},
		{CauseField, "field"},
		{CauseList, "list"},
		{CauseLedger, "ledger"},
		{CauseDefinition, "definition"},
		{CauseMerge, "merge"},
		{CauseErasure, "erasure"},
		{CauseRebuild, "rebuild"},
		{CauseTime, "time"},
	}
	var found []string
	for _, o := range ordered {
		if c.Has(o.cause) {
			found = append(found, o.name)
		}
	}
	if c&^causesAll != 0 {
		found = append(found, "unknown")
	}
	if len(found) == 0 {
		return "none"
	}
	return strings.Join(found, "+")
}

// Transition is one contact's entering or leaving of one segment. It holds no
// personal data: the contact is a number.
type Transition struct {
	Number  uint64 // its place in the log, from 1; erasing somebody leaves gaps, nothing else does
	Segment string
	Contact audience.ContactID
	Entered bool // false: left
	At      time.Time
	Causes  Causes
}

// tick is what the engine hands to the log: the moves of one instant, after
// which the sets are those of position and at.
type tick struct {
	at       int64          // microseconds
	position store.Position // covered up to here
	moves    []move         // ascending by segment, then contact
	erased   []uint32       // contacts whose erasure it covers, and who had been merged into them
}

// move is one change of membership in a tick.
type move struct {
	segment string
	contact uint32
	entered bool
	causes  Causes
}
