package importer

import (
	"github.com/audiencekit/audiencekit/audience"
)

// Contact is what one row says about one contact.
type Contact struct {
	Line  int
	Bytes int64 // that the row took in the file
	// Write has at most one external id, of the host's own system, and at
	// least that or an address. Match, Mode and Source are not looked at.
	Write audience.ContactWrite
	// Status is what a status cell says, StatusNone without one.
	Status audience.Status
}

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
