package dbtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// TestConsentWhileAnUpdateRuns: an update that began before somebody consented
// and changes her address afterwards is dated before her consent. It is no
// consent to the new address all the same.
func TestConsentWhileAnUpdateRuns(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("one update at a time")
		}
		h := newHost(t, d.Fresh(t).Store(t, d.Engine))
		id := h.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
		consented := false
		h.update(func(tx *store.Tx) error {
			if !consented {
				consented = true
				h.pass(time.Minute)
				h.record(compliance.Declaration{
					Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismSingleOptIn,
					Notice: h.notice, Evidence: compliance.Evidence{Form: "till"},
				})
			}
			_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress("new@example.com")})
			return err
		})
		c, err := h.aud.Contact(t.Context(), audience.ID(id))
		require.NoError(t, err)
		require.Equal(t, "new@example.com", c.Email().Reveal())
		got, err := h.gate.Check(t.Context(), compliance.Intent{Contact: audience.ID(id)})
		require.NoError(t, err)
		require.Equal(t, []string{"consent.address"}, got.Denied)
	})
}

// TestGrantWhileTheAddressChanges: consent that a host records for an address
// which changes at that moment goes back with it.
func TestGrantWhileTheAddressChanges(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		h := newHost(t, d.Fresh(t).Store(t, d.Engine))
		keys := &watchedKeys{keys: make(map[audience.ContactID][]byte)}
		var err error
		h.ledger, err = compliance.NewLedger(h.aud, compliance.LedgerOptions{
			Controller: compliance.Party{ID: "shop", Name: "Shop"}, Purposes: h.ledger.Purposes(), Keys: keys,
		})
		require.NoError(t, err)
		id := h.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
		moved := make(chan error, 1)
		keys.loaded = func() {
			go func() {
				moved <- h.ledger.ChangeAddress(t.Context(), audience.ID(id), audience.MustAddress("new@example.com"), audience.Source{})
			}()
			select { // it has to wait for the consent; where it does not, it is done by then
			case err := <-moved:
				moved <- err
			case <-time.After(300 * time.Millisecond):
			}
		}
		h.record(compliance.Declaration{
			Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismSingleOptIn,
			Notice: h.notice, Evidence: compliance.Evidence{Form: "till"},
		})
		require.NoError(t, <-moved)
		h.pass(time.Second)
		p, err := h.aud.Profile(t.Context(), audience.ID(id), audience.ProfileParts{Ledger: true})
		require.NoError(t, err)
		require.Equal(t, "new@example.com", p.Contact.Email().Reveal())
		require.NotEqual(t, audience.StatusSubscribed, p.Status(h.clock()).Status)
	})
}
