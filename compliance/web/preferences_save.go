package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

var (
	errStale  = errors.New("the preferences changed meanwhile")
	errWishes = errors.New("unreadable preferences")
)

// saved says what became of a saved page.
type saved struct {
	asked   bool // a mail asks to confirm what is to be more
	dropped bool // it does not, since too many went to that address today
	alarm   verdict
	alone   []problem // topics that are to be more, without their purpose
}

func (p *Pages) postPreferences(q *request, claims *compliance.Claims, values url.Values) {
	var out saved
	_, err := p.aud.Update(q.Context(), func(tx *store.Tx) (err error) {
		out, err = p.savePreferences(q, tx, claims, values)
		return err
	})
	switch {
	case errors.Is(err, errStale):
		p.showPreferences(q, claims, http.StatusConflict, "preferences.stale")
	case errors.Is(err, errWishes):
		p.showPreferences(q, claims, http.StatusBadRequest, "form.unreadable")
	case err != nil:
		p.neutralOr(q, err)
	default:
		p.showSaved(q, claims, &out)
	}
}

func (p *Pages) showSaved(q *request, claims *compliance.Claims, out *saved) {
	if out.asked {
		p.poke()
	}
	switch {
	case out.dropped:
		p.alarm(q.Context(), out.alarm, formOfPreferences)
		p.showPreferences(q, claims, http.StatusTooManyRequests, "preferences.busy", out.alone...)
	case len(out.alone) > 0:
		p.showPreferences(q, claims, http.StatusUnprocessableEntity, "preferences.marked", out.alone...)
	case out.asked:
		p.showPreferences(q, claims, http.StatusOK, "preferences.confirm")
	default:
		p.showPreferences(q, claims, http.StatusOK, "preferences.saved")
	}
}

// savePreferences does at once what is less, and asks for what is more by
// mail: the link may have been forwarded, and consent needs proof.
func (p *Pages) savePreferences(q *request, tx *store.Tx, claims *compliance.Claims, values url.Values) (out saved, err error) {
	ctx := q.Context()
	c, err := p.contactFor(ctx, &tx.Reader, claims)
	if err != nil {
		return out, err
	}
	if c, err = lockOne(ctx, tx, c.ID); err == nil && !p.isMailbox(&c, claims) { // changed since
		err = &audience.NotFoundError{Kind: "preferences"}
	}
	if err != nil {
		return out, err
	}
	s, err := p.preferencesOf(ctx, &tx.Reader, c, tx.At(), q.lang)
	if err != nil {
		return out, err
	}
	w, ok := readWishes(values, &s)
	if !ok {
		return out, errWishes
	}
	if w.version != s.version {
		return out, errStale
	}
	lower, raise := compareWishes(&s, &w)
	e := p.evidence(q, "preferences")
	for _, less := range lower {
		m := mechanismPreferences
		if less.unasked { // there is no consent to withdraw
			m = audience.MechanismObjection
		}
		if _, err := p.ledger.RecordIn(ctx, tx, compliance.Declaration{
			Contact: audience.ID(c.ID), Kind: audience.ConsentWithdrawn, Scope: less.scope(), Mechanism: m, Source: personSource("preferences"), Evidence: e,
		}); err != nil {
			return out, err
		}
	}
	if err := p.saveSale(ctx, tx, q, &s, &w, e, &raise); err != nil {
		return out, err
	}
	if err := p.saveWishes(ctx, tx, &s, &w); err != nil {
		return out, err
	}
	out, err = p.askToRaise(q, tx, &c, &raise)
	for _, topic := range raise.alone {
		out.alone = append(out.alone, problem{input: topic.input, key: "form.topic", about: p.purposeTitle(topic.purpose, q.lang).text})
	}
	return out, err
}

// raising is what is to be more.
type raising struct {
	purposes, lists []string
	alone           []*choice // topics without their purpose
}

// compareWishes says what is to be less and what more. A topic goes with its
// purpose: who unticks that need not untick what is below it, and a topic that is
// ticked without it is neither asked for nor passed over.
func compareWishes(s *preferences, w *wishes) (lower []*choice, raise raising) {
	for i := range s.choices {
		c := &s.choices[i]
		switch on := w.on[c.input]; {
		case c.on == on:
		case c.on:
			lower = append(lower, c)
		case c.list.Name == "":
			raise.purposes = append(raise.purposes, c.purpose)
		case w.on[prefixChoice+c.purpose]:
			raise.lists = append(raise.lists, c.list.Name)
		default:
			raise.alone = append(raise.alone, c)
		}
	}
	return lower, raise
}

// saveSale opts out of sale and sharing at once; back in goes by mail, which
// makes it the two steps that 11 CCR 7028 asks for. The signal of the browser
// counts as much as the box.
func (p *Pages) saveSale(ctx context.Context, tx *store.Tx, q *request, s *preferences, w *wishes, e compliance.Evidence, raise *raising) error {
	switch signal := GPC(q.Header); {
	case !s.sale:
		return nil
	case signal && !s.saleOut:
		_, err := optOutOfSale(ctx, p.ledger, tx, s.contact.ID, mechanismGPC, e)
		return err
	case w.saleOut && !s.saleOut:
		_, err := optOutOfSale(ctx, p.ledger, tx, s.contact.ID, mechanismPreferences, e)
		return err
	case !w.saleOut && s.saleOut && !signal:
		raise.purposes = append(raise.purposes, salePurposes(p.ledger)...)
	}
	return nil
}

// saveWishes writes frequency and pause, which take effect either way: neither
// is consent.
func (p *Pages) saveWishes(ctx context.Context, tx *store.Tx, s *preferences, w *wishes) error {
	write := audience.ContactWrite{Match: audience.ID(s.contact.ID), Mode: audience.UpdateOnly, Owner: fieldOwner, Source: personSource("preferences")}
	changed := false
	if w.frequency != s.contact.Frequency {
		write.Frequency, changed = &w.frequency, true
	}
	switch {
	case w.pause > 0:
		until := tx.At().Add(time.Duration(w.pause) * 24 * time.Hour)
		write.Set, changed = map[string]audience.Value{fieldPausedUntil: audience.TimestampValue(until)}, true
	case w.pause == 0 && !s.paused.IsZero():
		write.Clear, changed = []string{fieldPausedUntil}, true
	}
	if !changed {
		return nil
	}
	_, err := tx.Put(ctx, write)
	return err
}

// askToRaise mails a confirmation for what is to be more.
func (p *Pages) askToRaise(q *request, tx *store.Tx, c *audience.Contact, raise *raising) (out saved, err error) {
	if len(raise.purposes)+len(raise.lists) == 0 || c.Email().IsZero() {
		return out, nil
	}
	ctx, a := q.Context(), c.Email()
	if out.alarm, err = p.reserve(ctx, tx, p.limits(q, formOfPreferences, a)); err != nil {
		return out, err
	}
	if out.dropped = out.alarm.reached != ""; out.dropped {
		return out, nil
	}
	e, statement := p.evidence(q, "preferences"), p.raiseStatement(raise, q.lang)
	out.asked = true
	return out, p.keepPending(ctx, tx, pending{
		Form: formOfPreferences, Language: q.lang, Address: a.Reveal(), Requested: tx.At(), Contact: c.ID,
		Purposes: raise.purposes, Lists: raise.lists, Statement: statement.text, StatementLanguage: statement.lang, IP: e.IP, UserAgent: e.UserAgent,
	}, a, false)
}

// raiseStatement is what the mail asks to confirm.
func (p *Pages) raiseStatement(raise *raising, lang string) phrase {
	var names []string
	for _, id := range raise.purposes {
		names = append(names, p.purposeTitle(id, lang).text)
	}
	schema := p.aud.Schema()
	for _, name := range raise.lists {
		list, _ := schema.ListNamed(name)
		names = append(names, listTitle(list))
	}
	out := p.texts.phrase(lang, "preferences.statement")
	out.text = strings.NewReplacer("{name}", p.opts.Name, "{purposes}", strings.Join(names, ", ")).Replace(out.text)
	return out
}
