package segment_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// referenceSegments are the two that everything is measured with.
func referenceSegments() []segment.Definition {
	return define(
		"engaged", `
			contact.status == "subscribed"
			  && events("email.opened").within("30d").any()
			  && events("email.clicked").within("60d").any()`,
		"high-value", `
			events("purchase").sum("value") > 100
			  && events("purchase").within("1y").count() > 3
			  && rate(events("email.opened"), events("email.sent")) > 0.5
			  && contact.created_at < ago("6mo")`,
	)
}

// benchAudience has n contacts with ten events each over a year, on average:
// four mails sent, two opened, one clicked, three purchases. Three in four are
// subscribed.
func benchAudience(b *testing.B, n int) *store.Audience {
	b.Helper()
	aud := setAudience(b)
	random := rand.New(rand.NewPCG(uint64(n), 1))
	for start := 0; start < n; start += 1_000 {
		pos, err := aud.Update(b.Context(), func(tx *store.Tx) error {
			return putBenchContacts(b, tx, random, start, min(1_000, n-start))
		})
		require.NoError(b, err)
		require.NoError(b, aud.Trim(b.Context(), pos))
	}
	return aud
}

func putBenchContacts(b *testing.B, tx *store.Tx, random *rand.Rand, start, n int) error {
	ago := func() time.Time { return setNow().Add(-time.Duration(random.Int64N(int64(365 * 24 * time.Hour)))) }
	var writes []audience.ContactWrite
	var events []audience.EventWrite
	var consents []audience.ConsentWrite
	for i := start; i < start+n; i++ {
		ref := audience.Key("u" + strconv.Itoa(i))
		writes = append(writes, audience.ContactWrite{
			Match: ref, Email: audience.MustAddress(fmt.Sprintf("u%d@example.com", i)), CreatedAt: ago(),
		})
		if random.IntN(4) > 0 {
			consents = append(consents, audience.ConsentWrite{
				Contact: ref, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismSingleOptIn,
				Evidence: []byte("ticked"),
			})
		}
		for k, eventType := range []string{
			"email.sent", "email.opened", "email.clicked", "purchase", "email.sent", "email.opened", "email.sent", "purchase", "email.sent", "purchase",
		} {
			if k > 0 && random.IntN(2) == 0 {
				eventType = []string{"email.sent", "email.opened", "email.clicked", "purchase"}[[]int{0, 0, 0, 0, 1, 1, 2, 3, 3, 3}[random.IntN(10)]]
			}
			e := audience.EventWrite{Contact: ref, Type: eventType, Time: ago()}
			if eventType == "purchase" {
				e.Props = map[string]audience.Value{"value": audience.DoubleValue(float64(random.IntN(10_000)) / 100)}
			}
			events = append(events, e)
		}
	}
	if _, err := tx.Put(b.Context(), writes...); err != nil {
		return err
	}
	if _, err := tx.Record(b.Context(), consents...); err != nil {
		return err
	}
	_, err := tx.Append(b.Context(), events...)
	return err
}

// BenchmarkEvaluate evaluates the reference segments over everybody.
// AUDIENCEKIT_BENCH_CONTACTS adds a size.
func BenchmarkEvaluate(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if n, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_BENCH_CONTACTS")); err == nil {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			aud := benchAudience(b, n)
			set, err := setLanguage(b, aud).CompileSet(referenceSegments()...)
			require.NoError(b, err)
			b.ReportAllocs()
			var result *segment.Result
			for b.Loop() {
				result = evaluateBench(b, aud, set)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/contact")
			for _, name := range result.Names() {
				m, _ := result.Members(name)
				b.ReportMetric(float64(m.Len())/float64(n), name+"/contact")
			}
		})
	}
}

func evaluateBench(b *testing.B, aud *store.Audience, set *segment.Set) *segment.Result {
	b.Helper()
	var result *segment.Result
	err := aud.View(b.Context(), func(r *store.Reader) (err error) {
		result, err = set.Evaluate(b.Context(), r, setNow(), nil)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// BenchmarkSetMatch is the part of Evaluate that is not reading the store.
func BenchmarkSetMatch(b *testing.B) {
	aud := benchAudience(b, 1_000)
	set, err := setLanguage(b, aud).CompileSet(referenceSegments()...)
	require.NoError(b, err)
	var profiles []*audience.Profile
	for i := range 1_000 {
		profiles = append(profiles, profileOf(b, aud, audience.Key("u"+strconv.Itoa(i)), set.Parts()))
	}
	moment := set.At(setNow())
	var buffer []bool
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if buffer, err = moment.Match(profiles[i%len(profiles)], buffer); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkCompileSet compiles segments of which each names the one before.
func BenchmarkCompileSet(b *testing.B) {
	for _, n := range []int{10, 1_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			l := setLanguage(b, setAudience(b))
			sources := []string{"s0", `contact.age > 3`}
			for i := 1; i < n; i++ {
				sources = append(sources, fmt.Sprintf("s%d", i), fmt.Sprintf(`inSegment("s%d") && events("purchase").within("30d").count() > %d`, i-1, i))
			}
			defs := define(sources...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.CompileSet(defs...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/segment")
		})
	}
}
