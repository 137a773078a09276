package compliance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// orders is a table of a host's own.
type orders struct {
	rows   map[string]string // by key
	broken error
	erased int
}

func (o *orders) Name() string { return "orders" }

func (o *orders) Collect(_ context.Context, s compliance.Subject, emit func(compliance.Item) error) error {
	text, ok := o.rows[s.Key()]
	if !ok {
		return nil
	}
	for _, it := range []compliance.Item{
		{Category: "orders", Field: "order", Value: audience.NewPrivate(text), Origin: compliance.OriginObserved},
		{Category: "orders", Field: "note", Value: audience.NewPrivate("gift for Olga"), ThirdParty: true},
		{Category: "account", Field: "password", Value: audience.NewPrivate("$2y$hash"), Secret: true},
		{Category: "scores", Field: "value", Value: audience.NewPrivate("gold"), Origin: compliance.OriginInferred},
	} {
		if err := emit(it); err != nil {
			return err
		}
	}
	return nil
}

func (o *orders) Erase(_ context.Context, s compliance.Subject) (compliance.ErasedItems, error) {
	if o.broken != nil {
		return compliance.ErasedItems{}, o.broken
	}
	o.erased++
	_, ok := o.rows[s.Key()]
	delete(o.rows, s.Key())
	n := 0
	if ok {
		n = 1
	}
	return compliance.ErasedItems{
		Removed: n, Kept: []compliance.Retention{{What: "invoices", Basis: "§ 147 AO"}}, Notified: []compliance.Party{{ID: "courier"}},
	}, nil
}

func (d *desk) rights(holders ...compliance.Holder) *compliance.Rights {
	d.t.Helper()
	r, err := compliance.NewRights(d.Ledger, compliance.RightsOptions{Holders: holders})
	require.NoError(d.t, err)
	return r
}

// open opens a request and proves who asks.
func (d *desk) open(r *compliance.Rights, kind compliance.RequestKind, who audience.Ref) compliance.Request {
	d.t.Helper()
	q, err := r.Open(d.t.Context(), kind, compliance.RegimeGDPR, who, time.Time{})
	require.NoError(d.t, err)
	code, err := r.Challenge(d.t.Context(), q.ID)
	require.NoError(d.t, err)
	q, err = r.Prove(d.t.Context(), q.ID, " "+strings.ToLower(code))
	require.NoError(d.t, err)
	require.Equal(d.t, compliance.RequestProved, q.State)
	return q
}

func (d *desk) jane() audience.ContactID {
	d.t.Helper()
	res, err := d.aud.Put(d.t.Context(), audience.ContactWrite{
		Match: audience.Key("jane"), Email: audience.MustAddress("jane@example.com"), FirstName: audience.NewPrivate("Jane"),
		Set: map[string]audience.Value{"country": audience.StringValue("PL")}, AddTags: []string{"vip"},
	})
	require.NoError(d.t, err)
	_, err = d.aud.Append(d.t.Context(), audience.EventWrite{Contact: audience.ID(res.ID), Type: "purchase", ID: "o1", Time: d.now.Add(-time.Hour), Props: map[string]audience.Value{"value": audience.DoubleValue(12.5)}})
	require.NoError(d.t, err)
	d.grant(res.ID, audience.PurposeMarketing)
	return res.ID
}

func TestRequests(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	r := d.rights()
	ctx := t.Context()
	_, err := r.Open(ctx, compliance.RequestErasure, "gdpr", audience.Key("nobody"), time.Time{})
	require.ErrorIs(t, err, audience.ErrNotFound, "whoever is not known is never reported as erased")
	_, err = r.Open(ctx, "gift", "gdpr", audience.ID(jane), time.Time{})
	require.ErrorIs(t, err, audience.ErrInvalid)

	q, err := r.Open(ctx, compliance.RequestAccess, "gdpr", audience.Email("jane@example.com"), d.now.Add(-24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, dateOf(t, "2026-12-22"), q.DueBy())
	require.ErrorIs(t, r.Access(ctx, q.ID, &bytes.Buffer{}), audience.ErrConflict, "nobody has proved who asks")

	code, err := r.Challenge(ctx, q.ID)
	require.NoError(t, err)
	for range 5 {
		_, err = r.Prove(ctx, q.ID, "wrong")
		require.ErrorIs(t, err, audience.ErrDenied)
	}
	_, err = r.Prove(ctx, q.ID, code)
	require.ErrorIs(t, err, audience.ErrDenied, "too many tries")
	code, err = r.Challenge(ctx, q.ID)
	require.NoError(t, err)
	d.now = d.now.Add(24 * time.Hour)
	_, err = r.Prove(ctx, q.ID, code)
	require.ErrorIs(t, err, audience.ErrDenied, "it is over")
	_, err = r.Attest(ctx, q.ID, audience.Source{})
	require.ErrorIs(t, err, audience.ErrInvalid, "somebody has to have looked")
	q, err = r.Attest(ctx, q.ID, audience.Source{Actor: "op7"})
	require.NoError(t, err)

	due := func(by string) (ids []string) {
		for q, err := range r.Due(ctx, dateOf(t, by)) {
			require.NoError(t, err)
			ids = append(ids, q.ID)
		}
		return ids
	}
	require.Empty(t, due("2026-12-21"))
	require.Equal(t, []string{q.ID}, due("2026-12-22"))
	_, err = r.Extend(ctx, q.ID, " ")
	require.ErrorIs(t, err, audience.ErrInvalid)
	q, err = r.Extend(ctx, q.ID, "many systems")
	require.NoError(t, err)
	require.Equal(t, dateOf(t, "2027-02-22"), q.DueBy())
	require.Empty(t, due("2026-12-22"))

	d.now = d.now.Add(time.Second)
	q, err = r.Refuse(ctx, q.ID, "asked daily", audience.Source{Actor: "op7"})
	require.NoError(t, err)
	require.True(t, q.IsClosed())
	require.Empty(t, due("2030-01-01"))
	_, err = r.Extend(ctx, q.ID, "more")
	require.ErrorIs(t, err, audience.ErrConflict)
	b, err := json.Marshal(q)
	require.NoError(t, err)
	require.NotContains(t, string(b), "jane@")
	d.now = d.now.AddDate(2, 0, 1)
	_, err = r.Request(ctx, q.ID)
	require.ErrorIs(t, err, audience.ErrNotFound, "what is answered is kept for 24 months")

	actions := []string{}
	for e, err := range d.Audit(ctx, time.Time{}, time.Time{}) {
		require.NoError(t, err)
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"request.attested", "request.refused"}, actions)
}

type answer struct {
	Kind     string
	Purposes []map[string]any
	Rights   []string
	Items    []struct{ Holder, Category, Field, Value, Origin string }
}

func (a *answer) fields() (out []string) {
	for _, it := range a.Items {
		out = append(out, it.Category+"/"+it.Field)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// O29: access has everything but secrets and other people's data;
// portability what she provided and what was observed.
func TestAccessAndPortability(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	d.now = d.now.Add(time.Minute)
	d.write(jane, audience.ConsentComplained, emailScope(audience.PurposeMarketing), "report")
	r := d.rights(&orders{rows: map[string]string{"jane": "a coat"}})
	ask := func(kind compliance.RequestKind, write func(ctx context.Context, id string, w *bytes.Buffer) error) (answer, string) {
		q := d.open(r, kind, audience.Key("jane"))
		var out bytes.Buffer
		require.NoError(t, write(t.Context(), q.ID, &out))
		var a answer
		require.NoError(t, json.Unmarshal(out.Bytes(), &a))
		q, err := r.Request(t.Context(), q.ID)
		require.NoError(t, err)
		require.Equal(t, compliance.RequestDone, q.State)
		return a, out.String()
	}
	access, text := ask(compliance.RequestAccess, func(ctx context.Context, id string, w *bytes.Buffer) error { return r.Access(ctx, id, w) })
	require.Equal(t, []string{
		"consent/complained", "consent/evidence", "consent/granted", "events/purchase", "orders/order", "profile/country", "profile/created_at",
		"profile/email", "profile/first_name", "profile/id in host", "requests/access", "scores/value", "suppressions/complained", "tags/tag",
	}, access.fields())
	require.Len(t, access.Rights, 7)
	require.Len(t, access.Purposes, 7)
	require.Contains(t, text, "value=12.5")
	require.Contains(t, text, "operator 7", "the evidence is hers")

	port, portText := ask(compliance.RequestPortability, func(ctx context.Context, id string, w *bytes.Buffer) error { return r.Portability(ctx, id, w) })
	require.NotContains(t, port.fields(), "scores/value")
	require.Contains(t, port.fields(), "orders/order")
	require.Empty(t, port.Rights)
	for _, s := range []string{"Olga", "$2y$"} {
		require.NotContains(t, text+portText, s)
	}
	q := d.open(r, compliance.RequestErasure, audience.Key("jane"))
	require.ErrorIs(t, r.Access(t.Context(), q.ID, &bytes.Buffer{}), audience.ErrConflict, "it is about something else")
}

// O27: while one holder fails the erasure is not done; a retry ends it and a
// third run changes nothing.
func TestEraseIsCompleteOrNotDone(t *testing.T) {
	d := newDesk(t, compliance.Purpose{ID: "offers", Recipients: []compliance.Party{{ID: "mailer", Name: "Mailer Inc."}}})
	d.jane()
	table := &orders{rows: map[string]string{"jane": "a coat"}, broken: errors.New("the table is locked")}
	r := d.rights(table)
	q := d.open(r, compliance.RequestErasure, audience.Key("jane"))
	got, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.False(t, got.Complete)
	require.True(t, got.Holders[0].Failed)
	require.ErrorIs(t, got.Holders[0].Err, table.broken)
	require.Equal(t, "audience", got.Holders[1].Holder)
	require.Positive(t, got.Holders[1].Removed)
	_, err = d.aud.Contact(t.Context(), audience.Key("jane"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Equal(t, []string{"mailer"}, ids(got.Waiting))

	table.broken = nil
	got, err = r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.False(t, got.Complete, "recipients have to be told")
	require.Empty(t, table.rows, "the holder was told who she is, though the audience has forgotten")
	require.True(t, got.Holders[1].Already)
	require.Equal(t, []string{"mailer", "courier"}, ids(got.Waiting))
	for _, p := range got.Waiting {
		q, err = r.Acknowledge(t.Context(), q.ID, p.ID)
		require.NoError(t, err)
	}
	require.Equal(t, compliance.RequestDone, q.State)
	got, err = r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.True(t, got.Complete)
	require.Equal(t, 1, table.erased)

	var text strings.Builder
	require.NoError(t, got.WriteText(&text))
	require.Contains(t, text.String(), "complete")
	require.NotContains(t, text.String(), "incomplete")
	_, err = r.Acknowledge(t.Context(), q.ID, "mailer")
	require.ErrorIs(t, err, audience.ErrNotFound)
}

func ids(parties []compliance.Party) (out []string) {
	for _, p := range parties {
		out = append(out, p.ID)
	}
	return out
}

// O28: whoever was erased is erased again after a backup was restored.
func TestReplay(t *testing.T) {
	d := newDesk(t)
	d.jane()
	d.put("joe", "joe@example.com")
	d.put("ann", "ann@example.com")
	r := d.rights()
	q := d.open(r, compliance.RequestErasure, audience.Key("jane"))
	_, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	var register bytes.Buffer
	_, err = d.aud.Update(t.Context(), func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.Key("ann")) })
	require.NoError(t, err)
	n, err := r.WriteRegister(t.Context(), &register)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NotContains(t, register.String(), "jane")

	backup := newDesk(t) // as it was before
	backup.jane()
	backup.put("joe", "joe@example.com")
	backup.put("ann", "ann@example.com")
	table := &orders{rows: map[string]string{"jane": "a coat"}}
	restored := backup.rights(table)
	for _, damage := range []struct {
		name string
		text string
	}{
		{"changed", strings.Replace(register.String(), `"contact":1`, `"contact":2`, 1)},
		{"cut short", register.String()[:strings.LastIndex(register.String(), "mac ")]},
		{"a line more", register.String() + "{}\n"},
		{"of another audience", strings.Replace(register.String(), " main", " other", 1)},
		{"empty", ""},
		{"a long line", strings.Repeat("x", 1<<20)},
	} {
		_, err := restored.Replay(t.Context(), strings.NewReader(damage.text))
		require.ErrorIs(t, err, audience.ErrInvalid, damage.name)
	}
	_, err = backup.aud.Contact(t.Context(), audience.Key("jane"))
	require.NoError(t, err, "a damaged register erases nobody")

	for i := range 2 {
		got, err := restored.Replay(t.Context(), bytes.NewReader(register.Bytes()))
		require.NoError(t, err)
		require.Equal(t, compliance.ReplayReport{Read: 3, Erased: 2 - 2*i}, got)
	}
	require.Empty(t, table.rows)
	_, err = backup.aud.Contact(t.Context(), audience.Key("jane"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	_, err = backup.aud.Contact(t.Context(), audience.Key("joe"))
	require.NoError(t, err)
	_, err = backup.aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("new"), Email: audience.MustAddress("jane@example.com")})
	require.ErrorIs(t, err, audience.ErrDenied, "no import brings her back")
}

// O31: of a restricted contact data is stored and nothing else.
func TestRightsRestriction(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	r := d.rights()
	g := d.gate(compliance.Policy{Facts: livesIn("PL", "")})
	in := compliance.Intent{Contact: audience.ID(jane)}
	require.True(t, d.check(g, in).Allow)
	q := d.open(r, compliance.RequestRestriction, audience.ID(jane))
	require.NoError(t, r.Restrict(t.Context(), q.ID))
	require.Equal(t, []string{"contact.restricted"}, d.check(g, in).Denied)
	in.Purpose = "security"
	require.Equal(t, []string{"contact.restricted"}, d.check(g, in).Denied)
	require.Empty(t, released(t, d, g, jane), "she is in no export")
	require.ErrorIs(t, r.Lift(t.Context(), audience.ID(jane), audience.Source{}, ""), audience.ErrDenied)
	d.now = d.now.Add(time.Minute)
	require.NoError(t, r.Lift(t.Context(), audience.ID(jane), audience.Source{Actor: "op7"}, "it is settled, and she was told"))
	require.True(t, d.check(g, in).Allow)
	require.Equal(t, []audience.ContactID{jane}, released(t, d, g, jane))
}

// released gives whom the gate lets out of an export.
func released(t *testing.T, d *desk, g *compliance.Gate, people ...audience.ContactID) (out []audience.ContactID) {
	t.Helper()
	require.NoError(t, d.aud.View(t.Context(), func(r *store.Reader) error {
		profiles, err := r.ProfilesOf(t.Context(), audience.ProfileParts{Ledger: true}, people...)
		require.NoError(t, err)
		return g.Exports(compliance.Intent{}).Judge(t.Context(), r, d.now, profiles, func(i int, _ ...string) { out = append(out, profiles[i].Contact.ID) })
	}))
	return out
}

func TestObjection(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	r := d.rights()
	g := d.gate(compliance.Policy{Facts: livesIn("US", "US-CA")})
	d.now = d.now.Add(time.Minute)
	q, err := r.Open(t.Context(), compliance.RequestOptOutSale, compliance.RegimeCCPA, audience.ID(jane), time.Time{})
	require.NoError(t, err)
	require.NoError(t, r.Object(t.Context(), q.ID), "an opt-out needs no proof of who asks")
	require.Contains(t, d.check(g, compliance.Intent{Contact: audience.ID(jane), Purpose: sale}).Denied, "consent.refused")
	require.True(t, d.check(g, compliance.Intent{Contact: audience.ID(jane)}).Allow, "newsletters are something else")
	again := d.check(g, compliance.Intent{Contact: audience.ID(jane), Purpose: sale, Ask: compliance.AskPermission})
	rule, _ := again.Rule("sale-share.re-ask")
	require.Equal(t, compliance.VerdictDeny, rule.Verdict)
	require.Equal(t, d.now.AddDate(1, 0, 0), rule.Until)

	d.now = d.now.Add(time.Minute)
	q, err = r.Open(t.Context(), compliance.RequestObjection, "gdpr", audience.ID(jane), time.Time{})
	require.NoError(t, err)
	require.NoError(t, r.Object(t.Context(), q.ID))
	require.Contains(t, d.check(g, compliance.Intent{Contact: audience.ID(jane)}).Denied, "suppression.withdrawn")
}

func TestRectify(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	r := d.rights(&orders{})
	q := d.open(r, compliance.RequestRectification, audience.ID(jane))
	require.ErrorIs(t, r.Rectify(t.Context(), q.ID, "shoe_size", audience.NewPrivate("38")), audience.ErrNotFound)
	require.ErrorIs(t, r.Rectify(t.Context(), q.ID, compliance.PauseField, audience.NewPrivate("x")), audience.ErrNotFound, "that is not hers to set here")
	require.NoError(t, r.Rectify(t.Context(), q.ID, "first_name", audience.NewPrivate("Joanna")))
	c, err := d.aud.Contact(t.Context(), audience.ID(jane))
	require.NoError(t, err)
	require.Equal(t, "Joanna", c.FirstName.Reveal())
	require.ErrorIs(t, r.Rectify(t.Context(), q.ID, "first_name", audience.NewPrivate("x")), audience.ErrConflict, "it is done")
}

// TestEraseDestroysKeys: with a key store of the host's, the keys of her
// evidence go with her.
func TestEraseDestroysKeys(t *testing.T) {
	safe := newVault()
	w := newWorld(t, func(o *compliance.LedgerOptions) { o.Keys = safe })
	id := w.put("jane", "jane@example.com")
	w.record(w.grant(id))
	require.Len(t, safe.keys, 1)
	r, err := compliance.NewRights(w.Ledger, compliance.RightsOptions{})
	require.NoError(t, err)
	q, err := r.Open(t.Context(), compliance.RequestErasure, "gdpr", audience.ID(id), time.Time{})
	require.NoError(t, err)
	_, err = r.Attest(t.Context(), q.ID, audience.Source{Actor: "op7"})
	require.NoError(t, err)
	got, err := r.Erase(t.Context(), q.ID)
	require.NoError(t, err)
	require.True(t, got.Complete)
	require.Empty(t, safe.keys)
}
