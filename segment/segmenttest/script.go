package segmenttest

import (
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Script is a parsed script: what an audience is opened with and what happens to it, in order. A Script is not changed
// by playing it.
type Script struct {
	File   string
	Zone   *time.Location
	Start  time.Time            // what the clock shows at first
	Schema audience.Schema      // what the script declares
	Given  []segment.Definition // segments that it has from elsewhere
	Steps  []Step
}

// Step is one statement of a script.
type Step struct {
	Line int    // where it begins, from 1
	Text string // its first line, for messages
	// Refused is the category of errors that the action must be refused with; nil: it must succeed.
	Refused error
	Do      Action
}

// Action is what a statement does: one of the types below.
//
// Contacts are named by the host's own key: the contact ann of a script is [audience.Key]("ann").
type Action interface{ action() }

// What scripts do to an audience. Each is one commit.
type (
	// Advance sets the clock, never back.
	Advance struct{ To time.Time }
	// Put creates or changes the contact of the name.
	Put struct {
		Name  string
		Write audience.ContactWrite
	}
	// Append stores, revises or retracts an event.
	Append struct{ Write audience.EventWrite }
	// Record appends to the ledger. A retraction is about the chain of whoever the name was last given to.
	Record struct{ Write audience.ConsentWrite }
	// Suppress suppresses an address or lifts that.
	Suppress struct{ Write store.SuppressionWrite }
	// AddToList puts contacts on a hand-picked list.
	AddToList struct {
		List  string
		Names []string
	}
	// RemoveFromList takes contacts off a hand-picked list.
	RemoveFromList struct {
		List  string
		Names []string
	}
	// Merge merges a contact into another one.
	Merge struct{ Winner, Loser string }
	// Unmerge takes a contact out of the one it was merged into.
	Unmerge struct{ Loser string }
	// Delete deletes a contact.
	Delete struct{ Name string }
	// Erase erases a contact.
	Erase struct{ Name string }
	// Together does several of the above in one commit, in order; not Advance.
	Together struct{ Do []Action }
	// Restart lets a system that is a [Restarter] start anew. It is no commit.
	Restart struct{}
)

// What scripts say about segments.
type (
	// Define gives a segment its definition. The first definition of a name is in force from the start of the script,
	// a further one from its own line on; one that is given with the script is the first.
	Define struct{ Definition segment.Definition }
	// Expect says who is in a segment.
	Expect struct {
		Segment string
		How     Relation
		People  People
	}
	// Match says for whom an expression is true and, if Unknown is given, for whom it is unknown. For all others it is
	// not true, and false if Unknown is given.
	Match struct {
		Source  string
		True    People
		Unknown *People
	}
	// Reject says that an expression does not compile.
	Reject struct {
		Segment string // a defined segment; empty: Source stands alone
		Source  string
		Line    int    // where the error is, within the expression, from 1; 0: anywhere
		Column  int    // from 1
		Rule    string // the rule of the error; empty: any
		Says    string // part of its message or hint
	}
)

func (Advance) action()        {}
func (Put) action()            {}
func (Append) action()         {}
func (Record) action()         {}
func (Suppress) action()       {}
func (AddToList) action()      {}
func (RemoveFromList) action() {}
func (Merge) action()          {}
func (Unmerge) action()        {}
func (Delete) action()         {}
func (Erase) action()          {}
func (Together) action()       {}
func (Restart) action()        {}
func (Define) action()         {}
func (Expect) action()         {}
func (Match) action()          {}
func (Reject) action()         {}

// Relation is what an expectation says about people and a segment.
type Relation uint8

// The relations.
const (
	Equals Relation = iota + 1 // these and nobody else are in it
	Has                        // these are in it
	Lacks                      // these are not in it
)

// String gives the word of the script.
func (r Relation) String() string {
	switch r {
	case Equals:
		return "="
	case Has:
		return "has"
	case Lacks:
		return "lacks"
	}
	return "none"
}

// People is a set of contacts by name.
type People struct {
	Everybody bool // every contact there is at that point; Names is empty
	Names     []string
}

// ParseError says where a script is wrong. It is [audience.ErrInvalid], and [audience.ErrLimit] when it is too big.
type ParseError struct {
	File    string
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what is expected
	Limit   bool
}

// Error gives file:line:column: message.
func (e *ParseError) Error() string {
	return e.File + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ": " + e.Message
}

// Is answers the categories.
func (e *ParseError) Is(target error) bool {
	return target == audience.ErrInvalid || e.Limit && target == audience.ErrLimit
}
