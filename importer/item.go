package importer

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Contact is what one row says about one contact.
type Contact struct {
	Line  int
	Bytes int64 // that the row took in the file
	// Write has at least an address or an external id, of which at most one is of
	// the host's own system; a file of another system brings that one's ids. Her
	// tags are SetTags. Match, Mode and Source are not looked at.
	Write audience.ContactWrite
	// Blank are the fields whose cell is there and empty: custom ones, first_name,
	// last_name, phone, tags. They are told only where a plan clears such fields.
	Blank []string
	// Status is what a status cell says, StatusNone without one.
	Status audience.Status
	// Acted is when she consented or refused, as the row says; zero: it does not.
	Acted time.Time
	// Evidence is what the row itself tells of her consent, such as from where
	// she signed up: name and text of each.
	Evidence []Fact
	// Lists are static lists that she goes on.
	Lists []string
	// Row is where it comes from, for the file of rejected rows; nil if it does
	// not come from a file.
	Row *Row
}

// Fact is one thing that a row tells, by the name of its column.
type Fact struct{ Name, Text string }

// Event is what one row says about one event.
type Event struct {
	Line  int
	Bytes int64
	// ExternalID and Email name the contact; at least one of them is there.
	ExternalID audience.Private // of the host's own system
	Email      audience.Address
	// Write is without Contact and Source.
	Write audience.EventWrite
}
