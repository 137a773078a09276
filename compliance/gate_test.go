package compliance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

func emailScope(purpose string) audience.Scope {
	return audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}
}

// O16: consent is for one purpose, channel and sender.
func TestConsentIsForOnePurpose(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, newsletter)
	g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})
	for _, tt := range []struct {
		name   string
		in     compliance.Intent
		denied []string
	}{
		{"newsletter by e-mail", compliance.Intent{Purpose: newsletter}, nil},
		{"promotions by e-mail", compliance.Intent{Purpose: promotions}, []string{"consent.given"}},
		{"marketing", compliance.Intent{}, []string{"consent.given"}},
		{"newsletter by SMS", compliance.Intent{Purpose: newsletter, Channel: "sms"}, []string{"contact.address", "consent.given"}},
		{"another sender", compliance.Intent{Purpose: newsletter, Sender: "sister"}, []string{"sender.known"}},
		{"a purpose that nobody declared", compliance.Intent{Purpose: "other"}, []string{"purpose.known", "basis.exists", "consent.given"}},
		{"a topic", compliance.Intent{Purpose: newsletter, List: "deals"}, []string{"purpose.known", "consent.given"}},
		{"a channel that is misspelt", compliance.Intent{Purpose: newsletter, Channel: "Email"}, []string{"purpose.known", "consent.given"}},
		{"an ask that is misspelt", compliance.Intent{Purpose: newsletter, Ask: "Return"}, []string{"purpose.known"}},
		{"a list that nobody declared", compliance.Intent{Purpose: newsletter, List: "none"}, []string{"purpose.known"}},
	} {
		t.Run("O16 "+tt.name, func(t *testing.T) {
			tt.in.Contact = audience.ID(id)
			got := d.check(g, tt.in)
			require.Equal(t, tt.denied, got.Denied)
			require.Equal(t, len(tt.denied) == 0, got.Allow)
		})
	}
}

// refusals are ways in which somebody says no, each with the rules that say so.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuse  func(d *desk, id audience.ContactID)
		denied  []string // for marketing
		service bool     // a service message still goes out
	}{
		{"withdrawn", func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
		}, []string{"consent.refused", "consent.given"}, true},
		{"objected to everything", func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, audience.Scope{}, "objection")
		}, []string{"suppression.withdrawn", "consent.refused", "consent.given"}, true},
		{"complained", func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentComplained, emailScope(audience.PurposeMarketing), "report")
		}, []string{"suppression.complained", "consent.refused", "consent.given"}, true},
		{"bounced", func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentBounced, audience.Scope{Channel: audience.ChannelEmail}, "report")
		}, []string{"suppression.bounced", "consent.refused", "consent.given"}, false},
		{"on the host's own list", func(d *desk, _ audience.ContactID) {
			_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error {
				return tx.Suppress(d.t.Context(), store.SuppressionWrite{Address: audience.MustAddress("jane@example.com"), Reason: audience.SuppressedManually})
			})
			require.NoError(d.t, err)
		}, []string{"suppression.manual"}, false},
		{"deleted", func(d *desk, id audience.ContactID) {
			_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error { return tx.Delete(d.t.Context(), audience.Source{}, audience.ID(id)) })
			require.NoError(d.t, err)
		}, []string{"contact.known"}, false},
		{"erased", func(d *desk, id audience.ContactID) {
			_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error { return tx.Erase(d.t.Context(), audience.Source{}, audience.ID(id)) })
			require.NoError(d.t, err)
		}, []string{"contact.known"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			id := d.put("jane", "jane@example.com")
			d.grant(id, audience.PurposeMarketing)
			g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})
			require.True(t, d.check(g, compliance.Intent{Contact: audience.ID(id)}).Allow)
			d.now = d.now.Add(time.Minute)
			tt.refuse(d, id)
			require.Equal(t, tt.denied, d.check(g, compliance.Intent{Contact: audience.ID(id)}).Denied)
			for _, purpose := range []string{"security", "receipts"} {
				require.Equal(t, tt.service, d.check(g, compliance.Intent{Contact: audience.ID(id), Purpose: purpose}).Allow, purpose)
			}
		})
	}
}

// O32: all rules that deny are listed, in a fixed order and without the
// address.
func TestDecisionListsEveryRule(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.write(id, audience.ConsentRequested, emailScope(audience.PurposeMarketing), "form")
	d.write(id, audience.ConsentBounced, emailScope(promotions), "report")
	g := d.gate(compliance.Policy{Version: "7", Facts: livesIn("DE", ""), Quiet: []compliance.QuietHours{{From: 12 * time.Hour, Until: 14 * time.Hour}}})
	got := d.check(g, compliance.Intent{Contact: audience.Email("jane@example.com")})
	require.Equal(t, []string{"suppression.bounced", "consent.given", "consent.confirmed", "quiet-hours"}, got.Denied)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(b), "jane")
	want := strings.Fields(`contact.known contact.address contact.restricted suppression.complained suppression.withdrawn suppression.erased
		suppression.bounced suppression.manual purpose.known sender.known consent.refused basis.exists consent.given consent.confirmed consent.address consent.fresh
		consent.age soft-opt-in.sale soft-opt-in.same-entity soft-opt-in.similar soft-opt-in.offered casl.implied opt-out.origin contract.shown interest.objection re-permission
		referral.once sale-share.re-ask preference.pause preference.frequency cap quiet-hours complaint-rate permit`)
	require.Equal(t, want, ruleIDs(got))
	require.Equal(t, []compliance.Regime{compliance.RegimeGDPR, compliance.RegimeGermany}, got.Regimes)
	nobody := d.check(g, compliance.Intent{Contact: audience.Key("nobody")})
	require.Equal(t, want, ruleIDs(nobody))
	require.Equal(t, []string{"contact.known"}, nobody.Denied)

	var text strings.Builder
	require.NoError(t, got.WriteText(&text))
	require.Contains(t, text.String(), "deny   consent.given")
	require.NotContains(t, text.String(), "jane")
}

func ruleIDs(d compliance.Decision) (out []string) {
	for _, r := range d.Rules {
		out = append(out, r.Rule)
	}
	return out
}

func TestRegimes(t *testing.T) {
	optOut := compliance.Purpose{ID: "offers", Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeCANSPAM: compliance.BasisOptOut, compliance.RegimeCCPA: compliance.BasisOptOut, compliance.RegimeGDPR: compliance.BasisOptOut}}
	for _, tt := range []struct {
		name            string
		country, region string
		regimes         []compliance.Regime
		denied          []string
	}{
		{"unknown country means all", "", "", []compliance.Regime{"gdpr", "uk", "de", "can-spam", "casl", "ccpa", "au-spam"}, []string{"basis.exists", "consent.given", "opt-out.origin"}},
		{"a country without a row means all", "BR", "", []compliance.Regime{"gdpr", "uk", "de", "can-spam", "casl", "ccpa", "au-spam"}, []string{"basis.exists", "consent.given", "opt-out.origin"}},
		{"France knows no opt-out", "FR", "", []compliance.Regime{"gdpr"}, []string{"basis.exists", "opt-out.origin"}},
		{"an unknown state may be California", "US", "", []compliance.Regime{"can-spam", "ccpa"}, []string{"opt-out.origin"}},
		{"a known state", "us", "US-NY", []compliance.Regime{"can-spam"}, []string{"opt-out.origin"}},
		{"Germany", "DE", "", []compliance.Regime{"gdpr", "de"}, []string{"basis.exists", "consent.given", "opt-out.origin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, optOut)
			id := d.put("jane", "jane@example.com")
			got := d.check(d.gate(compliance.Policy{Facts: livesIn(tt.country, tt.region)}), compliance.Intent{Contact: audience.ID(id), Purpose: "offers"})
			require.Equal(t, tt.regimes, got.Regimes)
			require.Equal(t, tt.denied, got.Denied)
		})
	}
}

func TestSendersCountryFollows(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	g := d.gate(compliance.Policy{Facts: livesIn("US", "US-NY"), Senders: []compliance.Party{{ID: "berlin", Country: "DE"}}})
	got := d.check(g, compliance.Intent{Contact: audience.ID(id), Sender: "berlin"})
	require.Equal(t, []compliance.Regime{"gdpr", "de", "can-spam"}, got.Regimes)
}

func TestPauseFrequencyAndQuietHours(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, audience.PurposeMarketing)
	in := compliance.Intent{Contact: audience.ID(id)}
	g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})

	pause, weekly := audience.TimestampValue(d.now.Add(time.Hour)), compliance.FrequencyWeekly
	_, err := d.aud.Put(t.Context(), audience.ContactWrite{
		Match: audience.ID(id), Owner: "compliance", Set: map[string]audience.Value{compliance.PauseField: pause}, Frequency: &weekly,
	})
	require.NoError(t, err)
	got := d.check(g, in)
	require.Equal(t, []string{"preference.pause"}, got.Denied)
	require.Equal(t, d.now.Add(15*time.Minute), got.ValidUntil, "no decision holds for longer than the policy says")
	r, ok := got.Rule("preference.pause")
	require.True(t, ok)
	require.Equal(t, d.now.Add(time.Hour), r.Until)

	d.now = d.now.Add(time.Hour)
	p, got, err := g.Acquire(t.Context(), in)
	require.NoError(t, err)
	require.True(t, got.Allow)
	require.NoError(t, g.Commit(t.Context(), p))
	require.Equal(t, []string{"preference.frequency"}, d.check(g, in).Denied)
	require.True(t, d.check(g, compliance.Intent{Contact: audience.ID(id), Purpose: "receipts"}).Allow)
	d.now = d.now.Add(7*24*time.Hour - time.Microsecond)
	require.False(t, d.check(g, in).Allow)
	d.now = d.now.Add(time.Microsecond)
	require.True(t, d.check(g, in).Allow)
}

func TestQuietHours(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, day, hour, minute, 0, 0, warsaw).UTC()
	}
	night := compliance.QuietHours{From: 21 * time.Hour, Until: 8 * time.Hour}
	sunday := compliance.QuietHours{From: 0, Until: 23 * time.Hour, Weekdays: []time.Weekday{time.Sunday}}
	for _, tt := range []struct {
		name  string
		at    time.Time
		until time.Time
	}{
		{"before the evening", at(23, 20, 59), time.Time{}},
		{"in the evening", at(23, 21, 0), at(24, 8, 0)},
		{"after midnight", at(24, 0, 30), at(24, 8, 0)},
		{"in the morning", at(24, 8, 0), time.Time{}},
		{"on Sunday", at(29, 12, 0), at(29, 23, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			id := d.put("jane", "jane@example.com")
			d.grant(id, audience.PurposeMarketing)
			d.now = tt.at
			g := d.gate(compliance.Policy{Quiet: []compliance.QuietHours{night, sunday}, Facts: func(*audience.Contact, *audience.Schema) compliance.Facts {
				return compliance.Facts{Country: "PL", Zone: warsaw}
			}})
			r, _ := d.check(g, compliance.Intent{Contact: audience.ID(id)}).Rule("quiet-hours")
			require.Equal(t, tt.until, r.Until)
			require.Equal(t, !tt.until.IsZero(), r.Verdict == compliance.VerdictDeny)
		})
	}
}

// O37: of many who ask at once no more get a permit than the cap allows.
func TestCapsAreReserved(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, audience.PurposeMarketing)
	g := d.gate(compliance.Policy{Facts: livesIn("FR", ""), Caps: []compliance.Cap{{Most: 3, Within: 7 * 24 * time.Hour}}})
	in := compliance.Intent{Contact: audience.ID(id)}
	for range 5 {
		p, _, err := g.Acquire(t.Context(), compliance.Intent{Contact: audience.ID(id), Purpose: "receipts"})
		require.NoError(t, err)
		require.NoError(t, g.Commit(t.Context(), p))
	}
	var mu sync.Mutex
	var got []compliance.Permit
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				p, decision, err := g.Acquire(t.Context(), in)
				if err != nil || !decision.Allow {
					continue
				}
				mu.Lock()
				got = append(got, p)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, got, 3)

	require.NoError(t, g.Release(t.Context(), got[0]))
	again, decision, err := g.Acquire(t.Context(), in)
	require.NoError(t, err)
	require.True(t, decision.Allow, "what is released is free")
	for _, p := range []compliance.Permit{again, got[1], got[2]} {
		require.NoError(t, g.Commit(t.Context(), p))
		require.NoError(t, g.Release(t.Context(), p), "what was sent stays counted")
	}
	d.now = d.now.Add(7*24*time.Hour - time.Microsecond)
	require.Equal(t, []string{"cap"}, d.check(g, in).Denied)
	d.now = d.now.Add(time.Microsecond)
	require.True(t, d.check(g, in).Allow)
}

func TestPermitsRunOut(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, audience.PurposeMarketing)
	g := d.gate(compliance.Policy{Facts: livesIn("FR", ""), Caps: []compliance.Cap{{Most: 1, Within: 24 * time.Hour}}, HoldFor: time.Minute})
	in := compliance.Intent{Contact: audience.ID(id)}
	p, _, err := g.Acquire(t.Context(), in)
	require.NoError(t, err)
	require.False(t, d.check(g, in).Allow)
	d.now = d.now.Add(time.Minute)
	require.True(t, d.check(g, in).Allow)
	require.NoError(t, g.Commit(t.Context(), p), "what was sent counts, however late")
	require.False(t, d.check(g, in).Allow)
	require.ErrorIs(t, g.Commit(t.Context(), compliance.Permit{}), audience.ErrInvalid)
}

// TestRenew: a permit that ran out gets its own place back, which is counted
// once, and none that somebody else has got meanwhile.
func TestRenew(t *testing.T) {
	capped := compliance.Policy{Facts: livesIn("FR", ""), Caps: []compliance.Cap{{Most: 1, Within: 24 * time.Hour}}, HoldFor: time.Minute}
	setup := func(t *testing.T) (*desk, *compliance.Gate, compliance.Intent, compliance.Permit) {
		d := newDesk(t)
		id := d.put("jane", "jane@example.com")
		d.grant(id, audience.PurposeMarketing)
		g, in := d.gate(capped), compliance.Intent{Contact: audience.ID(id)}
		p, _, err := g.Acquire(t.Context(), in)
		require.NoError(t, err)
		return d, g, in, p
	}
	t.Run("it ran out", func(t *testing.T) {
		d, g, in, p := setup(t)
		d.now = d.now.Add(time.Minute)
		got, err := g.Recheck(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, []string{"permit"}, got.Denied)
		renewed, got, err := g.Renew(t.Context(), p)
		require.NoError(t, err)
		require.True(t, got.Allow, "%v", got.Denied)
		require.Equal(t, p, renewed)
		require.Equal(t, []string{"cap"}, d.check(g, in).Denied, "it holds its place again")
		d.now = d.now.Add(59 * time.Second)
		got, err = g.Recheck(t.Context(), renewed)
		require.NoError(t, err)
		require.True(t, got.Allow)
		require.NoError(t, g.Commit(t.Context(), renewed))
		renewed, got, err = g.Renew(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, []string{"permit"}, got.Denied, "what was sent is not sent again")
		require.Zero(t, renewed)
		require.Equal(t, []string{"cap"}, d.check(g, in).Denied)
	})
	t.Run("it still holds", func(t *testing.T) {
		d, _, in, p := setup(t)
		policy := capped
		policy.Caps = []compliance.Cap{{Most: 2, Within: 24 * time.Hour}}
		g := d.gate(policy)
		for range 3 {
			d.now = d.now.Add(30 * time.Second)
			_, got, err := g.Renew(t.Context(), p)
			require.NoError(t, err)
			require.True(t, got.Allow)
		}
		_, got, err := g.Acquire(t.Context(), in)
		require.NoError(t, err)
		require.True(t, got.Allow, "renewed three times it counts as one")
		require.Equal(t, []string{"cap"}, d.check(g, in).Denied)
	})
	t.Run("somebody else has the place", func(t *testing.T) {
		d, g, in, p := setup(t)
		d.now = d.now.Add(time.Minute)
		_, got, err := g.Acquire(t.Context(), in)
		require.NoError(t, err)
		require.True(t, got.Allow)
		renewed, got, err := g.Renew(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, []string{"cap"}, got.Denied)
		require.Zero(t, renewed)
	})
	t.Run("she refused meanwhile", func(t *testing.T) {
		d, g, _, p := setup(t)
		d.now = d.now.Add(time.Minute)
		d.write(p.Contact, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
		_, got, err := g.Renew(t.Context(), p)
		require.NoError(t, err)
		require.Contains(t, got.Denied, "consent.refused")
	})
	t.Run("no permit", func(t *testing.T) {
		_, g, _, _ := setup(t)
		_, _, err := g.Renew(t.Context(), compliance.Permit{})
		require.ErrorIs(t, err, audience.ErrInvalid)
	})
}

// O33: who unsubscribes while a queue drains gets nothing more.
func TestRecheckAtHandOver(t *testing.T) {
	d := newDesk(t)
	g := d.gate(compliance.Policy{Facts: livesIn("FR", ""), Caps: []compliance.Cap{{Most: 1, Within: 24 * time.Hour}}})
	var queue []compliance.Permit
	var jane audience.ContactID
	for i := range 100 {
		id := d.put(strconv.Itoa(i), fmt.Sprintf("p%d@example.com", i))
		d.grant(id, audience.PurposeMarketing)
		p, decision, err := g.Acquire(t.Context(), compliance.Intent{Contact: audience.ID(id)})
		require.NoError(t, err)
		require.True(t, decision.Allow)
		queue, jane = append(queue, p), id
	}
	b, err := json.Marshal(queue)
	require.NoError(t, err)
	require.NotContains(t, string(b), "example.com")
	var kept []compliance.Permit
	require.NoError(t, json.Unmarshal(b, &kept))
	d.now = d.now.Add(time.Second)
	d.write(jane, audience.ConsentWithdrawn, emailScope(audience.PurposeMarketing), "link")
	for _, p := range kept {
		got, err := g.Recheck(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, p.Contact != jane, got.Allow)
		if got.Allow {
			require.NoError(t, g.Commit(t.Context(), p))
		}
	}
	d.now = d.now.Add(time.Second)
	d.grant(jane, audience.PurposeMarketing)
	require.True(t, d.check(g, compliance.Intent{Contact: audience.ID(jane)}).Allow, "her place under the cap is free again")
}

func TestRePermission(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    audience.ConsentKind
		ask     compliance.Ask
		allowed bool
	}{
		{"nothing is known", 0, compliance.AskPermission, false},
		{"she refused", audience.ConsentWithdrawn, compliance.AskPermission, false},
		{"she refused, come back", audience.ConsentWithdrawn, compliance.AskReturn, false},
		{"she consented, come back", audience.ConsentGranted, compliance.AskReturn, true},
		{"nothing is known, come back", 0, compliance.AskReturn, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			id := d.put("jane", "jane@example.com")
			if tt.kind != 0 {
				d.write(id, tt.kind, emailScope(audience.PurposeMarketing), audience.MechanismDoubleOptIn)
			}
			got := d.check(d.gate(compliance.Policy{Facts: livesIn("FR", "")}), compliance.Intent{Contact: audience.ID(id), Ask: tt.ask})
			require.Equal(t, tt.allowed, got.Allow)
			require.Equal(t, !tt.allowed, slices.Contains(got.Denied, "re-permission"))
		})
	}
}

func TestComplaintRate(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, tt := range []struct {
		rate float64
		want compliance.Verdict
	}{{0, "pass"}, {0.0009, "pass"}, {0.001, "warn"}, {0.00299, "warn"}, {0.003, "deny"}, {1, "deny"}, {nan, "deny"}} {
		d := newDesk(t)
		id := d.put("jane", "jane@example.com")
		d.grant(id, audience.PurposeMarketing)
		r, _ := d.check(d.gate(compliance.Policy{ComplaintRate: func(domain string) float64 {
			require.Equal(t, "example.com", domain)
			return tt.rate
		}}), compliance.Intent{Contact: audience.ID(id)}).Rule("complaint-rate")
		require.Equal(t, tt.want, r.Verdict, tt.rate)
	}
}
