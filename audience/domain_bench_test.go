package audience_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/audiencekit/audiencekit/audience"
)

// longHistory is somebody who signs up every day: requests that expire after
// two weeks, each confirmed, and a withdrawal now and then.
func longHistory(n int) audience.History {
	var h audience.History
	day := at(1)
	for i := range n {
		a := act{kind: pick3(i, requested, granted, withdrawn), by: doi}
		r := a.record(i + 1)
		r.Acted, r.Recorded = day, day
		if a.kind != withdrawn {
			r.Expires = day.AddDate(0, 0, n) // all of them still to come
		}
		h.Records = append(h.Records, r)
		day = day.Add(1)
	}
	return h
}

func pick3(i int, a, b, c audience.ConsentKind) audience.ConsentKind {
	switch {
	case i%10 == 9:
		return c
	case i%2 == 0:
		return a
	}
	return b
}

func BenchmarkFold(b *testing.B) {
	typical := history(act{kind: requested, day: 1}, act{kind: granted, day: 2, by: doi}, act{kind: granted, day: 3, scope: topic()})
	expiring := history(act{kind: requested, day: 1}, act{kind: granted, day: 2, by: doi, until: 25}, act{kind: granted, day: 3, scope: topic()})
	merged := merge(typical, 10, history(act{kind: granted, day: 4}, act{kind: withdrawn, day: 5}))
	for _, bench := range []struct {
		name string
		h    audience.History
	}{
		{"3 records", typical},
		{"3 records, one expires", expiring},
		{"merged", merged},
		{"1,000 records", longHistory(1_000)},
		{"100,000 records", longHistory(100_000)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.h.Fold(audience.MarketingScope(), at(20))
			}
		})
	}
}

func BenchmarkComputeHash(b *testing.B) {
	r := goodChain()[0]
	b.ReportAllocs()
	for b.Loop() {
		r.ComputeHash()
	}
}

func BenchmarkParseConsentRecord(b *testing.B) {
	record := goodChain()[0].Canonical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audience.ParseConsentRecord(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkContactWriteApply(b *testing.B) {
	whole := audience.ContactWrite{
		Match: audience.Key("u1"), Email: address("new@example.com"), FirstName: private("Joan"), AddTags: []string{"a", "b"},
		Set:   map[string]audience.Value{"plan": audience.StringValue("free"), "score": audience.DoubleValue(2)},
		Owner: "scoring",
	}
	none := audience.ContactWrite{Match: audience.Key("u1"), Email: address("Jane@example.com"), FirstName: private("Jane"), AddTags: []string{"vip"}}
	schema := shopSchema()
	for _, bench := range []struct {
		name  string
		write audience.ContactWrite
	}{{"changes", whole}, {"changes nothing", none}} {
		b.Run(bench.name, func(b *testing.B) {
			c := jane()
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.write.Check(audience.Limits{}); err != nil {
					b.Fatal(err)
				}
				if _, _, err := bench.write.Apply(c, schema.FieldNamed, at(2), audience.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEventOfWrite(b *testing.B) {
	var s audience.Schema
	s = s.Complete()
	purchase, _ := s.EventNamed("purchase")
	w := audience.EventWrite{
		Contact: audience.Key("u1"), ID: "o-1", Type: "purchase", Time: at(1),
		Props: map[string]audience.Value{"value": audience.DoubleValue(20), "order": audience.StringValue("o-1"), "items": audience.IntValue(2)},
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Check(audience.Limits{}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Event(8, purchase); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddressHash(b *testing.B) {
	keys, err := audience.NewKeys("a", map[string][]byte{"a": bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		b.Fatal(err)
	}
	jane := address("jane@example.com")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := keys.AddressHash("main", jane); !ok {
			b.Fatal("no hash")
		}
	}
}

func BenchmarkValue(b *testing.B) {
	b.Run("make and read a double", func(b *testing.B) {
		b.ReportAllocs()
		var sum float64
		for b.Loop() {
			f, _ := audience.DoubleValue(1.5).Double()
			sum += f
		}
		_ = sum
	})
	values := make([]audience.Value, 1000)
	for i := range values {
		values[i] = audience.DoubleValue(float64(i))
	}
	b.Run("read 1,000 doubles", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var sum float64
			for _, v := range values {
				f, _ := v.Double()
				sum += f
			}
			if sum != 499_500 {
				b.Fatal(fmt.Sprint(sum))
			}
		}
	})
}
