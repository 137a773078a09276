package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// choice is one thing that can be chosen in the preference centre.
type choice struct {
	input   string // the name of the box
	label   phrase
	detail  phrase
	purpose string
	list    audience.List // of a topic
	on      bool          // as it stands: she may be written to
	unasked bool          // without her consent
	// interest: it is a message that she can only object to
	interest bool
}

func (c *choice) scope() audience.Scope {
	if c.list.Name != "" {
		return listScope(c.list)
	}
	return purposeScope(c.purpose)
}

// preferences is what the centre shows of a contact.
type preferences struct {
	contact    audience.Contact
	choices    []choice
	paused     time.Time // zero: not
	sale       bool      // there are sale-share purposes
	saleOut    bool      // and all of them are refused
	restricted bool
	version    string // of all that is shown: the optimistic lock
}

// frequencies are the wishes that can be told; hosts read contact.frequency.
func frequencies() []string { return []string{"", "weekly", "monthly"} }

// pauses are for how many days mail can be put off.
func pauses() []int { return []int{0, 7, 30, 90} }

// preferencesOf reads what the centre shows.
func (p *Pages) preferencesOf(ctx context.Context, r *store.Reader, c audience.Contact, at time.Time, lang string) (preferences, error) {
	h, err := r.History(ctx, audience.ID(c.ID))
	if err != nil {
		return preferences{}, err
	}
	schema := r.Schema()
	s := preferences{contact: c, restricted: h.Restricted(at)}
	w := without{pages: p, contact: &c, history: &h, at: at}
	if w.related, err = p.isRelated(ctx, r, c.ID, &h, at); err != nil {
		return preferences{}, err
	}
	for _, purpose := range p.ledger.Purposes() {
		if purpose.Class == compliance.ClassSaleShare {
			continue
		}
		s.choices = append(s.choices, p.choicesOf(&schema, &purpose, &w, lang)...)
	}
	if until, ok := c.Field(&schema, fieldPausedUntil).Timestamp(); ok && until.After(at) {
		s.paused = until
	}
	sale := salePurposes(p.ledger)
	s.sale, s.saleOut = len(sale) > 0, len(sale) > 0
	for _, id := range sale {
		s.saleOut = s.saleOut && refuses(&h, audience.Scope{Purpose: id}, at)
	}
	s.version = s.sum()
	return s, nil
}

// choicesOf gives the boxes of a purpose and its topics. Of a purpose that is not
// public there are those with which she can refuse what she gets.
func (p *Pages) choicesOf(schema *audience.Schema, purpose *compliance.Purpose, w *without, lang string) []choice {
	all := []choice{{
		input: prefixChoice + purpose.ID, label: p.purposeTitle(purpose.ID, lang), detail: p.texts.of(purpose.Description, lang), purpose: purpose.ID,
	}}
	for _, l := range schema.Lists {
		if l.Kind == audience.ListTopic && purposeOf(l) == purpose.ID {
			all = append(all, choice{input: prefixTopic + l.Name, label: phrase{text: listTitle(l)}, purpose: purpose.ID, list: l})
		}
	}
	var out []choice
	for i := range all {
		c := &all[i]
		standing := w.history.Fold(c.scope(), w.at)
		if c.list.Name != "" {
			standing = w.history.OnList(c.list, w.at)
		}
		c.unasked, c.interest = w.unasked(purpose, c, standing), isInterest(purpose)
		if c.on = c.unasked || w.agreed(purpose, standing); c.on || purpose.Public {
			out = append(out, *c)
		}
	}
	return out
}

// sum changes whenever anything changes that is shown or could be chosen.
func (s *preferences) sum() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d %q %d %t %t", s.contact.ID, s.contact.Frequency, audience.Micros(s.paused), s.sale, s.saleOut)
	for i := range s.choices {
		_, _ = fmt.Fprintf(h, " %q %t %t", s.choices[i].input, s.choices[i].on, s.choices[i].unasked)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// servePreferences is p/{token}.
func (p *Pages) servePreferences(q *request, token string) {
	claims, err := p.tokens.Verify(token, compliance.TokenPreferences)
	if err != nil {
		p.neutral(q)
		return
	}
	if !q.isPost() {
		p.showPreferences(q, &claims, http.StatusOK, "")
		return
	}
	values, err := q.form()
	if err != nil {
		p.render(q, bodyStatus(err), "message", p.view(q, "form.unreadable"))
		return
	}
	switch values.Get("do") {
	case "save":
		p.postPreferences(q, &claims, values)
	case "all":
		p.leaveAll(q, &claims)
	default:
		p.showPreferences(q, &claims, http.StatusBadRequest, "form.unreadable")
	}
}

// contactFor finds whose preferences a token opens; [audience.ErrNotFound] when
// she is gone, a later generation ended the token, or it was mailed to an address
// that is no longer her primary one: somebody else may have that by now.
func (p *Pages) contactFor(ctx context.Context, r *store.Reader, claims *compliance.Claims) (audience.Contact, error) {
	c, err := r.Contact(ctx, audience.ID(claims.Contact))
	if err != nil {
		return c, err
	}
	generation, err := p.tokens.Generation(ctx, r, claims.Contact, compliance.TokenPreferences)
	merged := c.ID != claims.Contact
	if err == nil && (generation != claims.Generation || merged || !p.isMailbox(&c, claims)) {
		err = &audience.NotFoundError{Kind: "preferences"}
	}
	return c, err
}

// isMailbox reports whether a token was mailed to the address that somebody has.
func (p *Pages) isMailbox(c *audience.Contact, claims *compliance.Claims) bool {
	return contains(p.mailboxes(c), claims.Scope.List)
}

// showPreferences shows them; notice is a key of what happened, "" for nothing.
func (p *Pages) showPreferences(q *request, claims *compliance.Claims, status int, notice string, problems ...problem) {
	var s preferences
	err := p.aud.View(q.Context(), func(r *store.Reader) error {
		c, err := p.contactFor(q.Context(), r, claims)
		if err != nil {
			return err
		}
		s, err = p.preferencesOf(q.Context(), r, c, p.aud.Now(), q.lang)
		return err
	})
	if err != nil {
		p.neutralOr(q, err)
		return
	}
	v := p.view(q, "preferences.title")
	v.Action, v.Version, v.Restricted = q.URL.Path, s.version, s.restricted
	v.Email = s.contact.Email().Masked()
	if status == http.StatusOK {
		v.Notice = notice
	} else {
		v.Problem = notice
	}
	p.showChoices(v, &s, problems)
	for _, f := range frequencies() {
		v.Frequencies = append(v.Frequencies, Option{Value: f, Label: p.texts.text(q.lang, "frequency."+f), On: f == s.contact.Frequency})
	}
	if !contains(frequencies(), s.contact.Frequency) { // the host's own word
		v.Frequencies = append(v.Frequencies, Option{Value: s.contact.Frequency, Label: s.contact.Frequency, On: true})
	}
	v.Pauses = p.pauseOptions(&s, q.lang)
	v.Sale, v.SaleOut, v.GPC, v.Honoured = s.sale, s.saleOut || GPC(q.Header), GPC(q.Header) && s.sale, s.saleOut
	p.render(q, status, "preferences", v)
}

// showChoices shows the boxes; one with a problem is ticked as it was sent.
func (p *Pages) showChoices(v *View, s *preferences, problems []problem) {
	noted, shown := make(map[string]bool), make(map[string]bool)
	for i := range s.choices {
		c := &s.choices[i]
		out := Choice{Name: c.input, Label: c.label.text, Lang: c.label.foreign(v.Lang), Detail: c.detail.text, DetailLang: c.detail.foreign(v.Lang), On: c.on}
		if c.list.Name == "" {
			shown[c.purpose] = true
		} else {
			out.Under = shown[c.purpose]
		}
		if c.unasked && !noted[c.purpose] { // said once for a purpose and what is below it
			noted[c.purpose] = true
			out.Note = p.texts.text(v.Lang, c.noteKey())
		}
		for j := range problems {
			if w := &problems[j]; w.input == c.input {
				out.On, out.Problem = true, p.problemText(v.Lang, w)
			}
		}
		v.Choices = append(v.Choices, out)
	}
}

// noteKey names the text that says why she gets what she did not ask for.
func (c *choice) noteKey() string {
	if c.interest {
		return "preferences.interest"
	}
	return "preferences.unasked"
}

const pauseKeep = "keep"

func (p *Pages) pauseOptions(s *preferences, lang string) (out []Option) {
	if !s.paused.IsZero() {
		day := s.paused.In(p.aud.Zone()).Format(time.DateOnly)
		out = append(out, Option{Value: pauseKeep, Label: p.texts.text(lang, "pause.until") + " " + day, On: true})
	}
	for _, days := range pauses() {
		key := fmt.Sprintf("pause.%d", days)
		out = append(out, Option{Value: strconv.Itoa(days), Label: p.texts.text(lang, key), On: days == 0 && s.paused.IsZero()})
	}
	return out
}

// leaveAll is "unsubscribe from everything". It asks nothing and depends on no
// version: it can only reduce.
func (p *Pages) leaveAll(q *request, claims *compliance.Claims) {
	var undo string
	_, err := p.aud.Update(q.Context(), func(tx *store.Tx) error {
		_, err := p.contactFor(q.Context(), &tx.Reader, claims)
		if err != nil {
			return err
		}
		undo, err = p.unsubscribe(q.Context(), tx, claims, everything(), mechanismPreferences, p.evidence(q, "preferences"))
		return err
	})
	if err != nil {
		p.neutralOr(q, err)
		return
	}
	p.showUnsubscribed(q, everything(), undo)
}

// wishes are what a saved page asks for.
type wishes struct {
	on        map[string]bool // boxes
	frequency string
	pause     int // days; -1: as it is
	saleOut   bool
	version   string
}

func readWishes(values url.Values, s *preferences) (w wishes, ok bool) {
	w = wishes{on: make(map[string]bool), pause: -1, version: values.Get("version"), frequency: values.Get("frequency")}
	for i := range s.choices {
		w.on[s.choices[i].input] = values.Has(s.choices[i].input)
	}
	if !contains(frequencies(), w.frequency) && w.frequency != s.contact.Frequency {
		return w, false
	}
	pause := values.Get("pause")
	for _, days := range pauses() {
		if strconv.Itoa(days) == pause {
			w.pause = days
		}
	}
	if w.pause < 0 && pause != pauseKeep {
		return w, false
	}
	w.saleOut = values.Has("sale_out")
	return w, true
}
