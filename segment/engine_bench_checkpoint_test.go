package segment_test

import (
	"bytes"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
)

// BenchmarkCheckpoint measures, with 100 segments over the shops of
// BenchmarkShop, writing a checkpoint, for how long it keeps a read waiting
// for which something is due, starting from it, and what starting without it
// costs over a store in memory, the fastest there is.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := loadShop(b, n)
			e, err := segment.OpenEngine(b.Context(), w.aud, segment.EngineOptions{})
			require.NoError(b, err)
			_, err = e.Apply(b.Context(), referenceKind(100)...)
			require.NoError(b, err)
			require.NoError(b, e.Advance(b.Context(), w.clock.now()))
			var file bytes.Buffer
			require.NoError(b, e.Checkpoint(b.Context(), &file))
			b.Run("write", func(b *testing.B) {
				for b.Loop() {
					require.NoError(b, e.Checkpoint(b.Context(), io.Discard))
				}
				b.ReportMetric(float64(file.Len())/float64(n), "bytes/contact")
			})
			b.Run("write/waiting", func(b *testing.B) { benchWaiting(b, e) })
			b.Run("load", func(b *testing.B) {
				for b.Loop() {
					_, reason := loadWith(b, w.aud, segment.EngineOptions{}, file.Bytes())
					require.NoError(b, reason)
				}
				perContact(b, n, 0)
			})
			b.Run("rebuild", func(b *testing.B) {
				for b.Loop() {
					_, err := segment.OpenEngine(b.Context(), w.aud, segment.EngineOptions{})
					require.NoError(b, err)
				}
				perContact(b, n, 0)
			})
		})
	}
}

// benchWaiting reports the longest wait of a snapshot, which takes the lock as
// whoever settles does, while checkpoints are written.
func benchWaiting(b *testing.B, e *segment.Engine) {
	longest := time.Duration(0)
	for b.Loop() {
		done := make(chan error)
		go func() { done <- e.Checkpoint(b.Context(), io.Discard) }()
		for written := false; !written; {
			start := time.Now()
			e.Snapshot("none")
			longest = max(longest, time.Since(start))
			select {
			case err := <-done:
				require.NoError(b, err)
				written = true
			default:
			}
		}
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs/longest")
}
