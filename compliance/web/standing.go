package web

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The mechanisms of these pages that are no grants.
const (
	mechanismOneClick    audience.Mechanism = "rfc8058"
	mechanismPage        audience.Mechanism = "unsubscribe-page"
	mechanismPreferences audience.Mechanism = "preference-centre"
	mechanismGPC         audience.Mechanism = "gpc"
)

// everything is what "unsubscribe from everything" means on a page that a mail
// led to.
func everything() audience.Scope { return audience.Scope{Channel: audience.ChannelEmail} }

func purposeScope(purpose string) audience.Scope {
	return audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}
}

func purposeOf(l audience.List) string { return cmp.Or(l.Purpose, audience.PurposeMarketing) }

func listScope(l audience.List) audience.Scope {
	s := purposeScope(purposeOf(l))
	s.List = l.Name
	return s
}

// lockOne locks a contact that was found just now.
func lockOne(ctx context.Context, tx *store.Tx, id audience.ContactID) (audience.Contact, error) {
	rows, err := tx.Lock(ctx, id)
	if err != nil {
		return audience.Contact{}, err
	}
	if len(rows) == 0 {
		return audience.Contact{}, fmt.Errorf("contact %s was merged or deleted meanwhile: %w", id, audience.ErrRetryable)
	}
	return rows[0], nil
}

// grant is consent that stands: what an undo goes back to.
type grant struct {
	Scope     audience.Scope
	Mechanism audience.Mechanism
	Expires   time.Time
	Contact   audience.ContactID // under whom it was recorded
	Seq       uint64
	Notice    string
}

// grantsWithin gives the grants by e-mail that a refusal of a scope would end:
// those of purposes and topics.
func grantsWithin(h *audience.History, schema *audience.Schema, within audience.Scope, at time.Time) []grant {
	var out []grant
	add := func(s audience.Scope, standing audience.Standing) {
		if standing.Status != audience.StatusSubscribed || !within.Covers(s) {
			return
		}
		if r := lastGrant(h, s, at); r != nil {
			out = append(out, grant{Scope: s, Mechanism: r.Mechanism, Expires: r.Expires, Contact: r.Contact, Seq: r.Seq, Notice: r.Notice})
		}
	}
	for _, p := range schema.Purposes {
		s := purposeScope(p.Name)
		add(s, h.Fold(s, at))
	}
	for _, l := range schema.Lists {
		if l.Kind == audience.ListTopic {
			add(listScope(l), h.OnList(l, at))
		}
	}
	return out
}

// lastGrant gives the grant for a scope that was acted on last, of the
// contact's own chain and those merged into hers.
func lastGrant(h *audience.History, s audience.Scope, at time.Time) (last *audience.ConsentRecord) {
	own := h.Resolved()
	for i := range own.Records {
		r := &own.Records[i]
		if r.Kind != audience.ConsentGranted || !r.HasEvidence() || !r.Mechanism.Affirms() ||
			!r.Scope.Covers(s) || s.List != r.Scope.List || !r.Expires.IsZero() && !r.Expires.After(at) {
			continue
		}
		if last == nil || r.Acted.After(last.Acted) {
			last = r
		}
	}
	for i := range h.Merged {
		if r := lastGrant(&h.Merged[i].History, s, at); r != nil && (last == nil || r.Acted.After(last.Acted)) {
			last = r
		}
	}
	return last
}

// refuses reports whether a scope is refused as a whole, by the person and not
// by a bounce.
func refuses(h *audience.History, s audience.Scope, at time.Time) bool {
	status := h.Fold(s, at).Status
	return status == audience.StatusUnsubscribed || status == audience.StatusComplained
}

// lastSeq is the number of the last record of the contact's own chain.
func lastSeq(h *audience.History) uint64 {
	if len(h.Records) == 0 {
		return 0
	}
	return h.Records[len(h.Records)-1].Seq
}
