package csvexport

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gocarina/gocsv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// Profile says who reads the file.
type Profile uint8

// The profiles. Both are read back by csvimport without loss.
const (
	// Spreadsheet is for people: a byte order mark, so that Excel takes the
	// file for UTF-8, CRLF at the end of rows, and an apostrophe before cells
	// of text that a spreadsheet would run as a formula: those that begin with
	// = + - @, their full-width forms, TAB, CR or LF, also behind spaces and
	// apostrophes.
	//
	// The guard holds where the file is read as what it is, cells between
	// commas. A spreadsheet that is set to other separators, such as ; in many
	// countries, makes cells of its own of what lies between them, formulas
	// among them, and quotes do not stop it: import the file as comma-separated
	// there instead of opening it.
	Spreadsheet Profile = iota
	// Machine is for programs: no mark, LF, and cells as they are but one kind:
	// what begins with an apostrophe and then like a formula gets one
	// apostrophe more, so that csvimport, which takes one off such cells, reads
	// the text as it was. Other readers see the apostrophe. For text to be
	// exact for any reader there is [exporter.NDJSON].
	Machine
)

// Options of an encoder. The zero Options are for spreadsheets, which is safe.
type Options struct {
	Profile Profile
}

// New makes an encoder that writes to w.
func New(w io.Writer, opts Options) exporter.Encoder {
	return &encoder{out: rows{w: bufio.NewWriter(w), profile: opts.Profile}}
}

type encoder struct {
	out    rows
	fields []audience.Field // sorted by name
}

// contact is what gocsv writes of a contact: the columns that everybody has.
type contact struct {
	ExternalID string `csv:"external_id"`
	Email      string `csv:"email"`
	FirstName  string `csv:"first_name"`
	LastName   string `csv:"last_name"`
	Phone      string `csv:"phone"`
	Tags       string `csv:"tags"`
	Status     string `csv:"status"`
	CreatedAt  string `csv:"created_at"`
}

// Begin writes the header, without gocsv: how it names columns is a setting of
// the whole process.
func (e *encoder) Begin(schema audience.Schema) error {
	header := []string{"external_id", "email", "first_name", "last_name", "phone", "tags", "status", "created_at"}
	e.fields = slices.Clone(schema.Fields)
	slices.SortFunc(e.fields, func(a, b audience.Field) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range e.fields {
		header = append(header, f.Name+":"+f.Type.String())
	}
	e.out.mark()
	return e.out.write(header, nil)
}

// Encode lets gocsv write the rows. It asks for them one by one, in order, and
// rows adds the custom fields of each.
func (e *encoder) Encode(batch []exporter.Contact) error {
	contacts := make([]contact, len(batch))
	e.out.custom = e.out.custom[:0]
	for i := range batch {
		c := &batch[i]
		email := c.Email()
		contacts[i] = contact{
			ExternalID: c.Key(), Email: email.Reveal(),
			FirstName: c.FirstName.Reveal(), LastName: c.LastName.Reveal(), Phone: c.Phone.Reveal(),
			Tags:   audience.StringListValue(c.TagNames()...).Reveal(),
			Status: c.Status.String(), CreatedAt: c.CreatedAt.UTC().Format(time.RFC3339Nano),
		}
		e.out.custom = append(e.out.custom, e.values(c))
	}
	if err := gocsv.MarshalCSVWithoutHeaders(contacts, &e.out); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	return nil
}

// values gives the custom fields of a contact in the order of their columns.
func (e *encoder) values(c *exporter.Contact) []audience.Value {
	out := make([]audience.Value, len(e.fields))
	for i, f := range e.fields {
		out[i] = c.Value(f.ID)
	}
	return out
}

// End writes what is left.
func (e *encoder) End() error { return e.out.w.Flush() }
