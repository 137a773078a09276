package compliance_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// O35: the soft opt-in names the condition that is missing.
func TestSoftOptIn(t *testing.T) {
	soft := compliance.Purpose{ID: "offers", Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: compliance.BasisSoftOptIn}}
	bought := compliance.Relation{Kind: audience.MechanismPurchase, Entity: "shop", Category: "coats", ObtainedBySale: true, OptOutOffered: true}
	with := func(change func(*compliance.Relation)) *compliance.Relation {
		r := bought
		change(&r)
		return &r
	}
	for _, tt := range []struct {
		name   string
		bought *compliance.Relation
		in     compliance.Intent
		denied []string
	}{
		{"the same kind of product", &bought, compliance.Intent{Product: "coats"}, nil},
		{"another kind of product", &bought, compliance.Intent{Product: "cars"}, []string{"soft-opt-in.similar", "soft-opt-in.offered"}},
		{"the sister company", &bought, compliance.Intent{Product: "coats", Sender: "sister"}, []string{"soft-opt-in.same-entity", "soft-opt-in.similar", "soft-opt-in.offered"}},
		{"no opt-out was offered", with(func(r *compliance.Relation) { r.OptOutOffered = false }), compliance.Intent{Product: "coats"}, []string{"soft-opt-in.offered"}},
		{"not in the context of a sale", with(func(r *compliance.Relation) { r.ObtainedBySale = false }), compliance.Intent{Product: "coats"}, []string{"soft-opt-in.sale", "soft-opt-in.same-entity", "soft-opt-in.similar", "soft-opt-in.offered"}},
		{"nothing bought", nil, compliance.Intent{Product: "coats"}, []string{"soft-opt-in.sale", "soft-opt-in.same-entity", "soft-opt-in.similar", "soft-opt-in.offered"}},
	} {
		t.Run("O35 "+tt.name, func(t *testing.T) {
			d := newDesk(t, soft)
			id := d.put("jane", "jane@example.com")
			if tt.bought != nil {
				require.NoError(t, d.Relate(t.Context(), audience.ID(id), *tt.bought))
			}
			g := d.gate(compliance.Policy{Facts: livesIn("FR", ""), Senders: []compliance.Party{{ID: "sister"}}})
			tt.in.Contact, tt.in.Purpose = audience.ID(id), "offers"
			require.Equal(t, tt.denied, d.check(g, tt.in).Denied)
			d.now = d.now.Add(time.Minute)
			d.write(id, audience.ConsentWithdrawn, emailScope("offers"), "link")
			require.Contains(t, d.check(g, tt.in).Denied, "consent.refused", "a refusal beats every sale")
		})
	}
}

// TestBasesOfOtherMessages: what nobody can refuse rests on a basis of its
// own, of which the ledger may show a contract and against one of which she may
// object; for marketing by e-mail none of them will do.
func TestBasesOfOtherMessages(t *testing.T) {
	resting := func(class compliance.Class, b compliance.Basis) compliance.Purpose {
		return compliance.Purpose{ID: "offers", Class: class, Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: b}}
	}
	receipt, interest := resting(compliance.ClassTransactional, compliance.BasisContract), resting(compliance.ClassService, compliance.BasisLegitimateInterest)
	offers := audience.Scope{Purpose: "offers"}
	for _, tt := range []struct {
		name    string
		purpose compliance.Purpose
		acts    func(d *desk, id audience.ContactID)
		denied  []string
		rule    string
		want    compliance.Verdict
	}{
		{"a receipt of a sale", receipt, func(d *desk, id audience.ContactID) {
			require.NoError(d.t, d.Relate(d.t.Context(), audience.ID(id), compliance.Relation{Kind: audience.MechanismPurchase, Entity: "shop"}))
		}, nil, "contract.shown", compliance.VerdictPass},
		{"a receipt of somebody else's sale", receipt, func(d *desk, id audience.ContactID) {
			require.NoError(d.t, d.Relate(d.t.Context(), audience.ID(id), compliance.Relation{Kind: audience.MechanismPurchase, Entity: "sister"}))
		}, nil, "contract.shown", compliance.VerdictWarn},
		{"a receipt of nothing", receipt, nil, nil, "contract.shown", compliance.VerdictWarn},
		{"a receipt that she does not want", receipt, func(d *desk, id audience.ContactID) { d.write(id, audience.ConsentWithdrawn, offers, "link") }, nil, "interest.objection", compliance.VerdictSkip},
		{"a basis of its own", receipt, nil, nil, "basis.exists", compliance.VerdictPass},
		{"required by law", resting(compliance.ClassService, compliance.BasisLegalObligation), nil, nil, "basis.exists", compliance.VerdictPass},
		{"none that is named", compliance.Purpose{ID: "offers", Class: compliance.ClassService}, nil, nil, "basis.exists", compliance.VerdictSkip},
		{"of interest", interest, nil, nil, "interest.objection", compliance.VerdictPass},
		{"she objected to it", interest, func(d *desk, id audience.ContactID) { d.write(id, audience.ConsentWithdrawn, offers, "objection") }, []string{"interest.objection"}, "interest.objection", compliance.VerdictDeny},
		{"she objected to it, then to everything", interest, func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, offers, "objection")
			d.now = d.now.Add(time.Minute)
			d.write(id, audience.ConsentWithdrawn, audience.Scope{}, "objection")
		}, []string{"interest.objection"}, "interest.objection", compliance.VerdictDeny},
		{"she objected, and consented later", interest, func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, offers, "objection")
			d.now = d.now.Add(time.Minute)
			d.grant(id, "offers")
		}, nil, "interest.objection", compliance.VerdictSkip},
		{"she objected by post", interest, func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, audience.Scope{Channel: "post", Purpose: "offers"}, "objection")
		}, nil, "interest.objection", compliance.VerdictPass},
		{"she refuses marketing", interest, func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, audience.MarketingScope(), "link")
		}, nil, "interest.objection", compliance.VerdictPass},
		{"she refuses everything, which is marketing", interest, func(d *desk, id audience.ContactID) {
			d.write(id, audience.ConsentWithdrawn, audience.Scope{}, "objection")
		}, nil, "interest.objection", compliance.VerdictPass},
		{"marketing of interest", resting(compliance.ClassMarketing, compliance.BasisLegitimateInterest), nil, []string{"basis.exists"}, "interest.objection", compliance.VerdictPass},
		{"marketing by contract", resting(compliance.ClassMarketing, compliance.BasisContract), nil, []string{"basis.exists"}, "contract.shown", compliance.VerdictWarn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.purpose)
			id := d.put("jane", "jane@example.com")
			if tt.acts != nil {
				tt.acts(d, id)
			}
			got := d.check(d.gate(compliance.Policy{Facts: livesIn("FR", "")}), compliance.Intent{Contact: audience.ID(id), Purpose: "offers"})
			require.Equal(t, tt.denied, got.Denied)
			rule, ok := got.Rule(tt.rule)
			require.True(t, ok)
			require.Equal(t, tt.want, rule.Verdict, rule.Why)
		})
	}
}

// TestObjectionIsHeardEverywhere: who was offered to object is not written to,
// whichever regimes apply to her, and also as a company, for which a regime asks
// for no basis.
func TestObjectionIsHeardEverywhere(t *testing.T) {
	interest := compliance.Purpose{ID: "offers", Class: compliance.ClassService, Basis: map[compliance.Regime]compliance.Basis{
		compliance.RegimeGDPR: compliance.BasisLegitimateInterest, compliance.RegimeUK: compliance.BasisLegitimateInterest,
	}}
	for name, facts := range map[string]compliance.Facts{
		"a person in France": {Country: "FR"}, "a company in the UK": {Country: "GB", Business: true},
		"somebody in the US": {Country: "US"}, "somebody in Canada": {Country: "CA"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, interest)
			id := d.put("jane", "jane@example.com")
			g := d.gate(compliance.Policy{Facts: func(*audience.Contact, *audience.Schema) compliance.Facts { return facts }})
			in := compliance.Intent{Contact: audience.ID(id), Purpose: "offers"}
			require.Empty(t, d.check(g, in).Denied)
			d.write(id, audience.ConsentWithdrawn, emailScope("offers"), "objection")
			require.Equal(t, []string{"interest.objection"}, d.check(g, in).Denied)
		})
	}
}

func caslPurpose() compliance.Purpose {
	return compliance.Purpose{ID: "offers", Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeCASL: compliance.BasisImplied}}
}

// O34: implied consent, and when it ends.
func TestImpliedConsent(t *testing.T) {
	d := newDesk(t, caslPurpose())
	id := d.put("jane", "jane@example.com")
	g := d.gate(compliance.Policy{Facts: livesIn("CA", "")})
	in := compliance.Intent{Contact: audience.ID(id), Purpose: "offers"}
	require.Equal(t, []string{"casl.implied"}, d.check(g, in).Denied)
	require.NoError(t, d.Relate(t.Context(), audience.ID(id), compliance.Relation{Kind: audience.MechanismInquiry, At: d.now, Entity: "shop"}))
	got := d.check(g, in)
	require.True(t, got.Allow)
	rule, _ := got.Rule("casl.implied")
	require.Equal(t, time.Date(2027, 5, 23, 0, 0, 0, 0, time.UTC), rule.Until)
	d.now = rule.Until.Add(-time.Microsecond)
	require.True(t, d.check(g, in).Allow)
	d.now = rule.Until
	require.False(t, d.check(g, in).Allow, "on the day itself it is over")
}

// O34: every row of the vectors.
func TestImpliedConsentVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Basis, Event, Send   string
			End                  string `json:"event_end"`
			RoleRelevant         bool   `json:"role_relevant"`
			NoSolicit            bool   `json:"no_solicit_statement"`
			Allow                bool
			Why, Withdrawn, Note string
		}
	}
	readJSON(t, filepath.Join(corporaDir(t, "compliance"), "vectors", "casl-implied.json"), &file)
	require.Greater(t, len(file.Vectors), 12)
	for i, v := range file.Vectors {
		d := newDeskAt(t, time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC), caslPurpose())
		id := d.put("jane", "jane@example.com")
		rel := compliance.Relation{Kind: audience.Mechanism(v.Basis), Entity: "shop", RoleRelevant: v.RoleRelevant, NoSolicitation: v.NoSolicit}
		noon := func(s string) time.Time { return dateOf(t, s).In(time.UTC).Add(12 * time.Hour) }
		if v.Event != "" {
			rel.At = noon(v.Event)
		}
		if v.End != "" {
			rel.Ends = noon(v.End)
			rel.At = rel.Ends.AddDate(-1, 0, 0)
		}
		d.now = noon(v.Send)
		if v.Basis == "express" {
			_, err := d.Record(t.Context(), compliance.Declaration{
				Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: emailScope("offers"), Acted: rel.At, Mechanism: audience.MechanismDoubleOptIn, Notice: d.notice,
				Evidence: compliance.Evidence{Form: "signup"},
			})
			require.NoError(t, err)
		} else {
			require.NoError(t, d.Relate(t.Context(), audience.ID(id), rel), "row %d", i)
		}
		if v.Withdrawn != "" {
			_, err := d.Record(t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Scope: emailScope("offers"), Acted: noon(v.Withdrawn)})
			require.NoError(t, err)
		}
		got := d.check(d.gate(compliance.Policy{Facts: livesIn("CA", "")}), compliance.Intent{Contact: audience.ID(id), Purpose: "offers"})
		require.Equal(t, v.Allow, got.Allow, "row %d: %+v: %v", i, v, got.Denied)
	}
}

// O25: consent does not follow to an address that nobody confirmed.
func TestConsentIsForTheAddress(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "a@example.com")
	d.grant(id, audience.PurposeMarketing)
	g := d.gate(compliance.Policy{Facts: livesIn("FR", "")})
	in := compliance.Intent{Contact: audience.ID(id)}
	require.True(t, d.check(g, in).Allow)
	move := func(to string) {
		t.Helper()
		d.now = d.now.Add(time.Minute)
		_, err := d.aud.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress(to)})
		require.NoError(t, err)
	}
	move("b@example.com")
	require.Equal(t, []string{"consent.address"}, d.check(g, in).Denied)
	move("a@example.com")
	require.True(t, d.check(g, in).Allow)
	move("b@example.com")
	d.grant(id, audience.PurposeMarketing)
	require.True(t, d.check(g, in).Allow, "she confirmed the new one")
}
