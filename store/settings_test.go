package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// again opens the fixture's audience once more.
func (f *fixture) again(change ...func(*store.Options)) (*store.Audience, error) {
	opts := store.Options{Keys: f.Keys(), Clock: func() time.Time { return f.now }}
	for _, c := range change {
		c(&opts)
	}
	return store.Open(f.t.Context(), f.adapter, f.Name(), opts)
}

// reopen is again, and must succeed.
func (f *fixture) reopen(change ...func(*store.Options)) *store.Audience {
	f.t.Helper()
	aud, err := f.again(change...)
	require.NoError(f.t, err)
	return aud
}

func declare(s audience.Schema) func(*store.Options) {
	return func(o *store.Options) { o.Schema = s }
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

func TestOpenZeroOptions(t *testing.T) {
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{})
	require.NoError(t, err)
	require.Equal(t, "main", aud.Name())
	require.Equal(t, time.UTC, aud.Zone())
	require.True(t, aud.Keys().IsZero())
	require.NotNil(t, aud.Logger())
	require.Equal(t, 10_000, aud.Limits().BatchItems)
	schema := aud.Schema()
	require.True(t, schema.HasPurpose(audience.PurposeMarketing))
	_, ok := schema.EventNamed("purchase")
	require.True(t, ok)
	now := aud.Now()
	require.Equal(t, time.UTC, now.Location())
	require.Zero(t, now.Nanosecond()%1000)
	schema.Fields = append(schema.Fields, audience.Field{Name: "mine"})
	schema.Purposes[0].Name = "mine"
	fresh := aud.Schema()
	require.Empty(t, fresh.Fields, "it is a copy")
	require.True(t, fresh.HasPurpose(audience.PurposeMarketing))
}

func TestOpenIsIdempotent(t *testing.T) {
	schema := audience.Schema{
		Fields:   []audience.Field{{Name: "tier", Type: audience.TypeString}, {Name: "score", Type: audience.TypeInt, Owner: "scoring"}},
		Events:   []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}}}},
		Purposes: []audience.Purpose{{Name: "research"}},
		Lists:    []audience.List{{Name: "news", Kind: audience.ListTopic, Purpose: "research", Title: "News"}},
	}
	f := newFixture(t, declare(schema), func(o *store.Options) { o.Zone = zone(t, "Europe/Berlin") })
	stored := f.Schema()
	require.NoError(t, stored.Check(f.Limits()))
	require.Len(t, f.changes(), 1, "a new audience is a change of its schema")
	require.Equal(t, store.ChangeSchema, f.last().Kind)

	for range 3 {
		aud := f.reopen(declare(schema), func(o *store.Options) { o.Zone = zone(t, "Europe/Berlin") })
		require.Equal(t, stored, aud.Schema())
	}
	require.Equal(t, stored, f.reopen().Schema(), "what is not declared any more stays")
	require.Len(t, f.changes(), 1)
}

func TestOpenRefused(t *testing.T) {
	base := audience.Schema{
		Fields:   []audience.Field{{Name: "tier", Type: audience.TypeString}},
		Events:   []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}}}},
		Purposes: []audience.Purpose{{Name: "research"}},
		Lists:    []audience.List{{Name: "news", Kind: audience.ListTopic}, {Name: "vip", Kind: audience.ListStatic}},
	}
	field := func(name string, kind audience.Type) audience.Schema {
		return audience.Schema{Fields: []audience.Field{{Name: name, Type: kind}}}
	}
	list := func(l audience.List) audience.Schema {
		return audience.Schema{Lists: []audience.List{l}, Purposes: []audience.Purpose{{Name: "research"}}}
	}
	prop := func(event, name string, kind audience.Type) audience.Schema {
		return audience.Schema{Events: []audience.EventType{{Name: event, Props: []audience.Prop{{Name: name, Type: kind}}}}}
	}
	tests := map[string]struct {
		change func(*store.Options)
		want   error
	}{
		"another type of a field":    {declare(field("tier", audience.TypeInt)), audience.ErrConflict},
		"another type of a property": {declare(prop("visit", "page", audience.TypeInt)), audience.ErrConflict},
		"another type of a built-in": {declare(prop("purchase", "value", audience.TypeString)), audience.ErrInvalid},
		"another kind of list":       {declare(list(audience.List{Name: "vip", Kind: audience.ListTopic})), audience.ErrConflict},
		"another purpose of a topic": {declare(list(audience.List{Name: "news", Kind: audience.ListTopic, Purpose: "research"})), audience.ErrConflict},
		"a field without a type":     {declare(field("size", 0)), audience.ErrInvalid},
		"a field of the language":    {declare(field("email", audience.TypeString)), audience.ErrInvalid},
		"too many fields with the rest": {func(o *store.Options) {
			o.Schema, o.Limits = field("size", audience.TypeInt), audience.Limits{Fields: 1}
		}, audience.ErrLimit},
		"a field renamed to another one": {declare(audience.Schema{Fields: []audience.Field{{Name: "level", Type: audience.TypeInt, Renamed: "tier"}}}), audience.ErrConflict},
		"no keys any more":               {func(o *store.Options) { o.Keys = audience.Keys{} }, audience.ErrDenied},
		"a local zone":                   {func(o *store.Options) { o.Zone = time.FixedZone("Local", 0) }, audience.ErrInvalid},
		"a zone without a name":          {func(o *store.Options) { o.Zone = time.FixedZone("", 3600) }, audience.ErrInvalid},
		"a zone nobody knows":            {func(o *store.Options) { o.Zone = time.FixedZone("Nowhere/City", 3600) }, audience.ErrInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, declare(base), func(o *store.Options) { o.Zone = zone(t, "Asia/Tokyo") })
			before := f.Schema()
			_, err := f.again(tt.change)
			require.ErrorIs(t, err, tt.want)
			aud := f.reopen()
			require.Equal(t, before, aud.Schema())
			require.Equal(t, "Asia/Tokyo", aud.Zone().String())
			require.Len(t, f.changes(), 1)
		})
	}
	for _, name := range []string{"", " main", "a\x00b", string(make([]byte, 201))} {
		_, err := store.Open(t.Context(), memstore.New(), name, store.Options{})
		require.ErrorIs(t, err, audience.ErrInvalid, "%q", name)
	}
}

func TestOpenMergesSchemas(t *testing.T) {
	f := newFixture(t, declare(audience.Schema{
		Fields: []audience.Field{{Name: "tier", Type: audience.TypeString}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}}}},
		Lists:  []audience.List{{Name: "news", Kind: audience.ListTopic}},
	}))
	before := f.Schema()
	aud := f.reopen(declare(audience.Schema{
		Fields:   []audience.Field{{Name: "score", Type: audience.TypeInt, Owner: "scoring"}, {Name: "tier", Type: audience.TypeString, Owner: "loyalty"}},
		Events:   []audience.EventType{{Name: "call"}, {Name: "visit", Props: []audience.Prop{{Name: "seconds", Type: audience.TypeInt}}}},
		Purposes: []audience.Purpose{{Name: "research"}},
		Lists: []audience.List{
			{Name: "vip", Kind: audience.ListStatic},
			{Name: "news", Kind: audience.ListTopic, Purpose: audience.PurposeMarketing, Title: "The News"},
		},
	}))
	s := aud.Schema()
	require.Equal(t, []audience.Field{
		{ID: 1, Name: "tier", Type: audience.TypeString, Owner: "loyalty"},
		{ID: 2, Name: "score", Type: audience.TypeInt, Owner: "scoring"},
	}, s.Fields)
	visit, ok := s.EventNamed("visit")
	require.True(t, ok)
	require.Equal(t, []audience.Prop{{ID: 1, Name: "page", Type: audience.TypeString}, {ID: 2, Name: "seconds", Type: audience.TypeInt}}, visit.Props)
	call, ok := s.EventNamed("call")
	require.True(t, ok)
	require.EqualValues(t, len(before.Events)+1, call.ID)
	require.True(t, s.HasPurpose("research"))
	news, _ := s.ListNamed("news")
	require.Equal(t, "The News", news.Title)
	require.Len(t, s.Lists, 2)
	require.Equal(t, store.ChangeSchema, f.last().Kind)
	require.Len(t, f.changes(), 2)
}

func TestOpenRenames(t *testing.T) {
	f := newFixture(t, declare(audience.Schema{
		Fields: []audience.Field{{Name: "tier", Type: audience.TypeString}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "page", Type: audience.TypeString}}}},
	}))
	f.write(audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.StringValue("gold")}})
	f.append(audience.EventWrite{
		Contact: audience.Key("ann"), Type: "visit", Time: f.now, Props: map[string]audience.Value{"page": audience.StringValue("home")},
	})
	renamed := declare(audience.Schema{
		Fields: []audience.Field{{Name: "level", Type: audience.TypeString, Renamed: "tier"}},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "url", Type: audience.TypeString, Renamed: "page"}}}},
	})
	for range 2 { // it stays in the host's code
		aud := f.reopen(renamed)
		s := aud.Schema()
		require.Equal(t, []audience.Field{{ID: 1, Name: "level", Type: audience.TypeString}}, s.Fields)
		c, err := aud.Contact(t.Context(), audience.Key("ann"))
		require.NoError(t, err)
		require.True(t, c.Field(&s, "level").Equal(audience.StringValue("gold")))
		e := f.events(audience.Key("ann"))[0]
		require.True(t, e.PropNamed(&s, "url").Equal(audience.StringValue("home")))
	}
	s := f.reopen(declare(audience.Schema{Fields: []audience.Field{{Name: "tier", Type: audience.TypeInt}}})).Schema()
	require.Equal(t, audience.FieldID(2), s.Fields[1].ID, "the old name is free for another field")
	c := f.contact(audience.Key("ann"))
	require.True(t, c.Field(&s, "tier").IsZero())
}

func TestOpenKeys(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	_, err := f.again(func(o *store.Options) { o.Keys = audience.Keys{} })
	require.ErrorIs(t, err, audience.ErrDenied, "it was opened with keys once")
	f.reopen(func(o *store.Options) { o.Keys = testKeys(t, "b") }) // nothing is held yet
	f.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: address(t, "eve@example.com"), Reason: audience.SuppressedManually})
	})
	_, err = f.again(func(o *store.Options) { o.Keys = testKeys(t, "b") })
	require.ErrorIs(t, err, audience.ErrDenied, "suppressions name key a")
	require.ErrorContains(t, err, `"a"`)
	f.reopen(func(o *store.Options) { o.Keys = testKeys(t, "b", "a") })
}

func TestOpenKeysLater(t *testing.T) {
	f := newFixture(t, withoutKeys)
	f.reopen()
	aud := f.reopen(func(o *store.Options) { o.Keys = testKeys(t, "a") })
	require.Equal(t, []string{"a"}, aud.Keys().IDs())
	_, err := f.again()
	require.ErrorIs(t, err, audience.ErrDenied)
}

func TestOpenZone(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, time.UTC, f.Zone())
	berlin := f.reopen(func(o *store.Options) { o.Zone = zone(t, "Europe/Berlin") })
	require.Equal(t, "Europe/Berlin", berlin.Zone().String())
	require.Equal(t, "Europe/Berlin", f.reopen().Zone().String(), "nil keeps it")
	require.Len(t, f.changes(), 2)
	f.view(func(r *store.Reader) error {
		require.Equal(t, "Europe/Berlin", r.Zone().String())
		return nil
	})
	require.Equal(t, time.UTC, f.reopen(func(o *store.Options) { o.Zone = time.UTC }).Zone())

	// The name counts: what is stored is what is used, from the first moment.
	fixed := f.reopen(func(o *store.Options) { o.Zone = time.FixedZone("Europe/Berlin", 5*3600) })
	_, offset := time.Date(2026, 7, 1, 0, 0, 0, 0, fixed.Zone()).Zone()
	require.Equal(t, 2*3600, offset)
}

// Two handles of one audience, as two processes have.
func TestHandlesSeeEachOthersSchema(t *testing.T) {
	f := newFixture(t)
	other := f.reopen()
	f.write(audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.StringValue("gold")}})
	s := other.Schema()
	_, ok := s.FieldNamed("tier")
	require.False(t, ok, "as of its last transaction")
	require.NoError(t, other.View(t.Context(), func(r *store.Reader) error {
		s := r.Schema()
		_, ok := s.FieldNamed("tier")
		require.True(t, ok)
		return nil
	}))
	s = other.Schema()
	_, ok = s.FieldNamed("tier")
	require.True(t, ok)

	_, err := other.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{
		"tier": audience.StringValue("silver"), "size": audience.IntValue(1),
	}})
	require.NoError(t, err)
	_, err = f.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"size": audience.StringValue("x")}})
	require.ErrorIs(t, err, audience.ErrInvalid, "the other handle fixed its type")
	f.view(func(r *store.Reader) error {
		s := r.Schema()
		size, ok := s.FieldNamed("size")
		require.True(t, ok)
		require.EqualValues(t, 2, size.ID)
		return nil
	})
}

func TestSchemaOfFailedTransaction(t *testing.T) {
	f := newFixture(t)
	before := f.Schema()
	err := f.refused(func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.IntValue(1)}})
		require.NoError(t, err)
		s := tx.Schema()
		_, ok := s.FieldNamed("tier")
		require.True(t, ok, "a transaction sees what it wrote")
		return context.Canceled
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, f.Schema())
	f.write(audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.StringValue("gold")}})
}

func TestDeclare(t *testing.T) {
	f := newFixture(t)
	field := func(kind audience.Type) audience.Schema {
		return audience.Schema{Fields: []audience.Field{{Name: "tier", Type: kind}}}
	}
	f.update(func(tx *store.Tx) error {
		require.NoError(t, tx.Declare(t.Context(), field(audience.TypeDouble)))
		require.NoError(t, tx.Declare(t.Context(), field(audience.TypeDouble)))
		require.ErrorIs(t, tx.Declare(t.Context(), field(audience.TypeString)), audience.ErrConflict)
		require.ErrorIs(t, tx.Declare(t.Context(), field(0)), audience.ErrInvalid)
		_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: map[string]audience.Value{"tier": audience.IntValue(1)}})
		return err
	})
	s := f.Schema()
	c := f.contact(audience.Key("ann"))
	require.True(t, c.Field(&s, "tier").Equal(audience.DoubleValue(1)), "declared beats inferred")
	before := len(f.changes())
	f.update(func(tx *store.Tx) error { return tx.Declare(t.Context(), field(audience.TypeDouble)) })
	require.Len(t, f.changes(), before)
}

func TestAudiencesAreIsolated(t *testing.T) { // G5
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	other, err := store.Open(t.Context(), f.adapter, "other", store.Options{})
	require.NoError(t, err)
	_, err = other.Contact(t.Context(), audience.Key("ann"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	head, err := f.Head(t.Context())
	require.NoError(t, err)
	_, err = other.Commits(t.Context(), head, 1)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	require.ErrorIs(t, other.Trim(t.Context(), head), audience.ErrPositionGone)
	s := other.Schema()
	_, ok := s.ListNamed("vip")
	require.False(t, ok)
}
