package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestDropEvidence: evidence of consent that ended can be destroyed, of consent
// that stands it cannot, and the records stay as they are.
func TestDropEvidence(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	write := func(kind audience.ConsentKind, evidence string) audience.ConsentRecord {
		f.later(time.Hour)
		return f.record(audience.ConsentWrite{
			Contact: audience.ID(id), Kind: kind, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte(evidence),
		})
	}
	first := write(audience.ConsentGranted, "first")
	withdrawn := write(audience.ConsentWithdrawn, "no more")
	second := write(audience.ConsentGranted, "second")
	drop := func(records ...audience.ConsentRecord) func(*store.Tx) error {
		return func(tx *store.Tx) error { return tx.DropEvidence(t.Context(), records...) }
	}
	unknown := first
	unknown.Seq = 9
	for _, tt := range []struct {
		name    string
		records []audience.ConsentRecord
		want    error
	}{
		{"of consent that stands", []audience.ConsentRecord{first, second}, audience.ErrDenied},
		{"of a refusal", []audience.ConsentRecord{withdrawn}, audience.ErrDenied},
		{"of no record", []audience.ConsentRecord{unknown}, audience.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, f.refused(drop(tt.records...)), tt.want)
		})
	}
	has := func(r audience.ConsentRecord) (there bool) {
		f.view(func(rd *store.Reader) error {
			_, err := rd.Evidence(t.Context(), r)
			there = err == nil
			return nil
		})
		return there
	}
	require.True(t, has(first), "a batch that is refused changes nothing")
	before := f.profile(audience.ID(id)).History
	f.update(drop(first))
	f.update(drop(first)) // which is harmless
	require.False(t, has(first))
	require.True(t, has(withdrawn))
	require.True(t, has(second))
	require.Equal(t, before, f.profile(audience.ID(id)).History)
	require.Equal(t, "subscribed", f.status(audience.ID(id)))
}
