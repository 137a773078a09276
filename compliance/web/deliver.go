package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

const (
	namespaceQueue = "compliance/outbox"
	queueLife      = 7 * 24 * time.Hour
	queuePage      = 50
	// queueLease is how long a message belongs to who took it up.
	queueLease = 5 * time.Minute
	runEvery   = time.Minute
	purgeEvery = time.Hour

	messageConfirm     = "confirm"
	messageUnsubscribe = "unsubscribe-link"
)

// message waits in the store until Run decides what becomes of it.
type message struct {
	Kind       string    `json:"kind"`
	Address    string    `json:"address"`
	Language   string    `json:"language,omitempty"`
	Form       string    `json:"form,omitempty"`
	Subject    [8]byte   `json:"subject"`
	Generation uint16    `json:"generation,omitempty"`
	Requested  time.Time `json:"requested,omitzero"`
	Drop       bool      `json:"drop,omitempty"`
}

// queueRecord seals a message; the instant in front of it is that from which
// it may be taken up.
func (p *Pages) queueRecord(at time.Time, m message) (store.Record, error) {
	random := newSubject()
	key := fmt.Sprintf("%016x-%s", audience.Micros(at), hex.EncodeToString(random[:]))
	value, err := p.secrets.seal(at, namespaceQueue, key, m)
	return store.Record{Namespace: namespaceQueue, Key: key, Value: value, Expires: at.Add(queueLife)}, err
}

// Run hands messages to the outbox as they come, and purges signups that were
// never confirmed, until ctx ends; then it gives ctx's error. Failures are
// logged and tried again. Several processes may run it.
func (p *Pages) Run(ctx context.Context) error {
	tick, purge := time.NewTicker(runEvery), time.NewTicker(purgeEvery)
	defer tick.Stop()
	defer purge.Stop()
	for {
		if _, err := p.Deliver(ctx); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "compliance/web: messages wait", "error", errorKind(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wake:
		case <-tick.C:
		case <-purge.C:
			_, err := p.PurgePending(ctx)
			if err = errors.Join(err, p.sweep(ctx)); err != nil && ctx.Err() == nil {
				p.log.ErrorContext(ctx, "compliance/web: what is over waits to be purged", "error", errorKind(err))
			}
		}
	}
}

// sweep removes what is over: it says nothing to anybody, but it is there.
func (p *Pages) sweep(ctx context.Context) error {
	const page = 1000
	for _, namespace := range []string{namespaceLimits, namespaceQueue, namespaceNotMe, namespaceUndo, namespaceByHash, namespacePending} {
		for after := ""; ; {
			var next string
			if _, err := p.aud.Update(ctx, func(tx *store.Tx) (err error) {
				_, next, err = tx.SweepRecords(ctx, namespace, after, page)
				return err
			}); err != nil {
				return err
			}
			if next == "" {
				break
			}
			after = next
		}
	}
	return nil
}

// errorKind says of an error what it is without what it says: an outbox of the
// host's may name the address.
func errorKind(err error) string {
	for _, known := range []error{audience.ErrRetryable, audience.ErrConflict, audience.ErrClosed, audience.ErrLimit, audience.ErrInvalid, audience.ErrDenied, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprintf("%T", err)
}

// poke wakes Run.
func (p *Pages) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

// Deliver hands everything that waits to the outbox and gives how many
// messages it took. A message comes again, with the same ID, when the outbox
// failed or the process ended before it answered. Errors are joined, and those
// of the outbox: they stop no other message.
func (p *Pages) Deliver(ctx context.Context) (sent int, err error) {
	for {
		leased, some, err := p.lease(ctx)
		if err != nil || !some {
			return sent, err
		}
		var done []store.Record
		var failed []error
		for i := range leased {
			l := &leased[i]
			if l.out != nil {
				if err := p.outbox.Enqueue(ctx, *l.out); err != nil {
					failed = append(failed, err)
					continue
				}
				sent++
			}
			done = append(done, l.record)
		}
		_, err = p.aud.Update(ctx, func(tx *store.Tx) error {
			for _, rec := range done {
				err := tx.DeleteRecord(ctx, rec.Namespace, rec.Key, rec.Version)
				if err != nil && !errors.Is(err, audience.ErrNotFound) && !errors.Is(err, audience.ErrConflict) {
					return err // another one had it, since we took too long
				}
			}
			return nil
		})
		if err = errors.Join(append(failed, err)...); err != nil {
			return sent, err
		}
	}
}

// leasedMessage is a message that is ours for a while; without out there is
// nothing to send.
type leasedMessage struct {
	record store.Record
	out    *compliance.Outgoing
}

// lease takes up some messages and decides what each becomes.
func (p *Pages) lease(ctx context.Context) (out []leasedMessage, some bool, err error) {
	_, err = p.aud.Update(ctx, func(tx *store.Tx) error {
		out, some = nil, false
		after, now := "", tx.At()
		for !some {
			page, err := tx.Records(ctx, namespaceQueue, "", after, queuePage)
			if err != nil || len(page) == 0 {
				return err
			}
			after = page[len(page)-1].Key
			page = slices.DeleteFunc(page, func(r store.Record) bool { return sealedAt(r.Value).After(now) })
			for i := range page {
				page[i].Value = setSealedAt(page[i].Value, now.Add(queueLease))
			}
			versions, err := tx.SaveRecords(ctx, page)
			if err != nil {
				return retryable(err)
			}
			for i, version := range versions {
				page[i].Version, some = version, true
				m, err := p.outgoing(ctx, tx, &page[i])
				if err != nil {
					return err
				}
				out = append(out, leasedMessage{page[i], m})
			}
		}
		return nil
	})
	return out, some, err
}

// outgoing makes of a message what the host is to send, or nothing.
func (p *Pages) outgoing(ctx context.Context, tx *store.Tx, rec *store.Record) (*compliance.Outgoing, error) {
	var m message
	if !p.secrets.open(rec.Value, rec.Namespace, rec.Key, &m) || m.Drop {
		return nil, nil
	}
	a, err := audience.ParseAddress(m.Address)
	if err != nil {
		return nil, nil //nolint:nilerr // the rules for addresses changed since: nobody to write to
	}
	out := &compliance.Outgoing{ID: rec.Key, To: a, Language: m.Language, Data: map[string]string{}}
	if m.Kind == messageUnsubscribe {
		return p.outgoingLink(ctx, tx, out, a)
	}
	if m.Form != formOfPreferences { // which strangers cannot fill in
		if rejected, err := p.isRejected(ctx, tx, a); err != nil || rejected {
			return nil, err
		}
	}
	out.Data["form"] = m.Form
	s, err := p.loadPending(ctx, &tx.Reader, m.Subject)
	if errors.Is(err, audience.ErrNotFound) || err == nil && (s.State != statePending || s.Generation != m.Generation) {
		return nil, nil // confirmed, rejected or asked for again since
	}
	if err != nil {
		return nil, err
	}
	if id, err := p.subscribedAlready(ctx, tx, &s.pending, a); err != nil || id != 0 {
		if err != nil {
			return nil, err
		}
		out.Kind = compliance.OutgoingSubscribed
		out.Data["url"], err = p.preferencesURL(ctx, &tx.Reader, id)
		return out, err
	}
	expires := m.Requested.Add(confirmLife)
	if !expires.After(tx.At()) {
		return nil, nil
	}
	token, err := p.tokens.Mint(compliance.Claims{
		Use: compliance.TokenConfirm, Subject: m.Subject, Issued: m.Requested, Expires: expires, Generation: m.Generation,
	})
	out.Kind, out.Data["url"] = compliance.OutgoingConfirm, p.base+"/c/"+token
	return out, err
}

func (p *Pages) isRejected(ctx context.Context, tx *store.Tx, a audience.Address) (bool, error) {
	for _, key := range p.addressKeys(a) {
		_, err := tx.LoadRecord(ctx, namespaceNotMe, key)
		if err == nil || !errors.Is(err, audience.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// subscribedAlready gives the contact of an address when everything that is
// asked for stands already, confirmed from that very mailbox, and nothing is held
// against it: whoever did not confirm from there is asked to.
func (p *Pages) subscribedAlready(ctx context.Context, tx *store.Tx, s *pending, a audience.Address) (audience.ContactID, error) {
	profile, err := tx.Profile(ctx, audience.AddressRef(a), audience.ProfileParts{Ledger: true, Suppressed: true})
	if errors.Is(err, audience.ErrNotFound) {
		return 0, nil
	}
	if err != nil || profile.IsSuppressed(tx.At()) || profile.History.Restricted(tx.At()) || !profile.Contact.Email().Equal(a) {
		return 0, err
	}
	schema := tx.Schema()
	for _, purpose := range s.Purposes {
		scope := purposeScope(purpose)
		stands := profile.History.Fold(scope, tx.At()).Status == audience.StatusSubscribed
		if ok, err := p.confirmedFrom(ctx, tx, &profile, scope, a); err != nil || !ok || !stands {
			return 0, err
		}
	}
	for _, name := range s.Lists {
		l, ok := schema.ListNamed(name)
		if !ok || !profile.OnList(l, tx.At()) {
			return 0, nil
		}
		if ok, err := p.confirmedFrom(ctx, tx, &profile, listScope(l), a); err != nil || !ok {
			return 0, err
		}
	}
	return profile.Contact.ID, nil
}

// confirmedFrom reports whether the grant for a scope is known to have been
// confirmed from the mailbox of an address.
func (p *Pages) confirmedFrom(ctx context.Context, tx *store.Tx, profile *audience.Profile, scope audience.Scope, a audience.Address) (bool, error) {
	r := lastGrant(&profile.History, scope, tx.At())
	if r == nil || !r.Mechanism.Confirms() {
		return false, nil
	}
	same, known, err := p.ledger.GivenFor(ctx, &tx.Reader, *r, a)
	return same && known, err
}

// outgoingLink is for somebody who had no working link: nothing when nobody of
// that address is known. A further address of hers gets what reduces alone.
func (p *Pages) outgoingLink(ctx context.Context, tx *store.Tx, out *compliance.Outgoing, a audience.Address) (*compliance.Outgoing, error) {
	c, err := tx.Contact(ctx, audience.AddressRef(a))
	if errors.Is(err, audience.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out.Kind = compliance.OutgoingUnsubscribe
	if out.Data["url"], err = p.UnsubscribeURL(c.ID, everything()); err != nil || !c.Email().Equal(a) {
		return out, err
	}
	out.Data["preferences"], err = p.preferencesURL(ctx, &tx.Reader, c.ID)
	return out, err
}
