package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// serveConfirm is c/{token}: looking at it changes nothing, however often a
// scanner does; only a button confirms or rejects.
func (p *Pages) serveConfirm(q *request, token string) {
	claims, err := p.tokens.Verify(token, compliance.TokenConfirm)
	if err != nil {
		p.neutral(q)
		return
	}
	act := ""
	if q.isPost() {
		values, err := q.form()
		if err != nil {
			p.render(q, bodyStatus(err), "message", p.view(q, "form.unreadable"))
			return
		}
		act = values.Get("do")
	}
	switch act {
	case "confirm":
		p.postConfirm(q, &claims)
	case "reject":
		p.postReject(q, &claims)
	default:
		p.showConfirm(q, &claims)
	}
}

func (p *Pages) showConfirm(q *request, claims *compliance.Claims) {
	var s storedPending
	err := p.aud.View(q.Context(), func(r *store.Reader) (err error) {
		s, err = p.pendingFor(q.Context(), r, claims)
		return err
	})
	switch {
	case err != nil:
		p.neutralOr(q, err)
	case s.State == stateConfirmed:
		p.render(q, http.StatusOK, "message", p.view(q, "confirmed.title"))
	default:
		p.speak(q, &s.pending)
		v := p.view(q, "confirm.title")
		v.Action, v.Statement, v.Form = q.URL.Path, s.Statement, s.Form
		v.StatementLang = phrase{lang: s.StatementLanguage}.foreign(q.lang)
		p.render(q, http.StatusOK, "confirm", v)
	}
}

// speak answers in the language of the form, when the browser names none.
func (p *Pages) speak(q *request, s *pending) {
	if q.Header.Get("Accept-Language") == "" {
		q.lang = p.texts.nearest(s.Language)
	}
}

// pendingFor finds what a token is about: [audience.ErrNotFound] when it is
// gone, was rejected or asked for again since.
func (p *Pages) pendingFor(ctx context.Context, r *store.Reader, claims *compliance.Claims) (storedPending, error) {
	s, err := p.loadPending(ctx, r, claims.Subject)
	if err == nil && (s.State == stateRejected || s.Generation != claims.Generation) {
		err = &audience.NotFoundError{Kind: "signup"}
	}
	return s, err
}

func (p *Pages) postConfirm(q *request, claims *compliance.Claims) {
	ctx := q.Context()
	var s storedPending
	var out bool
	notice, err := p.noticeFor(ctx, claims)
	if err == nil {
		_, err = p.aud.Update(ctx, func(tx *store.Tx) (err error) {
			out = false
			if s, err = p.pendingFor(ctx, &tx.Reader, claims); err != nil || s.State == stateConfirmed {
				return err
			}
			s.GPC = s.GPC || GPC(q.Header)
			out, err = p.confirm(ctx, tx, &s, notice, p.evidence(q, "confirm"))
			return err
		})
	}
	switch {
	case errors.Is(err, audience.ErrDenied): // a refusal that only the host can lift
		p.render(q, http.StatusOK, "message", p.view(q, "denied.title"))
	case err != nil:
		p.neutralOr(q, err)
	default:
		p.speak(q, &s.pending)
		v := p.view(q, "confirmed.title")
		if out {
			v.Notice = "gpc.recorded"
		}
		p.render(q, http.StatusOK, "message", v)
	}
}

// noticeFor stores what the person of a signup was shown, as a notice, and
// gives its id; "" when she confirmed already. A signup keeps its text for as
// long as its token is good, so it is that of the confirmation that follows.
func (p *Pages) noticeFor(ctx context.Context, claims *compliance.Claims) (id string, err error) {
	var s storedPending
	err = p.aud.View(ctx, func(r *store.Reader) (err error) {
		s, err = p.pendingFor(ctx, r, claims)
		return err
	})
	if err != nil || s.State == stateConfirmed {
		return "", err
	}
	n := compliance.Notice{Version: s.Version, Text: s.Statement, Language: cmp.Or(s.StatementLanguage, s.Language), URL: s.PrivacyURL, Purposes: s.Purposes}
	schema := p.aud.Schema()
	for _, name := range s.Lists {
		if l, ok := schema.ListNamed(name); ok && !contains(n.Purposes, purposeOf(l)) {
			n.Purposes = append(n.Purposes, purposeOf(l))
		}
	}
	n, err = p.ledger.PutNotice(ctx, n)
	return n.ID, err
}

// confirm makes a signup count: the contact, what she typed and her consent,
// in one transaction. It reports whether she opted out of sale and sharing by
// the signal of her browser.
func (p *Pages) confirm(ctx context.Context, tx *store.Tx, s *storedPending, notice string, e compliance.Evidence) (out bool, err error) {
	a, err := audience.ParseAddress(s.Address)
	if err != nil {
		return false, &audience.NotFoundError{Kind: "signup"}
	}
	id, err := p.confirmedContact(ctx, tx, s, a)
	if err != nil {
		return false, err
	}
	if err := p.grantAll(ctx, tx, s, id, notice, e); err != nil {
		return false, err
	}
	if s.GPC && s.Form != formOfPreferences { // there she says by a box of its own what she wants
		if out, err = optOutOfSale(ctx, p.ledger, tx, id, mechanismGPC, compliance.Evidence{Form: s.Form}); err != nil {
			return false, err
		}
	}
	done := *s
	done.pending = *s.stripped(stateConfirmed)
	rec, err := p.pendingRecord(&done)
	if err != nil {
		return false, err
	}
	if _, err := tx.SaveRecord(ctx, rec); err != nil {
		return false, retryable(err)
	}
	return out, p.dropIndex(ctx, tx, s.Address)
}

// confirmedContact puts the contact. What is known of her already stays: what
// was typed may have been typed by anybody. Mail goes to the primary address, so
// what was confirmed from a further one is no consent to it.
func (p *Pages) confirmedContact(ctx context.Context, tx *store.Tx, s *storedPending, a audience.Address) (audience.ContactID, error) {
	was, err := tx.Contact(ctx, audience.AddressRef(a))
	switch {
	case errors.Is(err, audience.ErrNotFound) && s.Contact == 0:
	case errors.Is(err, audience.ErrNotFound):
		return 0, &audience.NotFoundError{Kind: "signup"} // she gave the address up since
	case err != nil:
		return 0, err
	}
	if s.Contact != 0 {
		ids, err := tx.Resolve(ctx, audience.ID(s.Contact))
		if err != nil || ids[0] != was.ID {
			return 0, errors.Join(err, &audience.NotFoundError{Kind: "signup"})
		}
		return was.ID, p.holdAddress(ctx, tx, was.ID, a, &audience.NotFoundError{Kind: "signup"})
	}
	w := audience.ContactWrite{Match: audience.AddressRef(a), Source: personSource(s.Form), Returning: true, Set: map[string]audience.Value{}}
	schema := tx.Schema()
	for name, text := range s.Fields {
		switch {
		case name == "first_name" && was.FirstName.IsZero():
			w.FirstName = audience.NewPrivate(text)
		case name == "last_name" && was.LastName.IsZero():
			w.LastName = audience.NewPrivate(text)
		case name == "phone" && was.Phone.IsZero():
			w.Phone = audience.NewPrivate(text)
		case name == "first_name" || name == "last_name" || name == "phone":
		case was.Field(&schema, name).IsZero():
			w.Set[name] = audience.StringValue(text)
		}
	}
	out, err := tx.Put(ctx, w)
	if err != nil {
		return 0, err
	}
	return out[0].ID, p.holdAddress(ctx, tx, out[0].ID, a, &audience.DeniedError{Rule: "address", Hint: "the primary address of the contact"})
}

// holdAddress locks a contact and gives refusal unless an address is her
// primary one: it must not change between that and the grant, which is for it.
func (p *Pages) holdAddress(ctx context.Context, tx *store.Tx, id audience.ContactID, a audience.Address, refusal error) error {
	c, err := lockOne(ctx, tx, id)
	if err == nil && !c.Email().Equal(a) {
		err = refusal
	}
	return err
}

func (p *Pages) grantAll(ctx context.Context, tx *store.Tx, s *storedPending, id audience.ContactID, notice string, e compliance.Evidence) error {
	sum := sha256.Sum256([]byte(s.Statement))
	e.Text, e.Form, e.Language, e.Requested = s.Statement, s.Form, s.Language, s.Requested
	e.Fields = map[string]string{"text_sha256": hex.EncodeToString(sum[:])}
	if s.IP != "" {
		e.Fields["requested_ip"] = s.IP
	}
	if s.UserAgent != "" {
		e.Fields["requested_user_agent"] = s.UserAgent
	}
	var scopes []audience.Scope
	for _, purpose := range s.Purposes {
		scope := purposeScope(purpose)
		if contains(salePurposes(p.ledger), purpose) {
			scope.Channel = "" // its refusal is on every channel, and so is what lifts it
		}
		scopes = append(scopes, scope)
	}
	schema := tx.Schema()
	for _, name := range s.Lists {
		if l, ok := schema.ListNamed(name); ok {
			scopes = append(scopes, listScope(l))
		}
	}
	var ds []compliance.Declaration
	for _, scope := range scopes {
		ds = append(ds, compliance.Declaration{
			Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: scope, Mechanism: audience.MechanismDoubleOptIn,
			Notice: notice, Source: personSource(s.Form), Evidence: e,
		})
	}
	_, err := p.ledger.RecordIn(ctx, tx, ds...)
	return err
}

// postReject is "this was not me": what was asked for is gone, and whoever asked
// cannot have her mailed again: see [Pages.bar].
func (p *Pages) postReject(q *request, claims *compliance.Claims) {
	ctx := q.Context()
	var s storedPending
	_, err := p.aud.Update(ctx, func(tx *store.Tx) (err error) {
		s, err = p.loadPending(ctx, &tx.Reader, claims.Subject)
		if err != nil || s.State == stateRejected {
			return err
		}
		if s.State != statePending {
			return &audience.NotFoundError{Kind: "signup"} // confirmed; now only unsubscribing helps
		}
		return p.reject(ctx, tx, &s)
	})
	if err != nil {
		p.neutralOr(q, err)
		return
	}
	title := "rejected.title"
	if s.Form == formOfPreferences {
		title = "rejected-change.title"
	}
	p.render(q, http.StatusOK, "message", p.view(q, title))
}

// bar keeps whoever asked for something that a mailbox rejected from having it
// mailed again. For a signup anybody can fill in any form, so none mails that
// address for a year. The preference centre needs a link, which somebody else has
// then: it ends, and she can ask for another one.
func (p *Pages) bar(ctx context.Context, tx *store.Tx, s *storedPending) error {
	if s.Form == formOfPreferences {
		return p.tokens.EndGeneration(ctx, tx, s.Contact, compliance.TokenPreferences)
	}
	a, err := audience.ParseAddress(s.Address)
	if err != nil {
		return nil //nolint:nilerr // the rules for addresses changed since: no form takes it any more
	}
	key := p.addressKey(a)
	rec, err := tx.LoadRecord(ctx, namespaceNotMe, key)
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	_, err = tx.SaveRecord(ctx, store.Record{
		Namespace: namespaceNotMe, Key: key, Version: rec.Version, Value: []byte{1}, Expires: tx.At().Add(notMeLife),
	})
	return retryable(err)
}

func (p *Pages) reject(ctx context.Context, tx *store.Tx, s *storedPending) error {
	if err := p.bar(ctx, tx, s); err != nil {
		return err
	}
	if err := p.dropIndex(ctx, tx, s.Address); err != nil {
		return err
	}
	done := *s
	done.pending = *s.stripped(stateRejected)
	rec, err := p.pendingRecord(&done)
	if err != nil {
		return err
	}
	_, err = tx.SaveRecord(ctx, rec)
	return retryable(err)
}
