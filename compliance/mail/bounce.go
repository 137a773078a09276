package mail

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// delivery acts on one recipient of a delivery report.
func (a *application) delivery(ctx context.Context, r *Recipient) error {
	t, err := a.recipient(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case t.contact == nil:
		a.out.Unknown++
		return nil
	case a.done[t.contact.ID]:
		return nil
	case a.report.Guessed:
		return a.count(ctx, t.contact)
	}
	switch r.Class {
	case BounceHard:
		return a.bounced(ctx, t)
	case BounceSoft, BounceFull, BounceUnknown:
		return a.count(ctx, t.contact)
	case BounceNone:
		if r.Action == "delivered" {
			return forget(ctx, a.tx, t.contact.ID)
		}
		return nil
	default:
		return nil
	}
}

// recipient gives whom a line of a delivery report is about, and the address
// that the message was written to: it may have been sent on from there.
func (a *application) recipient(ctx context.Context, r *Recipient) (target, error) {
	to := a.report.To
	if len(a.report.Recipients) > 1 {
		to = audience.Address{}
	}
	written := r.Original
	if written.IsZero() {
		written = to
	}
	if t, err := a.owned(ctx, written); err != nil || t != nil {
		return deref(t), err
	}
	return a.find(ctx, r.Original, to, r.Address)
}

// bounced records that an address failed for good. An address that she no
// longer has is suppressed on its own. A further address of hers that failed is
// counted only: a suppression would keep mail from the one she is written to.
func (a *application) bounced(ctx context.Context, t target) error {
	hers := func(o audience.Address) bool { return o.Equal(t.address) }
	switch {
	case t.address.IsZero() || t.address.Equal(t.contact.Email()):
		d := compliance.Declaration{Kind: audience.ConsentBounced, Scope: email(), Mechanism: mechanismBounce}
		return a.record(ctx, t.contact, &d)
	case slices.ContainsFunc(t.contact.Addresses, hers):
		a.out.Counted++
		return nil
	default:
		return a.suppress(ctx, t.address, audience.SuppressedBounced)
	}
}

// failures are what is counted about a contact.
type failures struct {
	Soft    []int64 `json:"soft,omitempty"`    // instants in microseconds, oldest first
	Guessed int     `json:"guessed,omitempty"` // reports that only words made
}

func softKey(id audience.ContactID) string { return "soft/" + strconv.FormatUint(uint64(id), 10) }

// count counts a failure that may pass, and records a bounce when it was one
// too many.
func (a *application) count(ctx context.Context, c *audience.Contact) error {
	rec, seen, err := loadFailures(ctx, &a.tx.Reader, c.ID)
	if err != nil {
		return err
	}
	at := a.tx.At()
	if a.report.Guessed {
		seen.Guessed++
	} else {
		since := audience.Micros(at.Add(-a.f.opts.SoftWindow))
		seen.Soft = slices.DeleteFunc(seen.Soft, func(t int64) bool { return t <= since })
		seen.Soft = append(seen.Soft, audience.Micros(at))
		if len(seen.Soft) >= a.f.opts.SoftLimit {
			if err := a.undelivered(ctx, c, &seen); err != nil {
				return err
			}
		}
		if len(seen.Soft) >= a.f.opts.SoftLimit {
			if err := forget(ctx, a.tx, c.ID); err != nil {
				return err
			}
			d := compliance.Declaration{Kind: audience.ConsentBounced, Scope: email(), Mechanism: mechanismSoft}
			return a.record(ctx, c, &d)
		}
	}
	a.done[c.ID] = true
	a.out.Counted++
	if rec.Value, err = json.Marshal(seen); err != nil {
		return err
	}
	rec.Expires = at.Add(a.f.opts.SoftWindow)
	_, err = a.tx.SaveRecord(ctx, rec)
	return err
}

// undelivered leaves the failures since the last message that arrived.
func (a *application) undelivered(ctx context.Context, c *audience.Contact, seen *failures) error {
	events, err := a.tx.Events(ctx, audience.ID(c.ID), "email.delivered", "email.clicked")
	if err != nil {
		return err
	}
	var last int64
	for i := range events {
		if !events[i].Time.After(a.tx.At()) {
			last = max(last, audience.Micros(events[i].Time))
		}
	}
	seen.Soft = slices.DeleteFunc(seen.Soft, func(t int64) bool { return len(events) > 0 && t <= last })
	return nil
}

// loadFailures gives the counters of a contact and the record to save them in.
func loadFailures(ctx context.Context, r *store.Reader, id audience.ContactID) (store.Record, failures, error) {
	var out failures
	rec, err := r.LoadRecord(ctx, namespace, softKey(id))
	switch {
	case isNotFound(err):
		return store.Record{Namespace: namespace, Key: softKey(id), Contact: id}, out, nil
	case err != nil:
		return rec, out, err
	}
	return rec, out, json.Unmarshal(rec.Value, &out)
}

// forget drops the counters of a contact.
func forget(ctx context.Context, tx *store.Tx, id audience.ContactID) error {
	rec, err := tx.LoadRecord(ctx, namespace, softKey(id))
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DeleteRecord(ctx, namespace, rec.Key, rec.Version)
}

// Delivered says that messages to contacts arrived, for hosts that do not
// write events email.delivered: failures before it count no more. Who is
// nobody is left out.
func (f *Feedback) Delivered(ctx context.Context, refs ...audience.Ref) error {
	return f.update(ctx, func(tx *store.Tx) error {
		ids, err := tx.Resolve(ctx, refs...)
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			if id == 0 {
				continue
			}
			if err := forget(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Failures are the bounces of a contact that were counted and not acted on.
type Failures struct {
	Soft    int       // within the window; deliveries by event are not taken off yet
	Last    time.Time // the last of them; zero: none
	Guessed int       // reports that only words made
}

// Failures gives what is counted about a contact; [audience.ErrNotFound] for
// nobody.
func (f *Feedback) Failures(ctx context.Context, ref audience.Ref) (Failures, error) {
	var out Failures
	err := f.aud.View(ctx, func(r *store.Reader) error {
		c, err := r.Contact(ctx, ref)
		if err != nil {
			return err
		}
		_, seen, err := loadFailures(ctx, r, c.ID)
		since := audience.Micros(f.aud.Now().Add(-f.opts.SoftWindow))
		for _, t := range seen.Soft {
			if t > since {
				out.Soft, out.Last = out.Soft+1, audience.FromMicros(t)
			}
		}
		out.Guessed = seen.Guessed
		return err
	})
	return out, err
}
