package importer

import (
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Plan says how an import is done. It is a plain value: it can be stored, shown
// to people, changed, previewed and run, and run again. The zero members are
// safe: what a file says replaces what was known, tags are added, empty cells
// say nothing, nobody's consent is raised, who is suppressed stays out.
type Plan struct {
	// Job names the import, in the provenance of what it writes and for undoing
	// it: not personal. "" is a name made of the file's content and the plan, so
	// that the same file with the same plan is the same import.
	Job     string               `json:"job,omitempty"`
	Layout  *Layout              `json:"layout"`
	Mapping Mapping              `json:"mapping"`
	Mode    Mode                 `json:"mode"`
	Fields  map[string]FieldMode `json:"fields,omitempty"` // for single fields: custom ones, first_name, last_name, phone
	Tags    TagMode              `json:"tags"`
	Blanks  BlankMode            `json:"blanks"`
	// Duplicates is what becomes of rows about one and the same contact.
	Duplicates DuplicateMode  `json:"duplicates"`
	Suppressed SuppressedMode `json:"suppressed"`
	AddTags    []string       `json:"add_tags,omitempty"`  // to everybody in the file
	AddLists   []string       `json:"add_lists,omitempty"` // static lists on which everybody in the file goes
	// Attestation is the evidence without which nobody becomes subscribed.
	Attestation Attestation `json:"attestation"`
	// Answers are those to the layout's and the mapping's questions, by their
	// IDs.
	Answers map[string]string `json:"answers,omitempty"`
	// UndoFor is how long the import can be undone; 0 is 30 days, less than 0
	// never.
	UndoFor time.Duration `json:"undo_for,omitempty"`
}

// checkModes reports a mode that does not exist, or nil.
func (p *Plan) checkModes() error {
	unknown := func(path string) error {
		return &audience.FieldError{Path: "plan." + path, Rule: "unknown", Hint: "one of the modes"}
	}
	switch {
	case p.Mode > UpdateOnly:
		return unknown("mode")
	case p.Tags > TagsRemove:
		return unknown("tags")
	case p.Blanks > BlanksClear:
		return unknown("blanks")
	case p.Duplicates > DuplicatesLast:
		return unknown("duplicates")
	case p.Suppressed > SuppressedKeep:
		return unknown("suppressed")
	}
	for _, m := range p.Fields {
		if m > FieldKeep {
			return unknown("fields")
		}
	}
	return nil
}

// QuestionsError says that a plan leaves questions open about which an import
// could be wrong. It is [audience.ErrInvalid].
type QuestionsError struct{ Questions []Question }

func (e *QuestionsError) Error() string {
	ids := make([]string, len(e.Questions))
	for i, q := range e.Questions {
		ids[i] = strconv.Quote(q.ID)
	}
	return "the plan has to answer " + strings.Join(ids, ", ")
}

// Is answers the category.
func (e *QuestionsError) Is(target error) bool { return target == audience.ErrInvalid }

// Mode says what an import may do to contacts.
type Mode uint8

// The modes.
const (
	Overwrite  Mode = iota // create contacts, and replace what is known of others
	FillBlanks             // create contacts, and say of others what was not known
	InsertOnly             // create contacts; rows about others are skipped, but for what they refuse, which is recorded
	UpdateOnly             // rows about nobody we know are skipped
)

// FieldMode says it of one field.
type FieldMode uint8

// The modes of a field.
const (
	FieldAsPlanned FieldMode = iota // as the plan's mode says
	FieldOverwrite
	FieldFill // only where nothing is known
	FieldKeep // never
)

// TagMode says what the tags of a row are to a contact who is there.
type TagMode uint8

// The modes of tags.
const (
	TagsAdd     TagMode = iota
	TagsReplace         // hers become those of the row, except where its cell is empty
	TagsRemove          // those of the row are taken away
)

// BlankMode says what an empty cell means.
type BlankMode uint8

// The modes of empty cells.
const (
	BlanksKeep  BlankMode = iota // nothing
	BlanksClear                  // that the field has no value
)

// DuplicateMode says which of several rows about one contact count. What any of
// them says of a refusal counts always: the worst goes with the row that does.
type DuplicateMode uint8

// The modes of duplicates.
const (
	DuplicatesMerge DuplicateMode = iota // all, in order: what a later one says replaces what an earlier one said
	DuplicatesFirst                      // the first; later ones are skipped
	DuplicatesLast                       // the last; earlier ones are skipped
)

// SuppressedMode says what becomes of rows about nobody we know whose address
// is suppressed.
type SuppressedMode uint8

// The modes for suppressed addresses. Erased people never come back.
const (
	SuppressedSkip SuppressedMode = iota // they are left out, and counted
	SuppressedKeep                       // they become contacts who must not be mailed
)

// Outcome is what became of a row.
type Outcome uint8

// The outcomes. Every row has exactly one.
const (
	Created    Outcome = iota + 1
	Updated            // something about the contact has changed
	Skipped            // nothing was to be done: see SkipReason
	Suppressed         // the address is one that must not come back
	Rejected           // the row cannot be used
)

// SkipReason says why a row was skipped.
type SkipReason uint8

// The reasons.
const (
	SkippedUnchanged SkipReason = iota + 1 // it says what is known
	SkippedDuplicate                       // another row of the file is about the same contact
	SkippedExisting                        // InsertOnly, the contact is there, and the row says of no refusal that is new
	SkippedUnknown                         // UpdateOnly, and she is not
)

// FieldDiff is what an import changes about one thing of a contact. It holds
// personal data: fmt prints the name alone.
type FieldDiff struct {
	Name          string // of the field; email, external_id, first_name, last_name, phone, tags, status, lists
	Before, After audience.Value
}

// RowResult is what becomes, or became, of one row.
type RowResult struct {
	Line      int
	Outcome   Outcome
	Skip      SkipReason         // of a skipped row
	Contact   audience.ContactID // 0 if it is about nobody who is there, and in a preview for new ones
	Merged    bool               // an earlier row of the file is about the same contact
	FirstLine int                // where that one stands
	Changes   []FieldDiff        // in order: only when they are asked for
	// Recorded is what the row put into her ledger: a request, a grant, a
	// refusal; 0: nothing. A row that InsertOnly skips but for its refusal is
	// Updated and tells the refusal here.
	Recorded audience.ConsentKind
	Err      *RowError // of a rejected row
}
