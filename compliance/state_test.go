package compliance_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

func TestNotices(t *testing.T) {
	w := newWorld(t)
	again, err := w.PutNotice(t.Context(), notice("v3", w.notice.Text))
	require.NoError(t, err)
	require.Equal(t, w.notice, again)
	other, err := w.PutNotice(t.Context(), notice("v4", w.notice.Text))
	require.NoError(t, err)
	require.NotEqual(t, w.notice.ID, other.ID)
	got, err := w.Notice(t.Context(), w.notice.ID)
	require.NoError(t, err)
	require.Equal(t, w.notice, got)
	_, err = w.Notice(t.Context(), "nothing")
	require.ErrorIs(t, err, audience.ErrNotFound)

	for name, change := range map[string]func(*compliance.Notice){
		"no text": func(n *compliance.Notice) { n.Text = "" }, "no language": func(n *compliance.Notice) { n.Language = "" },
		"no purpose": func(n *compliance.Notice) { n.Purposes = nil }, "no such purpose": func(n *compliance.Notice) { n.Purposes = []string{"x"} },
		"no text but bytes": func(n *compliance.Notice) { n.Text = "\xff" },
		"too long":          func(n *compliance.Notice) { n.Text = string(bytes.Repeat([]byte("x"), 70_000)) },
	} {
		n := notice("v5", "text")
		change(&n)
		_, err := w.PutNotice(t.Context(), n)
		require.ErrorIs(t, err, audience.ErrInvalid, name)
	}

	// Somebody who changes the stored text is found out.
	w.update(func(tx *store.Tx) error {
		rec, err := tx.LoadRecord(t.Context(), "compliance/notices", w.notice.ID)
		require.NoError(t, err)
		rec.Value = bytes.Replace(rec.Value, []byte("news"), []byte("junk"), 1)
		_, err = tx.SaveRecord(t.Context(), rec)
		return err
	})
	_, err = w.Notice(t.Context(), w.notice.ID)
	require.ErrorIs(t, err, audience.ErrConflict)
	id := w.put("u", "u@example.com")
	_, err = w.Record(t.Context(), w.grant(id))
	require.ErrorIs(t, err, audience.ErrDenied)
}

// TestGrantNeedsNotice is R-GDPR-11.
func TestGrantNeedsNotice(t *testing.T) {
	w := newWorld(t)
	future := notice("v9", "later")
	future.ValidFrom = w.now.Add(time.Hour)
	future, err := w.PutNotice(t.Context(), future)
	require.NoError(t, err)
	tests := []struct {
		name   string
		change func(*compliance.Declaration)
		want   error
	}{
		{"with a known notice", func(*compliance.Declaration) {}, nil},
		{"with none", func(d *compliance.Declaration) { d.Notice = "" }, audience.ErrDenied},
		{"with an unknown one", func(d *compliance.Declaration) { d.Notice = "terms-1" }, audience.ErrDenied},
		{"with one that was not valid yet", func(d *compliance.Declaration) { d.Notice = future.ID }, audience.ErrDenied},
		{"for a purpose that it does not cover", func(d *compliance.Declaration) { d.Scope.Purpose = "research" }, audience.ErrDenied},
		{"for tracking", func(d *compliance.Declaration) { d.Scope.Purpose = "tracking" }, audience.ErrDenied},
		{"for everything", func(d *compliance.Declaration) { d.Scope = audience.Scope{} }, nil},
		{"for receipts without one", func(d *compliance.Declaration) { d.Scope.Purpose, d.Notice = "receipts", "" }, nil},
		{"for a topic", func(d *compliance.Declaration) { d.Scope = audience.Scope{List: "news"} }, nil},
		{"attested without words", func(d *compliance.Declaration) { d.Mechanism, d.Notice = audience.MechanismAttested, "" }, audience.ErrDenied},
		{"attested in words", func(d *compliance.Declaration) {
			d.Mechanism, d.Notice, d.Evidence.Text = audience.MechanismAttested, "", "fair of 2024, list A"
		}, nil},
		{"on paper in words", func(d *compliance.Declaration) {
			d.Mechanism, d.Notice, d.Evidence.Text = audience.MechanismPaper, "", "card 7"
		}, nil},
		{"by a form in words", func(d *compliance.Declaration) { d.Notice, d.Evidence.Text = "", "yes" }, audience.ErrDenied},
		{"without evidence", func(d *compliance.Declaration) { d.Evidence = compliance.Evidence{} }, audience.ErrDenied},
		{"of nobody", func(d *compliance.Declaration) { d.Contact = audience.ID(99) }, audience.ErrNotFound},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := w.put("u"+string(rune('a'+i)), "u"+string(rune('a'+i))+"@example.com")
			d := w.grant(id)
			tt.change(&d)
			_, err := w.Record(t.Context(), d)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
				require.Equal(t, "none", w.state(id, time.Time{}))
				return
			}
			require.NoError(t, err)
		})
	}
}

// TestNotAffirmed is case O15 (R-GDPR-02).
func TestNotAffirmed(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	for _, m := range []audience.Mechanism{audience.MechanismPreTicked, audience.MechanismBundled, audience.MechanismSilence, "scrolled-on"} {
		t.Run("O15 "+string(m)+" is kept as a fact and is no consent", func(t *testing.T) {
			d := w.grant(id)
			d.Mechanism = m
			for range 2 {
				_, err := w.Record(t.Context(), d, withdrawal(id))
				require.ErrorIs(t, err, compliance.ErrNotAffirmed)
				require.ErrorIs(t, err, audience.ErrDenied)
			}
			require.Equal(t, "none", w.state(id, time.Time{}), "nor is anything else of the batch written")
		})
		w.later(time.Second)
	}
	attempts, err := w.Attempts(t.Context(), audience.ID(id))
	require.NoError(t, err)
	require.Len(t, attempts, 4)
	require.Equal(t, audience.MechanismPreTicked, attempts[0].Mechanism)
	require.Equal(t, 2, attempts[0].Count)
	require.Equal(t, w.notice.ID, attempts[0].Notice)

	d := w.grant(99)
	d.Mechanism = audience.MechanismSilence
	_, err = w.Record(t.Context(), d)
	require.ErrorIs(t, err, compliance.ErrNotAffirmed, "of nobody")
	_, err = w.Audience().Update(t.Context(), func(tx *store.Tx) error {
		_, err := w.RecordIn(t.Context(), tx, d)
		return err
	})
	require.ErrorIs(t, err, compliance.ErrNotAffirmed)
}

// TestStateAt is the cases O18 (R-GDPR-06) and O20 (R-LED-02).
func TestStateAt(t *testing.T) {
	t.Run("O18 the past stays what it was", func(t *testing.T) {
		w := newWorld(t)
		id := w.put("u", "u@example.com")
		w.at(day(time.May, 1)).record(w.grant(id))
		refusal := withdrawal(id)
		refusal.Scope = audience.MarketingScope()
		w.at(day(time.May, 10)).record(refusal)
		w.at(day(time.May, 20))
		check := func() {
			require.Equal(t, "none", w.state(id, day(time.April, 30)))
			require.Equal(t, "subscribed", w.state(id, day(time.May, 5)))
			require.Equal(t, "unsubscribed", w.state(id, day(time.May, 10)))
			require.Equal(t, "unsubscribed", w.state(id, day(time.May, 11)))
			require.Equal(t, "unsubscribed", w.state(id, time.Time{}))
		}
		check()
		late := w.grant(id)
		late.Acted = day(time.May, 9)
		w.record(late)
		check()
	})
	t.Run("O20 of two acts at one instant the refusal counts", func(t *testing.T) {
		for _, first := range []bool{false, true} {
			w := newWorld(t)
			id := w.put("u", "u@example.com")
			grant, refusal := w.grant(id), withdrawal(id)
			refusal.Scope = audience.MarketingScope()
			grant.Acted, refusal.Acted = day(time.May, 1), day(time.May, 1)
			w.at(day(time.May, 2))
			if first {
				w.record(refusal)
				_, _ = w.Record(t.Context(), grant) // denied or not, it does not count
			} else {
				w.record(grant)
				w.record(refusal)
			}
			require.Equal(t, "unsubscribed", w.state(id, time.Time{}))
		}
	})
	t.Run("by period of the purpose", func(t *testing.T) {
		year, err := audience.ParsePeriod("1y")
		require.NoError(t, err)
		w := newWorld(t, func(o *compliance.LedgerOptions) {
			o.Purposes = append(o.Purposes, compliance.Purpose{ID: "marketing", Period: year})
		})
		id := w.put("u", "u@example.com")
		rec := w.record(w.grant(id))
		require.Equal(t, w.now.AddDate(1, 0, 0), rec.Expires)
	})
	t.Run("bundled", func(t *testing.T) {
		w := newWorld(t)
		n := notice("v1", "everything")
		n.Purposes = []string{"marketing", "research"}
		n, err := w.PutNotice(t.Context(), n)
		require.NoError(t, err)
		for _, both := range []bool{false, true} {
			id := w.put("u"+string(rune('0'+len(n.Text))), "u@example.com")
			d := w.grant(id)
			d.Notice = n.ID
			ds := []compliance.Declaration{d}
			if both {
				d.Scope.Purpose = "research"
				ds = append(ds, d)
			}
			w.later(time.Second)
			_, err := w.Record(t.Context(), ds...)
			require.NoError(t, err)
			s, err := w.StateAt(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
			require.NoError(t, err)
			require.Equal(t, !both, s.Bundled)
		}
	})
	t.Run("of a topic", func(t *testing.T) {
		w := newWorld(t)
		id := w.put("u", "u@example.com")
		d := w.grant(id)
		d.Scope = audience.Scope{List: "news"}
		rec := w.record(d)
		s, err := w.StateAt(t.Context(), audience.ID(id), audience.Scope{List: "news"}, time.Time{})
		require.NoError(t, err)
		require.Equal(t, audience.StatusSubscribed, s.Standing.Status)
		require.Equal(t, rec, s.Record)
		w.later(time.Second)
		r := withdrawal(id)
		r.Scope = audience.MarketingScope()
		w.record(r)
		s, err = w.StateAt(t.Context(), audience.ID(id), audience.Scope{List: "news"}, time.Time{})
		require.NoError(t, err)
		require.Equal(t, audience.StatusUnsubscribed, s.Standing.Status)
		_, err = w.StateAt(t.Context(), audience.ID(77), audience.Scope{}, time.Time{})
		require.ErrorIs(t, err, audience.ErrNotFound)
	})
}

// doubleOptIn asks on one day and confirms on another one.
func doubleOptIn(w *world) (audience.ContactID, audience.ConsentRecord) {
	id := w.put("u", "u@example.com")
	request := w.grant(id)
	request.Kind, request.Mechanism = audience.ConsentRequested, audience.MechanismSingleOptIn
	w.at(day(time.April, 30)).record(request)
	d := w.grant(id)
	d.Mechanism = audience.MechanismDoubleOptIn
	return id, w.at(day(time.May, 1)).record(d)
}

// TestProof is case O17 (R-GDPR-04, R-DE-01).
func TestProof(t *testing.T) {
	w := newWorld(t)
	id, rec := doubleOptIn(w)
	w.at(day(time.June, 1))
	_, err := w.PutNotice(t.Context(), notice("v4", "Another text."))
	require.NoError(t, err)
	w.at(day(time.July, 1)).record(withdrawal(id))
	seal := &sealed{world: w}
	seal.seal, seal.heads = seal.makeSeal()

	t.Run("O17 who, when, how and after which text", func(t *testing.T) {
		p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), day(time.June, 15))
		require.NoError(t, err)
		require.Equal(t, audience.StatusSubscribed, p.State.Standing.Status)
		require.Equal(t, w.notice, p.Notice)
		require.Equal(t, day(time.April, 30), p.Requested)
		require.Equal(t, day(time.May, 1), p.State.Record.Acted)
		require.Equal(t, audience.MechanismDoubleOptIn, p.State.Record.Mechanism)
		require.Equal(t, "footer", p.Evidence.Form)
		require.Equal(t, rec, p.State.Record)
		require.Len(t, p.Chains, 3)
		require.Nil(t, p.Broken)
		require.NoError(t, p.Attach(&seal.seal, bytes.NewReader(seal.heads)))
		require.True(t, seal.seal.Includes(p.Inclusion))
		require.Equal(t, p.Chains[2].Hash, [32]byte(p.Inclusion.Hash))

		var text, doc bytes.Buffer
		require.NoError(t, p.WriteText(&text))
		for _, want := range []string{
			"u@example.com", "Example Shop", w.notice.Text, "2026-04-30T12:00:00Z", "2026-05-01T12:00:00Z", "double-opt-in", "footer", "Sealed at",
			"Every record follows", w.notice.ID, "subscribed",
		} {
			require.Contains(t, text.String(), want)
		}
		require.NoError(t, p.WriteJSON(&doc))
		var back struct {
			Status   string                `json:"status"`
			Verified bool                  `json:"ledger_verified"`
			Ledger   []map[string]any      `json:"ledger"`
			Notice   struct{ Text string } `json:"notice"`
		}
		require.NoError(t, json.Unmarshal(doc.Bytes(), &back))
		require.Equal(t, "subscribed", back.Status)
		require.True(t, back.Verified)
		require.Equal(t, w.notice.Text, back.Notice.Text)
		require.Len(t, back.Ledger, 3)
	})
	t.Run("a damaged chain is shown", func(t *testing.T) {
		w.tamper.change = func(c []audience.ConsentRecord) []audience.ConsentRecord { edit(&c[0]); return c }
		defer func() { w.tamper.change = nil }()
		p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
		require.NoError(t, err)
		require.Equal(t, compliance.Finding{Kind: compliance.FindingAltered, Contact: id, Seq: 1}, *p.Broken)
		var text bytes.Buffer
		require.NoError(t, p.WriteText(&text))
		require.Contains(t, text.String(), "THE LEDGER IS DAMAGED: altered at record 1")
	})
	t.Run("after erasure", func(t *testing.T) {
		w.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.ID(id)) })
		p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), day(time.June, 15))
		require.NoError(t, err)
		require.True(t, p.Gone)
		require.Nil(t, p.Broken)
		var text bytes.Buffer
		require.NoError(t, p.WriteText(&text))
		require.NotContains(t, text.String(), "u@example.com")
		require.NotContains(t, text.String(), "footer")
	})
}

// TestProofTextHoldsItsLines: what others wrote cannot forge a line.
func TestProofTextHoldsItsLines(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	d := w.grant(id)
	d.Evidence.UserAgent = "x\nStatus:            unsubscribed"
	w.record(d)
	p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, p.WriteText(&text))
	require.NotContains(t, text.String(), "\nStatus:            unsubscribed")
}

// TestRestriction is case O31 for the ledger (R-GDPR-19).
func TestRestriction(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	ref := audience.ID(id)
	operator := audience.Source{Actor: "op-7"}
	w.record(w.grant(id))
	restricted := func() bool {
		s, err := w.StateAt(t.Context(), ref, audience.MarketingScope(), time.Time{})
		require.NoError(t, err)
		require.Equal(t, audience.StatusSubscribed, s.Standing.Status)
		return s.Restricted
	}
	w.later(time.Second)
	require.NoError(t, w.Restrict(t.Context(), ref, audience.Source{Kind: audience.SourcePerson}, ""))
	require.True(t, restricted())
	w.later(time.Second)
	t.Run("O31 lifting needs an actor and a reason", func(t *testing.T) {
		require.ErrorIs(t, w.Release(t.Context(), ref, operator, ""), audience.ErrDenied)
		require.ErrorIs(t, w.Release(t.Context(), ref, audience.Source{}, "settled"), audience.ErrDenied)
		require.True(t, restricted())
		require.NoError(t, w.Release(t.Context(), ref, operator, "settled"))
		require.False(t, restricted())
	})
}

func TestRelations(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	ref := audience.ID(id)
	first := compliance.Relation{
		Kind: audience.MechanismPurchase, At: day(time.January, 1).AddDate(0, -1, 0), Entity: "shop", Category: "shoes",
		ObtainedBySale: true, OptOutOffered: true, Source: audience.Source{Name: "orders"}, ReferenceID: "o-1",
	}
	second := compliance.Relation{Kind: audience.MechanismMembership, At: w.now, Ends: w.now.AddDate(1, 0, 0), Entity: "club"}
	require.NoError(t, w.Relate(t.Context(), ref, first))
	require.NoError(t, w.Relate(t.Context(), ref, second))
	require.ErrorIs(t, w.Relate(t.Context(), ref, compliance.Relation{Kind: "hope"}), audience.ErrDenied)
	got, err := w.Relations(t.Context(), audience.Key("u"))
	require.NoError(t, err)
	require.Equal(t, []compliance.Relation{second, first}, got)
	require.Equal(t, "none", w.state(id, time.Time{}))

	w.later(time.Second)
	w.record(compliance.Declaration{Contact: ref, Kind: audience.ConsentRetracted, Retracts: 2})
	got, err = w.Relations(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, []compliance.Relation{first}, got)

	bare, err := w.Audience().Record(t.Context(), audience.ConsentWrite{Contact: ref, Kind: audience.ConsentRelation, Mechanism: audience.MechanismInquiry})
	require.NoError(t, err)
	got, err = w.Relations(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, compliance.Relation{Kind: audience.MechanismInquiry, At: bare.Acted, FactsUnavailable: true}, got[0])
	_, err = w.Relations(t.Context(), audience.ID(88))
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestGateAndStateAgree: gate and ledger name the same grant, also where a
// merge made an older one decide.
func TestGateAndStateAgree(t *testing.T) {
	confirmed := compliance.Purpose{ID: "offers", DoubleOptIn: true}
	d := newDesk(t, confirmed)
	scope := emailScope("offers")
	start := d.now
	jane, twin := d.put("jane", "jane@example.com"), d.put("twin", "twin@example.com")
	d.write(jane, audience.ConsentRequested, scope, audience.MechanismSingleOptIn)
	d.now = start.Add(5 * time.Hour)
	d.write(twin, audience.ConsentGranted, scope, audience.MechanismSingleOptIn)
	d.now = start.Add(6 * time.Hour)
	_, err := d.aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(jane), audience.ID(twin), audience.Source{})
	})
	require.NoError(t, err)
	d.now = start.Add(7 * time.Hour)
	_, err = d.Record(t.Context(), compliance.Declaration{
		Contact: audience.ID(jane), Kind: audience.ConsentGranted, Scope: scope, Acted: start.Add(3 * time.Hour), Mechanism: audience.MechanismDoubleOptIn,
		Notice: d.notice, Evidence: compliance.Evidence{Form: "f1"},
	})
	require.NoError(t, err)
	got, err := d.StateAt(t.Context(), audience.ID(jane), scope, time.Time{})
	require.NoError(t, err)
	require.Equal(t, audience.StatusSubscribed, got.Standing.Status)
	require.Equal(t, audience.MechanismDoubleOptIn, got.Record.Mechanism)
	rule, _ := d.check(d.gate(compliance.Policy{Facts: livesIn("FR", "")}), compliance.Intent{Contact: audience.ID(jane), Purpose: "offers"}).Rule("consent.confirmed")
	require.Equal(t, compliance.VerdictPass, rule.Verdict, rule.Why)
}

// TestStateOfHandPickedList: nobody consents to such a list, so the state is
// that of its purpose, as it is for the gate.
func TestStateOfHandPickedList(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	got, err := d.StateAt(t.Context(), audience.ID(jane), audience.Scope{Channel: audience.ChannelEmail, Purpose: audience.PurposeMarketing, List: "fair"}, time.Time{})
	require.NoError(t, err)
	require.Equal(t, audience.StatusSubscribed, got.Standing.Status)
	require.True(t, d.check(d.gate(compliance.Policy{Facts: livesIn("FR", "")}), compliance.Intent{Contact: audience.ID(jane), List: "fair"}).Allow)
}
