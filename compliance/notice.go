package compliance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const namespaceNotices = "compliance/notices"

// Notice is a text that people are shown when they are asked (GDPR Art. 7(1),
// 13). It is named by its content: one that was stored never changes, and
// another text is another notice.
type Notice struct {
	ID        string    `json:"-"` // SHA-256 of the rest, in hexadecimal; set by PutNotice
	Version   string    `json:"version,omitempty"`
	Text      string    `json:"text"`     // exactly what is shown
	Language  string    `json:"language"` // BCP 47
	URL       string    `json:"url,omitempty"`
	Purposes  []string  `json:"purposes"`            // what it asks for, sorted
	ValidFrom time.Time `json:"valid_from,omitzero"` // zero: it always was
}

// contentID hashes the members with their lengths.
func (n *Notice) contentID() string {
	h := sha256.New()
	h.Write([]byte("audiencekit notice 1\x00"))
	write := func(s string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	for _, s := range []string{n.Version, n.Text, n.Language, n.URL, instantText(n.ValidFrom)} {
		write(s)
	}
	for _, p := range n.Purposes {
		write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// PutNotice stores a notice and gives it with its id; one that is stored
// already is given as it is. [audience.ErrInvalid] says what is missing.
func (l *Ledger) PutNotice(ctx context.Context, n Notice) (Notice, error) {
	n.Purposes = slices.Compact(slices.Sorted(slices.Values(n.Purposes)))
	if !n.ValidFrom.IsZero() {
		n.ValidFrom = audience.FromMicros(audience.Micros(n.ValidFrom))
	}
	if err := l.checkNotice(&n); err != nil {
		return Notice{}, err
	}
	n.ID = n.contentID()
	value, err := json.Marshal(&n)
	if err != nil {
		return Notice{}, err
	}
	_, err = l.aud.Update(ctx, func(tx *store.Tx) error {
		_, err := noticeIn(ctx, &tx.Reader, n.ID)
		if !errors.Is(err, audience.ErrNotFound) {
			return err
		}
		_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceNotices, Key: n.ID, Value: value})
		return err
	})
	if errors.Is(err, audience.ErrConflict) { // somebody stored the same at the same time
		return l.Notice(ctx, n.ID)
	}
	return n, err
}

func (l *Ledger) checkNotice(n *Notice) error {
	limits := l.aud.Limits()
	for _, t := range []struct{ path, s string }{
		{"text", n.Text}, {"language", n.Language}, {"url", n.URL}, {"version", n.Version},
	} {
		switch {
		case !utf8.ValidString(t.s):
			return &audience.FieldError{Path: "notice." + t.path, Rule: "utf8", Hint: "valid UTF-8"}
		case len(t.s) > limits.StringBytes:
			return &audience.FieldError{Path: "notice." + t.path, Rule: "max-length", Hint: "within Limits.StringBytes", Limit: true}
		}
	}
	switch {
	case n.Text == "":
		return &audience.FieldError{Path: "notice.text", Rule: "empty", Hint: "the exact text"}
	case n.Language == "":
		return &audience.FieldError{Path: "notice.language", Rule: "empty", Hint: "a language, such as en"}
	case len(n.Purposes) == 0:
		return &audience.FieldError{Path: "notice.purposes", Rule: "empty", Hint: "the purposes that it asks for"}
	}
	for _, id := range n.Purposes {
		if _, err := l.Purpose(id); err != nil {
			return &audience.FieldError{Path: "notice.purposes", Rule: "unknown", Hint: "purposes of the ledger"}
		}
	}
	return nil
}

// Notice gives a stored notice; [audience.ErrNotFound] when there is none, and
// [audience.ErrConflict] when what is stored is not what the id says.
func (l *Ledger) Notice(ctx context.Context, id string) (Notice, error) {
	var out Notice
	err := l.aud.View(ctx, func(r *store.Reader) (err error) {
		out, err = noticeIn(ctx, r, id)
		return err
	})
	return out, err
}

func noticeIn(ctx context.Context, r *store.Reader, id string) (Notice, error) {
	if len(id) != 2*sha256.Size {
		return Notice{}, &audience.NotFoundError{Kind: "notice"}
	}
	rec, err := r.LoadRecord(ctx, namespaceNotices, id)
	if errors.Is(err, audience.ErrNotFound) {
		return Notice{}, &audience.NotFoundError{Kind: "notice"}
	}
	if err != nil {
		return Notice{}, err
	}
	out := Notice{ID: id}
	if json.Unmarshal(rec.Value, &out) != nil || out.contentID() != id {
		return Notice{}, &audience.ConflictError{Kind: "notice", Hint: "the stored text is not the one that the id names"}
	}
	return out, nil
}

// checkNotices refuses grants that nobody can have been informed of.
func (l *Ledger) checkNotices(ctx context.Context, r *store.Reader, now time.Time, ds []Declaration) error {
	known := make(map[string]Notice)
	var refused audience.BatchError
	for i := range ds {
		d := &ds[i]
		if d.Kind != audience.ConsentGranted || !l.needsConsent(d.Scope) || hasOwnText(d) {
			continue
		}
		n, ok := known[d.Notice]
		if !ok {
			var err error
			n, err = noticeIn(ctx, r, d.Notice)
			if err != nil && !errors.Is(err, audience.ErrNotFound) && !errors.Is(err, audience.ErrConflict) {
				return err
			}
			known[d.Notice] = n
		}
		acted := d.Acted
		if acted.IsZero() {
			acted = now
		}
		switch {
		case n.ID == "":
			refused.Add(i, &audience.DeniedError{Rule: "notice", Hint: "consent needs the id of a notice that PutNotice gave, or its text in the evidence when attested, verbal or on paper"})
		case n.ValidFrom.After(acted):
			refused.Add(i, &audience.DeniedError{Rule: "notice", Hint: "a notice that was valid when the person acted"})
		case !slices.Contains(n.Purposes, l.purposeOf(d.Scope)):
			refused.Add(i, &audience.DeniedError{Rule: "notice", Hint: "a notice that covers the purpose"})
		}
	}
	return refused.OrNil()
}

// hasOwnText reports whether what was said stands in the evidence itself.
func hasOwnText(d *Declaration) bool {
	switch d.Mechanism {
	case audience.MechanismAttested, audience.MechanismPaper, audience.MechanismVerbal:
		return d.Notice == "" && d.Evidence.Text != ""
	default:
		return false
	}
}

const namespaceAttempts = "compliance/attempts"

// Attempt is a grant that was refused as [ErrNotAffirmed]: kept as a fact, and
// never counted. Equal attempts of one contact are one with a count.
type Attempt struct {
	Mechanism   audience.Mechanism
	Scope       audience.Scope
	Notice      string
	Source      audience.Source // of the last
	First, Last time.Time
	Count       int
}

// keepAttempts writes down grants that are no consent, and refuses the batch
// they are in.
func (l *Ledger) keepAttempts(ctx context.Context, tx *store.Tx, ids []audience.ContactID, ds []Declaration) error {
	var refused audience.BatchError
	for i := range ds {
		d := &ds[i]
		if d.Kind != audience.ConsentGranted || d.Mechanism.Affirms() {
			continue
		}
		refused.Add(i, ErrNotAffirmed)
		if ids[i] == 0 {
			continue
		}
		if err := saveAttempt(ctx, tx, ids[i], d); err != nil {
			return err
		}
	}
	return refused.OrNil()
}

func saveAttempt(ctx context.Context, tx *store.Tx, id audience.ContactID, d *Declaration) error {
	w := audience.ConsentWrite{Contact: d.Contact, Kind: audience.ConsentRequested, Scope: d.Scope, Mechanism: d.Mechanism, Notice: d.Notice, Source: d.Source}
	if err := w.Check(tx.Audience().Limits()); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(string(d.Mechanism) + "\x00" + d.Scope.String() + "\x00" + d.Notice))
	key := id.String() + "/" + hex.EncodeToString(sum[:16])
	rec, err := tx.LoadRecord(ctx, namespaceAttempts, key)
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	a := Attempt{Mechanism: d.Mechanism, Scope: d.Scope, Notice: d.Notice, First: tx.At()}
	if err == nil {
		_ = json.Unmarshal(rec.Value, &a) // one that is damaged begins anew
	}
	a.Source, a.Last, a.Count = d.Source, tx.At(), a.Count+1
	value, err := json.Marshal(&a)
	if err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{Namespace: namespaceAttempts, Key: key, Value: value, Version: rec.Version, Contact: id})
	return err
}

// Attempts gives the grants of a contact that were no consent, the first one
// first.
func (l *Ledger) Attempts(ctx context.Context, ref audience.Ref) ([]Attempt, error) {
	var out []Attempt
	err := l.aud.View(ctx, func(r *store.Reader) error {
		c, err := r.Contact(ctx, ref)
		if err != nil {
			return err
		}
		out, err = attemptsIn(ctx, r, c.ID)
		return err
	})
	return out, err
}
