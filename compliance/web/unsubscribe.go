package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

const (
	namespaceUndo = "compliance/undo"
	undoLife      = 30 * 24 * time.Hour
)

// serveUnsubscribe is u/{token}: RFC 8058's POST, and a page with a button for
// people, at the same URL.
func (p *Pages) serveUnsubscribe(q *request, token string) {
	claims, err := p.tokens.Verify(token, compliance.TokenUnsubscribe)
	if err != nil {
		p.neutral(q)
		return
	}
	if !q.isPost() {
		p.showUnsubscribe(q, &claims)
		return
	}
	values, err := q.form()
	if err != nil {
		p.render(q, bodyStatus(err), "message", p.view(q, "form.unreadable"))
		return
	}
	scope, mechanism, ok := unsubscribeWish(claims.Scope, values)
	if !ok {
		p.render(q, http.StatusBadRequest, "message", p.view(q, "form.unreadable"))
		return
	}
	p.postUnsubscribe(q, &claims, scope, mechanism)
}

// unsubscribeWish reads what a POST asks for. A body without any value, which
// some mail clients send, can mean only one thing. Anything else is not
// guessed at.
func unsubscribeWish(scope audience.Scope, values url.Values) (audience.Scope, audience.Mechanism, bool) {
	switch {
	case len(values) == 0 || strings.TrimSpace(values.Get("List-Unsubscribe")) == "One-Click":
		return scope, mechanismOneClick, true
	case values.Get("do") == "unsubscribe":
		return scope, mechanismPage, true
	case values.Get("do") == "all" && scope.Covers(everything()):
		return scope, mechanismPage, true // what the token says reaches further
	case values.Get("do") == "all":
		return everything(), mechanismPage, true
	default:
		return audience.Scope{}, "", false
	}
}

func (p *Pages) showUnsubscribe(q *request, claims *compliance.Claims) {
	var found bool
	err := p.aud.View(q.Context(), func(r *store.Reader) error {
		ids, err := r.Resolve(q.Context(), audience.ID(claims.Contact))
		found = err == nil && ids[0] != 0
		return err
	})
	switch {
	case err != nil:
		p.failed(q, err)
	case !found:
		p.neutral(q)
	default:
		v := p.view(q, "unsubscribe.title")
		v.Action = q.URL.Path
		p.about(v, claims.Scope)
		v.Wider = !claims.Scope.Covers(everything())
		p.render(q, http.StatusOK, "unsubscribe", v)
	}
}

// scopeTitle names a scope on a page, "" for everything.
func (p *Pages) scopeTitle(s audience.Scope, lang string) phrase {
	schema := p.aud.Schema()
	if l, ok := schema.ListNamed(s.List); ok && s.List != "" {
		return phrase{text: listTitle(l)}
	}
	if s.Purpose != "" {
		return p.purposeTitle(s.Purpose, lang)
	}
	return phrase{}
}

// about says what a page is about.
func (p *Pages) about(v *View, s audience.Scope) {
	title := p.scopeTitle(s, v.Lang)
	v.Subject, v.SubjectLang = title.text, title.foreign(v.Lang)
}

func (p *Pages) postUnsubscribe(q *request, claims *compliance.Claims, scope audience.Scope, m audience.Mechanism) {
	var undo string
	_, err := p.aud.Update(q.Context(), func(tx *store.Tx) (err error) {
		undo, err = p.unsubscribe(q.Context(), tx, claims, scope, m, p.evidence(q, "unsubscribe"))
		return err
	})
	if err != nil {
		p.neutralOr(q, err)
		return
	}
	p.showUnsubscribed(q, scope, undo)
}

func (p *Pages) showUnsubscribed(q *request, scope audience.Scope, undo string) {
	v := p.view(q, "unsubscribed.title")
	p.about(v, scope)
	if undo != "" {
		v.Undo = p.prefix + "/z/" + undo
	}
	p.render(q, http.StatusOK, "unsubscribed", v)
}

// ended is what an unsubscription ended: what its undoing goes back to.
type ended struct {
	Seq    uint64  `json:"seq"` // of the withdrawal
	Grants []grant `json:"grants"`
	Undone bool    `json:"undone,omitempty"`
}

// unsubscribe records a withdrawal, unless the same stands already, and gives
// the token that takes it back, or "". Somebody who is gone is
// [audience.ErrNotFound].
func (p *Pages) unsubscribe(ctx context.Context, tx *store.Tx, claims *compliance.Claims, scope audience.Scope, m audience.Mechanism, e compliance.Evidence) (undo string, err error) {
	c, h, err := p.lockedHistory(ctx, tx, claims.Contact)
	if err != nil {
		return "", err
	}
	schema := tx.Schema()
	scope = known(&schema, scope)
	grants := grantsWithin(&h, &schema, scope, tx.At())
	if len(grants) == 0 && refuses(&h, scope, tx.At()) {
		return p.undoToken(ctx, tx, &h, c.ID, lastSeq(&h), scope, claims.Issued)
	}
	suppressed, err := isSuppressed(ctx, tx, &c)
	if err != nil {
		return "", err
	}
	records, err := p.ledger.RecordIn(ctx, tx, compliance.Declaration{
		Contact: audience.ID(c.ID), Kind: audience.ConsentWithdrawn, Scope: scope, Mechanism: m,
		Source: personSource(e.Page), Evidence: e,
	})
	if err != nil || len(grants) == 0 || suppressed { // then there is nothing to go back to
		return "", err
	}
	seq := records[0].Seq
	value, err := json.Marshal(ended{Seq: seq, Grants: grants})
	if err != nil {
		return "", err
	}
	key := undoKey(c.ID, uint16(seq))
	was, err := tx.LoadRecord(ctx, namespaceUndo, key) // of a chain of more than 65,536 records
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return "", err
	}
	if _, err = tx.SaveRecord(ctx, store.Record{
		Namespace: namespaceUndo, Key: key, Version: was.Version, Value: value, Contact: c.ID, Expires: tx.At().Add(undoLife),
	}); err != nil {
		return "", retryable(err)
	}
	return p.undoToken(ctx, tx, &h, c.ID, seq, scope, claims.Issued)
}

// known completes a scope as the ledger does, which gives a topic its purpose.
// What the schema does not know any more is refused with everything that it may
// have been part of: a link never dies.
func known(schema *audience.Schema, scope audience.Scope) audience.Scope {
	if scope.List != "" {
		list, ok := schema.ListNamed(scope.List)
		if !ok || list.Kind != audience.ListTopic {
			scope.List = ""
		} else {
			scope.Purpose = cmp.Or(list.Purpose, audience.PurposeMarketing)
		}
	}
	if scope.Purpose != "" && !schema.HasPurpose(scope.Purpose) {
		return audience.Scope{Channel: scope.Channel}
	}
	return scope
}

func undoKey(id audience.ContactID, generation uint16) string {
	return id.String() + "/" + strconv.Itoa(int(generation))
}

// lockedHistory finds a contact, follows merges, and locks her: what is read
// then is what the decision is about, however many ask at once.
func (p *Pages) lockedHistory(ctx context.Context, tx *store.Tx, contact audience.ContactID) (audience.Contact, audience.History, error) {
	ids, err := tx.Resolve(ctx, audience.ID(contact))
	if err == nil && ids[0] == 0 {
		err = &audience.NotFoundError{Kind: "contact"}
	}
	if err != nil {
		return audience.Contact{}, audience.History{}, err
	}
	c, err := lockOne(ctx, tx, ids[0])
	if err != nil {
		return audience.Contact{}, audience.History{}, err
	}
	h, err := tx.History(ctx, audience.ID(c.ID))
	return c, h, err
}

// isSuppressed reports whether anything is held against one of her addresses.
func isSuppressed(ctx context.Context, tx *store.Tx, c *audience.Contact) (bool, error) {
	all, err := tx.SuppressionsOf(ctx, c.Addresses...)
	for _, some := range all {
		for i := range some {
			if some[i].Stands(tx.At()) {
				return true, err
			}
		}
	}
	return false, err
}

// undoToken mints the token that takes the withdrawal of that number back,
// where there is something to take back. A link is not offered what was granted
// after it was issued: whoever has it may be at an address that she had before.
func (p *Pages) undoToken(ctx context.Context, tx *store.Tx, h *audience.History, id audience.ContactID, seq uint64, scope audience.Scope, issued time.Time) (string, error) {
	rec, err := tx.LoadRecord(ctx, namespaceUndo, undoKey(id, uint16(seq)))
	if errors.Is(err, audience.ErrNotFound) {
		return "", nil
	}
	var was ended
	if err != nil || json.Unmarshal(rec.Value, &was) != nil || was.Seq != seq || was.Undone {
		return "", err
	}
	for _, g := range was.Grants {
		if r, ok := recordOf(h, g.Contact, g.Seq); !ok || r.Recorded.Truncate(time.Second).After(issued) { // tokens know whole seconds
			return "", nil
		}
	}
	return p.tokens.Mint(compliance.Claims{
		Use: compliance.TokenUndo, Contact: id, Scope: scope, Expires: rec.Expires, Generation: uint16(seq),
	})
}
