package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// RowError says why a row, or a column, could not be used. It never holds
// what stood in the cells.
type RowError struct {
	Line   int   // of the file, from 1: where the row begins
	Column int   // from 1; 0 when it is about the row as a whole
	Err    error // of one of the categories of package audience
}

// Error gives "line 12, column 4: " and the reason.
func (e *RowError) Error() string {
	s := "line " + strconv.Itoa(e.Line)
	if e.Column > 0 {
		s += ", column " + strconv.Itoa(e.Column)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *RowError) Unwrap() error { return e.Err }

// Code is the rule that the row broke, stable and without anything of the row:
// "max-length", "ambiguous", "erased".
func (e *RowError) Code() string {
	if f, ok := errors.AsType[*audience.FieldError](e.Err); ok {
		return f.Rule
	}
	if c, ok := errors.AsType[*audience.ConflictError](e.Err); ok {
		return c.Kind
	}
	if d, ok := errors.AsType[*audience.DeniedError](e.Err); ok {
		return d.Rule
	}
	if n, ok := errors.AsType[*audience.NotFoundError](e.Err); ok {
		return "unknown-" + n.Kind
	}
	return "other"
}

// Report says what became of a file. Every row counts once:
//
//	Rows == Created + Updated + Skipped + Suppressed + Rejected
//
// After an error it is about the rows up to the last batch that was written.
type Report struct {
	Job     string `json:"job,omitempty"`
	Already bool   `json:"already,omitempty"` // the import was done before: nothing was done now, and this is its report
	Resumed int    `json:"resumed,omitempty"` // rows that were done before, by a run that did not come to its end

	Rows       int `json:"rows"`       // rows of data; neither the header nor empty lines
	Created    int `json:"created"`    // contacts that are new, or events
	Updated    int `json:"updated"`    // rows that changed something about a contact who was there, or an event
	Skipped    int `json:"skipped"`    // rows that had nothing to do: see Skips
	Suppressed int `json:"suppressed"` // rows with an address that must not come back
	Rejected   int `json:"rejected"`   // rows that cannot be used

	Merged int            `json:"merged"` // of the rows created, updated and skipped: those about a contact whom an earlier row is about
	Skips  SkipCounts     `json:"skips"`
	Codes  map[string]int `json:"codes,omitempty"` // rejected rows by [RowError.Code]

	// What became of what rows say about consent, of rows that went in. What
	// holds already is not recorded again and is in none of them.
	Recorded int `json:"recorded"` // ledger records that were written
	Pending  int `json:"pending"`  // of these: "subscribed" without an attestation, recorded as a request
	Kept     int `json:"kept"`     // rows that a refusal which stands outweighs: nothing was recorded

	Columns []*RowError `json:"-"` // columns that were not read or not read as their header says
	Errors  []*RowError `json:"-"` // the first rejected rows in order of the file, see Limits.Errors
}

// SkipCounts are the skipped rows by their reason.
type SkipCounts struct {
	Unchanged int `json:"unchanged"` // what they say was known already, and repeated events
	Duplicate int `json:"duplicate"`
	Existing  int `json:"existing"`
	Unknown   int `json:"unknown"`
}

// Check proves that the counts add up. Its error says which do not.
func (r *Report) Check() error {
	codes := 0
	for _, n := range r.Codes {
		codes += n
	}
	switch {
	case r.Rows != r.Created+r.Updated+r.Skipped+r.Suppressed+r.Rejected:
		return fmt.Errorf("importer: %d rows, but %d created, %d updated, %d skipped, %d suppressed, %d rejected",
			r.Rows, r.Created, r.Updated, r.Skipped, r.Suppressed, r.Rejected)
	case r.Skipped != r.Skips.Unchanged+r.Skips.Duplicate+r.Skips.Existing+r.Skips.Unknown:
		return fmt.Errorf("importer: %d rows were skipped, but the reasons are %+v", r.Skipped, r.Skips)
	case r.Rejected != codes:
		return fmt.Errorf("importer: %d rows were rejected, but %d have a code", r.Rejected, codes)
	}
	return nil
}

// String tells it in some lines for people. Nothing in it is personal.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows: %d created, %d updated, %d skipped, %d suppressed, %d rejected\n",
		r.Rows, r.Created, r.Updated, r.Skipped, r.Suppressed, r.Rejected)
	line := func(n int, what string) {
		if n > 0 {
			fmt.Fprintf(&b, "  %s: %d\n", what, n)
		}
	}
	line(r.Resumed, "rows that were done before")
	line(r.Merged, "rows about a contact whom an earlier row is about")
	line(r.Skips.Unchanged, "skipped because they say what was known")
	line(r.Skips.Duplicate, "skipped because another row is about the same contact")
	line(r.Skips.Existing, "skipped because the contact was there")
	line(r.Skips.Unknown, "skipped because the contact was not there")
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		line(r.Codes[code], "rejected for "+code)
	}
	line(r.Recorded, "consents and refusals recorded")
	line(r.Pending, "of these pending, since nothing attests the consent")
	line(r.Kept, "not recorded because a refusal stands")
	if r.Already {
		b.WriteString("This import was done before; nothing was done now.\n")
	}
	return b.String()
}

// add counts what became of a row.
func (r *Report) add(e *entry, errs int) {
	r.Rows++
	switch e.result.Outcome {
	case Created:
		r.Created++
	case Updated:
		r.Updated++
	case Skipped:
		r.Skipped++
		r.Skips.add(e.result.Skip)
	case Suppressed:
		r.Suppressed++
	case Rejected:
		r.reject(e.result.Err, errs)
	}
	if e.result.Merged {
		r.Merged++
	}
	if e.consent == nil {
		return
	}
	if e.consent.record {
		r.Recorded++
	}
	if e.consent.pending {
		r.Pending++
	}
	if e.consent.kept {
		r.Kept++
	}
}

// reject counts a rejected row and keeps the first ones.
func (r *Report) reject(e *RowError, most int) {
	r.Rejected++
	if r.Codes == nil {
		r.Codes = make(map[string]int)
	}
	r.Codes[e.Code()]++
	r.keep(e, most)
}

func (r *Report) keep(e *RowError, most int) {
	if len(r.Errors) < most {
		r.Errors = append(r.Errors, e)
	}
}

// clone gives a report that can be counted on without changing this one.
func (r *Report) clone() *Report {
	out := *r
	out.Codes = maps.Clone(r.Codes)
	out.Errors = slices.Clip(r.Errors)
	return &out
}

func (c *SkipCounts) add(why SkipReason) {
	switch why {
	case SkippedUnchanged:
		c.Unchanged++
	case SkippedDuplicate:
		c.Duplicate++
	case SkippedExisting:
		c.Existing++
	case SkippedUnknown:
		c.Unknown++
	}
}
