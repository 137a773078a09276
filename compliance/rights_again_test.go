package compliance_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestAnsweredAgain: an answer that got lost is written again while she is a
// contact; who she was is not known any more of somebody else, so that the answer
// would be that nothing is held.
func TestAnsweredAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		gone bool
		who  func(d *desk, jane audience.ContactID) audience.Ref
	}{
		"a contact": {who: func(_ *desk, jane audience.ContactID) audience.Ref { return audience.ID(jane) }},
		"deleted, by her id": {gone: true, who: func(d *desk, jane audience.ContactID) audience.Ref {
			d.remove(jane)
			return audience.ID(jane)
		}},
		"deleted, by her address": {gone: true, who: func(d *desk, jane audience.ContactID) audience.Ref {
			d.remove(jane)
			return audience.Email("jane@example.com")
		}},
		"a guest of the host's": {gone: true, who: func(*desk, audience.ContactID) audience.Ref { return audience.Key("guest") }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			jane := d.jane()
			r := d.rights(&orders{rows: map[string]string{"guest": "a hat"}})
			q := d.open(r, compliance.RequestAccess, tt.who(d, jane))
			var first, again bytes.Buffer
			require.NoError(t, r.Access(t.Context(), q.ID, &first))
			err := r.Access(t.Context(), q.ID, &again)
			if tt.gone {
				require.ErrorIs(t, err, audience.ErrConflict)
				require.Zero(t, again.Len())
				return
			}
			require.NoError(t, err)
			var a, b answer
			require.NoError(t, json.Unmarshal(first.Bytes(), &a))
			require.NoError(t, json.Unmarshal(again.Bytes(), &b))
			require.ElementsMatch(t, a.fields(), b.fields())
		})
	}
}
