package storetest

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicSchema = "schema"

func settingsChecks() []Check {
	return []Check{
		{
			Topic: topicSchema, Name: "open-again", run: settingsAgain,
			Reason: "A host opens at every start: that must cost no commit, and every number must mean the field it meant before.",
		},
		{
			Topic: topicSchema, Name: "refused-changes-nothing", run: settingsRefused,
			Reason: "A declaration that would read numbers as texts is a mistake of this start, not of the data.",
		},
		{
			Topic: topicSchema, Name: "known-to-everybody", run: settingsShared,
			Reason: "A field that the first import brought has one type and one number on every machine.",
		},
		{
			Topic: topicSchema, Name: "keys-are-asked-for", run: settingsKeys,
			Reason: "Without the key that suppressions name they would all stop counting, without a word.",
		},
		{
			Topic: topicSchema, Name: "opened-by-many-at-once", run: settingsRace,
			Reason: "Three replicas of a host start at the same moment, on an empty database.",
		},
	}
}

func settingsAgain(k *kit) {
	first := k.open(mainAudience)
	head, err := first.Head(k.ctx)
	require.NoError(k, err)
	opts := k.options()
	for range 2 {
		again := k.openWith(mainAudience, opts)
		require.Equal(k, first.Schema(), again.Schema())
		now, err := again.Head(k.ctx)
		require.NoError(k, err)
		require.Equal(k, head, now)
		opts.Schema = audience.Schema{} // what is stored stays
	}
	for i, f := range first.Schema().Fields {
		require.EqualValues(k, i+1, f.ID, "stable numbers count from 1")
	}
	require.Len(k, k.commits(first, store.Position{}, 10), 1)
}

func settingsRefused(k *kit) {
	aud := k.open(mainAudience)
	before := aud.Schema()
	bad := k.options()
	bad.Schema.Fields = []audience.Field{{Name: "fresh", Type: audience.TypeInt}, {Name: "points", Type: audience.TypeString}}
	_, err := store.Open(k.ctx, k.adapter, mainAudience, bad)
	require.ErrorIs(k, err, audience.ErrConflict)
	w := person("ann")
	w.Set = map[string]audience.Value{"fresh": audience.IntValue(1), "points": audience.StringValue("many")}
	_, err = aud.Put(k.ctx, w)
	require.ErrorIs(k, err, audience.ErrInvalid)
	k.look(aud, func(r *store.Reader) {
		require.Equal(k, before, r.Schema())
		page, err := r.Contacts(k.ctx, store.ContactQuery{})
		require.NoError(k, err)
		require.Empty(k, page.Items)
	})
	require.Equal(k, before, k.open(mainAudience).Schema())
}

func settingsShared(k *kit) {
	one, two := k.open(mainAudience), k.open(mainAudience)
	w := person("ann")
	w.Set = map[string]audience.Value{"shoe": audience.DoubleValue(38.5)}
	_, err := one.Put(k.ctx, w)
	require.NoError(k, err)
	w = person("bea")
	w.Set = map[string]audience.Value{"hat": audience.IntValue(56), "shoe": audience.DoubleValue(40)}
	_, err = two.Put(k.ctx, w)
	require.NoError(k, err)
	_, err = one.Append(k.ctx, audience.EventWrite{Contact: audience.Key("bea"), ID: "1", Type: "fitting", Time: at(0), Props: map[string]audience.Value{"minutes": audience.IntValue(3)}})
	require.NoError(k, err)
	want := make(map[string]audience.FieldID)
	for i, aud := range []*store.Audience{one, two, k.open(mainAudience)} {
		k.look(aud, func(r *store.Reader) {
			s := r.Schema()
			for _, name := range []string{"shoe", "hat"} {
				f, ok := s.FieldNamed(name)
				require.True(k, ok, name)
				if i == 0 {
					want[name] = f.ID
				}
				require.Equal(k, want[name], f.ID, name)
			}
			require.NotEqual(k, want["shoe"], want["hat"])
			e, ok := s.EventNamed("fitting")
			require.True(k, ok)
			require.Len(k, e.Props, 1)
			c, err := r.Contact(k.ctx, audience.Key("bea"))
			require.NoError(k, err)
			shoe, _ := c.Field(&s, "shoe").Double()
			require.InDelta(k, 40.0, shoe, 0)
		})
	}
}

func settingsKeys(k *kit) {
	opts := k.options()
	opts.Keys = k.keys("k2", "k1")
	aud := k.openWith(mainAudience, opts)
	k.change(aud, func(tx *store.Tx) error {
		return tx.Suppress(k.ctx, store.SuppressionWrite{Address: person("ann").Email, Reason: audience.SuppressedManually})
	})
	for _, ids := range [][]string{{"k1"}, {"k3"}} {
		opts.Keys = k.keys(ids...)
		_, err := store.Open(k.ctx, k.adapter, mainAudience, opts)
		require.ErrorIs(k, err, audience.ErrDenied)
	}
	opts.Keys = audience.Keys{}
	_, err := store.Open(k.ctx, k.adapter, mainAudience, opts)
	require.ErrorIs(k, err, audience.ErrDenied)
	opts.Keys = k.keys("k2", "k3")
	k.openWith(mainAudience, opts)
}

func settingsRace(k *kit) {
	const hosts = 4
	handles := make([]*store.Audience, hosts)
	k.together(hosts, func(ctx context.Context, i int) (err error) {
		handles[i], err = store.Open(ctx, k.adapter, mainAudience, k.options())
		if err != nil {
			return err
		}
		w := person(fmt.Sprintf("p%d", i))
		w.Set = map[string]audience.Value{fmt.Sprintf("field_%d", i): audience.IntValue(1), "common": audience.IntValue(1)}
		_, err = handles[i].Put(ctx, w)
		return err
	})
	k.look(handles[0], func(r *store.Reader) {
		s := r.Schema()
		seen := make(map[audience.FieldID]string)
		for _, f := range s.Fields {
			require.Empty(k, seen[f.ID], "two fields have the number %d", f.ID)
			seen[f.ID] = f.Name
		}
		require.Len(k, s.Fields, len(schema().Fields)+hosts+1)
		page, err := r.Contacts(k.ctx, store.ContactQuery{})
		require.NoError(k, err)
		require.Len(k, page.Items, hosts)
	})
}
