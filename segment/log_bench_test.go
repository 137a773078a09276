package segment

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// benchLog has n transitions of contacts who enter and leave ten segments, in
// ticks of a hundred.
func benchLog(b *testing.B, n int) *logFixture {
	b.Helper()
	f := newLogFixture(b, 10_000)
	f.log.frameEvery = 50_000
	for i := 0; i < n; i += 100 {
		f.append(benchTick(f, i))
		if i%10_000 == 0 {
			require.NoError(b, f.log.maintain(b.Context()))
		}
	}
	return f
}

func benchTick(f *logFixture, i int) tick {
	f.later(time.Second)
	moves := make([]move, 100)
	for k := range moves {
		at := i/100 + k*89
		moves[k] = in(string(rune('a'+at%10)), f.ids[(at*7919)%len(f.ids)])
		moves[k].entered = i/100_000%2 == 0
	}
	return f.tick(moves...)
}

func BenchmarkLogAppend(b *testing.B) {
	f := newLogFixture(b, 10_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		f.append(benchTick(f, n))
		n += 100
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/transition")
}

func BenchmarkLogRead(b *testing.B) {
	const n = 200_000
	f := benchLog(b, n)
	half, err := f.log.after(b.Context(), n/2, 1)
	require.NoError(b, err)
	b.Run("follow", func(b *testing.B) {
		for b.Loop() {
			ctx, cancel := context.WithCancel(b.Context())
			_ = f.log.unfollow(ctx, "bench")
			_ = f.log.follow(ctx, "bench", FollowOptions{FromStart: true}, func(_ context.Context, moves []Transition) error {
				if moves[len(moves)-1].Number == n {
					cancel()
				}
				return nil
			})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/transition")
	})
	for name, at := range map[string]time.Time{"now": audience.MaxInstant(), "half": half[0].At.Add(30_000 / 100 * time.Second)} {
		b.Run("members-"+name, func(b *testing.B) {
			for b.Loop() {
				_, err := f.log.membersAt(b.Context(), "a", at)
				require.NoError(b, err)
			}
		})
	}
	bytes := 0
	for _, space := range []string{spaceMoves, spaceBatches} {
		for after, found := "", f.recordsAfter(space, ""); len(found) > 0; found = f.recordsAfter(space, after) {
			for _, rec := range found {
				bytes += len(rec.Key) + len(rec.Value)
				after = rec.Key
			}
		}
	}
	b.Logf("%d bytes per transition in keys and values", bytes/n)
}
