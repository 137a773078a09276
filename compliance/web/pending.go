package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	namespacePending  = "compliance/pending"         // what was asked for, sealed
	namespaceByHash   = "compliance/pending-address" // which one an address has
	namespaceNotMe    = "compliance/not-me"          // addresses that rejected one
	namespacePurged   = "compliance/pending-purged"  // how many were never confirmed
	confirmLife       = 7 * 24 * time.Hour
	pendingLife       = 14 * 24 * time.Hour
	pendingAfter      = 90 * 24 * time.Hour // until the store forgets what nobody purged
	notMeLife         = 365 * 24 * time.Hour
	purgePage         = 500
	statePending      = ""
	stateConfirmed    = "confirmed"
	stateRejected     = "rejected"
	formOfPreferences = "preferences"
)

// pending is a signup that waits for its confirmation, or what is left of one:
// then State says what became of it and everything personal is gone.
type pending struct {
	State      string    `json:"state,omitempty"`
	Generation uint16    `json:"generation"`
	Requested  time.Time `json:"requested"`
	Form       string    `json:"form"`
	Language   string    `json:"language,omitempty"`
	Address    string    `json:"address,omitempty"`
	Purposes   []string  `json:"purposes,omitempty"`
	Lists      []string  `json:"lists,omitempty"`
	Statement  string    `json:"statement,omitempty"`
	// StatementLanguage is that of the text, which may be there in another one
	// than the rest of the form.
	StatementLanguage string            `json:"statement_language,omitempty"`
	Version           string            `json:"version,omitempty"`
	PrivacyURL        string            `json:"privacy_url,omitempty"`
	Fields            map[string]string `json:"fields,omitempty"`
	GPC               bool              `json:"gpc,omitempty"`
	IP                string            `json:"ip,omitempty"`
	UserAgent         string            `json:"user_agent,omitempty"`
	// Contact is who asked, when it was somebody known in the preference
	// centre.
	Contact audience.ContactID `json:"contact,omitempty"`
}

// stripped is what is left of it.
func (s *pending) stripped(state string) *pending {
	return &pending{State: state, Generation: s.Generation, Requested: s.Requested, Form: s.Form, Language: s.Language}
}

// storedPending is a pending signup with its record.
type storedPending struct {
	pending
	subject [8]byte
	version uint64
}

const subjectBytes = 8

func newSubject() (s [subjectBytes]byte) {
	for s == [subjectBytes]byte{} {
		_, _ = rand.Read(s[:]) // it never fails
	}
	return s
}

// addressKey names the records about an address: a keyed hash of it.
func (p *Pages) addressKey(a audience.Address) string { return hex.EncodeToString(p.addressTag(0, a)) }

// addressKeys are the names under every key, the primary first.
func (p *Pages) addressKeys(a audience.Address) []string {
	out := make([]string, len(p.secrets.keys))
	for i := range out {
		out[i] = hex.EncodeToString(p.addressTag(i, a))
	}
	return out
}

func (p *Pages) addressTag(key int, a audience.Address) []byte {
	return p.secrets.tagUnder(&p.secrets.keys[key], []string{"address", a.Canonical()})
}

// loadPending finds a signup by the subject of its token; [audience.ErrNotFound]
// when it is gone, purged or sealed under a key that is.
func (p *Pages) loadPending(ctx context.Context, r *store.Reader, subject [8]byte) (storedPending, error) {
	key := hex.EncodeToString(subject[:])
	rec, err := r.LoadRecord(ctx, namespacePending, key)
	if err != nil {
		return storedPending{}, err
	}
	s := storedPending{subject: subject, version: rec.Version}
	if !p.secrets.open(rec.Value, namespacePending, key, &s.pending) {
		return storedPending{}, &audience.NotFoundError{Kind: "signup"}
	}
	return s, nil
}

func (p *Pages) pendingRecord(s *storedPending) (store.Record, error) {
	key := hex.EncodeToString(s.subject[:])
	value, err := p.secrets.seal(s.Requested, namespacePending, key, &s.pending)
	return store.Record{
		Namespace: namespacePending, Key: key, Value: value, Version: s.version, Contact: s.Contact, Expires: s.Requested.Add(pendingAfter),
	}, err
}

// keepPending stores what an address asks for and asks Run to mail it. A newer
// request of an address takes the place of an older one, whose mail then
// confirms nothing. With drop everything is written all the same, so that
// nobody can tell by the time it takes, but nothing changes and nothing is
// sent.
func (p *Pages) keepPending(ctx context.Context, tx *store.Tx, s pending, a audience.Address, drop bool) error {
	index := store.Record{Namespace: namespaceByHash, Key: p.addressKey(a), Expires: s.Requested.Add(pendingAfter)}
	now := storedPending{pending: s, subject: newSubject()}
	held, version, err := p.pendingOf(ctx, tx, a)
	if err != nil {
		return err
	}
	index.Version = version
	if held != nil {
		now.subject, now.version, now.Generation = held.subject, held.version, held.Generation+1
		if drop {
			now.pending = held.pending
		}
	}
	index.Value = now.subject[:]
	main, err := p.pendingRecord(&now)
	if err != nil {
		return err
	}
	queued, err := p.queueRecord(tx.At(), message{
		Kind: messageConfirm, Address: a.Reveal(), Language: s.Language, Form: s.Form,
		Subject: now.subject, Generation: now.Generation, Requested: s.Requested, Drop: drop,
	})
	if err != nil {
		return err
	}
	if drop && now.version == 0 { // nothing is pending, and nothing comes to be
		main.Value, index.Value = []byte{0}, []byte{0}
		main.Expires, index.Expires = tx.At().Add(time.Minute), tx.At().Add(time.Minute)
	}
	_, err = tx.SaveRecords(ctx, []store.Record{main, index, queued})
	return retryable(err)
}

// pendingOf gives the signup that waits for an address, or nil, and the version
// of the index under the primary key. It asks under every key, so that it does
// the same for every address.
func (p *Pages) pendingOf(ctx context.Context, tx *store.Tx, a audience.Address) (held *storedPending, version uint64, err error) {
	for i, key := range p.addressKeys(a) {
		rec, err := tx.LoadRecord(ctx, namespaceByHash, key)
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return nil, 0, err
		}
		if i == 0 {
			version = rec.Version
		}
		if len(rec.Value) != subjectBytes || held != nil {
			continue
		}
		s, err := p.loadPending(ctx, &tx.Reader, [subjectBytes]byte(rec.Value))
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return nil, 0, err
		}
		if err == nil && s.State == statePending {
			held = &s
		}
	}
	return held, version, nil
}

// PurgePending removes what signups left that were not confirmed within 14
// days, and what confirmed ones left of their state; how many were never
// confirmed is counted. It gives how many it removed. [Pages.Run] does it
// every hour.
func (p *Pages) PurgePending(ctx context.Context) (removed int, err error) {
	after := ""
	for {
		var old []store.Record
		err := p.aud.View(ctx, func(r *store.Reader) error {
			page, err := r.Records(ctx, namespacePending, "", after, purgePage)
			for _, rec := range page {
				after = rec.Key
				if !sealedAt(rec.Value).Add(pendingLife).After(p.aud.Now()) {
					old = append(old, rec)
				}
			}
			if len(page) == 0 {
				after = ""
			}
			return err
		})
		if err != nil {
			return removed, err
		}
		if len(old) > 0 {
			if _, err := p.aud.Update(ctx, func(tx *store.Tx) error { return p.purge(ctx, tx, old) }); err != nil {
				return removed, err
			}
			removed += len(old)
		}
		if after == "" {
			return removed, nil
		}
	}
}

func (p *Pages) purge(ctx context.Context, tx *store.Tx, old []store.Record) error {
	unconfirmed := 0
	for _, rec := range old {
		var s pending
		if p.secrets.open(rec.Value, rec.Namespace, rec.Key, &s) && s.State == statePending {
			unconfirmed++
		}
		if err := p.dropIndex(ctx, tx, s.Address); err != nil {
			return err
		}
		if err := tx.DeleteRecord(ctx, rec.Namespace, rec.Key, rec.Version); err != nil && !errors.Is(err, audience.ErrNotFound) {
			return retryable(err)
		}
	}
	count, err := tx.LoadRecord(ctx, namespacePurged, "unconfirmed")
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	n, _ := strconv.Atoi(string(count.Value))
	_, err = tx.SaveRecord(ctx, store.Record{
		Namespace: namespacePurged, Key: "unconfirmed", Version: count.Version, Value: strconv.AppendInt(nil, int64(n+unconfirmed), 10),
	})
	return retryable(err)
}

// dropIndex forgets which signup an address has.
func (p *Pages) dropIndex(ctx context.Context, tx *store.Tx, address string) error {
	a, err := audience.ParseAddress(address)
	if err != nil {
		return nil //nolint:nilerr // what is left of a finished signup has none
	}
	for _, key := range p.addressKeys(a) {
		if err := deleteIfThere(ctx, tx, namespaceByHash, key); err != nil {
			return err
		}
	}
	return nil
}

func deleteIfThere(ctx context.Context, tx *store.Tx, namespace, key string) error {
	rec, err := tx.LoadRecord(ctx, namespace, key)
	if errors.Is(err, audience.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return retryable(tx.DeleteRecord(ctx, namespace, key, rec.Version))
}

// Forget removes what the pages keep about addresses beyond what belongs to a
// contact: signups that wait and messages that wait. It belongs to an erasure,
// in the same transaction. That an address rejected a signup stays, as a keyed
// hash, until its year is over: without it forms would mail somebody again who
// objected to that.
func (p *Pages) Forget(ctx context.Context, tx *store.Tx, addresses ...audience.Address) error {
	for _, a := range addresses {
		for _, key := range p.addressKeys(a) {
			rec, err := tx.LoadRecord(ctx, namespaceByHash, key)
			if err == nil {
				if err := deleteIfThere(ctx, tx, namespacePending, hex.EncodeToString(rec.Value)); err != nil {
					return err
				}
			} else if !errors.Is(err, audience.ErrNotFound) {
				return err
			}
			if err := deleteIfThere(ctx, tx, namespaceByHash, key); err != nil {
				return err
			}
		}
	}
	return p.forgetQueued(ctx, tx, addresses)
}
