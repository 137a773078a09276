package segment_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// TestTrialsOfFind (G2) compares Find over a store that finds contacts by predicates with the reference evaluator, over
// random histories.
//
// AUDIENCEKIT_FIND_COMPARISONS says how many comparisons of a contact and a segment there are to be,
// AUDIENCEKIT_ENGINE_SEED where to start.
func TestTrialsOfFind(t *testing.T) {
	comparisons, first := naiveEnv(t, "AUDIENCEKIT_FIND_COMPARISONS", 60_000), naiveEnv(t, "AUDIENCEKIT_ENGINE_SEED", 1)
	var total segmenttest.Report
	for seed := uint64(first); total.Comparisons < comparisons; seed++ {
		report, err := newTrial(t, seed).Run(t, findSubject)
		total.Add(report)
		require.NoError(t, err, "world %d", seed)
	}
	t.Log(total)
	require.Greater(t, total.Members, total.Comparisons/10)
}

// TestScriptsFind holds Find to the scripts.
func TestScriptsFind(t *testing.T) { segmenttest.Run(t, segmenttest.Scripts(), findSubject) }

// finds asks Find and Count, and Evaluate for what they should say.
func finds(t *testing.T, aud *store.Audience, set *segment.Set, name string) []audience.ContactID {
	t.Helper()
	var found []audience.ContactID
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		told := 0
		members, err := set.Find(t.Context(), r, name, time.Time{}, func(n int) { told = n })
		require.NoError(t, err)
		n, err := set.Count(t.Context(), r, name, time.Time{})
		require.NoError(t, err)
		require.Equal(t, members.Len(), n)
		require.Equal(t, n, told)
		all, err := set.Evaluate(t.Context(), r, time.Time{}, nil)
		require.NoError(t, err)
		want, ok := all.Members(name)
		require.True(t, ok)
		require.True(t, want.Equal(members), "%s: %v, not %v", name, slices.Collect(members.All()), slices.Collect(want.All()))
		found = slices.Collect(members.All())
		return nil
	}))
	return found
}

// With and without a store that can find, Find gives the members; contacts that the store is certain of are not read,
// unless there is a rest.
func TestFind(t *testing.T) {
	sources := []string{
		"adults", `contact.age >= 18`,
		"even", `contact.age in [20, 22, 24, 26] || contact.age < 4`,
		"minors", `!inSegment("adults") && has(contact.age)`,
		"called", `contact.age > 5 && contact.city.startsWith("B") || contact.age == 7`,
		"others", `!inSegment("called") && contact.age > 5`,
		"both", `inSegment("called") || inSegment("even")`,
		"all", `true`,
		"none", `contact.age < 3 && contact.age > 3`,
	}
	opts := store.Options{Schema: setSchema(), Clock: setNow}
	aud, double := openFinder(t, opts)
	var ages []int64
	for i := range int64(60) {
		ages = append(ages, i%31-1)
	}
	putAges(t, aud, ages...)
	set := compileSet(t, setLanguage(t, aud), sources...)
	rest := map[string]bool{"called": true, "others": true, "both": true}
	for _, name := range set.Names() {
		want := finds(t, double.plain, set, name)
		require.Zero(t, double.calls, "the plain audience cannot find")
		require.Equal(t, want, finds(t, aud, set, name), name)
		require.Equal(t, name != "all", double.calls > 0, "%s is looked for in the store", name)

		double.rows = 0
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			_, err := set.Count(t.Context(), r, name, time.Time{})
			return err
		}))
		if name != "all" && !rest[name] {
			require.Less(t, double.rows, 30, "%s: half of the contacts and more are not read", name)
		}
		double.unsupported = true
		require.Equal(t, want, finds(t, aud, set, name), "%s, where the store does not know the predicate", name)
		double.calls, double.unsupported = 0, false
	}
}

func TestFindErrors(t *testing.T) {
	for name, open := range map[string]func() *store.Audience{
		"plain": func() *store.Audience { return setAudience(t) },
		"finder": func() *store.Audience {
			aud, _ := openFinder(t, store.Options{Schema: setSchema(), Clock: setNow})
			return aud
		},
	} {
		t.Run(name, func(t *testing.T) {
			aud := open()
			putAges(t, aud, 1, 2, 30)
			set := compileSet(t, setLanguage(t, aud), "adults", `contact.age >= 18`, "called", `contact.city.startsWith("B")`)
			other, err := segment.NewLanguage(audience.Schema{Fields: []audience.Field{{Name: "age", Type: audience.TypeInt, ID: 99}}}, segment.Options{})
			require.NoError(t, err)
			misfit := compileSet(t, other, "adults", `contact.age >= 18`)
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			tests := map[string]struct {
				ctx  context.Context
				set  *segment.Set
				name string
				at   time.Time
				want error
			}{
				"no such segment":        {t.Context(), set, "nobody", setNow(), audience.ErrNotFound},
				"the zero set":           {t.Context(), &segment.Set{}, "adults", setNow(), audience.ErrNotFound},
				"an instant beyond":      {t.Context(), set, "adults", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), audience.ErrInvalid},
				"another schema":         {t.Context(), misfit, "adults", setNow(), audience.ErrConflict},
				"cancelled":              {cancelled, set, "adults", setNow(), context.Canceled},
				"cancelled, with a rest": {cancelled, set, "called", setNow(), context.Canceled},
			}
			for name, tt := range tests {
				t.Run(name, func(t *testing.T) {
					require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
						members, err := tt.set.Find(tt.ctx, r, tt.name, tt.at, nil)
						require.ErrorIs(t, err, tt.want)
						require.Zero(t, members.Len())
						n, err := tt.set.Count(tt.ctx, r, tt.name, tt.at)
						require.ErrorIs(t, err, tt.want)
						require.Zero(t, n)
						return nil
					}))
				})
			}
		})
	}
}

// A contact whom the segment cannot be asked about is an error with her id, not somebody who is no member.
func TestFindFails(t *testing.T) {
	aud, _ := openFinder(t, store.Options{Schema: setSchema(), Clock: setNow})
	ids := putAges(t, aud, 1)
	broken := segment.Function{Name: "odd", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool, Call: func([]audience.Value) (audience.Value, error) {
		panic(errors.New("odd"))
	}}
	set := compileSet(t, setLanguage(t, aud, broken), "odd", `odd(contact.age)`)
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		_, err := set.Find(t.Context(), r, "odd", time.Time{}, nil)
		require.ErrorContains(t, err, "contact "+ids[0].String()+`: segment "odd"`)
		return nil
	}))
}
