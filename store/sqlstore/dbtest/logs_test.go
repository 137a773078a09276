package dbtest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestLogsNameNobody: pages, gate, rights, feedback, imports and segments log
// nothing that is personal, neither when all goes well nor when limits are
// reached, the outbox fails with an address in its error, and the tables are
// gone; and behind MaskTokens neither does the host.
func TestLogsNameNobody(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		source := d.Fresh(t)
		db := source.Open(t)
		h := newHost(t, source.Store(t, d.Engine))
		ctx := t.Context()
		who := h.live()
		for range 4 {
			h.signup(herAddress, nil)
		}
		h.deaf = errors.New("550 no such user " + herAddress)
		running, stop := context.WithCancel(ctx)
		h.hear("messages wait", stop)
		require.ErrorIs(t, h.pages.Run(running), context.Canceled)
		h.deaf = nil
		for _, link := range who.links {
			_, _ = h.visit(http.MethodGet, link+"?email="+url.QueryEscape(herAddress), nil)
		}
		_, _ = h.visit(http.MethodPost, "/mail/u", url.Values{"email": {herAddress + "@"}})

		request := h.request(compliance.RequestErasure, who.id)
		for _, table := range []string{"ak_identities", "ak_ledger", "ak_feed"} {
			_, err := db.ExecContext(ctx, "DROP TABLE "+table)
			require.NoError(t, err)
		}
		require.Equal(t, http.StatusInternalServerError, h.post("key-2", `[{"email":"`+herAddress+`"}]`))
		var failed []error
		_, err := h.gate.Check(ctx, compliance.Intent{Contact: audience.Email(herAddress)})
		failed = append(failed, err)
		_, err = h.rights.Erase(ctx, request)
		failed = append(failed, err)
		_, err = h.ledger.Record(ctx, compliance.Declaration{Contact: audience.Email(herAddress), Kind: audience.ConsentWithdrawn})
		failed = append(failed, err)
		for _, err := range failed {
			require.Error(t, err)
			h.aud.Logger().Error("host", "error", err)
		}
		for _, link := range who.links {
			_, _ = h.visit(http.MethodPost, link, url.Values{"do": {"save"}})
		}

		logs := map[string][]byte{"log": h.logged()}
		for _, message := range []string{"a limit was reached", "messages wait", "importer: request failed", "compliance/web: a request failed", "request", "host"} {
			require.Contains(t, string(logs["log"]), message)
		}
		require.Empty(t, found(logs, slices.Concat(herTraces()...)))
		for _, link := range who.links {
			require.NotContains(t, string(logs["log"]), path.Base(link), "a token")
		}
	})
}
