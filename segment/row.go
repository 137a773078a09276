package segment

import (
	"time"

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

func (r profileRow) OnList(list audience.List, at time.Time) audience.Standing {
	return r.ListStanding(list, at)
}

func (r profileRow) SuppressedFrom() time.Time { return r.Profile.SuppressedFrom }
