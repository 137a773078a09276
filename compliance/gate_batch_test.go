package compliance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// crowd makes contacts with random pasts, some of whom are merged or gone.
func (d *desk) crowd(rnd *rand.Rand, n int) []audience.ContactID {
	d.t.Helper()
	ids := make([]audience.ContactID, 0, n)
	for i := range n {
		id := d.put(strconv.Itoa(i), fmt.Sprintf("p%d@example.com", i))
		ids = append(ids, id)
		for range rnd.IntN(4) {
			d.now = d.now.Add(time.Second)
			kind := []audience.ConsentKind{audience.ConsentRequested, audience.ConsentGranted, audience.ConsentGranted, audience.ConsentWithdrawn, audience.ConsentBounced, audience.ConsentComplained}[rnd.IntN(6)]
			_, err := d.Record(d.t.Context(), compliance.Declaration{
				Contact: audience.ID(id), Kind: kind, Mechanism: audience.MechanismSingleOptIn,
				Scope:    []audience.Scope{{}, emailScope(audience.PurposeMarketing), emailScope(promotions)}[rnd.IntN(3)],
				Notice:   d.notice,
				Evidence: compliance.Evidence{Text: "yes"},
			})
			if err != nil {
				require.ErrorIs(d.t, err, audience.ErrDenied) // a complaint stands
			}
		}
		if i%100 == 0 || rnd.IntN(10) > 0 {
			continue
		}
		_, err := d.aud.Update(d.t.Context(), func(tx *store.Tx) error {
			if rnd.IntN(2) == 0 {
				return tx.Delete(d.t.Context(), audience.Source{}, audience.ID(id))
			}
			return tx.Merge(d.t.Context(), audience.ID(ids[i-i%100]), audience.ID(id), audience.Source{})
		})
		require.NoError(d.t, err)
	}
	return ids
}

// TestBatchIsSingle holds the decisions about many against those about each.
func TestBatchIsSingle(t *testing.T) {
	d := newDesk(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	ids := d.crowd(rnd, 1500)
	g := d.gate(compliance.Policy{
		Facts: func(c *audience.Contact, _ *audience.Schema) compliance.Facts {
			return compliance.Facts{Country: []string{"", "FR", "DE", "US", "CA"}[c.ID%5]}
		},
		Caps: []compliance.Cap{{Most: 1, Within: time.Hour}},
	})
	for _, id := range ids {
		if id%3 == 0 {
			_, _, err := g.Acquire(t.Context(), compliance.Intent{Contact: audience.ID(id)})
			require.NoError(t, err)
		}
	}
	rnd.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = append(ids, ids[7], 999_999)
	i, allowed := 0, 0
	for got, err := range g.CheckAll(t.Context(), slices.Values(ids), compliance.Intent{}) {
		require.NoError(t, err)
		require.Equal(t, d.check(g, compliance.Intent{Contact: audience.ID(ids[i])}), got)
		i++
		if got.Allow {
			allowed++
		}
	}
	require.Len(t, ids, i)
	require.Greater(t, allowed, 50)
	require.Less(t, allowed, len(ids)-50)
}

// TestGateIsNeverWiderThanTheStore holds what the gate lets through, where
// consent is the only basis, against the profile's own answer.
func TestGateIsNeverWiderThanTheStore(t *testing.T) {
	d := newDesk(t)
	ids := d.crowd(rand.New(rand.NewPCG(3, 4)), 1500)
	g := d.gate(compliance.Policy{})
	both := 0
	for _, id := range ids {
		got := d.check(g, compliance.Intent{Contact: audience.ID(id)})
		p, err := d.aud.Profile(t.Context(), audience.ID(id), audience.ProfileParts{Ledger: true, Suppressed: true})
		mailable := err == nil && p.Mailable(d.now)
		require.Equal(t, mailable, got.Allow, "contact %d: %v", id, got.Denied)
		if mailable {
			both++
		}
	}
	require.Greater(t, both, 50)
}

func TestGateFailsClosed(t *testing.T) {
	d := newDesk(t)
	id := d.put("jane", "jane@example.com")
	d.grant(id, audience.PurposeMarketing)
	g := d.gate(compliance.Policy{})
	in := compliance.Intent{Contact: audience.ID(id)}
	require.True(t, d.check(g, in).Allow)
	p, _, err := g.Acquire(t.Context(), in)
	require.NoError(t, err)
	require.NoError(t, d.adapter.Close())

	got, err := g.Check(t.Context(), in)
	require.ErrorIs(t, err, audience.ErrClosed)
	require.False(t, got.Allow)
	require.Equal(t, []string{"store"}, got.Denied)
	_, got, err = g.Acquire(t.Context(), in)
	require.ErrorIs(t, err, audience.ErrClosed)
	require.False(t, got.Allow)
	got, err = g.Recheck(t.Context(), p)
	require.ErrorIs(t, err, audience.ErrClosed)
	require.False(t, got.Allow)
	n := 0
	for got, err := range g.CheckAll(t.Context(), slices.Values([]audience.ContactID{id, id}), in) {
		require.ErrorIs(t, err, audience.ErrClosed)
		require.False(t, got.Allow)
		n++
	}
	require.Equal(t, 1, n)
	require.False(t, compliance.Decision{}.Allow, "the zero decision denies")
}

func TestGateOptions(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct {
		name string
		p    compliance.Policy
		path string
	}{
		{"cap of none", compliance.Policy{Caps: []compliance.Cap{{Within: time.Hour}}}, "caps[0]"},
		{"cap without time", compliance.Policy{Caps: []compliance.Cap{{Most: 1}}}, "caps[0]"},
		{"cap of years", compliance.Policy{Caps: []compliance.Cap{{Most: 1, Within: 1000 * 24 * time.Hour}}}, "caps[0]"},
		{"quiet all day", compliance.Policy{Quiet: []compliance.QuietHours{{}}}, "quiet[0]"},
		{"quiet beyond a day", compliance.Policy{Quiet: []compliance.QuietHours{{From: 25 * time.Hour}}}, "quiet[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := compliance.NewGate(d.Ledger, tt.p)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, tt.path, field.Path)
		})
	}
	_, err := compliance.NewGate(nil, compliance.Policy{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = compliance.NewLedger(d.aud, compliance.LedgerOptions{Purposes: []compliance.Purpose{{ID: "unheard-of"}}})
	require.ErrorIs(t, err, audience.ErrInvalid)
}
