package segment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// BenchmarkQueries measures what an engine can be asked besides, with 100 live segments over 100,000 contacts.
func BenchmarkQueries(b *testing.B) {
	w := loadShop(b, 100_000)
	ctx := b.Context()
	e, err := segment.OpenEngine(ctx, w.aud, segment.EngineOptions{})
	require.NoError(b, err)
	_, err = e.Apply(ctx, referenceKind(100)...)
	require.NoError(b, err)
	name := e.Definitions()[0].Name
	b.Run("Explain", func(b *testing.B) {
		for b.Loop() {
			_, err := e.Explain(ctx, name, audience.ID(1))
			require.NoError(b, err)
		}
	})
	b.Run("Preview", func(b *testing.B) {
		for b.Loop() {
			_, err := e.Preview(ctx, shopQueries()[1].Source, segment.PreviewOptions{Sample: 20})
			require.NoError(b, err)
		}
	})
	b.Run("Plan", func(b *testing.B) {
		for b.Loop() {
			_, err := e.Plan(name)
			require.NoError(b, err)
		}
	})
	for _, days := range []int{1, 30} {
		b.Run("Forecast/"+map[int]string{1: "day", 30: "month"}[days], func(b *testing.B) {
			moves := 0
			for b.Loop() {
				f, err := e.Forecast(ctx, e.Now().AddDate(0, 0, days))
				require.NoError(b, err)
				moves = len(f.Moves)
			}
			b.ReportMetric(float64(moves), "moves")
		})
	}
	b.Run("WhatIf", func(b *testing.B) {
		for b.Loop() {
			_, err := e.WhatIf(ctx, func(tx *store.Tx) error {
				_, err := tx.Append(ctx, audience.EventWrite{
					Contact: audience.ID(1), Type: "purchase", Time: tx.At(), Props: map[string]audience.Value{"value": audience.DoubleValue(9)},
				})
				return err
			})
			require.NoError(b, err)
		}
	})
}
