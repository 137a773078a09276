package importer

import (
	"fmt"

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
	TargetFullName  // split at the last space, where the row has neither of the two above
	TargetPhone     // of several in one cell the first
	TargetTags      // several tags in one cell: see Column.Format
	TargetTag       // the tag Name, when the cell means yes
	TargetLists     // static lists, several in one cell
	TargetStatus    // a status word: see Column.Words
	TargetConsented // yes: subscribed; no: unsubscribed
	TargetRefused   // yes, or an instant, which is when: unsubscribed; no: nothing is said
	TargetBounced   // yes, or an instant: bounced
	TargetActed     // when she consented; of several the latest counts, and all are kept as evidence
	TargetEvidence  // kept as part of the evidence: by whom, from where, by which form
	TargetCreatedAt
	TargetField // the custom field Name of the type Type
)

// Column says what the cells of one column become.
type Column struct {
	Header string        `json:"header"` // as it stands in the file, which is checked; "" is any
	Index  int           `json:"index"`  // its position, from 0
	Target Target        `json:"target"`
	Name   string        `json:"name,omitempty"` // of the field, tag, or external system
	Type   audience.Type `json:"type,omitempty"` // of the field
	// Format is how cells are written where that is not our own form, which
	// [ParseValue] reads:
	//
	//	dates and instants  the order of their numbers, "dmy", "mdy" or "ymd"; "unix" for seconds since 1970,
	//	                    "excel" for the serial numbers of spreadsheets
	//	numbers             "comma" (1.234,50) or "point" (1,234.50), maybe with the sign of a currency
	//	bool                "words": yes and no, on and off, 1 and 0 and so on
	//	several items       what stands between them, such as "||", ";" or " ::: "; "json" for an array
	//	texts, phones       "trim": without spaces at its ends; "guarded": also without an apostrophe in front
	//	                    of a number
	//	TargetRefused,      "any": whatever stands there means yes
	//	TargetBounced
	//	any field           "text": it is a string after all; "json:name": the member of that name of a JSON object
	//	any target          "ignore": it is passed over after all
	Format string `json:"format,omitempty"`
	// Words gives the status for each word of a status column, compared as
	// they stand but for case and outer spaces. Other words are rejected. Words
	// of TargetEvidence bound what the row's status may be.
	Words map[string]audience.Status `json:"words,omitempty"`
	// Confidence is between 0 and 1, and Why says for people what it rests on.
	Confidence float64 `json:"confidence"`
	Why        string  `json:"why,omitempty"`
}

// Mapping says what each column of a file becomes. It is a plain value that can
// be stored, shown, changed and used again. Where several columns, and Status,
// say something about a row's standing, the strictest counts: complained before
// unsubscribed, bounced, pending, subscribed.
type Mapping struct {
	Vendor     string          `json:"vendor,omitempty"` // whose export it is, such as "mailchimp"; "" if none is recognised
	Confidence float64         `json:"confidence"`       // that it is that vendor's, between 0 and 1
	Why        string          `json:"why,omitempty"`    // for people, what that rests on
	Columns    []Column        `json:"columns"`
	Status     audience.Status `json:"status,omitempty"` // of every row: some exports say it by the name of the file only
	// Questions are what the columns leave open; see [Plan.Answers]. An answer
	// takes the place of a column's Format, of its Target or of Status.
	Questions []Question `json:"questions,omitempty"`
}

// The forms of cells that belong to no type; see [Column.Format].
const (
	formatTrim    = "trim"
	formatGuarded = "guarded"
	formatWords   = "words"
	formatText    = "text"
	formatAny     = "any"
	formatIgnore  = "ignore"
)

// fits reports a column that the layout does not have, or nil: a mapping that was
// kept for the next file would put cells where they do not belong once
// columns have moved.
func (m *Mapping) fits(layout *Layout) error {
	for i, c := range m.Columns {
		if c.Index < 0 || c.Index >= len(layout.Columns) {
			return &audience.FieldError{
				Path: fmt.Sprintf("mapping.columns[%d]", i), Rule: "index", Hint: fmt.Sprintf("the position of one of the %d columns of the layout, from 0", len(layout.Columns)),
			}
		}
		if c.Header != "" && c.Header != layout.Columns[c.Index] {
			return &audience.ConflictError{
				Kind: "header", Hint: fmt.Sprintf("the mapping is that of a file with other columns: column %d has another header; inspect the file again", c.Index+1),
			}
		}
	}
	return nil
}

// brings gives the custom fields that a file adds to a schema. A field that
// the schema has keeps its type.
func (m *Mapping) brings(schema audience.Schema) audience.Schema {
	var out audience.Schema
	for _, c := range m.Columns {
		c = c.effective()
		if c.Target != TargetField {
			continue
		}
		if _, known := schema.FieldNamed(c.Name); known {
			continue
		}
		if _, double := out.FieldNamed(c.Name); !double {
			out.Fields = append(out.Fields, audience.Field{Name: c.Name, Type: c.Type})
		}
	}
	return out
}

// effective gives the column as its format makes it.
func (c Column) effective() Column {
	switch {
	case c.Format == formatIgnore:
		c.Target = TargetIgnore
	case c.Target == TargetField && (c.Type == 0 || c.Format == formatText):
		c.Type, c.Format = audience.TypeString, formatTrim
	}
	return c
}
