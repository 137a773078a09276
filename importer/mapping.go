package importer

import (
	"github.com/audiencekit/audiencekit/audience"
)

// Target is what the cells of a column become.
type Target uint8

// The targets.
const (
	TargetIgnore     Target = iota // nothing
	TargetSecret                   // nothing, and they are never shown or written anywhere: password hashes, tokens
	TargetEmail                    // the primary address; of several in one cell the first, the others become further ones
	TargetAddress                  // further addresses
	TargetExternalID               // the id in the system Name; "" is the host's own
	TargetFirstName
	TargetLastName
	TargetFullName // split at the last space when there is no better column
	TargetPhone
	TargetTags      // several tags in one cell: see Column.Format
	TargetTag       // the tag Name, when the cell means yes
	TargetLists     // static lists, several in one cell
	TargetStatus    // a status word: see Column.Words
	TargetConsented // yes: subscribed; no: unsubscribed
	TargetRefused   // yes: unsubscribed; no: nothing is said
	TargetBounced   // yes, or an instant: bounced
	TargetActed     // when she consented or refused
	TargetEvidence  // kept as part of the evidence: by whom, from where, by which form
	TargetCreatedAt
	TargetField // the custom field Name of the type Type
)

// Column says what the cells of one column become.
type Column struct {
	Header string        `json:"header"` // as it stands in the file
	Index  int           `json:"index"`  // its position, from 0
	Target Target        `json:"target"`
	Name   string        `json:"name,omitempty"` // of the field, tag, or external system
	Type   audience.Type `json:"type,omitempty"` // of the field
	// Format is how cells are written where that is not our own form: the order
	// of a date ("dmy", "mdy", "ymd"), "unix", "excel", the separator of several
	// items ("||", ";", " ::: ", "json"), a decimal comma ("comma").
	Format string `json:"format,omitempty"`
	// Words gives the status for each word of a status column, compared as
	// they stand but for case and outer spaces. Other words are rejected.
	Words map[string]audience.Status `json:"words,omitempty"`
	// Confidence is between 0 and 1, and Why says for people what it rests on.
	Confidence float64 `json:"confidence"`
	Why        string  `json:"why,omitempty"`
}

// Mapping says what each column of a file becomes. It is a plain value that can
// be stored, shown, changed and used again.
type Mapping struct {
	Vendor     string          `json:"vendor,omitempty"` // whose export it is, such as "mailchimp"; "" if none is recognised
	Confidence float64         `json:"confidence"`       // that it is that vendor's, between 0 and 1
	Columns    []Column        `json:"columns"`
	Status     audience.Status `json:"status,omitempty"` // of every row: some exports say it by the name of the file only
}
