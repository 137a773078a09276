package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// GPC reports whether a request carries the Global Privacy Control signal
// (W3C draft): one Sec-GPC header that is exactly "1", among however many.
func GPC(h http.Header) bool { return slices.Contains(h.Values("Sec-GPC"), "1") }

// GPCHandler answers /.well-known/gpc.json: that this site honours the signal,
// since the day of the last change of that statement.
func GPCHandler(lastUpdate time.Time) http.Handler {
	body := fmt.Sprintf("{\"gpc\":true,\"lastUpdate\":%q}\n", lastUpdate.UTC().Format(time.DateOnly))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

// HonourGPC records, where the headers carry the signal, that a contact opted
// out of every purpose of the class [compliance.ClassSaleShare], unless that
// stands already (11 CCR 7025(c)). For hosts that know who visits. It reports
// whether the opt-out stands, which the host's page then has to show, such as
// "Opt-Out Request Honored". Other consent is untouched. Without the signal
// nothing happens.
func HonourGPC(ctx context.Context, l *compliance.Ledger, contact audience.Ref, h http.Header) (honoured bool, err error) {
	if !GPC(h) {
		return false, nil
	}
	_, err = l.Audience().Update(ctx, func(tx *store.Tx) error {
		ids, err := tx.Resolve(ctx, contact)
		if err != nil {
			return err
		}
		if ids[0] == 0 {
			return &audience.NotFoundError{Kind: "contact"}
		}
		if _, err := lockOne(ctx, tx, ids[0]); err != nil {
			return err
		}
		honoured, err = optOutOfSale(ctx, l, tx, ids[0], mechanismGPC, compliance.Evidence{})
		return err
	})
	return honoured, err
}

// optOutOfSale withdraws every sale-share purpose that is not refused yet, and
// reports whether there is one.
func optOutOfSale(ctx context.Context, l *compliance.Ledger, tx *store.Tx, id audience.ContactID, m audience.Mechanism, e compliance.Evidence) (bool, error) {
	purposes := salePurposes(l)
	if len(purposes) == 0 {
		return false, nil
	}
	h, err := tx.History(ctx, audience.ID(id))
	if err != nil {
		return false, err
	}
	var ds []compliance.Declaration
	for _, p := range purposes {
		if s := (audience.Scope{Purpose: p}); !refuses(&h, s, tx.At()) {
			ds = append(ds, compliance.Declaration{
				Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Scope: s, Mechanism: m, Source: personSource("gpc"), Evidence: e,
			})
		}
	}
	_, err = l.RecordIn(ctx, tx, ds...)
	return true, err
}

func salePurposes(l *compliance.Ledger) (out []string) {
	for _, p := range l.Purposes() {
		if p.Class == compliance.ClassSaleShare {
			out = append(out, p.ID)
		}
	}
	return out
}
