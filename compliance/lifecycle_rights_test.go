package compliance_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestOpenRequestsHold: a rule neither deletes nor erases whoever has asked for
// something and was not answered; the plan names her and says why.
func TestOpenRequestsHold(t *testing.T) {
	for _, do := range []compliance.ActionKind{compliance.ActionDelete, compliance.ActionErase} {
		t.Run(string(do), func(t *testing.T) {
			d := newDesk(t)
			jane, joe, ann, winner := d.jane(), d.put("joe", "joe@example.com"), d.put("ann", "ann@example.com"), d.put("winner", "winner@example.com")
			r := d.rights()
			l, err := compliance.NewLifeCycle(d.gate(compliance.Policy{}), r)
			require.NoError(t, err)
			rule := compliance.LifeCycleRule{Name: "gone", Who: only(jane, joe, ann, winner), Do: do, Why: "inactive for three years"}
			ofJane := d.open(r, compliance.RequestAccess, audience.ID(jane))
			ofAnn, err := r.Open(t.Context(), compliance.RequestErasure, compliance.RegimeGDPR, audience.ID(ann), time.Time{})
			require.NoError(t, err)
			d.merge(winner, ann) // her request is his now
			require.NoError(t, d.Restrict(t.Context(), audience.ID(joe), audience.Source{}, "disputed"))

			plan := func() map[audience.ContactID]string {
				out := make(map[audience.ContactID]string)
				for a, err := range l.Preview(t.Context(), rule) {
					require.NoError(t, err)
					out[a.Contact] = a.Skipped
				}
				return out
			}
			got := plan()
			require.Equal(t, "a request of hers is open: access "+ofJane.ID, got[jane])
			require.Equal(t, "a request of hers is open: erasure "+ofAnn.ID, got[winner])
			require.Contains(t, got[joe], "Art. 18")
			report, err := l.Run(t.Context(), rule, nil)
			require.NoError(t, err)
			require.Zero(t, report.Done)
			for _, id := range []audience.ContactID{jane, joe, winner} {
				_, err = d.aud.Contact(t.Context(), audience.ID(id))
				require.NoError(t, err)
			}

			require.NoError(t, r.Access(t.Context(), ofJane.ID, &bytes.Buffer{}))
			_, err = r.Refuse(t.Context(), ofAnn.ID, "not her", audience.Source{Actor: "op7"})
			require.NoError(t, err)
			got = plan()
			require.Empty(t, got[jane], "what is answered holds nobody")
			require.Empty(t, got[winner])
			report, err = l.Run(t.Context(), rule, nil)
			require.NoError(t, err)
			require.Equal(t, 2, report.Done)
			_, err = d.aud.Contact(t.Context(), audience.ID(jane))
			require.ErrorIs(t, err, audience.ErrNotFound)
		})
	}
}
