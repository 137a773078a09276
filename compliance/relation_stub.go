package compliance

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Relation is a tie between contact and sender, such as a purchase.
type Relation struct {
	Kind        string
	From, Until time.Time
	Entity      string
	Product     string
	Offered     bool // a free refusal was offered when the address was collected
	NoSolicit   bool
	RoleFits    bool
}

func (l *Ledger) relationsOf(context.Context, *store.Reader, *audience.Profile) ([]Relation, error) {
	return nil, nil
}

func restricted(*audience.History, time.Time) bool { return false }

const (
	RelationPurchase   = "purchase"
	RelationInquiry    = "inquiry"
	RelationMembership = "membership"
	RelationContract   = "contract"
	RelationDonation   = "donation"
	RelationPublished  = "published-address"
)

func hasRelations(*audience.History) bool { return true }
