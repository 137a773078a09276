package web

import (
	"net/http"
	"net/url"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	inputEmail = "email"
	inputStamp = "at"
	inputLang  = "lang"
	// inputTrap is hidden from people; its name means nothing to what fills in
	// forms for them.
	inputTrap = "leave_empty"
	// inputChoices stands for all boxes of a form; there is no such input.
	inputChoices = "c"
	prefixField  = "f."
	prefixOrigin = "o." // where somebody came from
	prefixChoice = "c." // purposes
	prefixTopic  = "t."

	maxField  = 200
	maxOrigin = 200
)

// serveSignup is s/{form}.
func (p *Pages) serveSignup(q *request, id string) {
	form := p.formNamed(id)
	if form == nil {
		p.notFound(q)
		return
	}
	if !q.isPost() {
		p.render(q, http.StatusOK, "signup", p.signupView(q, form, q.URL.Query()))
		return
	}
	values, err := q.form()
	if err != nil {
		p.again(q, form, nil, bodyStatus(err), problem{key: "form.unreadable"})
		return
	}
	p.postSignup(q, form, values)
}

// postSignup takes a filled-in form. Up to where it writes, it looks at
// nothing but what was sent. It speaks the language of the form, whatever the
// browser likes best: that is what somebody read and agreed to.
func (p *Pages) postSignup(q *request, form *Form, values url.Values) {
	if lang := values.Get(inputLang); p.texts[lang] != nil {
		q.lang = lang
	}
	if values.Get(inputTrap) != "" { // a program; let it think it was heard
		p.render(q, http.StatusOK, "sent", p.view(q, "sent.title"))
		return
	}
	shown := p.shown(form, q.lang)
	at, ok := p.secrets.stampedAt(form.ID, shown.digest(), values.Get(inputStamp))
	if now := p.aud.Now(); !ok || at.Add(p.opts.Limits.MinAge).After(now) {
		p.again(q, form, values, http.StatusUnprocessableEntity, problem{key: "form.again"})
		return
	}
	address, err := audience.ParseAddress(values.Get(inputEmail))
	s, problems := p.readSignup(q, form, values, &shown)
	if err != nil {
		problems = append([]problem{{input: inputEmail, key: "form.address"}}, problems...)
	}
	if len(problems) > 0 {
		p.again(q, form, values, http.StatusUnprocessableEntity, problems...)
		return
	}
	s.Address = address.Reveal()
	p.answerSignup(q, form, s, address, values)
}

// again shows the form once more, filled in as it was sent, and what is wrong.
func (p *Pages) again(q *request, form *Form, values url.Values, status int, problems ...problem) {
	v := p.signupView(q, form, values)
	p.mark(v, problems)
	p.render(q, status, "signup", v)
}

// answerSignup keeps the signup and answers, which is the same for every
// address.
func (p *Pages) answerSignup(q *request, form *Form, s pending, a audience.Address, values url.Values) {
	var v verdict
	_, err := p.aud.Update(q.Context(), func(tx *store.Tx) (err error) {
		if v, err = p.reserve(q.Context(), tx, p.limits(q, form.ID, a)); err != nil || v.public {
			return err
		}
		s.Requested = tx.At()
		return p.keepPending(q.Context(), tx, s, a, v.reached != "")
	})
	if err != nil {
		p.failed(q, err)
		return
	}
	p.alarm(q.Context(), v, form.ID)
	if v.public {
		q.w.Header().Set("Retry-After", "3600")
		p.again(q, form, values, http.StatusTooManyRequests, problem{key: "form.busy"})
		return
	}
	p.poke()
	p.render(q, http.StatusOK, "sent", p.view(q, "sent.title"))
}

// readSignup reads what was chosen and typed, and what is wrong with it.
func (p *Pages) readSignup(q *request, form *Form, values url.Values, shown *shownForm) (s pending, problems []problem) {
	s = pending{
		Form: form.ID, Language: q.lang, Version: form.Version, PrivacyURL: form.PrivacyURL, GPC: GPC(q.Header), Fields: map[string]string{},
	}
	e := p.evidence(q, "signup")
	s.IP, s.UserAgent = e.IP, e.UserAgent
	if len(form.Purposes) == 1 {
		s.Purposes = form.Purposes
	}
	var ticked []string
	for i := range shown.choices {
		c := &shown.choices[i]
		switch on := values.Has(c.input); {
		case !on:
			continue
		case c.list == "":
			s.Purposes = append(s.Purposes, c.purpose)
		case !contains(s.Purposes, c.purpose): // which stands above it
			problems = append(problems, problem{input: c.input, key: "form.topic", about: p.purposeTitle(c.purpose, q.lang).text})
		default:
			s.Lists = append(s.Lists, c.list)
		}
		ticked = append(ticked, c.label.text)
	}
	if len(s.Purposes) == 0 && len(problems) == 0 {
		problems = append(problems, problem{input: inputChoices, key: "form.choose"})
	}
	s.Statement, s.StatementLanguage = shown.agreed(p.texts.text(q.lang, "signup.ticked"), ticked), shown.statement.lang
	for _, f := range form.Fields {
		switch text, ok := clean(values.Get(prefixField+f.Name), maxField); {
		case !ok:
			problems = append(problems, problem{input: prefixField + f.Name, key: "form.long"})
		case text != "":
			s.Fields[f.Name] = text
		case f.Required:
			problems = append(problems, problem{input: prefixField + f.Name, key: "form.field"})
		}
	}
	for param, field := range attributions() {
		if text, ok := clean(values.Get(prefixOrigin+param), maxOrigin); ok && text != "" {
			s.Fields[field] = text
		}
	}
	return s, problems
}

// signupView fills the form in with what was sent before, or with where
// somebody came from.
func (p *Pages) signupView(q *request, form *Form, values url.Values) *View {
	v := p.view(q, "signup.title")
	if title := p.texts.of(form.Title, q.lang); title.text != "" {
		v.Title, v.TitleLang = title.text, title.foreign(q.lang)
	}
	v.Action = p.prefix + "/s/" + form.ID
	v.GPC = GPC(q.Header) && len(salePurposes(p.ledger)) > 0
	p.fillForm(v, form, q.lang)
	if q.isPost() {
		v.Email, _ = clean(values.Get(inputEmail), 254)
		for i := range v.Inputs {
			v.Inputs[i].Value, _ = clean(values.Get(v.Inputs[i].Name), maxField)
		}
		for i := range v.Choices {
			v.Choices[i].On = values.Has(v.Choices[i].Name)
		}
	}
	for param := range attributions() {
		name := param
		if q.isPost() {
			name = prefixOrigin + param
		}
		if text, ok := clean(values.Get(name), maxOrigin); ok && text != "" {
			v.Hidden = append(v.Hidden, Input{Name: prefixOrigin + param, Value: text})
		}
	}
	sortInputs(v.Hidden)
	return v
}
