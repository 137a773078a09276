package web

import (
	"net/http"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// linkForm counts, together with the forms, the page that mails links.
const linkForm = "link"

// neutral answers a token that is of no use, whatever is wrong with it or with
// whom it is about: always the same, and never a dead end.
func (p *Pages) neutral(q *request) {
	p.render(q, http.StatusNotFound, "link", p.linkView(q, "neutral.title"))
}

// neutralOr is neutral for what is not there, and an error page for the rest.
func (p *Pages) neutralOr(q *request, err error) {
	if isNotFound(err) {
		p.neutral(q)
		return
	}
	p.failed(q, err)
}

func (p *Pages) linkView(q *request, title string, problems ...problem) *View {
	v := p.view(q, title)
	v.Action = p.prefix + "/u"
	p.mark(v, problems)
	return v
}

// serveLink is u: who has no working link asks for one by mail. Everybody gets
// the same answer; whether somebody of that address is known shows only in
// whether a mail comes.
func (p *Pages) serveLink(q *request) {
	if !q.isPost() {
		p.render(q, http.StatusOK, "link", p.linkView(q, "link.title"))
		return
	}
	values, err := q.form()
	if err != nil {
		p.render(q, bodyStatus(err), "link", p.linkView(q, "link.title", problem{key: "form.unreadable"}))
		return
	}
	a, err := audience.ParseAddress(values.Get(inputEmail))
	if err != nil {
		p.render(q, http.StatusUnprocessableEntity, "link", p.linkView(q, "link.title", problem{input: inputEmail, key: "form.address"}))
		return
	}
	ctx := q.Context()
	var v verdict
	_, err = p.aud.Update(ctx, func(tx *store.Tx) (err error) {
		if v, err = p.reserve(ctx, tx, p.limits(q, linkForm, a)); err != nil || v.public {
			return err
		}
		rec, err := p.queueRecord(tx.At(), message{Kind: messageUnsubscribe, Address: a.Reveal(), Language: q.lang, Drop: v.reached != ""})
		if err != nil {
			return err
		}
		_, err = tx.SaveRecord(ctx, rec)
		return retryable(err)
	})
	if err != nil {
		p.failed(q, err)
		return
	}
	p.alarm(ctx, v, linkForm)
	if v.public {
		q.w.Header().Set("Retry-After", "3600")
		p.render(q, http.StatusTooManyRequests, "link", p.linkView(q, "link.title", problem{key: "form.busy"}))
		return
	}
	p.poke()
	p.render(q, http.StatusOK, "message", p.view(q, "link.sent"))
}
