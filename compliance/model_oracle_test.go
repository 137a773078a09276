package compliance_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// fact is one thing that the model knows somebody did. It is what went in,
// never what the store says of it, but for the instant and the number that the
// record got.
type fact struct {
	kind      audience.ConsentKind
	scope     audience.Scope
	acted     time.Time
	expires   time.Time // zero: never
	retracted time.Time // zero: it was not
	moved     time.Time // when she moved to another address, to which consent does not follow
	confirmed bool      // by a double opt-in
	address   string    // for which a grant was given; "": nobody knows
	origin    audience.ContactID
	seq       uint64
}

// covers is written out here: the model shares no rule with the library.
func covers(wide, narrow audience.Scope) bool {
	return (wide.Channel == "" || wide.Channel == narrow.Channel) && (wide.Purpose == "" || wide.Purpose == narrow.Purpose) &&
		(wide.List == "" || wide.List == narrow.List)
}

func (f *fact) refuses() bool {
	return f.kind == audience.ConsentWithdrawn || f.kind == audience.ConsentBounced || f.kind == audience.ConsentComplained
}

// inForce reports whether a grant or request counts at an instant.
func (f *fact) inForce(now time.Time) bool {
	return f.heldFrom(now) && (f.moved.IsZero() || f.moved.After(now))
}

// heldFrom is inForce for the mailbox that a grant was given from, where it goes
// on answering what was refused before, also when she has left.
func (f *fact) heldFrom(now time.Time) bool {
	return !f.acted.After(now) && (f.expires.IsZero() || f.expires.After(now)) && (f.retracted.IsZero() || f.retracted.After(now))
}

// answers reports whether a grant comes after a refusal and is strong enough.
func (f *fact) answers(refusal *fact) bool {
	return f.kind == audience.ConsentGranted && f.acted.After(refusal.acted) && (f.confirmed || refusal.kind != audience.ConsentComplained)
}

// soul is one person as the model sees her: her own facts and those whom she
// was merged with, in order.
type soul struct {
	id    audience.ContactID
	chain []link
}

type link struct {
	fact   *fact
	merged *soul // instead of a fact
}

// each visits every fact, those of merged people too.
func (s *soul) each(visit func(*fact)) {
	for _, l := range s.chain {
		if l.merged != nil {
			l.merged.each(visit)
			continue
		}
		visit(l.fact)
	}
}

func (s *soul) isMerged() bool {
	return slices.ContainsFunc(s.chain, func(l link) bool { return l.merged != nil })
}

// tally is what counts for a scope.
type tally struct {
	refusals, complaints, requests, grants []*fact
	confirmations                          []*fact // what a merge leaves of confirmed opt-ins: they answer complaints and no more
}

func answered(f *fact, by ...[]*fact) bool {
	return slices.ContainsFunc(slices.Concat(by...), func(g *fact) bool { return g.answers(f) })
}

func (t *tally) open() (refusals, complaints []*fact) {
	for _, f := range t.refusals {
		if !answered(f, t.grants) {
			refusals = append(refusals, f)
		}
	}
	for _, f := range t.complaints {
		if !answered(f, t.grants, t.confirmations) {
			complaints = append(complaints, f)
		}
	}
	return refusals, complaints
}

// rank orders what a tally says: 0 nothing, 1 she consents, 2 she was asked,
// 3 she refuses, 4 she complained.
func (t *tally) rank() int {
	refusals, complaints := t.open()
	switch {
	case len(complaints) > 0:
		return 4
	case len(refusals) > 0:
		return 3
	case len(t.grants) > 0:
		return 1
	case len(t.requests) > 0:
		return 2
	}
	return 0
}

// tally folds: a refusal speaks for everything within it, a grant or request for
// its own list alone.
func (s *soul) tally(scope audience.Scope, now time.Time) tally {
	var t tally
	for _, l := range s.chain {
		if l.merged != nil {
			t = joined(t, l.merged.tally(scope, now))
			continue
		}
		f := l.fact
		if f.acted.After(now) || !covers(f.scope, scope) {
			continue
		}
		switch {
		case f.kind == audience.ConsentComplained:
			t.complaints = append(t.complaints, f)
		case f.refuses():
			t.refusals = append(t.refusals, f)
		case f.scope.List != scope.List || !f.inForce(now):
		case f.kind == audience.ConsentGranted:
			t.grants = append(t.grants, f)
		case f.kind == audience.ConsentRequested:
			t.requests = append(t.requests, f)
		}
	}
	return t
}

// joined is a merge: the worse of the two counts, and what either refuses is
// not answered by what the other had consented to.
func joined(a, b tally) tally {
	ra, rb := a.rank(), b.rank()
	if ra == 0 {
		return b
	}
	if rb == 0 {
		return a
	}
	var out tally
	for _, t := range []*tally{&a, &b} {
		refusals, complaints := t.open()
		out.refusals = append(out.refusals, refusals...)
		out.complaints = append(out.complaints, complaints...)
	}
	switch max(ra, rb) {
	case 1:
		out.grants = []*fact{unconfirmed(last(append(a.grants, b.grants...)))}
	case 2:
		out.requests = append(a.requests, b.requests...)
	}
	ca, cb := lastConfirmed(a), lastConfirmed(b)
	if ca != nil && cb != nil {
		if cb.acted.Before(ca.acted) {
			ca = cb
		}
		out.confirmations = []*fact{ca}
	}
	return out
}

func last(facts []*fact) *fact {
	return slices.MaxFunc(facts, func(x, y *fact) int { return x.acted.Compare(y.acted) })
}

func unconfirmed(f *fact) *fact {
	g := *f
	g.confirmed = false
	return &g
}

func lastConfirmed(t tally) *fact {
	all := slices.DeleteFunc(slices.Concat(t.grants, t.confirmations), func(f *fact) bool { return !f.confirmed })
	if len(all) == 0 {
		return nil
	}
	return last(all)
}

// consents reports whether consent stands for a scope, by her facts alone. For a
// list the list's own grant has to, and nothing wider may refuse.
func (s *soul) consents(scope audience.Scope, now time.Time) bool {
	t := s.tally(scope, now)
	if t.rank() != 1 {
		return false
	}
	if scope.List == "" {
		return true
	}
	scope.List = ""
	wide := s.tally(scope, now)
	return wide.rank() < 3
}

// grantsFor gives the grants in force that a message may rest on.
func (s *soul) grantsFor(scope audience.Scope, now time.Time) (out []*fact) {
	s.each(func(f *fact) {
		if f.kind == audience.ConsentGranted && f.scope.List == scope.List && covers(f.scope, scope) && f.inForce(now) {
			out = append(out, f)
		}
	})
	return out
}

// restricted reports whether her data may only be stored. Releases of a winner
// reach whoever was merged into her before them.
func (s *soul) restricted(released time.Time) bool {
	for _, l := range slices.Backward(s.chain) {
		switch {
		case l.merged != nil:
			if l.merged.restricted(released) {
				return true
			}
		case l.fact.kind == audience.ConsentReleased && l.fact.acted.After(released):
			released = l.fact.acted
		case l.fact.kind == audience.ConsentRestricted && !released.After(l.fact.acted):
			return true
		}
	}
	return false
}

// memory is what was ever said from a mailbox: it knows nothing of contacts,
// and so of no merge, deletion or restoring.
type memory struct {
	refusals []remembered
	grants   []remembered
	erased   time.Time // zero: she was not, or came back
	erasedIn int
}

type remembered struct {
	*fact
	step int
}

// permits reports whether whatever was refused for a scope from the mailbox was
// followed by a grant that may answer it. What was refused of other purposes than
// marketing is a matter of the contact alone.
func (m *memory) permits(scope audience.Scope, now time.Time) bool {
	if m == nil {
		return true
	}
	if !m.erased.IsZero() {
		return false
	}
	for _, r := range m.refusals {
		marketing := audience.Scope{Channel: "email", Purpose: "marketing"}
		if !covers(r.scope, scope) || !covers(r.scope, marketing) {
			continue
		}
		if !slices.ContainsFunc(m.grants, func(g remembered) bool { return covers(g.scope, marketing) && g.heldFrom(now) && g.answers(r.fact) }) {
			return false
		}
	}
	return true
}

// oracle is all that the model knows.
type oracle struct {
	souls  map[audience.ContactID]*soul // who is there
	into   map[audience.ContactID]audience.ContactID
	memory map[string]*memory // by address
	manual map[string]bool    // addresses on the host's own list
}

func newOracle() *oracle {
	return &oracle{
		souls: make(map[audience.ContactID]*soul), into: make(map[audience.ContactID]audience.ContactID),
		memory: make(map[string]*memory), manual: make(map[string]bool),
	}
}

func (o *oracle) of(address string) *memory {
	if o.memory[address] == nil {
		o.memory[address] = &memory{}
	}
	return o.memory[address]
}

// root follows merges; nil: nobody is there.
func (o *oracle) root(id audience.ContactID) *soul {
	for o.into[id] != 0 {
		id = o.into[id]
	}
	return o.souls[id]
}

func (o *oracle) ids() []audience.ContactID {
	out := make([]audience.ContactID, 0, len(o.souls))
	for id := range o.souls {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// say adds a fact, and what the mailboxes remember of it.
func (o *oracle) say(s *soul, f *fact, addresses []string, step int) {
	s.chain = append(s.chain, link{fact: f})
	for _, a := range addresses {
		switch m := o.of(a); {
		case f.refuses():
			m.refusals = append(m.refusals, remembered{f, step})
		case f.kind == audience.ConsentGranted:
			m.grants = append(m.grants, remembered{f, step})
		}
	}
}

func (o *oracle) merge(winner, loser *soul) {
	winner.chain = append(winner.chain, link{merged: loser})
	delete(o.souls, loser.id)
	o.into[loser.id] = winner.id
}

// unmerge takes a loser out again. What the winner refused meanwhile may have
// been meant for either.
func (o *oracle) unmerge(winner *soul, loser audience.ContactID) {
	i := slices.IndexFunc(winner.chain, func(l link) bool { return l.merged != nil && l.merged.id == loser })
	s := winner.chain[i].merged
	for _, l := range winner.chain[i+1:] {
		if l.fact != nil && (l.fact.refuses() || l.fact.kind == audience.ConsentRestricted && !releasedIn(winner.chain, l.fact)) {
			f := *l.fact
			f.origin, f.seq = 0, 0
			s.chain = append(s.chain, link{fact: &f})
		}
	}
	winner.chain = slices.Delete(winner.chain, i, i+1)
	delete(o.into, loser)
	o.souls[loser] = s
}

func releasedIn(chain []link, restriction *fact) bool {
	return slices.ContainsFunc(chain, func(l link) bool {
		return l.fact != nil && l.fact.kind == audience.ConsentReleased && l.fact.acted.After(restriction.acted)
	})
}

// gone forgets a person, whole. The mailboxes go on remembering.
func (o *oracle) gone(id audience.ContactID) { delete(o.souls, id) }

// keep takes over what has to outlive a backup that was made before it: what is
// held by address. Refusals of marketing alone were in the ledger that is lost.
func (o *oracle) keep(lost *oracle, since int) {
	for address, m := range lost.memory {
		mine := o.of(address)
		for _, r := range m.refusals {
			if r.step >= since && (r.kind != audience.ConsentWithdrawn || r.scope.Purpose == "" && r.scope.List == "") {
				mine.refusals = append(mine.refusals, r)
			}
		}
		for _, g := range m.grants {
			if g.step >= since {
				mine.grants = append(mine.grants, g)
			}
		}
		if !m.erased.IsZero() && m.erasedIn >= since {
			mine.erased, mine.erasedIn = m.erased, cmp.Or(m.erasedIn, since)
		}
	}
	for address, on := range lost.manual {
		o.manual[address] = o.manual[address] || on
	}
}

// String tells what the model knows of a person, for whoever has to find out
// why it and the library disagree.
func (s *soul) String() string {
	var b strings.Builder
	for _, l := range s.chain {
		if l.merged != nil {
			fmt.Fprintf(&b, "  merged %d {\n%s  }\n", l.merged.id, l.merged)
			continue
		}
		b.WriteString("  " + l.fact.String())
	}
	return b.String()
}

func (f *fact) String() string {
	return fmt.Sprintf("%d/%d %s %s acted %s expires %s retracted %s for %q confirmed %t\n", f.origin, f.seq, f.kind, f.scope,
		instant(f.acted), instant(f.expires), instant(f.retracted), f.address, f.confirmed)
}

// String tells what was said from a mailbox.
func (m *memory) String() string {
	if m == nil {
		return "  nothing\n"
	}
	var b strings.Builder
	for _, r := range slices.Concat(m.refusals, m.grants) {
		fmt.Fprintf(&b, "  step %d: %s", r.step, r.fact)
	}
	return b.String()
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("0102T15:04:05.999999")
}
