package compliance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// faults are ways in which the world under the model is wrong on purpose.
type faults struct {
	adapter       func(store.Adapter) store.Adapter
	importRaises  bool // an import grants without anybody's attestation
	anyToken      bool // whoever confirms takes a token of any use
	anyScope      bool // a token for one purpose confirms marketing
	noReplay      bool // what was erased and refused since the backup is not held again
	singleForAll  bool // the batch says of everybody what it says of the first
	dropsBounces  bool // bounces are read and not recorded
	sunsetResumes bool // the life cycle grants where it should withdraw
}

// minted is a token and what it was made for.
type minted struct {
	text   string
	claims compliance.Claims
}

// turn is one step that was made: the same turns make the same world again,
// which is how a backup is restored.
type turn struct {
	seed    uint64
	at      time.Time
	step    int
	restore *restoring
}

type restoring struct {
	suppressions, register []byte
	lost                   *oracle
	since                  int
}

// universe is an audience with everything of compliance on it, and the oracle.
type universe struct {
	ctx     context.Context
	faults  faults
	rng     *rand.Rand
	now     time.Time
	step    int
	turns   []turn
	ledger  *compliance.Ledger
	gate    *compliance.Gate
	tokens  *compliance.Tokens
	rights  *compliance.Rights
	cycle   *compliance.LifeCycle
	notice  string
	pool    []minted
	file    []byte // of suppressions, as exported some time ago
	oracle  *oracle
	mute    bool // a world that is made again is not checked
	counted map[string]int
	touched map[string]bool // addresses that somebody had who ever refused anything
	next    *universe       // what a restored backup has put in its place
}

func bigBang() time.Time { return time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC) }

func newUniverse(ctx context.Context, f faults) (*universe, error) {
	u := &universe{ctx: ctx, faults: f, now: bigBang(), oracle: newOracle(), counted: make(map[string]int), touched: make(map[string]bool)}
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		return nil, err
	}
	var adapter store.Adapter = memstore.New()
	if f.adapter != nil {
		adapter = f.adapter(adapter)
	}
	aud, err := store.Open(ctx, adapter, "main", store.Options{
		Keys: keys, Clock: func() time.Time { return u.now },
		Schema: audience.Schema{Purposes: []audience.Purpose{{Name: "research"}}, Lists: []audience.List{{Name: "news", Kind: audience.ListTopic}}},
	})
	if err != nil {
		return nil, err
	}
	if u.ledger, err = compliance.NewLedger(aud, compliance.LedgerOptions{
		Controller: compliance.Party{ID: "shop", Country: "DE"}, Purposes: []compliance.Purpose{{ID: "research"}},
	}); err != nil {
		return nil, err
	}
	n, err := u.ledger.PutNotice(ctx, compliance.Notice{
		Version: "1", Text: "We send you news.", Language: "en", Purposes: []string{"marketing", "research"}, ValidFrom: bigBang().AddDate(-1, 0, 0),
	})
	if err != nil {
		return nil, err
	}
	u.notice = n.ID
	if u.gate, err = compliance.NewGate(u.ledger, compliance.Policy{}); err != nil {
		return nil, err
	}
	if u.tokens, err = compliance.NewTokens(aud); err != nil {
		return nil, err
	}
	if u.rights, err = compliance.NewRights(u.ledger, compliance.RightsOptions{}); err != nil {
		return nil, err
	}
	u.cycle, err = compliance.NewLifeCycle(u.gate, u.rights)
	return u, err
}

// one picks one of some things.
func one[T any](u *universe, of ...T) T { return of[u.rng.IntN(len(of))] }

// address gives one of few addresses, so that people meet.
func (u *universe) address() audience.Address {
	return audience.MustAddress(string(rune('a'+u.rng.IntN(9))) + "@example.com")
}

func (u *universe) scope() audience.Scope {
	return one(u, audience.Scope{}, audience.Scope{Channel: "email"}, audience.MarketingScope(), audience.MarketingScope(), audience.MarketingScope(),
		audience.Scope{Channel: "email", Purpose: "research"}, audience.Scope{Channel: "email", Purpose: "marketing", List: "news"})
}

// soul picks somebody who is there, nil when there is nobody.
func (u *universe) soul() *soul {
	ids := u.oracle.ids()
	if len(ids) == 0 {
		return nil
	}
	return u.oracle.souls[one(u, ids...)]
}

func (u *universe) contact(id audience.ContactID) (audience.Contact, error) {
	return u.ledger.Audience().Contact(u.ctx, audience.ID(id))
}

// addresses gives those of a contact, the primary first.
func (u *universe) addresses(id audience.ContactID) ([]string, error) {
	c, err := u.contact(id)
	var out []string
	for _, a := range c.Addresses {
		out = append(out, a.Canonical())
	}
	return out, err
}

// refused says whether an error is one of those that the library may give for
// what is asked of it at random.
func refused(err error) bool {
	return errors.Is(err, audience.ErrNotFound) || errors.Is(err, audience.ErrConflict) || errors.Is(err, audience.ErrDenied) || errors.Is(err, audience.ErrInvalid)
}

// tolerate gives on what must not happen.
func tolerate(err error) error {
	if err == nil || refused(err) {
		return nil
	}
	return fmt.Errorf("unexpected: %w", err)
}

// declare records, and tells the oracle what it has to believe: a grant only
// when one was really given.
func (u *universe) declare(s *soul, d compliance.Declaration, meant bool) error {
	d.Contact = audience.ID(s.id)
	d.Source.Kind = audience.SourcePerson
	addresses, err := u.addresses(s.id)
	if err != nil {
		return fmt.Errorf("somebody is not there: %w", err)
	}
	out, err := u.ledger.Record(u.ctx, d)
	if err != nil {
		if d.Kind.IsRefusal() {
			return fmt.Errorf("a refusal was refused: %w", err)
		}
		return tolerate(err)
	}
	r := out[0]
	f := &fact{kind: d.Kind, scope: widened(d.Scope), acted: r.Acted, expires: d.Expires, origin: r.Contact, seq: r.Seq, confirmed: d.Mechanism == audience.MechanismDoubleOptIn}
	if len(addresses) > 0 {
		f.address = addresses[0]
	}
	if meant {
		u.oracle.say(s, f, addresses, u.step)
	}
	return nil
}

// widened gives a scope with the purpose of its list, which may be left out.
func widened(s audience.Scope) audience.Scope {
	if s.List != "" {
		s.Purpose = audience.PurposeMarketing
	}
	return s
}

// past is an instant up to some days ago, or now.
func (u *universe) past() time.Time {
	if u.rng.IntN(3) > 0 {
		return time.Time{}
	}
	return u.now.Add(-time.Duration(u.rng.IntN(72*3600)) * time.Second)
}

func (u *universe) expiry() time.Time {
	if u.rng.IntN(4) > 0 {
		return time.Time{}
	}
	return u.now.Add(time.Duration(3600+u.rng.IntN(96*3600)) * time.Second)
}

// put writes a contact, and tells the oracle who is there.
func (u *universe) put(w audience.ContactWrite) (*soul, error) {
	res, err := u.ledger.Audience().Put(u.ctx, w)
	if err != nil {
		return nil, tolerate(err)
	}
	if !w.Email.IsZero() {
		m := u.oracle.of(w.Email.Canonical())
		if !m.erased.IsZero() && !w.Returning {
			return nil, errors.New("an erased address came back without her own act")
		}
		m.erased = time.Time{}
	}
	return u.there(res.ID), nil
}

func (u *universe) there(id audience.ContactID) *soul {
	s := u.oracle.root(id)
	if s == nil {
		s = &soul{id: id}
		u.oracle.souls[id] = s
	}
	return s
}

// remove tells the oracle that somebody is gone; of whoever was erased the
// addresses must stay away.
func (u *universe) remove(id audience.ContactID, addresses []string, erased bool) {
	u.oracle.gone(id)
	for _, a := range addresses {
		if m := u.oracle.of(a); erased {
			m.erased, m.erasedIn = u.now, u.step
		}
	}
}

// importRow runs the importer over one row.
func (u *universe) importRow(a audience.Address, status audience.Status, acted time.Time, attested bool) error {
	aud := u.ledger.Audience()
	plan := &importer.Plan{}
	if attested {
		plan.Attestation = importer.Attestation{By: "the host", Text: "They signed at the fair.", Source: "fair"}
	}
	var result importer.RowResult
	rows := func(yield func(*importer.Contact, error) bool) {
		yield(&importer.Contact{Line: 1, Write: audience.ContactWrite{Email: a}, Status: status, Acted: acted}, nil)
	}
	if _, err := importer.Contacts(u.ctx, aud, rows, plan, importer.Options{OnRow: func(r importer.RowResult) { result = r }}); err != nil {
		return tolerate(err)
	}
	if result.Contact == 0 {
		return nil
	}
	if !u.oracle.of(a.Canonical()).erased.IsZero() && result.Outcome == importer.Created {
		return errors.New("an import brought an erased address back")
	}
	s := u.there(result.Contact)
	if u.faults.importRaises && status == audience.StatusSubscribed && !attested {
		err := u.declare(s, compliance.Declaration{
			Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismAttested, Evidence: compliance.Evidence{Text: "in the file"},
		}, false)
		return err
	}
	if result.Recorded == 0 {
		return nil
	}
	if result.Recorded == audience.ConsentGranted && !attested {
		return errors.New("an import granted without an attestation")
	}
	var record audience.ConsentRecord
	err := aud.View(u.ctx, func(r *store.Reader) error {
		h, err := r.History(u.ctx, audience.ID(s.id))
		if err == nil {
			record = h.Records[len(h.Records)-1]
		}
		return err
	})
	if err != nil {
		return err
	}
	if marketing := audience.MarketingScope(); result.Recorded.IsRefusal() && !covers(record.Scope, marketing) || !result.Recorded.IsRefusal() && record.Scope != marketing {
		return fmt.Errorf("an import recorded %s for %s", result.Recorded, record.Scope)
	}
	addresses, err := u.addresses(s.id)
	u.oracle.say(s, &fact{kind: result.Recorded, scope: record.Scope, acted: record.Acted, origin: record.Contact, seq: record.Seq}, addresses, u.step)
	return err
}

// restore goes back to a backup: the turns up to then are made again, and then
// comes what the host kept away from it.
func (u *universe) restore() error {
	if len(u.turns) < 10 || u.mute {
		return nil
	}
	since := len(u.turns) - 1 - u.rng.IntN(min(len(u.turns)-1, 25))
	var suppressions, register bytes.Buffer
	if _, err := u.ledger.ExportSuppressions(u.ctx, &suppressions); err != nil {
		return err
	}
	if _, err := u.rights.WriteRegister(u.ctx, &register); err != nil {
		return err
	}
	back, err := newUniverse(u.ctx, u.faults)
	if err != nil {
		return err
	}
	back.mute = true
	for _, t := range u.turns[:since] {
		if err := back.play(t); err != nil {
			return fmt.Errorf("making the backup: %w", err)
		}
	}
	err = back.play(turn{at: u.now, step: u.step, restore: &restoring{suppressions.Bytes(), register.Bytes(), u.oracle, u.turns[since].step}})
	back.mute, back.counted, back.touched = false, u.counted, u.touched
	u.next = back
	return err
}

// takeBack is the first thing that is done with a restored backup.
func (u *universe) takeBack(r *restoring) error {
	u.oracle.keep(r.lost, r.since)
	if u.faults.noReplay {
		return nil
	}
	if _, err := u.ledger.ImportSuppressions(u.ctx, bytes.NewReader(r.suppressions), audience.Source{}); err != nil {
		return err
	}
	if _, err := u.rights.Replay(u.ctx, bytes.NewReader(r.register)); err != nil {
		return err
	}
	return u.findGone()
}

// findGone tells the oracle whom the replay erased.
func (u *universe) findGone() error {
	for _, id := range u.oracle.ids() {
		switch _, err := u.contact(id); {
		case errors.Is(err, audience.ErrNotFound):
			u.oracle.gone(id)
		case err != nil:
			return err
		}
	}
	return nil
}

// play makes a turn.
func (u *universe) play(t turn) error {
	u.now, u.step = t.at, t.step
	u.rng = rand.New(rand.NewPCG(t.seed, 1)) //nolint:gosec // the model has to do the same again
	var err error
	if t.restore != nil {
		err = u.takeBack(t.restore)
	} else {
		err = u.act()
	}
	u.turns = append(u.turns, t)
	return err
}
