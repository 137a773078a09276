package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// shownForm is what a signup form says in one language, in so far as somebody
// agrees to it.
type shownForm struct {
	statement phrase
	version   string
	privacy   string
	purposes  []string // which the statement may not name
	choices   []shownChoice
}

// shownChoice is a box of a form.
type shownChoice struct {
	input   string
	label   phrase
	purpose string
	list    string // of a topic
	under   bool   // the box of its purpose stands above it
}

// shown describes a form. Topics stand below the purpose that they belong to.
func (p *Pages) shown(form *Form, lang string) shownForm {
	out := shownForm{statement: p.statement(form, lang), version: form.Version, privacy: form.PrivacyURL, purposes: form.Purposes}
	schema := p.aud.Schema()
	several := len(form.Purposes) > 1
	for _, purpose := range form.Purposes {
		if several {
			out.choices = append(out.choices, shownChoice{input: prefixChoice + purpose, label: p.purposeTitle(purpose, lang), purpose: purpose})
		}
		for _, name := range form.Topics {
			if list, _ := schema.ListNamed(name); purposeOf(list) == purpose {
				out.choices = append(out.choices, shownChoice{
					input: prefixTopic + name, label: phrase{text: listTitle(list)}, purpose: purpose, list: name, under: several,
				})
			}
		}
	}
	return out
}

// digest changes with everything that somebody agrees to, and its language: a
// form that was made with another text is not taken for consent to this one.
func (f *shownForm) digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %q %q %q", f.statement.text, f.statement.lang, f.version, f.privacy, f.purposes)
	for i := range f.choices {
		_, _ = fmt.Fprintf(h, " %q %q", f.choices[i].input, f.choices[i].label.text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// agreed is the text to keep of what somebody agreed to: what the form says, and
// what she ticked of its boxes.
func (f *shownForm) agreed(title string, ticked []string) string {
	if len(ticked) == 0 {
		return f.statement.text
	}
	return f.statement.text + "\n" + title + " " + strings.Join(ticked, "; ")
}

// statement is the text of a form that somebody agrees to. Where she ticks what
// it is about, it does not say it again: she may tick less.
func (p *Pages) statement(form *Form, lang string) phrase {
	if own := p.texts.of(form.Statement, lang); own.text != "" {
		return own
	}
	key, purposes := "signup.statement-ticked", ""
	if len(form.Purposes) == 1 {
		key, purposes = "signup.statement", p.purposeTitle(form.Purposes[0], lang).text
	}
	out := p.texts.phrase(lang, key)
	out.text = strings.NewReplacer("{name}", p.opts.Name, "{purposes}", purposes).Replace(out.text)
	return out
}

func (p *Pages) purposeTitle(id, lang string) phrase {
	purpose, err := p.ledger.Purpose(id)
	if title := p.texts.of(purpose.Title, lang); err == nil && title.text != "" {
		return title
	}
	if id == audience.PurposeMarketing {
		return p.texts.phrase(lang, "purpose.marketing")
	}
	return phrase{text: id}
}

// problem is what is wrong with an input of a form, or with "" of the form.
type problem struct {
	input string
	key   string
	about string // what the text names
}

// mark shows problems, each at its field, and above the form what is wrong: in
// words that need no field, or that fields are marked.
func (p *Pages) mark(v *View, problems []problem) {
	for i := range problems {
		w := &problems[i]
		ofForm := w.input == "" || w.input == inputEmail || w.input == inputChoices
		if v.Problem = w.key; i > 0 || !ofForm {
			v.Problem = "form.marked"
		}
		text := p.problemText(v.Lang, w)
		switch w.input {
		case "":
		case inputEmail:
			v.EmailProblem = text
		case inputChoices:
			v.ChoicesProblem = text
		}
		for i := range v.Inputs {
			if v.Inputs[i].Name == w.input {
				v.Inputs[i].Problem = text
			}
		}
		for i := range v.Choices {
			if v.Choices[i].Name == w.input {
				v.Choices[i].Problem = text
			}
		}
	}
}

func (p *Pages) problemText(lang string, w *problem) string {
	return strings.ReplaceAll(p.texts.text(lang, w.key), "{purpose}", w.about)
}

// fillForm describes a form to its template.
func (p *Pages) fillForm(v *View, form *Form, lang string) {
	shown := p.shown(form, lang)
	v.Form, v.PrivacyURL = form.ID, form.PrivacyURL
	v.Statement, v.StatementLang = shown.statement.text, shown.statement.foreign(lang)
	v.Stamp = p.secrets.stamp(form.ID, shown.digest(), p.aud.Now())
	for _, f := range form.Fields {
		label := p.texts.of(f.Label, lang)
		if label.text == "" {
			label = p.fieldLabel(f.Name, lang)
		}
		v.Inputs = append(v.Inputs, Input{
			Name: prefixField + f.Name, Label: label.text, Lang: label.foreign(lang), Required: f.Required, Complete: autocomplete(f.Name),
		})
	}
	for i := range shown.choices {
		c := &shown.choices[i]
		v.Choices = append(v.Choices, Choice{Name: c.input, Label: c.label.text, Lang: c.label.foreign(lang), Under: c.under})
	}
}

func (p *Pages) fieldLabel(name, lang string) phrase {
	key := "field." + name
	if _, ok := p.texts[fallback][key]; !ok && p.texts[lang][key] == "" {
		return phrase{text: name}
	}
	return p.texts.phrase(lang, key)
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
// The language is that of the evidence and of the answer, whatever the browser
// prefers. A page may have several forms; their ids differ. The page's
// Content-Security-Policy has to allow form-action to the base URL.
// [audience.ErrNotFound] for a form that there is not.
func (p *Pages) Snippet(form, lang string, origin url.Values) (template.HTML, error) {
	f := p.formNamed(form)
	if f == nil {
		return "", &audience.NotFoundError{Kind: "form", Name: form}
	}
	lang = p.texts.nearest(lang)
	id := newSubject() // one page may have several forms, and the same form twice
	v := &View{Lang: lang, Name: p.opts.Name, ID: "ak-" + hex.EncodeToString(id[:]) + "-", texts: p.texts, Action: p.base + "/s/" + f.ID}
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
