package store_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/store"
)

// BenchmarkPut brings new contacts into an audience that has n, in batches of
// 1,000 with a transaction each. The metric leaves out making the writes, and
// counts what the garbage collector takes beside it.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		if n > benchBatch && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			aud := benchAudience(b, 0)
			for first := 0; first < n; first += benchBatch {
				putBatch(b, aud, first)
			}
			runtime.GC()
			var spent time.Duration
			first := n
			b.ReportAllocs()
			for b.Loop() {
				spent += putBatch(b, aud, first)
				first += benchBatch
			}
			if spent > 0 {
				b.ReportMetric(float64(first-n)/spent.Seconds(), "contacts/cpu-s")
			}
		})
	}
}

// putBatch puts a batch of new contacts and gives the CPU time it took.
func putBatch(b *testing.B, aud *store.Audience, first int) time.Duration {
	b.Helper()
	b.StopTimer()
	writes := benchWrites(first, 0)
	b.StartTimer()
	began := cpuTime()
	benchUpdate(b, aud, func(tx *store.Tx) error {
		_, err := tx.Put(b.Context(), writes...)
		return err
	})
	return cpuTime() - began
}
