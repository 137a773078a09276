package compliance_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

const newsletter, promotions, tracking, sale = "newsletter", "promotions", "tracking", "sale"

// desk is an audience with a ledger and a clock that a test moves.
type desk struct {
	*compliance.Ledger
	t   *testing.T
	aud *store.Audience
	now time.Time

	adapter store.Adapter
	notice  string // id of a text that asks for everything
}

func testKeys(t testing.TB) audience.Keys {
	t.Helper()
	keys, err := audience.NewKeys("1", map[string][]byte{"1": bytes.Repeat([]byte{1}, 32)})
	require.NoError(t, err)
	return keys
}

func newDesk(t *testing.T, purposes ...compliance.Purpose) *desk {
	t.Helper()
	return newDeskAt(t, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), purposes...)
}

func newDeskAt(t *testing.T, now time.Time, purposes ...compliance.Purpose) *desk {
	t.Helper()
	d := &desk{t: t, now: now, adapter: memstore.New()}
	var err error
	d.aud, err = store.Open(t.Context(), d.adapter, "main", store.Options{
		Keys:  testKeys(t),
		Clock: func() time.Time { return d.now },
		Schema: audience.Schema{
			Fields:   []audience.Field{{Name: compliance.PauseField, Type: audience.TypeTimestamp, Owner: "compliance"}, {Name: "country", Type: audience.TypeString}},
			Purposes: []audience.Purpose{{Name: newsletter}, {Name: promotions}, {Name: tracking}, {Name: sale}, {Name: "receipts"}, {Name: "security"}, {Name: "offers"}},
			Lists:    []audience.List{{Name: "news", Kind: audience.ListTopic}, {Name: "deals", Kind: audience.ListTopic}, {Name: "fair", Kind: audience.ListStatic}},
		},
	})
	require.NoError(t, err)
	all := append([]compliance.Purpose{
		{ID: newsletter},
		{ID: promotions},
		{ID: tracking, Class: compliance.ClassTracking},
		{ID: sale, Class: compliance.ClassSaleShare, Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeCCPA: compliance.BasisOptOut}},
		{ID: "receipts", Class: compliance.ClassTransactional},
		{ID: "security", Class: compliance.ClassService},
	}, purposes...)
	d.Ledger, err = compliance.NewLedger(d.aud, compliance.LedgerOptions{Controller: compliance.Party{ID: "shop", Name: "Shop"}, Purposes: all})
	require.NoError(t, err)
	n := compliance.Notice{Version: "1", Language: "en", Text: "May we write to you?"}
	for _, p := range d.Purposes() {
		n.Purposes = append(n.Purposes, p.ID)
	}
	n, err = d.PutNotice(t.Context(), n)
	require.NoError(t, err)
	d.notice = n.ID
	return d
}

// put makes a contact with an address.
func (d *desk) put(key, address string) audience.ContactID {
	d.t.Helper()
	res, err := d.aud.Put(d.t.Context(), audience.ContactWrite{Match: audience.Key(key), Email: audience.MustAddress(address)})
	require.NoError(d.t, err)
	return res.ID
}

func (d *desk) gate(p compliance.Policy) *compliance.Gate {
	d.t.Helper()
	g, err := compliance.NewGate(d.Ledger, p)
	require.NoError(d.t, err)
	return g
}

// write appends to the ledger with evidence.
func (d *desk) write(id audience.ContactID, kind audience.ConsentKind, scope audience.Scope, m audience.Mechanism) {
	d.t.Helper()
	_, err := d.Record(d.t.Context(), compliance.Declaration{
		Contact: audience.ID(id), Kind: kind, Scope: scope, Mechanism: m,
		Notice: d.notice, Evidence: compliance.Evidence{AttestedBy: "operator 7", Text: "Yes, write to me."},
	})
	require.NoError(d.t, err)
}

func (d *desk) grant(id audience.ContactID, purpose string) {
	d.t.Helper()
	d.write(id, audience.ConsentGranted, audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}, audience.MechanismDoubleOptIn)
}

func (d *desk) check(g *compliance.Gate, in compliance.Intent) compliance.Decision {
	d.t.Helper()
	got, err := g.Check(d.t.Context(), in)
	require.NoError(d.t, err)
	return got
}

func livesIn(country, region string) func(*audience.Contact, *audience.Schema) compliance.Facts {
	return func(*audience.Contact, *audience.Schema) compliance.Facts {
		return compliance.Facts{Country: country, Region: region}
	}
}

// record reads a record of a feature's own.
func (d *desk) record(namespace, key string) (rec store.Record, err error) {
	err = d.aud.View(d.t.Context(), func(r *store.Reader) (err error) {
		rec, err = r.LoadRecord(d.t.Context(), namespace, key)
		return err
	})
	return rec, err
}
