package store

import (
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// SuppressionWrite holds something against an address, or takes a manual
// suppression back.
type SuppressionWrite struct {
	Address audience.Address
	Reason  audience.SuppressionReason // withdrawn, bounced, complained or manual
	At      time.Time                  // when it happened; zero, or later than it: the instant of the commit
	Lift    bool                       // end it; manual suppressions only
	Source  audience.Source
}

// Suppress keeps addresses, of contacts or of nobody, from ever being
// mailed: the host's own list of refusals, or what it knows from elsewhere.
// It records nothing in the ledger. Addresses are kept as keyed hashes only.
// Until the end of the transaction nobody else can give them to a contact.
//
// Refused items: [audience.ErrInvalid] for a missing address or reason;
// [audience.ErrDenied] without keys, for tombstones, and for lifting what
// only consent lifts.
func (tx *Tx) Suppress(ctx context.Context, writes ...SuppressionWrite) error {
	if err := checkBatch(tx.audience.limits, writes, tx.checkSuppression); err != nil || len(writes) == 0 {
		return err
	}
	addresses := make([]audience.Address, len(writes))
	refs := make([]audience.Ref, len(writes))
	for i := range writes {
		addresses[i] = writes[i].Address
		refs[i] = audience.AddressRef(writes[i].Address)
	}
	ids, err := tx.Resolve(ctx, refs...)
	if err != nil {
		return err
	}
	rows, err := tx.lockResolved(ctx, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if c, ok := rows[id]; ok && !slices.ContainsFunc(c.Addresses, writes[i].Address.Equal) {
			ids[i] = 0 // she lost it while we waited for her
		}
	}
	for _, c := range rows {
		addresses = append(addresses, c.Addresses...)
	}
	held, err := tx.loadSuppressions(ctx, addresses)
	if err != nil {
		return err
	}
	var changes []Change
	var nobodys []Claim
	for i := range writes {
		if !tx.suppressOne(held, &writes[i]) {
			continue
		}
		c, ok := rows[ids[i]]
		if !ok {
			nobodys = append(nobodys, Claim{Identity: audience.AddressIdentity(writes[i].Address)})
			continue
		}
		from := held.from(c.Addresses)
		changes = append(changes, Change{Kind: ChangeSuppression, Contact: c.ID, SuppressedFrom: &from, Source: writes[i].Source})
	}
	return tx.whole(func() error {
		// Whoever gets one of these addresses at this moment can neither be seen
		// here nor see what is written here: one of the two has to wait.
		if len(nobodys) > 0 {
			if err := tx.write.ClaimIdentities(ctx, nobodys); err != nil {
				return overtaken(err)
			}
		}
		if err := held.store(ctx); err != nil {
			return err
		}
		return tx.log(ctx, changes...)
	})
}

func (tx *Tx) checkSuppression(w *SuppressionWrite) error {
	switch {
	case tx.audience.keys.IsZero():
		return &audience.DeniedError{Rule: "key", Hint: "suppressions need Options.Keys"}
	case w.Address.IsZero():
		return &audience.FieldError{Path: "address", Rule: "empty", Hint: "an address"}
	case w.Reason == audience.SuppressedErased:
		return &audience.DeniedError{Rule: "erased", Hint: "tombstones are written by Erase and lifted by a Put with Returning"}
	case w.Reason.String() == "none":
		return &audience.FieldError{Path: "reason", Rule: "unknown", Hint: "withdrawn, bounced, complained or manual"}
	case w.Lift && w.Reason != audience.SuppressedManually:
		return &audience.DeniedError{Rule: "lift", Hint: "only a grant with evidence lifts a suppression that is not manual: use Record"}
	}
	if _, err := audience.Instant(w.At); err != nil { // the zero Time is in range
		return &audience.FieldError{Path: "at", Rule: "range", Hint: "an instant in the years 1 to 9999"}
	}
	return w.Source.Check("source", tx.audience.limits)
}

// suppressOne reports whether it changed anything.
func (tx *Tx) suppressOne(held *heldSuppressions, w *SuppressionWrite) bool {
	at := tx.at
	if given := audience.FromMicros(audience.Micros(w.At)); !w.At.IsZero() && given.Before(at) {
		at = given
	}
	if !w.Lift {
		return held.suppress(w.Address, w.Reason, at, w.Source)
	}
	var lifts []audience.Suppression
	held.each([]audience.Address{w.Address}, func(s audience.Suppression) {
		if s.Reason == w.Reason {
			lifts = append(lifts, s)
		}
	})
	for _, s := range lifts {
		s.Lifted, s.LiftedUntil = at, time.Time{}
		held.set(s)
	}
	return len(lifts) > 0
}
