package compliance_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// act does one thing at random.
func (u *universe) act() error {
	acts := []struct {
		name  string
		often int
		do    func() error
	}{
		{"sync", 6, u.sync},
		{"signup", 10, u.signup},
		{"confirm", 12, u.confirm},
		{"grant", 5, u.grantDirectly},
		{"import", 8, u.importPeople},
		{"merge", 5, u.mergeTwo},
		{"unmerge", 4, u.unmergeOne},
		{"change address", 3, u.changeAddress},
		{"detach", 2, u.detach},
		{"unsubscribe", 6, u.unsubscribe},
		{"refuse", 7, u.refuse},
		{"retract", 2, u.retract},
		{"restrict", 2, u.restrict},
		{"relate", 2, u.relate},
		{"suppress", 2, u.suppress},
		{"erase", 1, u.eraseByRequest},
		{"remove", 2, u.removeOne},
		{"life cycle", 2, u.liveOn},
		{"suppression file", 2, u.suppressionFile},
		{"restore", 1, u.restore},
	}
	total := 0
	for _, a := range acts {
		total += a.often
	}
	n := u.rng.IntN(total)
	for _, a := range acts {
		if n -= a.often; n < 0 {
			u.counted[a.name]++
			if err := a.do(); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			return nil
		}
	}
	return nil
}

// sync is an upsert as a connection makes it: by its own key, with whatever
// address it has.
func (u *universe) sync() error {
	w := audience.ContactWrite{Match: audience.Key(one(u, "u1", "u2", "u3", "u4")), Source: audience.Source{Kind: audience.SourceConnection}}
	if u.rng.IntN(4) > 0 {
		w.Email = u.address()
	}
	_, err := u.put(w)
	return err
}

// signup is her own act, and gets her a token of some use.
func (u *universe) signup() error {
	s, err := u.put(audience.ContactWrite{Email: u.address(), Returning: true})
	if s == nil || err != nil {
		return err
	}
	scope := u.scope()
	if err := u.declare(s, compliance.Declaration{Kind: audience.ConsentRequested, Scope: scope, Expires: u.expiry(), Notice: u.notice}, true); err != nil {
		return err
	}
	return u.mint(s, scope)
}

func (u *universe) mint(s *soul, scope audience.Scope) error {
	c := compliance.Claims{Use: one(u, compliance.TokenConfirm, compliance.TokenConfirm, compliance.TokenUnsubscribe, compliance.TokenPreferences), Contact: s.id, Scope: scope}
	if c.Use != compliance.TokenUnsubscribe {
		c.Expires = u.now.Add(7 * 24 * time.Hour)
	}
	text, err := u.tokens.Mint(c)
	if err != nil {
		return err
	}
	u.pool = append(u.pool, minted{text, c})
	return nil
}

// verify is how this world reads a token.
func (u *universe) verify(text string, use compliance.TokenUse) (compliance.Claims, error) {
	c, err := u.tokens.Verify(text, use)
	if err != nil && u.faults.anyToken {
		for _, other := range []compliance.TokenUse{compliance.TokenUnsubscribe, compliance.TokenPreferences} {
			if c, err = u.tokens.Verify(text, other); err == nil {
				break
			}
		}
	}
	if u.faults.anyScope {
		c.Scope = audience.MarketingScope()
	}
	return c, err
}

// confirm takes any token that there is to whoever confirms.
func (u *universe) confirm() error {
	if len(u.pool) == 0 {
		return nil
	}
	m := one(u, u.pool...)
	c, err := u.verify(m.text, compliance.TokenConfirm)
	if err != nil {
		return nil //nolint:nilerr // of another use, or over
	}
	s := u.oracle.root(c.Contact)
	if s == nil {
		return nil
	}
	d := compliance.Declaration{
		Kind: audience.ConsentGranted, Scope: c.Scope, Expires: u.expiry(), Mechanism: audience.MechanismDoubleOptIn, Notice: u.notice,
		Evidence: compliance.Evidence{Form: "footer"},
	}
	meant := m.claims.Use == compliance.TokenConfirm && widened(m.claims.Scope) == widened(c.Scope)
	if err = u.declare(s, d, meant); err == nil && m.claims.Use == compliance.TokenConfirm && !m.claims.Expires.After(u.now) {
		return errors.New("a token was taken that was over")
	}
	return err
}

func (u *universe) grantDirectly() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	err := u.declare(s, compliance.Declaration{
		Kind: audience.ConsentGranted, Scope: u.scope(), Acted: u.past(), Expires: u.expiry(), Notice: u.notice,
		Mechanism: one(u, audience.MechanismSingleOptIn, audience.MechanismPaper), Evidence: compliance.Evidence{Text: "I want your news."},
	}, true)
	if err != nil {
		return err
	}
	// What is no consent must never be recorded as one.
	if err := u.declare(s, compliance.Declaration{
		Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Notice: u.notice, Mechanism: audience.MechanismPreTicked, Evidence: compliance.Evidence{Form: "x"},
	}, false); err != nil {
		return err
	}
	return nil
}

func (u *universe) importPeople() error {
	status := one(u, audience.StatusNone, audience.StatusSubscribed, audience.StatusSubscribed, audience.StatusUnsubscribed, audience.StatusBounced, audience.StatusComplained)
	return u.importRow(u.address(), status, u.past(), u.rng.IntN(2) == 0)
}

func (u *universe) mergeTwo() error {
	w, l := u.soul(), u.soul()
	if w == nil || w == l {
		return nil
	}
	_, err := u.ledger.Audience().Update(u.ctx, func(tx *store.Tx) error {
		return tx.Merge(u.ctx, audience.ID(w.id), audience.ID(l.id), audience.Source{})
	})
	if err == nil {
		u.oracle.merge(w, l)
	}
	return tolerate(err)
}

func (u *universe) unmergeOne() error {
	var losers []audience.ContactID
	for l := range u.oracle.into {
		losers = append(losers, l)
	}
	if len(losers) == 0 {
		return nil
	}
	slices.Sort(losers)
	l := one(u, losers...)
	_, err := u.ledger.Audience().Update(u.ctx, func(tx *store.Tx) error { return tx.Unmerge(u.ctx, l, audience.Source{}) })
	if err != nil {
		return tolerate(err)
	}
	winner := u.oracle.souls[u.oracle.into[l]]
	if winner == nil {
		return errors.New("somebody was taken out of one who is not there")
	}
	u.oracle.unmerge(winner, l)
	return nil
}

func (u *universe) changeAddress() error {
	s, to := u.soul(), u.address()
	if s == nil {
		return nil
	}
	before, err := u.addresses(s.id)
	if err != nil {
		return err
	}
	if err := u.ledger.ChangeAddress(u.ctx, audience.ID(s.id), to, audience.Source{}); err != nil {
		return tolerate(err)
	}
	if len(before) > 0 && before[0] == to.Canonical() {
		return nil
	}
	if !u.oracle.of(to.Canonical()).erased.IsZero() && !slices.Contains(before, to.Canonical()) { // else a backup has brought it
		return errors.New("an erased address came back by a change of address")
	}
	var asked []*fact
	s.each(func(f *fact) {
		if f.kind == audience.ConsentGranted && f.inForce(u.now) {
			f.moved = u.now
			asked = append(asked, &fact{kind: audience.ConsentRequested, scope: f.scope, acted: u.now, expires: f.expires})
		}
	})
	for _, f := range asked {
		u.oracle.say(s, f, nil, u.step)
	}
	return nil
}

func (u *universe) detach() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	c, err := u.contact(s.id)
	if err != nil || len(c.Addresses) == 0 {
		return err
	}
	_, err = u.ledger.Audience().Put(u.ctx, audience.ContactWrite{
		Match: audience.ID(s.id), Mode: audience.UpdateOnly, External: []audience.ExternalID{audience.External("own", s.id.String())},
		Detach: []audience.Identity{audience.AddressIdentity(one(u, c.Addresses...))},
	})
	return tolerate(err)
}

// unsubscribe takes any token that there is to whoever unsubscribes.
func (u *universe) unsubscribe() error {
	if len(u.pool) == 0 {
		return nil
	}
	m := one(u, u.pool...)
	c, err := u.tokens.Verify(m.text, compliance.TokenUnsubscribe)
	switch {
	case err != nil && m.claims.Use == compliance.TokenUnsubscribe:
		return errors.New("a token to unsubscribe was refused")
	case err != nil:
		return nil
	case m.claims.Use != compliance.TokenUnsubscribe:
		return errors.New("a token of another use unsubscribed")
	}
	s := u.oracle.root(c.Contact)
	if s == nil {
		return nil
	}
	err = u.declare(s, compliance.Declaration{Kind: audience.ConsentWithdrawn, Scope: c.Scope, Mechanism: "link"}, true)
	return err
}

// refuse is a withdrawal, an objection, a bounce or a complaint, sometimes heard
// of late.
func (u *universe) refuse() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	d := compliance.Declaration{Acted: u.past()}
	switch u.rng.IntN(4) {
	case 0:
		d.Kind, d.Scope = audience.ConsentComplained, audience.MarketingScope()
	case 1:
		d.Kind, d.Scope = audience.ConsentBounced, audience.Scope{Channel: "email"}
		if u.faults.dropsBounces {
			addresses, err := u.addresses(s.id)
			u.oracle.say(s, &fact{kind: d.Kind, scope: d.Scope, acted: u.now}, addresses, u.step)
			return err
		}
	case 2:
		d.Kind, d.Mechanism = audience.ConsentWithdrawn, compliance.MechanismObjection
	default:
		d.Kind, d.Scope = audience.ConsentWithdrawn, u.scope()
	}
	err := u.declare(s, d, true)
	return err
}

// retract takes back a grant or a request as an error.
func (u *universe) retract() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	var can []*fact
	s.each(func(f *fact) {
		if f.seq != 0 && f.retracted.IsZero() && f.moved.IsZero() && (f.kind == audience.ConsentGranted || f.kind == audience.ConsentRequested) {
			can = append(can, f)
		}
	})
	if len(can) == 0 {
		return nil
	}
	f := one(u, can...)
	_, err := u.ledger.Record(u.ctx, compliance.Declaration{Contact: audience.ID(f.origin), Kind: audience.ConsentRetracted, Retracts: f.seq})
	if err == nil {
		f.retracted = u.now
	}
	return tolerate(err)
}

func (u *universe) restrict() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	by := audience.Source{Kind: audience.SourcePerson, Actor: "clerk"}
	kind, err := audience.ConsentRestricted, error(nil)
	if u.rng.IntN(3) == 0 {
		err = u.ledger.Restrict(u.ctx, audience.ID(s.id), by, "she disputes it")
	} else {
		kind = audience.ConsentReleased
		err = u.ledger.Release(u.ctx, audience.ID(s.id), by, "it was cleared up")
	}
	if err != nil {
		return err
	}
	u.oracle.say(s, &fact{kind: kind, acted: u.now}, nil, u.step)
	return nil
}

// relate records what makes nobody mailable where consent is asked for.
func (u *universe) relate() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	return u.ledger.Relate(u.ctx, audience.ID(s.id), compliance.Relation{
		Kind: audience.MechanismPurchase, Entity: "shop", ObtainedBySale: true, OptOutOffered: true, Source: audience.Source{Kind: audience.SourceHost},
	})
}

// suppress is about the host's own list.
func (u *universe) suppress() error {
	w := store.SuppressionWrite{Address: u.address(), Reason: audience.SuppressedManually, Lift: u.rng.IntN(3) > 0}
	_, err := u.ledger.Audience().Update(u.ctx, func(tx *store.Tx) error { return tx.Suppress(u.ctx, w) })
	if err == nil {
		u.oracle.manual[w.Address.Canonical()] = !w.Lift
	}
	return err
}

// eraseByRequest is her right.
func (u *universe) eraseByRequest() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	addresses, err := u.addresses(s.id)
	if err != nil {
		return err
	}
	q, err := u.rights.Open(u.ctx, compliance.RequestErasure, compliance.RegimeGDPR, audience.ID(s.id), time.Time{})
	if err != nil {
		return err
	}
	if _, err = u.rights.Attest(u.ctx, q.ID, audience.Source{Kind: audience.SourcePerson, Actor: "clerk"}); err != nil {
		return err
	}
	report, err := u.rights.Erase(u.ctx, q.ID)
	if err == nil && !report.Complete {
		err = errors.New("an erasure is not complete")
	}
	u.remove(s.id, addresses, true)
	return err
}

// removeOne deletes or erases without a request.
func (u *universe) removeOne() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	addresses, err := u.addresses(s.id)
	if err != nil {
		return err
	}
	erase := u.rng.IntN(2) == 0
	if _, err = u.ledger.Audience().Update(u.ctx, func(tx *store.Tx) error {
		if erase {
			return tx.Erase(u.ctx, audience.Source{}, audience.ID(s.id))
		}
		return tx.Delete(u.ctx, audience.Source{}, audience.ID(s.id))
	}); err != nil {
		return err
	}
	u.remove(s.id, addresses, erase)
	return nil
}

// liveOn is the life cycle: it stops writing to somebody, or removes her.
func (u *universe) liveOn() error {
	s := u.soul()
	if s == nil {
		return nil
	}
	addresses, err := u.addresses(s.id)
	if err != nil {
		return err
	}
	rule := compliance.LifeCycleRule{Name: "silent", Who: only(s.id), Why: "silence", Do: one(u, compliance.ActionSunset, compliance.ActionSunset, compliance.ActionDelete, compliance.ActionErase)}
	if u.faults.sunsetResumes && rule.Do == compliance.ActionSunset {
		err := u.declare(s, compliance.Declaration{
			Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Notice: u.notice, Mechanism: audience.MechanismSingleOptIn, Evidence: compliance.Evidence{Form: "x"},
		}, false)
		return err
	}
	report, err := u.cycle.Run(u.ctx, rule, nil)
	if err != nil || report.Done == 0 {
		return err
	}
	if rule.Do == compliance.ActionSunset {
		u.oracle.say(s, &fact{kind: audience.ConsentWithdrawn, scope: audience.MarketingScope(), acted: u.now}, addresses, u.step)
		return nil
	}
	u.remove(s.id, addresses, rule.Do == compliance.ActionErase)
	return nil
}

// suppressionFile exports, and takes over what was exported some time ago.
func (u *universe) suppressionFile() error {
	if u.file != nil && u.rng.IntN(2) == 0 {
		_, err := u.ledger.ImportSuppressions(u.ctx, bytes.NewReader(u.file), audience.Source{})
		return err
	}
	var out bytes.Buffer
	_, err := u.ledger.ExportSuppressions(u.ctx, &out)
	u.file = out.Bytes()
	return err
}
