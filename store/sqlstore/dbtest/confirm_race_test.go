package dbtest

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
)

// watchedKeys is a key store of a host's that tells when it is asked.
type watchedKeys struct {
	mu     sync.Mutex
	keys   map[audience.ContactID][]byte
	loaded func()
}

func (w *watchedKeys) Load(_ context.Context, _ string, id audience.ContactID) ([]byte, error) {
	w.mu.Lock()
	key, loaded := w.keys[id], w.loaded
	w.loaded = nil
	w.mu.Unlock()
	if loaded != nil {
		loaded()
	}
	if key == nil {
		return nil, audience.ErrNotFound
	}
	return key, nil
}

func (w *watchedKeys) Save(_ context.Context, _ string, id audience.ContactID, wrapped, _ []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[id] = wrapped
	return nil
}

func (w *watchedKeys) Destroy(context.Context, string, ...audience.ContactID) error { return nil }

// TestSavedWhileTheAddressChanges: a link to preferences that was mailed to the
// address before is of no use to whoever presses it at the moment of the change.
func TestSavedWhileTheAddressChanges(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		c := &course{host: newHost(t, d.Fresh(t).Store(t, d.Engine))}
		ann := c.subscribe("ann@example.com")
		link, version, _ := c.preferences(ann)
		held, pressed := make(chan struct{}), make(chan int, 1)
		go func() {
			<-held
			status, _ := c.visit(http.MethodPost, link, url.Values{
				"do": {"save"}, "version": {version}, "c.marketing": {"on"}, "t.news": {"on"}, "frequency": {"monthly"}, "pause": {"0"},
			})
			pressed <- status
		}()
		began := false
		_, err := c.aud.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.ID(ann), Email: audience.MustAddress("new@example.com")})
			if err != nil || began {
				return err
			}
			began = true
			close(held)
			select { // it has to wait for the change
			case status := <-pressed:
				pressed <- status
			case <-time.After(300 * time.Millisecond):
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, <-pressed)
		p, err := c.aud.Contact(t.Context(), audience.ID(ann))
		require.NoError(t, err)
		require.Empty(t, p.Frequency)
	})
}

// TestConfirmedWhileTheAddressChanges: consent that was confirmed from a mailbox
// does not reach the address that somebody has a moment later.
func TestConfirmedWhileTheAddressChanges(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		c := &course{host: newHost(t, d.Fresh(t).Store(t, d.Engine))}
		keys := &watchedKeys{keys: make(map[audience.ContactID][]byte)}
		var err error
		c.ledger, err = compliance.NewLedger(c.aud, compliance.LedgerOptions{
			Controller: compliance.Party{ID: "shop", Name: "Shop"}, Purposes: c.ledger.Purposes(), Keys: keys,
		})
		require.NoError(t, err)
		c.gate, err = compliance.NewGate(c.ledger, compliance.Policy{})
		require.NoError(t, err)
		c.pages, err = web.NewPages(t.Context(), c.ledger, c.tokens, c, web.Options{
			BaseURL: "https://shop.example/mail", Forms: []web.Form{{ID: "footer", Purposes: []string{"marketing"}, Topics: []string{"news"}}},
		})
		require.NoError(t, err)
		c.site = c.pages
		c.signup("ann@example.com", nil)
		c.press(c.mailed(compliance.OutgoingConfirm), http.StatusOK, "do", "confirm")
		ann, err := c.aud.Contact(t.Context(), audience.Email("ann@example.com"))
		require.NoError(t, err)
		link, version, _ := c.preferences(ann.ID)
		c.press(link, http.StatusOK, "do", "save", "version", version, "c.marketing", "on", "t.news", "on", "frequency", "", "pause", "0")
		confirm := c.mailed(compliance.OutgoingConfirm)

		moved := make(chan error, 1)
		keys.loaded = func() {
			go func() {
				moved <- c.ledger.ChangeAddress(t.Context(), audience.ID(ann.ID), audience.MustAddress("new@example.com"), audience.Source{})
			}()
			select { // it has to wait for the confirmation; where it does not, it is done by then
			case err := <-moved:
				moved <- err
			case <-time.After(300 * time.Millisecond):
			}
		}
		c.press(confirm, http.StatusOK, "do", "confirm")
		require.NoError(t, <-moved)
		c.pass(time.Second)
		p, err := c.aud.Profile(t.Context(), audience.ID(ann.ID), audience.ProfileParts{Ledger: true})
		require.NoError(t, err)
		require.Equal(t, "new@example.com", p.Contact.Email().Reveal())
		schema := c.aud.Schema()
		news, _ := schema.ListNamed("news")
		require.False(t, p.OnList(news, c.clock()), "nobody confirmed from the new address")
		got, err := c.gate.Check(t.Context(), compliance.Intent{Contact: audience.ID(ann.ID), List: "news"})
		require.NoError(t, err)
		require.False(t, got.Allow)
	})
}
