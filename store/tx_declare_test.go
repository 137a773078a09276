package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) declare(s audience.Schema) error {
	_, err := f.Update(f.t.Context(), func(tx *store.Tx) error { return tx.Declare(f.t.Context(), s) })
	return err
}

func TestDeclareAdds(t *testing.T) {
	f := newFixture(t)
	brings := audience.Schema{
		Fields: []audience.Field{{Name: "zip", Type: audience.TypeString}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}}}},
	}
	_, err := f.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Declare(t.Context(), brings); err != nil {
			return err
		}
		_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"zip": audience.IntValue(7)}})
		require.ErrorIs(t, err, audience.ErrInvalid, "the type counts within the same transaction")
		return nil
	})
	require.NoError(t, err)
	schema := f.Schema()
	zip, ok := schema.FieldNamed("zip")
	require.True(t, ok)
	require.NotZero(t, zip.ID)
	visit, ok := schema.EventNamed("visit")
	require.True(t, ok)
	require.NotZero(t, visit.ID)
	require.NotZero(t, visit.Props[0].ID)
	require.True(t, schema.HasPurpose("research"), "what is there stays")

	before, err := f.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.declare(brings))
	after, err := f.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after, "declaring it again is no commit")
}

func TestDeclareRefuses(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Limits = audience.Limits{Fields: 3} })
	require.NoError(t, f.declare(audience.Schema{Fields: []audience.Field{{Name: "zip", Type: audience.TypeString}}}))
	require.ErrorIs(t, f.declare(audience.Schema{Fields: []audience.Field{{Name: "zip", Type: audience.TypeInt}}}), audience.ErrConflict)
	require.ErrorIs(t, f.declare(audience.Schema{Fields: []audience.Field{{Name: "Zip", Type: audience.TypeInt}}}), audience.ErrInvalid)
	var many audience.Schema
	for i := range 3 {
		many.Fields = append(many.Fields, audience.Field{Name: fmt.Sprint("f", i), Type: audience.TypeInt})
	}
	require.ErrorIs(t, f.declare(many), audience.ErrLimit)
	schema := f.Schema()
	require.Len(t, schema.Fields, 1)
}
