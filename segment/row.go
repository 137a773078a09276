package segment

import (
	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

var _ celenv.Row = profileRow{}

// profileRow reads a profile as a row. It is one pointer, so that it costs
// nothing to pass around.
type profileRow struct {
	*audience.Profile
}

func (r profileRow) Contact() *audience.Contact { return &r.Profile.Contact }
