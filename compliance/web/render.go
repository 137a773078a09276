package web

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

//go:embed templates/*.html
var builtInTemplates embed.FS

//go:embed templates/style.css
var builtInStyle string

// View is what a template is executed with. Which members a page uses its own
// template shows. Nothing in it is the clear address of anybody but what she
// typed herself in the same request.
type View struct {
	Lang  string
	Name  string // of the host
	Title string
	Style template.CSS // has to be the whole content of a style element, with nothing around it
	page  string
	key   string // of the title
	texts texts

	// The members whose name ends with Lang are the language of the one before,
	// where that is not the page's: for the attribute lang.
	TitleLang   string
	ID          string // what the ids of the form's elements begin with
	Action      string // where the form goes to
	Problem     string // key of what is wrong
	Notice      string // key of what was done
	Subject     string // what it is about, "" for everything
	SubjectLang string

	// What is wrong with the address, and with all boxes together, as texts.
	EmailProblem   string
	ChoicesProblem string

	// Of the signup form and its confirmation.
	Form          string
	Email         string // typed; in the preference centre the masked address
	Stamp         string // to be sent back as "at", and Lang as "lang"
	Statement     string
	StatementLang string
	PrivacyURL    string
	Inputs        []Input
	Hidden        []Input
	Choices       []Choice
	GPC           bool // the browser sends the signal
	Honoured      bool // and the opt-out stands

	// Of unsubscribing.
	Wider bool   // there is more to unsubscribe from
	Undo  string // where to take it back, "" for nowhere

	// Of the preference centre.
	Version     string
	Frequencies []Option
	Pauses      []Option
	Sale        bool
	SaleOut     bool
	Restricted  bool
}

// Input is one field to fill in.
type Input struct {
	Name, Label, Value string
	Lang               string // of the label, where it is not the page's
	Complete           string // the HTML attribute autocomplete
	Required           bool
	Problem            string // what is wrong with it, as text
}

// Choice is one box to tick.
type Choice struct {
	Name, Label, Detail string
	Lang, DetailLang    string // of label and detail, where it is not the page's
	On                  bool
	Under               bool   // belongs to the choice above
	Note                string // on what it rests when it is not consent
	Problem             string // what is wrong with it, as text
}

// Option is one of several that exclude each other.
type Option struct {
	Value, Label string
	On           bool
}

// T gives a text of the pages in the language of the view; of an unknown key
// the key.
func (v *View) T(key string) string { return v.texts.text(v.Lang, key) }

// Text gives the text that belongs to the title of the page, "" when there is
// none.
func (v *View) Text() string {
	const title = ".title"
	key := v.key
	if len(key) > len(title) && key[len(key)-len(title):] == title {
		key = key[:len(key)-len(title)]
	}
	return v.texts.textOr(v.Lang, key+".text", "")
}

func pageNames() []string {
	return []string{"signup", "sent", "confirm", "message", "unsubscribe", "unsubscribed", "undo", "link", "preferences"}
}

// loadTemplates parses every page with the layout; files of the host's go
// before those of the same name here.
func loadTemplates(own fs.FS) (map[string]*template.Template, error) {
	out := make(map[string]*template.Template)
	parse := func(name string, files ...string) error {
		t := template.New(name)
		for _, file := range files {
			text, err := readTemplate(own, file)
			if err != nil {
				return err
			}
			if t, err = t.New(file).Parse(text); err != nil {
				return &audience.FieldError{Path: "templates." + file, Rule: "syntax", Hint: "an html/template for a View: " + err.Error()}
			}
		}
		out[name] = t.Lookup(files[0])
		return nil
	}
	for _, name := range pageNames() {
		if err := parse(name, "layout.html", "form.html", name+".html"); err != nil {
			return nil, err
		}
	}
	return out, parse("snippet", "snippet.html", "form.html")
}

func readTemplate(own fs.FS, file string) (string, error) {
	if own != nil {
		b, err := fs.ReadFile(own, file)
		if err == nil {
			return string(b), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", &audience.FieldError{Path: "templates." + file, Rule: "read", Hint: "a readable file, or none"}
		}
	}
	b, err := builtInTemplates.ReadFile("templates/" + file)
	return string(b), err
}

// view begins the view of a page by the key of its title.
func (p *Pages) view(q *request, title string) *View {
	return &View{Lang: q.lang, Name: p.opts.Name, ID: "ak-", Title: p.texts.text(q.lang, title), Style: p.style, key: title, texts: p.texts}
}

// render answers with a page. It is made whole first, so that a template that
// fails halfway is an error and not half a page.
func (p *Pages) render(q *request, status int, page string, v *View) {
	v.page, v.Lang = page, q.lang
	v.Title = cmp.Or(v.Title, v.T(v.key))
	var b bytes.Buffer
	if err := p.templates[page].Execute(&b, v); err != nil {
		p.log.ErrorContext(q.Context(), "compliance/web: a template failed", "page", page)
		http.Error(q.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	q.w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = q.w.Write(b.Bytes()) // who went away is no error of ours
	}
}

// failed answers when the store does: never with what looks like success, so
// that whoever asked asks again.
func (p *Pages) failed(q *request, err error) {
	p.log.ErrorContext(q.Context(), "compliance/web: a request failed", "error", errorKind(err))
	q.w.Header().Set("Retry-After", "60")
	p.render(q, http.StatusServiceUnavailable, "message", p.view(q, "failed.title"))
}

func (p *Pages) notFound(q *request) {
	p.render(q, http.StatusNotFound, "message", p.view(q, "missing.title"))
}

func isNotFound(err error) bool { return errors.Is(err, audience.ErrNotFound) }

func sortInputs(in []Input) {
	slices.SortFunc(in, func(a, b Input) int { return cmp.Compare(a.Name, b.Name) })
}
