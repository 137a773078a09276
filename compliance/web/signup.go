package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const (
	inputEmail = "email"
	inputStamp = "at"
	// inputTrap is hidden from people; its name means nothing to what fills in
	// forms for them.
	inputTrap    = "leave_empty"
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
		p.render(q, http.StatusOK, "signup", p.signupView(q, form, q.URL.Query(), ""))
		return
	}
	values, err := q.form()
	if err != nil {
		p.render(q, bodyStatus(err), "signup", p.signupView(q, form, nil, "form.unreadable"))
		return
	}
	p.postSignup(q, form, values)
}

// postSignup takes a filled-in form. Up to where it writes, it looks at
// nothing but what was sent.
func (p *Pages) postSignup(q *request, form *Form, values url.Values) {
	if values.Get(inputTrap) != "" { // a program; let it think it was heard
		p.render(q, http.StatusOK, "sent", p.view(q, "sent.title"))
		return
	}
	again := func(status int, why string) {
		p.render(q, status, "signup", p.signupView(q, form, values, why))
	}
	at, ok := p.secrets.stampedAt(form.ID, values.Get(inputStamp))
	if now := p.aud.Now(); !ok || at.Add(p.opts.Limits.MinAge).After(now) {
		again(http.StatusUnprocessableEntity, "form.again")
		return
	}
	address, err := audience.ParseAddress(values.Get(inputEmail))
	if err != nil {
		again(http.StatusUnprocessableEntity, "form.address")
		return
	}
	s, why := p.readSignup(q, form, values)
	if why != "" {
		again(http.StatusUnprocessableEntity, why)
		return
	}
	s.Address = address.Reveal()
	p.answerSignup(q, form.ID, s, address, again)
}

// answerSignup keeps the signup and answers, which is the same for every
// address.
func (p *Pages) answerSignup(q *request, form string, s pending, a audience.Address, again func(status int, why string)) {
	var v verdict
	_, err := p.aud.Update(q.Context(), func(tx *store.Tx) (err error) {
		if v, err = p.reserve(q.Context(), tx, p.limits(q, form, a)); err != nil || v.public {
			return err
		}
		s.Requested = tx.At()
		return p.keepPending(q.Context(), tx, s, a, v.reached != "")
	})
	if err != nil {
		p.failed(q, err)
		return
	}
	p.alarm(q.Context(), v, form)
	if v.public {
		q.w.Header().Set("Retry-After", "3600")
		again(http.StatusTooManyRequests, "form.busy")
		return
	}
	p.poke()
	p.render(q, http.StatusOK, "sent", p.view(q, "sent.title"))
}

// readSignup reads what was chosen and typed; why is what to say when
// something is missing.
func (p *Pages) readSignup(q *request, form *Form, values url.Values) (s pending, why string) {
	s = pending{
		Form: form.ID, Language: q.lang, Statement: p.statement(form, q.lang), Version: form.Version, PrivacyURL: form.PrivacyURL,
		GPC: GPC(q.Header), Fields: map[string]string{},
	}
	e := p.evidence(q, "signup")
	s.IP, s.UserAgent = e.IP, e.UserAgent
	for _, purpose := range form.Purposes {
		if len(form.Purposes) == 1 || values.Has(prefixChoice+purpose) {
			s.Purposes = append(s.Purposes, purpose)
		}
	}
	schema := p.aud.Schema()
	for _, name := range form.Topics {
		if list, _ := schema.ListNamed(name); values.Has(prefixTopic+name) && contains(s.Purposes, purposeOf(list)) {
			s.Lists = append(s.Lists, name)
		}
	}
	if len(s.Purposes) == 0 {
		return s, "form.choose"
	}
	for _, f := range form.Fields {
		text, ok := clean(values.Get(prefixField+f.Name), maxField)
		if !ok || f.Required && text == "" {
			return s, "form.field"
		}
		if text != "" {
			s.Fields[f.Name] = text
		}
	}
	for param, field := range attributions() {
		if text, ok := clean(values.Get(prefixOrigin+param), maxOrigin); ok && text != "" {
			s.Fields[field] = text
		}
	}
	return s, ""
}

// statement is the text that somebody agrees to.
func (p *Pages) statement(form *Form, lang string) string {
	if text := p.texts.of(form.Statement, lang); text != "" {
		return text
	}
	var names []string
	for _, id := range form.Purposes {
		names = append(names, p.purposeTitle(id, lang))
	}
	text := p.texts.text(lang, "signup.statement")
	return strings.NewReplacer("{name}", p.opts.Name, "{purposes}", strings.Join(names, ", ")).Replace(text)
}

func (p *Pages) purposeTitle(id, lang string) string {
	purpose, err := p.ledger.Purpose(id)
	if title := p.texts.of(purpose.Title, lang); err == nil && title != "" {
		return title
	}
	if id == audience.PurposeMarketing {
		return p.texts.text(lang, "purpose.marketing")
	}
	return id
}

// signupView fills the form in with what was sent before, or with where
// somebody came from.
func (p *Pages) signupView(q *request, form *Form, values url.Values, problem string) *View {
	v := p.view(q, "signup.title")
	if title := p.texts.of(form.Title, q.lang); title != "" {
		v.Title = title
	}
	v.Problem = problem
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

// fillForm describes a form to its template.
func (p *Pages) fillForm(v *View, form *Form, lang string) {
	v.Form, v.Statement, v.PrivacyURL = form.ID, p.statement(form, lang), form.PrivacyURL
	v.Stamp = p.secrets.stamp(form.ID, p.aud.Now())
	for _, f := range form.Fields {
		label := p.texts.of(f.Label, lang)
		if label == "" {
			label = p.texts.textOr(lang, "field."+f.Name, f.Name)
		}
		v.Inputs = append(v.Inputs, Input{Name: prefixField + f.Name, Label: label, Required: f.Required, Complete: autocomplete(f.Name)})
	}
	if len(form.Purposes) > 1 {
		for _, id := range form.Purposes {
			v.Choices = append(v.Choices, Choice{Name: prefixChoice + id, Label: p.purposeTitle(id, lang)})
		}
	}
	schema := p.aud.Schema()
	for _, name := range form.Topics {
		list, _ := schema.ListNamed(name)
		v.Choices = append(v.Choices, Choice{Name: prefixTopic + name, Label: listTitle(list), Under: len(form.Purposes) > 1})
	}
}

func listTitle(l audience.List) string {
	if l.Title != "" {
		return l.Title
	}
	return l.Name
}

// autocomplete is what WCAG 1.3.5 asks for.
func autocomplete(field string) string {
	switch field {
	case "first_name":
		return "given-name"
	case "last_name":
		return "family-name"
	case "phone":
		return "tel"
	default:
		return "off"
	}
}

// Snippet gives a form as HTML for a host's own page, in a language; origin is
// what to keep about where people come from, by the parameters source, ref and
// utm_source to utm_content. It works without a script. A page made per
// request gets it per request: it holds when it was made, and who is faster
// than a person is asked to press again.
//
// The page's Content-Security-Policy has to allow form-action to the base URL.
// [audience.ErrNotFound] for a form that there is not.
func (p *Pages) Snippet(form, lang string, origin url.Values) (template.HTML, error) {
	f := p.formNamed(form)
	if f == nil {
		return "", &audience.NotFoundError{Kind: "form", Name: form}
	}
	lang = p.texts.nearest(lang)
	v := &View{Lang: lang, Name: p.opts.Name, texts: p.texts, Action: p.base + "/s/" + f.ID}
	p.fillForm(v, f, lang)
	for param := range attributions() {
		if text, ok := clean(origin.Get(param), maxOrigin); ok && text != "" {
			v.Hidden = append(v.Hidden, Input{Name: prefixOrigin + param, Value: text})
		}
	}
	sortInputs(v.Hidden)
	var b strings.Builder
	if err := p.templates["snippet"].Execute(&b, v); err != nil {
		return "", errors.New("compliance/web: the template snippet failed")
	}
	return template.HTML(b.String()), nil //nolint:gosec // made by html/template
}
