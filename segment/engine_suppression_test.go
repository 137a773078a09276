package segment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
)

// Consent that lifted a refusal ends: she is suppressed again from that instant
// on, by time alone.
func TestEngineSuppressionComesBack(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	w.apply(e, "suppressed", `suppressed()`)
	c := audiencetest.Contact("u")
	c.Email = audience.MustAddress("u@example.com")
	w.put(c)
	refusal := audiencetest.Withdrawal("u", w.clock.Now())
	refusal.Scope = audience.Scope{}
	_, err := w.aud.Record(t.Context(), refusal)
	require.NoError(t, err)
	w.agrees(e, w.aud)
	require.Len(t, w.in(e, "suppressed"), 1)

	w.later(time.Hour)
	end := w.clock.Now().Add(2 * time.Hour)
	grant := audiencetest.Grant("u", w.clock.Now())
	grant.Expires = end
	_, err = w.aud.Record(t.Context(), grant)
	require.NoError(t, err)
	w.sync(e)
	require.Empty(t, w.in(e, "suppressed"))
	w.clock.MoveTo(end.Add(-time.Microsecond))
	require.Empty(t, w.in(e, "suppressed"))
	w.agrees(e, w.aud)
	w.clock.MoveTo(end)
	require.Len(t, w.in(e, "suppressed"), 1)
	w.agrees(e, w.aud)
	w.logAgrees(e)
}
