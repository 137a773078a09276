package compliance_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// scopes are what the model asks the gate for.
func scopes() []audience.Scope {
	return []audience.Scope{
		audience.MarketingScope(),
		{Channel: "email", Purpose: "research"},
		{Channel: "email", Purpose: "marketing", List: "news"},
	}
}

// check holds what the library says of everybody against the oracle.
func (u *universe) check() error {
	ids := u.oracle.ids()
	var profiles []audience.Profile
	err := u.ledger.Audience().View(u.ctx, func(r *store.Reader) (err error) {
		profiles, err = r.ProfilesOf(u.ctx, audience.ProfileParts{Ledger: true, Suppressed: true}, ids...)
		return err
	})
	if err != nil {
		return err
	}
	if len(profiles) != len(ids) {
		return fmt.Errorf("the store has %d of %d people", len(profiles), len(ids))
	}
	u.touch(profiles)
	for _, scope := range scopes() {
		in := compliance.Intent{Purpose: scope.Purpose, List: scope.List}
		i := 0
		for d, err := range u.gate.CheckAll(u.ctx, slices.Values(ids), in) {
			if err != nil {
				return err
			}
			if err := u.checkOne(&profiles[i], scope, d); err != nil {
				primary := profiles[i].Contact.Email().Canonical()
				return fmt.Errorf("contact %s for %s at %s: %w; what she did:\n%swhat was said from %s:\n%s",
					ids[i], scope, instant(u.now), err, u.oracle.souls[ids[i]], primary, u.oracle.memory[primary])
			}
			if u.faults.singleForAll && i > 0 {
				d.Denied = nil
			}
			if err := u.checkSingle(ids[i], in, d); err != nil {
				return fmt.Errorf("contact %s for %s: %w", ids[i], scope, err)
			}
			i++
		}
	}
	return nil
}

// touch notes the addresses of everybody who ever refused.
func (u *universe) touch(profiles []audience.Profile) {
	for i := range profiles {
		c, refuses := &profiles[i].Contact, false
		u.oracle.souls[c.ID].each(func(f *fact) { refuses = refuses || f.refuses() })
		for _, a := range c.Addresses {
			u.touched[a.Canonical()] = u.touched[a.Canonical()] || refuses
		}
	}
}

// checkSingle compares a decision of a batch with that about one contact; of
// some, since it costs as much as everything else.
func (u *universe) checkSingle(id audience.ContactID, in compliance.Intent, batch compliance.Decision) error {
	if (u.step+int(id))%3 != 0 {
		return nil
	}
	in.Contact = audience.ID(id)
	single, err := u.gate.Check(u.ctx, in)
	if err == nil && (single.Allow != batch.Allow || !slices.Equal(single.Denied, batch.Denied)) {
		return fmt.Errorf("the batch denies by %v, the single decision by %v", batch.Denied, single.Denied)
	}
	if err != nil {
		return err
	}
	return u.checkState(in, single)
}

// checkState holds what the ledger says of the instant against what the gate
// decided by.
func (u *universe) checkState(in compliance.Intent, d compliance.Decision) error {
	scope := audience.Scope{Channel: audience.ChannelEmail, Purpose: in.Purpose, List: in.List}
	s, err := u.ledger.StateAt(u.ctx, in.Contact, scope, u.now)
	if err != nil && !errors.Is(err, audience.ErrNotFound) { // of many nothing is recorded
		return err
	}
	says := func(rule string) compliance.Verdict {
		r, _ := d.Rule(rule)
		return r.Verdict
	}
	u.counted["states compared"]++
	subscribed, confirmed := s.Standing.Status == audience.StatusSubscribed, s.Record.Mechanism.Confirms()
	if s.Record.Kind.Status() != s.Standing.Status {
		return fmt.Errorf("the ledger says %s by a record that was %s", s.Standing.Status, s.Record.Kind)
	}
	for rule, agrees := range map[string]bool{
		"consent.given":      subscribed == (says("consent.given") == compliance.VerdictPass),
		"consent.confirmed":  (subscribed && confirmed) == (says("consent.confirmed") == compliance.VerdictPass),
		"contact.restricted": s.Restricted == (says("contact.restricted") == compliance.VerdictDeny),
		"consent.refused":    !s.Standing.Status.IsRefusal() || says("consent.refused") == compliance.VerdictDeny,
	} {
		if !agrees {
			return fmt.Errorf("the ledger says %s by %s %q, the gate %q by %s", s.Standing.Status, s.Record.Kind, s.Record.Mechanism, says(rule), rule)
		}
	}
	return nil
}

// checkOne holds one decision against the oracle.
func (u *universe) checkOne(p *audience.Profile, scope audience.Scope, d compliance.Decision) error {
	s := u.oracle.souls[p.Contact.ID]
	if d.Contact != p.Contact.ID {
		return fmt.Errorf("the decision is about %s", d.Contact)
	}
	if !d.Allow {
		return u.checkDenied(p, s, scope, d)
	}
	u.counted["allowed"]++
	primary := p.Contact.Email().Canonical()
	grants := s.grantsFor(scope, u.now)
	switch {
	case len(grants) == 0:
		return errors.New("allowed without a grant in force")
	case !s.consents(scope, u.now):
		return errors.New("allowed although her facts refuse")
	case s.restricted(time.Time{}):
		return errors.New("allowed although restricted")
	case !u.oracle.memory[primary].permits(scope, u.now):
		return errors.New("allowed although the mailbox refused, and nobody answered that")
	case u.oracle.manual[primary]:
		return errors.New("allowed although on the host's own list")
	case !slices.ContainsFunc(grants, func(g *fact) bool { return g.address == "" || g.address == primary }):
		return errors.New("allowed by consent for another address")
	case scope == audience.MarketingScope() && !p.Mailable(u.now):
		return errors.New("allowed although the profile is not mailable")
	}
	return nil
}

// checkDenied keeps the model from being content with a gate that denies
// everybody: where nothing at all was ever refused, consent must be enough.
func (u *universe) checkDenied(p *audience.Profile, s *soul, scope audience.Scope, d compliance.Decision) error {
	u.counted["denied"]++
	grants := s.grantsFor(scope, u.now)
	if len(grants) == 0 || s.isMerged() || s.restricted(time.Time{}) || len(p.Contact.Addresses) == 0 || !s.consents(scope, u.now) {
		return nil
	}
	primary := p.Contact.Email().Canonical()
	for _, g := range grants {
		if g.address != primary {
			return nil
		}
	}
	for _, a := range p.Contact.Addresses {
		if m := u.oracle.memory[a.Canonical()]; u.touched[a.Canonical()] || u.oracle.manual[a.Canonical()] || m != nil && m.erasedIn > 0 {
			return nil
		}
	}
	return fmt.Errorf("denied by %v although she consents and nothing was ever refused", d.Denied)
}

// run makes steps from a seed until something is wrong.
func run(ctx context.Context, seed uint64, steps int, f faults, counted map[string]int) error {
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a failure has to come again
	u, err := newUniverse(ctx, f)
	if err != nil {
		return err
	}
	u.counted = counted
	at := u.now
	for step := 1; step <= steps; step++ {
		at = at.Add(time.Duration(one(&universe{rng: rng}, 1, 1_000_000, 3600_000_000, 24*3600_000_000)) * time.Microsecond)
		err := u.play(turn{seed: rng.Uint64(), at: at, step: step})
		if u.next != nil {
			u = u.next
		}
		if err == nil {
			err = u.check()
		}
		if err != nil {
			return fmt.Errorf("seed %d, step %d: %w", seed, step, err)
		}
	}
	if f.adapter != nil {
		return nil // what it changes would be seen here, whatever the gate says
	}
	report, err := u.ledger.Verify(ctx, compliance.VerifyOptions{})
	if err == nil && !report.OK() {
		err = fmt.Errorf("seed %d: the ledger does not verify: %v", seed, report.Findings)
	}
	return err
}

// number reads a variable, for longer runs than the usual ones.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// G4: whatever is done in whatever order, nobody is mailed without standing
// evidence, and no refusal is lost. AUDIENCEKIT_MODEL_STEPS makes it longer,
// AUDIENCEKIT_MODEL_SEED is the first of its seeds.
func TestModelOfConsent(t *testing.T) {
	steps, first := number(t, "AUDIENCEKIT_MODEL_STEPS", 2_000), number(t, "AUDIENCEKIT_MODEL_SEED", 1)
	const each = 200
	counted := make(map[string]int)
	for seed := first; steps > 0; seed++ {
		require.NoError(t, run(t.Context(), uint64(seed), min(steps, each), faults{}, counted))
		steps -= each
	}
	t.Log(counted)
	require.Greater(t, counted["allowed"]*1000, counted["denied"], "a model that allows nobody shows nothing")
}
