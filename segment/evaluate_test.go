package segment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// evaluate evaluates a set in a snapshot of its own.
func evaluate(t testing.TB, aud *store.Audience, set *segment.Set, at time.Time) *segment.Result {
	t.Helper()
	var result *segment.Result
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		result, err = set.Evaluate(t.Context(), r, at, nil)
		return err
	}))
	return result
}

func members(t testing.TB, r *segment.Result, name string) segment.Members {
	t.Helper()
	m, ok := r.Members(name)
	require.True(t, ok, name)
	return m
}

func TestEvaluate(t *testing.T) {
	aud := setAudience(t)
	ages := make([]int64, 2_500) // three pages
	random := rand.New(rand.NewPCG(1, 1))
	for i := range ages {
		ages[i] = random.Int64N(101) - 1
	}
	ids := putAges(t, aud, ages...)
	set := compileSet(t, setLanguage(t, aud), "adult", `contact.age >= 18`, "nobody", `contact.age > 1000`, "other", `!inSegment("adult")`)
	var adults, others []audience.ContactID
	for i, age := range ages {
		if age >= 18 {
			adults = append(adults, ids[i])
		} else {
			others = append(others, ids[i])
		}
	}

	var result *segment.Result
	var progress []int
	var position store.Position
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		if position, err = r.Position(t.Context()); err != nil {
			return err
		}
		result, err = set.Evaluate(t.Context(), r, setNow().Add(1999), func(n int) { progress = append(progress, n) })
		return err
	}))
	require.Equal(t, setNow().Add(time.Microsecond), result.At)
	require.Equal(t, position, result.Position)
	require.Equal(t, 2_500, result.Contacts)
	require.Equal(t, []int{1_000, 2_000, 2_500}, progress)
	require.Equal(t, []string{"adult", "nobody", "other"}, result.Names())
	require.Equal(t, adults, slices.Collect(members(t, result, "adult").All()))
	require.Equal(t, others, slices.Collect(members(t, result, "other").All()))
	require.Zero(t, members(t, result, "nobody").Len())
	_, ok := result.Members("adults")
	require.False(t, ok)
}

// TestEvaluateIsMatch (G1): a contact is in a set exactly when the segment is
// true for her, alone.
func TestEvaluateIsMatch(t *testing.T) {
	aud := setAudience(t)
	random := rand.New(rand.NewPCG(2, 1))
	ages := make([]int64, 200)
	for i := range ages {
		ages[i] = random.Int64N(80) - 1
	}
	ids := putAges(t, aud, ages...)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		var events []audience.EventWrite
		for range 600 {
			events = append(events, audience.EventWrite{
				Contact: audience.ID(ids[random.IntN(len(ids))]), Type: "purchase",
				Time:  setNow().Add(-time.Duration(random.IntN(60*24)) * time.Hour),
				Props: map[string]audience.Value{"value": audience.DoubleValue(float64(random.IntN(100)))},
			})
		}
		_, err := tx.Append(t.Context(), events...)
		return err
	})
	require.NoError(t, err)
	set := compileSet(
		t, setLanguage(t, aud),
		"big", `events("purchase").sum("value") > 100`,
		"recent", `events("purchase").within("30d").count() >= 2`,
		"young", `contact.age < 30`,
		"mix", `inSegment("big") && (inSegment("recent") || !inSegment("young"))`,
	)
	for _, at := range []time.Time{setNow(), setNow().Add(-29 * 24 * time.Hour), setNow().Add(365 * 24 * time.Hour)} {
		result := evaluate(t, aud, set, at)
		some := 0
		for _, id := range ids {
			p := profileOf(t, aud, audience.ID(id), set.Parts())
			for _, name := range set.Names() {
				truth, err := set.At(at).Truth(name, p)
				require.NoError(t, err)
				got := members(t, result, name).Contains(id)
				require.Equal(t, truth == segment.True, got, "%s of %d at %s", name, id, at)
				if got {
					some++
				}
			}
		}
		require.Positive(t, some)
	}
}

func TestEvaluateNobody(t *testing.T) {
	aud := setAudience(t)
	result := evaluate(t, aud, compileSet(t, setLanguage(t, aud), "all", `contact.id > 0`), setNow())
	require.Zero(t, result.Contacts)
	require.Zero(t, members(t, result, "all").Len())
}

// TestEvaluateTheClocksInstant: the zero instant is not the year 1.
func TestEvaluateTheClocksInstant(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, 1)
	set := compileSet(t, setLanguage(t, aud), "now", `now == timestamp("2026-03-01T12:00:00Z")`)
	result := evaluate(t, aud, set, time.Time{})
	require.Equal(t, setNow(), result.At)
	require.Equal(t, 1, members(t, result, "now").Len())
}

// TestEvaluateReadsTheSnapshot: what is committed meanwhile does not show.
func TestEvaluateReadsTheSnapshot(t *testing.T) {
	aud := setAudience(t)
	ages := make([]int64, 1_500)
	ids := putAges(t, aud, ages...)
	set := compileSet(t, setLanguage(t, aud), "newborn", `contact.age == 0`)
	var result *segment.Result
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		result, err = set.Evaluate(t.Context(), r, setNow(), func(int) {
			_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Put(t.Context(), audience.ContactWrite{
					Match: audience.ID(ids[1_400]), Set: map[string]audience.Value{"age": audience.IntValue(9)},
				}, audience.ContactWrite{Match: audience.Key("new"), Set: map[string]audience.Value{"age": audience.IntValue(0)}})
				return err
			})
			require.NoError(t, err)
		})
		return err
	}))
	require.Equal(t, 1_500, members(t, result, "newborn").Len())
	after := evaluate(t, aud, set, setNow())
	require.Equal(t, 1_500, members(t, after, "newborn").Len())
	require.False(t, members(t, after, "newborn").Contains(ids[1_400]))
	require.NotEqual(t, result.Position, after.Position)
}

func TestEvaluateStops(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, make([]int64, 2_500)...)
	set := compileSet(t, setLanguage(t, aud), "newborn", `contact.age == 0`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pages := 0
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		result, err := set.Evaluate(ctx, r, setNow(), func(int) { pages++; cancel() })
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, result)
		return nil
	}))
	require.Equal(t, 1, pages)
}

// TestEvaluateStopsWithinAPage: a page may cost much more than reading it.
func TestEvaluateStopsWithinAPage(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, make([]int64, 100)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	l := setLanguage(t, aud, segment.Function{
		Name: "slow", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func([]audience.Value) (audience.Value, error) {
			if calls++; calls == 10 {
				cancel()
			}
			return audience.BoolValue(true), nil
		},
	})
	set := compileSet(t, l, "slow", `slow(contact.age)`)
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		result, err := set.Evaluate(ctx, r, setNow(), nil)
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, result)
		return nil
	}))
	require.Equal(t, 10, calls)
}

// TestEvaluateMerged: who was merged into another is that other.
func TestEvaluateMerged(t *testing.T) {
	aud := setAudience(t)
	ids := putAges(t, aud, 20, 30)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Append(t.Context(), audience.EventWrite{Contact: audience.ID(ids[1]), Type: "purchase", Time: setNow()}); err != nil {
			return err
		}
		return tx.Merge(t.Context(), audience.ID(ids[0]), audience.ID(ids[1]), audience.Source{})
	})
	require.NoError(t, err)
	result := evaluate(t, aud, compileSet(t, setLanguage(t, aud), "buyer", `events("purchase").any()`, "other", `events("purchase").none()`), setNow())
	require.Equal(t, 1, result.Contacts)
	require.Equal(t, ids[:1], slices.Collect(members(t, result, "buyer").All()))
	require.Zero(t, members(t, result, "other").Len())
}

func TestEvaluateFailsWhole(t *testing.T) {
	aud := setAudience(t)
	ids := putAges(t, aud, 1, 2, 3)
	l := setLanguage(t, aud, segment.Function{
		Name: "fail", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func(args []audience.Value) (audience.Value, error) {
			if age, _ := args[0].Int(); age == 2 {
				panic("not two")
			}
			return audience.BoolValue(true), nil
		},
	})
	set := compileSet(t, l, "picky", `fail(contact.age)`)
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		result, err := set.Evaluate(t.Context(), r, setNow(), nil)
		require.ErrorContains(t, err, fmt.Sprintf(`contact %d: segment "picky"`, ids[1]))
		require.Nil(t, result)
		return nil
	}))
}

// TestEvaluateRefuses: a set never reads an audience that it was not compiled
// for (G5), and an instant must be one.
func TestEvaluateRefuses(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	with := func(change func(*audience.Schema)) func(*store.Options) {
		return func(o *store.Options) {
			o.Schema = setSchema()
			change(&o.Schema)
		}
	}
	tests := []struct {
		name   string
		change func(*store.Options) // of the audience that is evaluated
		at     time.Time
		want   error
		text   string
	}{
		{"the audience itself", with(func(*audience.Schema) {}), setNow(), nil, ""},
		{"one field more", with(func(s *audience.Schema) {
			s.Fields = append(s.Fields, audience.Field{Name: "z", Type: audience.TypeInt})
		}), setNow(), nil, ""},
		{"one field less", with(func(s *audience.Schema) { s.Fields = s.Fields[:1] }), setNow(), audience.ErrConflict, `field "city"`},
		{"another type", with(func(s *audience.Schema) { s.Fields[0].Type = audience.TypeDouble }), setNow(), audience.ErrConflict, `field "age"`},
		{"another order", with(func(s *audience.Schema) { slices.Reverse(s.Fields) }), setNow(), audience.ErrConflict, `field "age"`},
		{"another kind of list", with(func(s *audience.Schema) { s.Lists[0].Kind = audience.ListTopic }), setNow(), audience.ErrConflict, `list "never"`},
		{"properties in another order", with(func(s *audience.Schema) { slices.Reverse(s.Events[0].Props) }), setNow(), audience.ErrConflict, `property "visit.page"`},
		{"no such purpose", with(func(s *audience.Schema) {
			s.Purposes, s.Lists = nil, s.Lists[:2]
		}), setNow(), audience.ErrConflict, `purpose "offers"`},
		{"a list of another purpose", with(func(s *audience.Schema) { s.Lists[2].Purpose = "marketing" }), setNow(), audience.ErrConflict, `list "deals"`},
		{"no such event type", with(func(s *audience.Schema) { s.Events = nil }), setNow(), audience.ErrConflict, `event type "visit"`},
		{"another zone", func(o *store.Options) { o.Zone = berlin }, setNow(), audience.ErrConflict, "Europe/Berlin"},
		{"the year 10000", with(func(*audience.Schema) {}), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), audience.ErrInvalid, "1 to 9999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := compileSet(t, setLanguage(t, setAudience(t)), "adult", `contact.age >= 18`)
			require.NoError(t, setAudience(t, tt.change).View(t.Context(), func(r *store.Reader) error {
				result, err := set.Evaluate(t.Context(), r, tt.at, nil)
				require.ErrorIs(t, err, tt.want)
				require.Equal(t, tt.want == nil, result != nil)
				if tt.want != nil {
					require.ErrorContains(t, err, tt.text)
				}
				return nil
			}))
		})
	}
}

// TestEvaluateRefusesZones: a zone is what its clocks show, not its name.
func TestEvaluateRefusesZones(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	inBerlin := setAudience(t, func(o *store.Options) { o.Zone = berlin })
	tests := []struct {
		name string
		aud  *store.Audience
		zone *time.Location
		want string
	}{
		{"another that is called UTC", setAudience(t), time.FixedZone("UTC", 5*3600), "such as at 1900-01-01T00:00:00Z"},
		{"one offset all year", inBerlin, time.FixedZone("Europe/Berlin", 3600), "such as at 19"},
		{"another name", inBerlin, time.FixedZone("Berlin", 3600), "Europe/Berlin"},
		{"the same in other words", setAudience(t), time.FixedZone("UTC", 0), ""},
		{"the same", inBerlin, berlin, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := segment.NewLanguage(tt.aud.Schema(), segment.Options{Zone: tt.zone})
			require.NoError(t, err)
			set := compileSet(t, l, "late", `now.getHours() >= 20`)
			require.NoError(t, tt.aud.View(t.Context(), func(r *store.Reader) error {
				_, err := set.Evaluate(t.Context(), r, setNow(), nil)
				if tt.want == "" {
					require.NoError(t, err)
					return nil
				}
				require.ErrorIs(t, err, audience.ErrConflict)
				require.ErrorContains(t, err, tt.want)
				return nil
			}))
		})
	}
}

// TestEvaluateRefusesNumbersThatAreNotTheStores: a schema that no store has
// numbered reads nothing.
func TestEvaluateRefusesNumbersThatAreNotTheStores(t *testing.T) {
	l, err := segment.NewLanguage(setSchema(), segment.Options{})
	require.NoError(t, err)
	set := compileSet(t, l, "adult", `contact.age >= 18`)
	require.NoError(t, setAudience(t).View(t.Context(), func(r *store.Reader) error {
		_, err := set.Evaluate(t.Context(), r, setNow(), nil)
		require.ErrorIs(t, err, audience.ErrConflict)
		return nil
	}))
}
