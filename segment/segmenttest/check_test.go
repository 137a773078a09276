package segmenttest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestCheck: an engine is right on the data that there is, and one that is not is found.
func TestCheck(t *testing.T) {
	clock := segmenttest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Schema: audience.Schema{Fields: []audience.Field{{Name: "age", Type: audience.TypeInt}}}, Clock: clock.Now,
	})
	require.NoError(t, err)
	for i, key := range []string{"a", "b", "c", "d"} {
		_, err := aud.Put(t.Context(), audiencetest.Contact(key, "age", 10*i))
		require.NoError(t, err)
	}
	older := func(limit int64) segment.Function {
		return segment.Function{
			Name: "older", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
			Call: func(args []audience.Value) (audience.Value, error) {
				age, _ := args[0].Int()
				return audience.BoolValue(age > limit), nil
			},
		}
	}
	eng, err := segment.OpenEngine(t.Context(), aud, segment.EngineOptions{Functions: []segment.Function{older(15)}})
	require.NoError(t, err)
	_, err = eng.Apply(
		t.Context(), segment.Definition{Name: "new", Source: `contact.created_at > ago("30d")`},
		segment.Definition{Name: "older", Source: `older(contact.age)`},
	)
	require.NoError(t, err)
	_, err = aud.Put(t.Context(), audiencetest.Contact("e", "age", 50))
	require.NoError(t, err)
	clock.MoveTo(clock.Now().Add(30 * 24 * time.Hour))

	compared, differences, err := segmenttest.Check(t.Context(), aud, eng, older(15))
	require.NoError(t, err)
	require.Empty(t, differences)
	require.Equal(t, 5*2, compared)

	_, differences, err = segmenttest.Check(t.Context(), aud, eng, older(25)) // the reference has another one than the engine
	require.NoError(t, err)
	require.Equal(t, []segmenttest.Difference{{Segment: "older", Contact: 3, Member: true}}, differences)
	require.Equal(t, "segment older: the engine has contact 3 in, the reference out", differences[0].String())
	_, differences, err = segmenttest.Check(t.Context(), aud, eng, older(5))
	require.NoError(t, err)
	require.Equal(t, []segmenttest.Difference{{Segment: "older", Contact: 2}}, differences)

	_, _, err = segmenttest.Check(t.Context(), aud, eng)
	require.ErrorIs(t, err, audience.ErrInvalid, "a function is missing")
	_, _, err = segmenttest.Check(t.Context(), aud, &segment.Engine{})
	require.ErrorIs(t, err, audience.ErrInvalid)
}
