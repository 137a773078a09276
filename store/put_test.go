package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (f *fixture) write(w audience.ContactWrite) store.PutResult {
	f.t.Helper()
	res, err := f.Put(f.t.Context(), w)
	require.NoError(f.t, err)
	return res
}

// requireBatch wants a batch error with exactly these causes by index.
func requireBatch(t *testing.T, err error, want map[int]error) {
	t.Helper()
	var refused *audience.BatchError
	require.ErrorAs(t, err, &refused)
	got := make(map[int]error, len(refused.Items))
	for _, item := range refused.Items {
		got[item.Index] = item.Err
	}
	for i, category := range want {
		require.ErrorIs(t, got[i], category, "item %d", i)
	}
	require.Len(t, got, len(want), "refused items: %v", err)
}

// requireConflict wants a conflict of a kind with a contact.
func requireConflict(t *testing.T, err error, kind string, with audience.ContactID) {
	t.Helper()
	var conflict *audience.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, kind, conflict.Kind)
	require.Equal(t, with, conflict.Contact)
}

func TestPutCreates(t *testing.T) {
	f := newFixture(t)
	since := time.Date(2020, 2, 29, 1, 2, 3, 4567, time.FixedZone("", 3600))
	source := audience.Source{Kind: audience.SourceImport, Name: "january"}
	res := f.write(audience.ContactWrite{
		Match: audience.Key("ann"), Email: address(t, "Ann@Example.com"), Addresses: []audience.Address{address(t, "ann@example.org")},
		External:  []audience.ExternalID{audience.External("crm", "7")},
		FirstName: audience.NewPrivate("Ann"), LastName: audience.NewPrivate("Example"), Phone: audience.NewPrivate("+1 555 0100"),
		Set: map[string]audience.Value{"age": audience.IntValue(30)}, AddTags: []string{"vip", "b2c"},
		CreatedAt: since, Source: source,
	})
	require.Equal(t, store.PutResult{ID: 1, Version: 1, Created: true, Changed: true}, res)

	c := f.contact(audience.Key("ann"))
	require.Equal(t, res.ID, c.ID)
	require.Equal(t, "Ann@Example.com", c.Email().Reveal(), "the spelling is kept")
	require.Len(t, c.Addresses, 2)
	require.Len(t, c.External, 2)
	require.Equal(t, "Ann Example +1 555 0100", c.FirstName.Reveal()+" "+c.LastName.Reveal()+" "+c.Phone.Reveal())
	require.Equal(t, []string{"b2c", "vip"}, c.TagNames())
	require.Equal(t, time.Date(2020, 2, 29, 0, 2, 3, 4000, time.UTC), c.CreatedAt, "UTC, whole microseconds")
	require.Equal(t, f.now, c.UpdatedAt)
	schema := f.Schema()
	require.True(t, c.Field(&schema, "age").Equal(audience.IntValue(30)))
	require.Equal(t, audience.Provenance{Source: source, At: f.now}, *c.Fields[0].Origin)
	require.Equal(t, audience.Provenance{Source: source, At: f.now}, *c.Tags[0].Origin)
	for _, ref := range []audience.Ref{
		audience.ID(res.ID), audience.Key("ann"), audience.ExternalRef(audience.External("crm", "7")),
		audience.Email("ANN@example.com"), audience.Email("ann@example.org"),
	} {
		require.Equal(t, res.ID, f.contact(ref).ID, "%v", ref)
	}
	change := f.changes()[1] // the schema's comes last, the contact's before it
	require.Equal(t, store.ChangeContact, change.Kind)
	require.Equal(t, c.Version, change.After.Version)
	require.Equal(t, source, change.Source)
	require.NotNil(t, change.SuppressedFrom, "her addresses are new")
	require.True(t, change.SuppressedFrom.IsZero())
}

func TestPutUpdates(t *testing.T) {
	f := newFixture(t)
	id := f.put("ann", "ann@example.com")
	created := f.now
	f.later(time.Hour)
	res := f.write(audience.ContactWrite{
		Match: audience.Key("ann"), Email: address(t, "ann@example.net"), FirstName: audience.NewPrivate("Ann"),
		CreatedAt: created.AddDate(-1, 0, 0),
	})
	require.Equal(t, store.PutResult{ID: id, Version: 2, Changed: true}, res)
	c := f.contact(audience.ID(id))
	require.Equal(t, "ann@example.net", c.Email().Canonical())
	require.Equal(t, "ann@example.com", c.Addresses[1].Canonical(), "the former primary address stays hers")
	require.Equal(t, created, c.CreatedAt, "she was there already")
	require.Equal(t, f.now, c.UpdatedAt)

	commits := len(f.changes())
	f.later(time.Hour)
	res = f.write(audience.ContactWrite{Match: audience.Key("ann"), FirstName: audience.NewPrivate("Ann")})
	require.Equal(t, store.PutResult{ID: id, Version: 2}, res, "nothing changed")
	require.Equal(t, f.now.Add(-time.Hour), f.contact(audience.ID(id)).UpdatedAt)
	require.Len(t, f.changes(), commits, "the feed tells of changes only")

	f.write(audience.ContactWrite{Match: audience.ID(id), Detach: []audience.Identity{audience.AddressIdentity(address(t, "ann@example.net"))}})
	c = f.contact(audience.ID(id))
	require.Equal(t, "ann@example.com", c.Email().Canonical(), "the next address is the primary one")
	require.NotNil(t, f.last().SuppressedFrom, "her addresses changed")
	other := f.put("bob", "ann@example.net")
	require.NotEqual(t, id, other, "the address is free")

	f.write(audience.ContactWrite{Match: audience.ID(id), LastName: audience.NewPrivate("Example")})
	require.Nil(t, f.last().SuppressedFrom, "her addresses stayed")
}

func TestPutMatches(t *testing.T) {
	crm := func(id string) []audience.ExternalID { return []audience.ExternalID{audience.External("crm", id)} }
	const ann, bob = audience.ContactID(1), audience.ContactID(2)
	tests := map[string]struct {
		write    func(*audience.ContactWrite)
		is       audience.ContactID // 0: created
		err      error
		conflict string
		with     audience.ContactID
	}{
		"by id": {write: func(w *audience.ContactWrite) { w.Match = audience.ID(bob) }, is: bob},
		"by an unknown id": {
			write: func(w *audience.ContactWrite) { w.Match = audience.ID(77) }, err: audience.ErrNotFound,
		},
		"by key":         {write: func(w *audience.ContactWrite) { w.Match = audience.Key("bob") }, is: bob},
		"by an address":  {write: func(w *audience.ContactWrite) { w.Match = audience.Email("BOB@example.com") }, is: bob},
		"key not known":  {write: func(w *audience.ContactWrite) { w.Match = audience.Key("eve") }},
		"by external id": {write: func(w *audience.ContactWrite) { w.External = crm("2") }, is: bob},
		"by external id, the address is new": {
			write: func(w *audience.ContactWrite) { w.External, w.Email = crm("2"), address(t, "eve@example.com") }, is: bob,
		},
		"by address, the external id is new": {
			write: func(w *audience.ContactWrite) { w.External, w.Email = crm("9"), address(t, "bob@example.com") }, is: bob,
		},
		"by a further address": {
			write: func(w *audience.ContactWrite) {
				w.Email, w.Addresses = address(t, "eve@example.com"), []audience.Address{address(t, "bob@example.com")}
			}, is: bob,
		},
		"by both": {
			write: func(w *audience.ContactWrite) { w.External, w.Email = crm("1"), address(t, "ann@example.com") }, is: ann,
		},
		"nobody": {
			write: func(w *audience.ContactWrite) { w.External, w.Email = crm("9"), address(t, "eve@example.com") },
		},
		"ambiguous": {
			write: func(w *audience.ContactWrite) { w.External, w.Email = crm("1"), address(t, "bob@example.com") },
			err:   audience.ErrConflict, conflict: "ambiguous", with: ann,
		},
		"ambiguous among external ids": {
			write: func(w *audience.ContactWrite) { w.External = append(crm("2"), crm("1")...) },
			err:   audience.ErrConflict, conflict: "ambiguous", with: bob,
		},
		"key of one, address of another": {
			write: func(w *audience.ContactWrite) { w.Match, w.Email = audience.Key("ann"), address(t, "bob@example.com") },
			err:   audience.ErrConflict, conflict: "identity", with: bob,
		},
		"new key, address of somebody": {
			write: func(w *audience.ContactWrite) { w.Match, w.Email = audience.Key("eve"), address(t, "bob@example.com") },
			err:   audience.ErrConflict, conflict: "identity", with: bob,
		},
		"only new, is there": {
			write: func(w *audience.ContactWrite) { w.Match, w.Mode = audience.Key("ann"), audience.CreateOnly },
			err:   audience.ErrConflict, conflict: "exists", with: ann,
		},
		"only new": {
			write: func(w *audience.ContactWrite) { w.Match, w.Mode = audience.Key("eve"), audience.CreateOnly },
		},
		"only there": {
			write: func(w *audience.ContactWrite) { w.Match, w.Mode = audience.Key("ann"), audience.UpdateOnly }, is: ann,
		},
		"only there, is new": {
			write: func(w *audience.ContactWrite) { w.Match, w.Mode = audience.Key("eve"), audience.UpdateOnly },
			err:   audience.ErrNotFound,
		},
		"this version": {
			write: func(w *audience.ContactWrite) { w.Match, w.IfVersion = audience.Key("ann"), 1 }, is: ann,
		},
		"another version": {
			write: func(w *audience.ContactWrite) { w.Match, w.IfVersion = audience.Key("ann"), 2 },
			err:   audience.ErrConflict, conflict: "version", with: ann,
		},
		"a version of nobody": {
			write: func(w *audience.ContactWrite) { w.Match, w.IfVersion = audience.Key("eve"), 1 }, err: audience.ErrNotFound,
		},
		"nobody named": {write: func(*audience.ContactWrite) {}, err: audience.ErrInvalid},
		"last identity taken away": {
			write: func(w *audience.ContactWrite) {
				w.Match, w.Detach = audience.ID(ann), f0identities()
			}, err: audience.ErrInvalid,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.write(audience.ContactWrite{Match: audience.Key("ann"), Email: address(t, "ann@example.com"), External: crm("1")})
			f.write(audience.ContactWrite{Match: audience.Key("bob"), Email: address(t, "bob@example.com"), External: crm("2")})
			commits := len(f.changes())
			w := audience.ContactWrite{AddTags: []string{"seen"}}
			tt.write(&w)
			res, err := f.Put(t.Context(), w)
			if tt.err != nil {
				require.ErrorIs(t, err, tt.err)
				require.Zero(t, res)
				require.Len(t, f.changes(), commits)
				if tt.conflict != "" {
					requireConflict(t, err, tt.conflict, tt.with)
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.is == 0, res.Created)
			if tt.is == 0 {
				require.NotContains(t, []audience.ContactID{ann, bob}, res.ID)
			} else {
				require.Equal(t, tt.is, res.ID)
			}
			c := f.contact(audience.ID(res.ID))
			require.True(t, c.HasTag("seen"))
			for _, identity := range w.Identities() {
				require.Contains(t, c.Identities(), identity, "what the write brought is hers")
			}
		})
	}
}

// f0identities are all of Ann's in TestPutMatches.
func f0identities() []audience.Identity {
	return []audience.Identity{
		audience.AddressIdentity(audience.MustAddress("ann@example.com")),
		audience.ExternalIdentity(audience.External("crm", "1")),
		audience.ExternalIdentity(audience.External(audience.HostSystem, "ann")),
	}
}

// What a write of a batch did is there for the ones behind it.
func TestPutInOrder(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann", "ann@example.com"), f.put("bob", "bob@example.com")
	moved := address(t, "ann@example.com")
	before := len(f.changes())
	f.update(func(tx *store.Tx) error {
		res, err := tx.Put(
			t.Context(),
			audience.ContactWrite{Match: audience.Key("eve"), Email: address(t, "eve@example.com")},
			audience.ContactWrite{Email: address(t, "EVE@example.com"), FirstName: audience.NewPrivate("Eve")},
			audience.ContactWrite{Match: audience.Key("ann"), Detach: []audience.Identity{audience.AddressIdentity(moved)}},
			audience.ContactWrite{Match: audience.Key("bob"), Email: moved},
			audience.ContactWrite{Email: moved, LastName: audience.NewPrivate("Example")},
			audience.ContactWrite{Match: audience.Key("eve"), FirstName: audience.NewPrivate("Eve")},
		)
		require.Equal(t, []store.PutResult{
			{ID: 3, Version: 1, Created: true, Changed: true},
			{ID: 3, Version: 1, Changed: true},
			{ID: ann, Version: 2, Changed: true},
			{ID: bob, Version: 2, Changed: true},
			{ID: bob, Version: 2, Changed: true},
			{ID: 3, Version: 1},
		}, res)
		inside, err2 := tx.Contact(t.Context(), audience.AddressRef(moved))
		require.NoError(t, err2)
		require.Equal(t, bob, inside.ID, "a transaction reads what it wrote")
		return err
	})
	require.Equal(t, "Example", f.contact(audience.Key("bob")).LastName.Reveal())
	require.Equal(t, "Eve", f.contact(audience.Key("eve")).FirstName.Reveal())
	require.Len(t, f.changes(), before+3, "one change per contact that changed")
}

func TestPutBatchIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	f.put("ann", "ann@example.com")
	before := len(f.changes())
	var res []store.PutResult
	err := f.refused(func(tx *store.Tx) (err error) {
		res, err = tx.Put(
			t.Context(),
			audience.ContactWrite{Match: audience.Key("new"), Set: map[string]audience.Value{"fresh": audience.BoolValue(true)}},
			audience.ContactWrite{Match: audience.Key("ann"), Mode: audience.CreateOnly},
			audience.ContactWrite{Match: audience.Key("ann"), IfVersion: 9},
			audience.ContactWrite{Match: audience.Key("ann"), FirstName: audience.NewPrivate("Ann")},
			audience.ContactWrite{Match: audience.ID(99)},
		)
		return err
	})
	requireBatch(t, err, map[int]error{1: audience.ErrConflict, 2: audience.ErrConflict, 4: audience.ErrNotFound})
	require.Nil(t, res)
	require.Len(t, f.changes(), before)

	// A function that goes on after a refused batch commits what else it did,
	// and nothing of the batch.
	f.update(func(tx *store.Tx) error {
		_, err := tx.Put(
			t.Context(),
			audience.ContactWrite{Match: audience.Key("new"), Set: map[string]audience.Value{"fresh": audience.BoolValue(true)}},
			audience.ContactWrite{Match: audience.ID(99)},
		)
		requireBatch(t, err, map[int]error{1: audience.ErrNotFound})
		_, err = tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("bob"), Email: address(t, "bob@example.com")})
		return err
	})
	_, err = f.Contact(t.Context(), audience.Key("new"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Equal(t, "bob@example.com", f.contact(audience.Key("bob")).Addresses[0].Canonical())
	schema := f.Schema()
	_, known := schema.FieldNamed("fresh")
	require.False(t, known, "the field of a refused batch")
}

func TestPutFields(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Schema.Fields = []audience.Field{
			{Name: "age", Type: audience.TypeInt},
			{Name: "value", Type: audience.TypeDouble},
			{Name: "score", Type: audience.TypeInt, Owner: "scoring"},
		}
	})
	set := func(name string, v audience.Value) map[string]audience.Value {
		return map[string]audience.Value{name: v}
	}
	tests := map[string]struct {
		write audience.ContactWrite
		err   error
	}{
		"its type":                {audience.ContactWrite{Set: set("age", audience.IntValue(3))}, nil},
		"an int as a double":      {audience.ContactWrite{Set: set("value", audience.IntValue(3))}, nil},
		"a double as an int":      {audience.ContactWrite{Set: set("age", audience.DoubleValue(3))}, audience.ErrInvalid},
		"text as an int":          {audience.ContactWrite{Set: set("age", audience.StringValue("3"))}, audience.ErrInvalid},
		"somebody else's":         {audience.ContactWrite{Set: set("score", audience.IntValue(3))}, audience.ErrDenied},
		"as its owner":            {audience.ContactWrite{Set: set("score", audience.IntValue(3)), Owner: "scoring"}, nil},
		"cleared by another":      {audience.ContactWrite{Clear: []string{"score"}}, audience.ErrDenied},
		"cleared":                 {audience.ContactWrite{Clear: []string{"age"}}, nil},
		"cleared though unknown":  {audience.ContactWrite{Clear: []string{"nothing"}}, audience.ErrInvalid},
		"a name of the language":  {audience.ContactWrite{Set: set("status", audience.StringValue("subscribed"))}, audience.ErrInvalid},
		"a new one":               {audience.ContactWrite{Set: set("tier", audience.StringValue("gold"))}, nil},
		"of the type it then has": {audience.ContactWrite{Set: set("tier", audience.IntValue(1))}, audience.ErrInvalid},
	}
	order := []string{
		"its type", "an int as a double", "a double as an int", "text as an int", "somebody else's", "as its owner", "cleared by another",
		"cleared", "cleared though unknown", "a name of the language", "a new one", "of the type it then has",
	}
	require.Len(t, order, len(tests))
	for _, name := range order {
		t.Run(name, func(t *testing.T) {
			w := tests[name].write
			w.Match = audience.Key("ann")
			_, err := f.Put(t.Context(), w)
			if tests[name].err == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tests[name].err)
		})
	}
	schema := f.Schema()
	c := f.contact(audience.Key("ann"))
	require.True(t, c.Field(&schema, "age").IsZero())
	require.True(t, c.Field(&schema, "value").Equal(audience.DoubleValue(3)), "it fits")
	require.True(t, c.Field(&schema, "score").Equal(audience.IntValue(3)))
	require.True(t, c.Field(&schema, "tier").Equal(audience.StringValue("gold")))
}

// A field that is new gets the type of the first value that is accepted.
func TestPutInfersFields(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Schema.Fields = []audience.Field{{Name: "age", Type: audience.TypeInt}} })
	var bad error
	f.update(func(tx *store.Tx) error {
		_, bad = tx.Put(
			t.Context(),
			audience.ContactWrite{Match: audience.Key("1"), Set: map[string]audience.Value{"age": audience.StringValue("?"), "aa": audience.StringValue("x")}},
			audience.ContactWrite{Match: audience.Key("2"), Set: map[string]audience.Value{"aa": audience.IntValue(1)}},
			audience.ContactWrite{Match: audience.Key("3"), Set: map[string]audience.Value{"aa": audience.StringValue("x")}},
		)
		return nil
	})
	requireBatch(t, bad, map[int]error{0: audience.ErrInvalid, 2: audience.ErrInvalid})
	schema := f.Schema()
	_, known := schema.FieldNamed("aa")
	require.False(t, known)

	f.update(func(tx *store.Tx) error {
		_, err := tx.Put(
			t.Context(),
			audience.ContactWrite{Match: audience.Key("2"), Set: map[string]audience.Value{"aa": audience.DoubleValue(1.5), "bb": audience.IntValue(1)}},
			audience.ContactWrite{Match: audience.Key("3"), Set: map[string]audience.Value{"aa": audience.IntValue(2)}},
		)
		return err
	})
	schema = f.Schema()
	aa, ok := schema.FieldNamed("aa")
	require.True(t, ok)
	require.Equal(t, audience.TypeDouble, aa.Type)
	bb, ok := schema.FieldNamed("bb")
	require.True(t, ok)
	require.Equal(t, audience.TypeInt, bb.Type)
	age, _ := schema.FieldNamed("age")
	require.ElementsMatch(t, []audience.FieldID{1, 2, 3}, []audience.FieldID{age.ID, aa.ID, bb.ID}, "numbers are given once")
	c := f.contact(audience.Key("3"))
	require.True(t, c.Value(aa.ID).Equal(audience.DoubleValue(2)), "an int behind it fits")
	require.Equal(t, store.ChangeSchema, f.last().Kind, "followers are told")
}

func TestPutLimits(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Limits = audience.Limits{Fields: 2, Tags: 2, Identities: 2, BatchItems: 3, StringBytes: 8}
	})
	f.put("ann", "ann@example.com")
	field := func(name string) map[string]audience.Value {
		return map[string]audience.Value{name: audience.IntValue(1)}
	}
	f.write(audience.ContactWrite{Match: audience.Key("ann"), Set: field("a"), AddTags: []string{"one", "two"}})
	tests := map[string]audience.ContactWrite{
		"tags":       {AddTags: []string{"three"}},
		"identities": {Addresses: []audience.Address{address(t, "ann@example.org")}},
		"text":       {FirstName: audience.NewPrivate("Ann Marie")},
		"fields":     {Set: map[string]audience.Value{"b": audience.IntValue(1), "c": audience.IntValue(1)}},
	}
	for name, w := range tests {
		t.Run(name, func(t *testing.T) {
			w.Match = audience.Key("ann")
			_, err := f.Put(t.Context(), w)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.ErrorIs(t, err, audience.ErrInvalid)
		})
	}
	f.write(audience.ContactWrite{Match: audience.Key("ann"), SetTags: []string{"three", "four"}})
	four := make([]audience.ContactWrite, 4)
	for i := range four {
		four[i].Match = audience.Key("ann")
	}
	require.ErrorIs(t, f.refused(func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), four...)
		return err
	}), audience.ErrLimit)
	f.update(func(tx *store.Tx) error {
		res, err := tx.Put(t.Context(), four[:3]...)
		require.Len(t, res, 3)
		return err
	})

	// A schema that is full leaves the transaction as it was.
	f.update(func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(),
			audience.ContactWrite{Match: audience.Key("ann"), Set: field("b")},
			audience.ContactWrite{Match: audience.Key("ann"), Set: field("c")})
		require.ErrorIs(t, err, audience.ErrLimit)
		_, err = tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Set: field("b")})
		return err
	})
}

func TestPutNothing(t *testing.T) {
	f := newFixture(t)
	before, err := f.Head(t.Context())
	require.NoError(t, err)
	require.True(t, f.update(func(tx *store.Tx) error {
		res, err := tx.Put(t.Context())
		require.Empty(t, res)
		return err
	}).IsZero())
	after, err := f.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// contactWrite is a write of nothing but a key.
func contactWrite(key string) audience.ContactWrite {
	return audience.ContactWrite{Match: audience.Key(key)}
}
