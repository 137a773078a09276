package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// serveUndo is z/{token}: takes an unsubscription back, for whoever pressed it
// in error, or had it pressed by somebody the mail was forwarded to.
func (p *Pages) serveUndo(q *request, token string) {
	claims, err := p.tokens.Verify(token, compliance.TokenUndo)
	if err != nil {
		p.neutral(q)
		return
	}
	if !q.isPost() {
		v := p.view(q, "undo.title")
		v.Action = q.URL.Path
		p.about(v, claims.Scope)
		p.render(q, http.StatusOK, "undo", v)
		return
	}
	if _, err := q.form(); err != nil {
		p.render(q, bodyStatus(err), "message", p.view(q, "form.unreadable"))
		return
	}
	_, err = p.aud.Update(q.Context(), func(tx *store.Tx) error {
		return p.undo(q.Context(), tx, &claims, p.evidence(q, "undo"))
	})
	switch {
	case errors.Is(err, audience.ErrDenied):
		p.render(q, http.StatusOK, "message", p.view(q, "denied.title"))
	case err != nil:
		p.neutralOr(q, err)
	default:
		p.render(q, http.StatusOK, "message", p.view(q, "undone.title"))
	}
}

// undo grants again what the withdrawal ended and nothing else, as it was
// granted then; the evidence names withdrawal and earlier grant. It does so
// only while the withdrawal is the last word: whatever was recorded since, be
// it a bounce or a complaint, stands, and so does what is held against the
// address for another reason. A merge since is one too: of the contact she was
// merged into another refusal may be the last word, or another one that has the
// same number.
func (p *Pages) undo(ctx context.Context, tx *store.Tx, claims *compliance.Claims, e compliance.Evidence) error {
	c, h, err := p.lockedHistory(ctx, tx, claims.Contact)
	if err != nil {
		return err
	}
	if c.ID != claims.Contact {
		return &audience.NotFoundError{Kind: "undo"}
	}
	rec, err := tx.LoadRecord(ctx, namespaceUndo, undoKey(c.ID, claims.Generation))
	if err != nil {
		return err
	}
	var was ended
	if err := json.Unmarshal(rec.Value, &was); err != nil {
		return &audience.NotFoundError{Kind: "undo"}
	}
	if was.Undone {
		return nil
	}
	if lastSeq(&h) != was.Seq || h.Restricted(tx.At()) || mergedSince(&h, was.Seq) {
		return &audience.DeniedError{Rule: "undo", Hint: "nothing that was recorded since"}
	}
	if err := onlyWithdrawn(ctx, tx, &c, h.Records[len(h.Records)-1]); err != nil {
		return err
	}
	var ds []compliance.Declaration
	for _, g := range was.Grants {
		if !g.Expires.IsZero() && !g.Expires.After(tx.At()) {
			continue
		}
		if !claims.Scope.Covers(g.Scope) {
			continue // another withdrawal ended it than the one that the link is from
		}
		if ok, err := p.stillHers(ctx, tx, &c, &h, g.Contact, g.Seq); err != nil {
			return err
		} else if !ok {
			continue
		}
		e.Text = "The withdrawal was taken back, and the earlier consent stands again."
		e.Fields = map[string]string{
			"undoes":   strconv.FormatUint(was.Seq, 10),
			"restores": g.Contact.String() + "/" + strconv.FormatUint(g.Seq, 10),
		}
		ds = append(ds, compliance.Declaration{
			Contact: audience.ID(c.ID), Kind: audience.ConsentGranted, Scope: g.Scope, Mechanism: g.Mechanism, Expires: g.Expires, Notice: g.Notice,
			Source: personSource("undo"), Evidence: e,
		})
	}
	if len(ds) == 0 {
		return &audience.DeniedError{Rule: "undo", Hint: "consent that would still be in force"}
	}
	if _, err := p.ledger.RecordIn(ctx, tx, ds...); err != nil {
		return err
	}
	was.Undone = true
	if rec.Value, err = json.Marshal(was); err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, rec)
	return retryable(err)
}

// mergedSince reports whether somebody was merged into her after a record of her
// own chain.
func mergedSince(h *audience.History, seq uint64) bool {
	return slices.ContainsFunc(h.Merged, func(m audience.MergedHistory) bool { return m.Seq >= seq })
}

// stillHers reports whether a grant was for the address that she has now, as far
// as is known: consent does not move to an address that nobody confirmed.
func (p *Pages) stillHers(ctx context.Context, tx *store.Tx, c *audience.Contact, h *audience.History, origin audience.ContactID, seq uint64) (bool, error) {
	grant, ok := recordOf(h, origin, seq)
	if !ok {
		return false, nil
	}
	same, known, err := p.ledger.GivenFor(ctx, &tx.Reader, grant, c.Email())
	return same || !known, err
}

// recordOf finds a record of a contact's chain, or of that of somebody merged
// into her.
func recordOf(h *audience.History, origin audience.ContactID, seq uint64) (audience.ConsentRecord, bool) {
	for i := range h.Records {
		if r := &h.Records[i]; r.Contact == origin && r.Seq == seq {
			return *r, true
		}
	}
	for i := range h.Merged {
		if r, ok := recordOf(&h.Merged[i].History, origin, seq); ok {
			return r, true
		}
	}
	return audience.ConsentRecord{}, false
}

// onlyWithdrawn refuses when something stands against her addresses that is
// not of this withdrawal: a grant would lift it.
func onlyWithdrawn(ctx context.Context, tx *store.Tx, c *audience.Contact, withdrawal audience.ConsentRecord) error {
	all, err := tx.SuppressionsOf(ctx, c.Addresses...)
	if err != nil {
		return err
	}
	for _, some := range all {
		for i := range some {
			s := &some[i]
			if s.Stands(tx.At()) && (s.Reason != audience.SuppressedWithdrawn || !s.At.Equal(withdrawal.Acted)) {
				return &audience.DeniedError{Rule: "undo", Hint: "an address against which nothing else is held"}
			}
		}
	}
	return nil
}
