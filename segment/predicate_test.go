package segment_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// TestPredicateNaive (G2) holds the predicates of random expressions to the expressions: the same contacts without a
// rest, all of the members with one.
func TestPredicateNaive(t *testing.T) {
	exact, narrowing, compared, members := 0, 0, 0, 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 31))
		w := naiveNewWorld(random, 12)
		g := &naiveGen{naiveWorld: w, random: random}
		language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
		require.NoError(t, err)
		for range 120 {
			source := g.expression().String()
			for range random.IntN(3) {
				source = fmt.Sprintf(naivePick(random, []string{"(%s) && (%s)", "(%s) || (%s)", "!(%s) && !(%s)", "(%s) || !(%s)"}), source, g.of(naiveBool, 2).String())
			}
			e, err := language.Compile(source)
			if err != nil {
				continue
			}
			predicate, rest := e.Predicate()
			switch {
			case len(rest) == 0:
				exact++
			case predicate != nil:
				narrowing++
			}
			for _, p := range w.profiles {
				now := w.instant()
				in, err := e.At(now).Match(p)
				require.NoError(t, err)
				compared++
				if in {
					members++
				}
				holds := store.Match(predicate, p, now)
				if in && !holds || len(rest) == 0 && in != holds {
					require.Fail(t, "they differ", "seed %d, contact %s, at %s in %s: %s is %v, the predicate %#v is %v, rest %q",
						seed, p.Contact.ID, now, w.zone, source, in, predicate, holds, rest)
				}
			}
		}
	}
	t.Logf("%d exact, %d narrowing, %d comparisons, %d members", exact, narrowing, compared, members)
	require.Greater(t, exact, 300)
	require.Greater(t, narrowing, 300)
}

func TestPredicate(t *testing.T) {
	schema := audience.Schema{Fields: []audience.Field{
		{Name: "age", Type: audience.TypeInt, ID: 1}, {Name: "born", Type: audience.TypeDate, ID: 2}, {Name: "codes", Type: audience.TypeStringList, ID: 3},
	}}
	apia, err := time.LoadLocation("Pacific/Apia")
	require.NoError(t, err)
	language, err := segment.NewLanguage(schema, segment.Options{Zone: apia})
	require.NoError(t, err)
	age := store.Feature{Kind: store.FeatureField, Field: 1}
	tests := []struct {
		name, source string
		want         store.Predicate
		rest         []string
	}{
		{
			"all of it", `contact.age >= 18 && "vip" in contact.tags`,
			store.And{store.Compare{Feature: age, Op: store.GreaterOrEqual, Value: audience.IntValue(18)}, store.HasTag{Tag: "vip"}},
			nil,
		},
		{
			"a part", `contact.age >= 18 && events("purchase").any()`,
			store.Compare{Feature: age, Op: store.GreaterOrEqual, Value: audience.IntValue(18)},
			[]string{`events("purchase").any()`},
		},
		{"one of two", `contact.age >= 18 || events("purchase").any()`, nil, []string{`events("purchase").any()`}},
		{"nobody", `false && events("purchase").any()`, store.Or{}, nil},
		{"everybody", `true || events("purchase").any()`, nil, nil},
		{"absent lists have no items", `!("a" in contact.codes)`, store.Or{
			store.Not{Part: store.ListContains{Field: 3, Item: "a"}}, store.Not{Part: store.Present{Feature: store.Feature{Kind: store.FeatureField, Field: 3}}},
		}, nil},
		{"moving", `contact.created_at < ago("1d")`, nil, []string{`contact.created_at < ago("1d")`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := language.Compile(tt.source)
			require.NoError(t, err)
			got, rest := e.Predicate()
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.rest, rest)
		})
	}
}

// TestPredicateDates: days that a zone left out, and the very first day.
func TestPredicateDates(t *testing.T) {
	schema := audience.Schema{Fields: []audience.Field{{Name: "born", Type: audience.TypeDate, ID: 2}}}
	for _, zone := range []string{"UTC", "Pacific/Apia", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Manila"} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		language, err := segment.NewLanguage(schema, segment.Options{Zone: loc})
		require.NoError(t, err)
		var days []audience.Date
		for _, text := range []string{"0001-01-01", "0001-01-02", "9999-12-31", "2011-12-29", "2011-12-30", "2011-12-31", "2012-01-01", "2018-11-04", "2018-11-05", "1844-12-31"} {
			day, err := audience.ParseDate(text)
			require.NoError(t, err)
			days = append(days, day)
		}
		for _, at := range []string{
			`date("2011-12-30")`, `date("2011-12-31")`, `timestamp("2011-12-30T10:00:00Z")`, `timestamp("2011-12-30T09:59:59.999999Z")`,
			`date("2018-11-04")`, `timestamp("2018-11-04T03:30:00Z")`, `date("1844-12-31")`, `timestamp("1990-01-01T00:00:00Z")`,
		} {
			for _, op := range []string{"==", "!=", "<", "<=", ">", ">=", "in"} {
				for _, negation := range []string{"%s", "!(%s)", "%s || has(contact.born)", "%s && !has(contact.born)", "!has(contact.born) && true || %s"} {
					source := "contact.born " + op + " " + at
					if op == "in" {
						source = "contact.born in [" + at + ", date(\"2012-01-01\")]"
					}
					e, err := language.Compile(fmt.Sprintf(negation, source))
					require.NoError(t, err)
					p, rest := e.Predicate()
					require.Empty(t, rest, source)
					for _, day := range days {
						profile := &audience.Profile{Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 2, Value: audience.DateValue(day)}}}}
						in, err := e.At(setNow()).Match(profile)
						require.NoError(t, err)
						require.Equal(t, in, store.Match(p, profile, setNow()), "%s of %s in %s", e.Source(), day, zone)
					}
				}
			}
		}
	}
}
