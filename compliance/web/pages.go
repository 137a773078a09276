package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// Pages are the pages of one audience. It is an [http.Handler], safe for
// concurrent use.
type Pages struct {
	aud    *store.Audience
	ledger *compliance.Ledger
	tokens *compliance.Tokens
	outbox compliance.Outbox
	log    *slog.Logger

	opts         Options
	base, prefix string
	texts        texts
	templates    map[string]*template.Template
	style        template.CSS
	policy       string // the Content-Security-Policy
	secrets      *secrets
	wake         chan struct{} // Run has something to deliver
}

// NewPages makes the pages of a ledger's audience. It declares the custom
// fields that they write: paused_until (of the owner "compliance", until when
// a contact wants no mail), lead_source, lead_referral and utm_source to
// utm_content.
//
// Errors: [audience.ErrInvalid] for options that cannot work, and those of
// [store.Tx.Declare].
func NewPages(ctx context.Context, l *compliance.Ledger, tokens *compliance.Tokens, outbox compliance.Outbox, opts Options) (*Pages, error) {
	if l == nil || tokens == nil || outbox == nil {
		return nil, &audience.FieldError{Path: "pages", Rule: "empty", Hint: "a ledger, its audience's tokens and an outbox"}
	}
	p := &Pages{aud: l.Audience(), ledger: l, tokens: tokens, outbox: outbox, log: l.Audience().Logger(), opts: opts, wake: make(chan struct{}, 1)}
	p.opts.Forms = slices.Clone(opts.Forms)
	p.opts.Limits = opts.Limits.withDefaults()
	if p.opts.Name == "" {
		p.opts.Name = l.Controller().Name
	}
	var err error
	if p.base, p.prefix, err = opts.base(); err != nil {
		return nil, err
	}
	if !opts.KeepIP.known() {
		return nil, &audience.FieldError{Path: "keep_ip", Rule: "unknown", Hint: "none, truncated, hashed or full"}
	}
	if p.secrets, err = newSecrets(p.aud); err != nil {
		return nil, err
	}
	if _, err := p.aud.Update(ctx, func(tx *store.Tx) error { return tx.Declare(ctx, schemaOfPages()) }); err != nil {
		return nil, err
	}
	schema := p.aud.Schema()
	if err := p.opts.checkForms(l, &schema); err != nil {
		return nil, err
	}
	return p, p.loadViews()
}

func (p *Pages) loadViews() (err error) {
	p.texts = newTexts(p.opts.Texts)
	if p.templates, err = loadTemplates(p.opts.Templates); err != nil {
		return err
	}
	css := builtInStyle
	if p.opts.Style != "" {
		css += "\n" + p.opts.Style
	}
	if strings.Contains(strings.ToLower(css), "</style") {
		return &audience.FieldError{Path: "style", Rule: "css", Hint: "CSS that does not end its element"}
	}
	// A browser hashes the text after it made line ends uniform.
	css = strings.ReplaceAll(strings.ReplaceAll(css, "\r\n", "\n"), "\r", "\n")
	p.style = template.CSS(css) //nolint:gosec // the host's own
	sum := sha256.Sum256([]byte(css))
	p.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	return nil
}

// ServeHTTP answers the requests below the base URL; anything else is not
// found.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header(), p.policy)
	q := &request{Request: r, w: w, lang: p.texts.choose(r)}
	rest, ok := strings.CutPrefix(r.URL.Path, p.prefix+"/")
	kind, arg, hasArg := strings.Cut(rest, "/")
	serve := p.route(kind, hasArg)
	switch {
	case !ok || serve == nil || strings.Contains(arg, "/"):
		p.notFound(q)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allowedMethods)
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", allowedMethods)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	default:
		serve(q, arg)
	}
}

const allowedMethods = "GET, HEAD, POST, OPTIONS"

func (p *Pages) route(kind string, hasArg bool) func(*request, string) {
	switch {
	case kind == "s" && hasArg:
		return p.serveSignup
	case kind == "c" && hasArg:
		return p.serveConfirm
	case kind == "u" && hasArg:
		return p.serveUnsubscribe
	case kind == "u":
		return func(q *request, _ string) { p.serveLink(q) }
	case kind == "z" && hasArg:
		return p.serveUndo
	case kind == "p" && hasArg:
		return p.servePreferences
	default:
		return nil
	}
}

// setHeaders sets what every answer has. The token is in the URL: it must not
// leave by a referrer, a cache or a search engine.
func setHeaders(h http.Header, policy string) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", policy)
	h.Set("Vary", "Accept-Language, Sec-GPC")
}

// request is one request on its way.
type request struct {
	*http.Request
	w    http.ResponseWriter
	lang string
}

func (q *request) isPost() bool { return q.Method == http.MethodPost }

// UnsubscribeURL gives the link with which a contact leaves a scope, for the
// List-Unsubscribe header and the text of a message. It never expires. The
// zero scope is everything on every channel.
func (p *Pages) UnsubscribeURL(contact audience.ContactID, scope audience.Scope) (string, error) {
	token, err := p.tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: contact, Scope: scope})
	return p.base + "/u/" + token, err
}

// PreferencesURL gives the link to a contact's preference centre. It is good
// for 90 days, for as long as her primary address is the one of today, and until
// [compliance.Tokens.EndGeneration] ends it; then
// the page offers to mail a new one. [audience.ErrNotFound] when there is no such
// contact.
func (p *Pages) PreferencesURL(ctx context.Context, contact audience.ContactID) (url string, err error) {
	err = p.aud.View(ctx, func(r *store.Reader) (err error) {
		url, err = p.preferencesURL(ctx, r, contact)
		return err
	})
	return url, err
}

const preferencesLife = 90 * 24 * time.Hour

func (p *Pages) preferencesURL(ctx context.Context, r *store.Reader, contact audience.ContactID) (string, error) {
	c, err := r.Contact(ctx, audience.ID(contact))
	if err != nil {
		return "", err
	}
	generation, err := p.tokens.Generation(ctx, r, c.ID, compliance.TokenPreferences)
	if err != nil {
		return "", err
	}
	token, err := p.tokens.Mint(compliance.Claims{
		Use: compliance.TokenPreferences, Contact: c.ID, Scope: audience.Scope{List: p.mailboxes(&c)[0]},
		Expires: p.aud.Now().Add(preferencesLife), Generation: generation,
	})
	return p.base + "/p/" + token, err
}

// mailboxes names somebody's address by a keyed hash, under each key, the primary
// first. A token for her preferences carries it in the place of a list, as it
// reaches nothing but what a mail to that address led to.
func (p *Pages) mailboxes(c *audience.Contact) []string {
	out := make([]string, len(p.secrets.keys))
	for i := range out {
		out[i] = hex.EncodeToString(p.secrets.tagUnder(&p.secrets.keys[i], []string{"mailbox", c.ID.String(), c.Email().Canonical()}))
	}
	return out
}

func contains(items []string, s string) bool { return slices.Contains(items, s) }

// personSource is who writes: the person, on one of our pages.
func personSource(page string) audience.Source {
	return audience.Source{Kind: audience.SourcePerson, Name: page}
}
