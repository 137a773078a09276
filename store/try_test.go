package store_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestTry(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	_, err := f.Put(ctx, audience.ContactWrite{Match: audience.Key("ann")})
	require.NoError(t, err)
	head, err := f.Head(ctx)
	require.NoError(t, err)

	var kinds []store.ChangeKind
	err = f.Try(ctx, func(tx *store.Tx) error {
		_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("bob"), Set: map[string]audience.Value{"size": audience.IntValue(3)}})
		if err != nil {
			return err
		}
		_, err = tx.Append(ctx, audience.EventWrite{Contact: audience.Key("bob"), Type: "purchase", Time: tx.At()})
		if err != nil {
			return err
		}
		return tx.Delete(ctx, audience.Source{}, audience.Key("ann"))
	}, func(tx *store.Tx, changes []store.Change) error {
		var ids []audience.ContactID
		for _, c := range changes {
			kinds = append(kinds, c.Kind)
			ids = append(ids, c.Contact)
		}
		profiles, err := tx.ProfilesOf(ctx, audience.ProfileParts{Events: []string{"purchase"}}, ids[0], 1, ids[0])
		require.NoError(t, err)
		require.Len(t, profiles, 2, "ann is gone")
		require.Equal(t, ids[0], profiles[1].Contact.ID)
		require.Len(t, profiles[0].Events("purchase"), 1)
		schema := tx.Schema()
		_, ok := schema.FieldNamed("size")
		require.True(t, ok)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []store.ChangeKind{store.ChangeContact, store.ChangeEvent, store.ChangeDelete, store.ChangeSchema}, kinds)

	after, err := f.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, head, after)
	_, err = f.Contact(ctx, audience.Key("ann"))
	require.NoError(t, err)
	_, err = f.Contact(ctx, audience.Key("bob"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	schema := f.Schema()
	_, ok := schema.FieldNamed("size")
	require.False(t, ok)
}

// TestTryErased: what an erasure blanks is blanked for who tries, too.
func TestTryErased(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	require.NoError(t, f.Try(ctx, func(tx *store.Tx) error {
		if _, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("ann")}); err != nil {
			return err
		}
		return tx.Erase(ctx, audience.Source{}, audience.Key("ann"))
	}, func(_ *store.Tx, changes []store.Change) error {
		require.Len(t, changes, 2)
		require.Nil(t, changes[0].After)
		require.NotZero(t, changes[0].Contact)
		return nil
	}))
}

func TestTryFails(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	nothing := func(*store.Tx) error { return nil }
	require.ErrorIs(t, f.Try(ctx, func(*store.Tx) error { return strconv.ErrRange }, nil), strconv.ErrRange)
	require.ErrorIs(t, f.Try(ctx, nothing, func(*store.Tx, []store.Change) error { return strconv.ErrSyntax }), strconv.ErrSyntax)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, f.Try(gone, nothing, nil), context.Canceled)
}
