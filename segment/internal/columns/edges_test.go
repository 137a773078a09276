package columns

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// must makes everybody of a small world.
func (w *world) must(fn func(tx *store.Tx) error) {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	_, err := w.Update(w.t.Context(), fn)
	require.NoError(w.t, err)
}

// couple makes two contacts of whom both have an event of one id.
func couple(t *testing.T) (w *world, ann, bea audience.ContactID) {
	t.Helper()
	w = newWorld(t, 3)
	w.must(func(tx *store.Tx) error {
		res, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann")}, audience.ContactWrite{Match: audience.Key("bea")})
		if err != nil {
			return err
		}
		ann, bea = res[0].ID, res[1].ID
		_, err = tx.Append(
			t.Context(),
			audience.EventWrite{Contact: audience.ID(ann), ID: "e", Type: "visit", Time: w.now},
			audience.EventWrite{Contact: audience.ID(bea), ID: "e", Type: "visit", Time: w.now, Revision: 1},
			audience.EventWrite{Contact: audience.ID(bea), ID: "own", Type: "visit", Time: w.now},
		)
		return err
	})
	w.ids = []audience.ContactID{ann, bea}
	return w, ann, bea
}

// TestDoubtful: a follower that comes late after an erasure knows when it
// cannot know.
func TestDoubtful(t *testing.T) {
	tests := []struct {
		name  string
		write func(t *testing.T, tx *store.Tx, ann, bea audience.ContactID) error
		want  int
	}{
		{"nobody else was part of it", func(t *testing.T, tx *store.Tx, ann, _ audience.ContactID) error {
			return tx.Erase(t.Context(), audience.Source{}, audience.ID(ann))
		}, 0},
		{"both are erased", func(t *testing.T, tx *store.Tx, ann, bea audience.ContactID) error {
			if err := tx.Merge(t.Context(), audience.ID(ann), audience.ID(bea), audience.Source{}); err != nil {
				return err
			}
			revised := audience.EventWrite{Contact: audience.ID(ann), ID: "own", Type: "visit", Time: tx.At(), Revision: 5}
			if _, err := tx.Append(t.Context(), revised); err != nil {
				return err
			}
			return tx.Erase(t.Context(), audience.Source{}, audience.ID(ann))
		}, 0},
		{"she was one with the erased for a while", func(t *testing.T, tx *store.Tx, ann, bea audience.ContactID) error {
			if err := tx.Merge(t.Context(), audience.ID(ann), audience.ID(bea), audience.Source{}); err != nil {
				return err
			}
			revised := audience.EventWrite{Contact: audience.ID(ann), ID: "own", Type: "visit", Time: tx.At(), Revision: 5}
			if _, err := tx.Append(t.Context(), revised); err != nil {
				return err
			}
			if err := tx.Unmerge(t.Context(), bea, audience.Source{}); err != nil {
				return err
			}
			return tx.Erase(t.Context(), audience.Source{}, audience.ID(ann))
		}, 1},
		{"and had no event of the same id", func(t *testing.T, tx *store.Tx, ann, _ audience.ContactID) error {
			res, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("cleo")})
			if err != nil {
				return err
			}
			cleo := res[0].ID
			lone := audience.EventWrite{Contact: audience.ID(cleo), ID: "lone", Type: "purchase", Time: tx.At()}
			if _, err := tx.Append(t.Context(), lone); err != nil {
				return err
			}
			if err := tx.Merge(t.Context(), audience.ID(ann), audience.ID(cleo), audience.Source{}); err != nil {
				return err
			}
			lone.Revision, lone.Type = 1, "email.opened"
			if _, err := tx.Append(t.Context(), lone); err != nil {
				return err
			}
			if err := tx.Unmerge(t.Context(), cleo, audience.Source{}); err != nil {
				return err
			}
			return tx.Erase(t.Context(), audience.Source{}, audience.ID(ann))
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, ann, bea := couple(t)
			table, at := w.load(w.allNeeds())
			w.must(func(tx *store.Tx) error { return tt.write(t, tx, ann, bea) })
			at = w.follow(table, at, nil)
			require.Equal(t, tt.want, table.Doubtful())
			if tt.want > 0 {
				table, _ = w.load(w.allNeeds())
			}
			w.requireEqualsView(table)
			w.follow(table, at, nil)
		})
	}
}

// TestMisfit applies what no feed of a sound store brings: the table says
// that it is in doubt, and stays sound.
func TestMisfit(t *testing.T) {
	at := time.Unix(1000, 0)
	event := func(id audience.ContactID, typ string) *audience.Event {
		return &audience.Event{Contact: id, Origin: id, Type: typ, Time: at}
	}
	tests := map[string][]store.Change{
		"an event to take away that is not there": {{Kind: store.ChangeEvent, Contact: 1, Before: event(1, "purchase"), Event: event(1, "refund")}},
		"somebody merged twice":                   {{Kind: store.ChangeMerge, Contact: 1, Other: 2}, {Kind: store.ChangeMerge, Contact: 3, Other: 2}},
		"a circle":                                {{Kind: store.ChangeMerge, Contact: 1, Other: 2}, {Kind: store.ChangeMerge, Contact: 2, Other: 1}},
		"merged with herself":                     {{Kind: store.ChangeMerge, Contact: 1, Other: 1}},
		"a merge to undo that is not there":       {{Kind: store.ChangeUnmerge, Contact: 1, Other: 2}},
	}
	for name, changes := range tests {
		t.Run(name, func(t *testing.T) {
			table := New(benchSchema(), nil, Needs{Events: []EventNeeds{{Type: "purchase"}}, Lists: []string{"vip"}, Ledger: true, Suppressed: true})
			for i := range changes {
				table.Effects(&changes[i], nil)
				require.NoError(t, table.Apply(&changes[i]))
			}
			require.Positive(t, table.Doubtful())
			requireSound(t, table)
		})
	}
}

// TestEarly: events may come before their contact, and changes that were
// emptied or are of nothing that is kept change nothing.
func TestEarly(t *testing.T) {
	table := New(benchSchema(), nil, benchNeeds())
	e := &audience.Event{Contact: 7, Origin: 7, Type: "purchase", Time: time.Unix(1, 0)}
	early := &store.Change{Kind: store.ChangeEvent, Contact: 7, Event: e}
	require.Empty(t, table.Effects(early, nil))
	require.NoError(t, table.Apply(early))
	require.Zero(t, table.Root(7))
	for kind := store.ChangeContact; kind <= store.ChangeSchema; kind++ {
		if kind == store.ChangeDelete || kind == store.ChangeErase {
			continue
		}
		blank := &store.Change{Kind: kind, Contact: 7}
		if kind == store.ChangeMerge || kind == store.ChangeUnmerge {
			blank.Other = 8
		} else {
			require.Empty(t, table.Effects(blank, nil))
		}
		require.NoError(t, table.Apply(blank))
	}
	come := &store.Change{Kind: store.ChangeContact, Contact: 7, After: &audience.Contact{ID: 7}}
	require.Equal(t, []Effect{{Contact: 7, Kind: EffectCreated}}, table.Effects(come, nil))
	require.NoError(t, table.Apply(come))
	require.Equal(t, []int64{1_000_000}, table.Stream("purchase").Times(7))
	require.EqualValues(t, 7, table.Root(7))
	require.Equal(t, 1, table.Len())
}

// TestNotKept: what is not kept is nil, and so is what the schema lacks.
func TestNotKept(t *testing.T) {
	table := New(benchSchema(), nil, Needs{Fields: []audience.FieldID{9}, Events: []EventNeeds{{Type: "visit", Props: []audience.PropID{1}}}})
	require.Nil(t, table.Ints(9))
	require.Nil(t, table.Floats(1))
	require.Nil(t, table.Codes(1))
	require.Nil(t, table.BuiltinInts(BuiltinCreatedAt))
	require.Nil(t, table.BuiltinCodes(BuiltinEmail))
	require.Nil(t, table.BuiltinCodes(99))
	require.Nil(t, table.BuiltinInts(99))
	require.Nil(t, table.Tag("x"))
	require.Nil(t, table.TagSets())
	require.Nil(t, table.Item(1, "x"))
	require.Nil(t, table.List("x"))
	require.Nil(t, table.Stream("purchase"))
	e := &audience.Event{Contact: 1, Origin: 1, Type: "visit", Time: time.Unix(1, 0), Props: []audience.EventProp{{ID: 1, Value: audience.IntValue(3)}}}
	for _, ch := range []store.Change{
		{Kind: store.ChangeEvent, Contact: 1, Event: e},
		{Kind: store.ChangeEvent, Contact: 1, Before: e, Event: &audience.Event{Retracted: true}},
	} {
		require.NoError(t, table.Apply(&ch))
	}
	require.Zero(t, table.Doubtful())
	require.Zero(t, table.Stream("visit").Len(1))
	row := table.Row()
	row.Seek(1)
	require.Nil(t, row.Events("purchase"))
	require.Empty(t, row.Contact().Fields)
}

func TestSizes(t *testing.T) {
	w := newWorld(t, 1)
	for range 60 {
		w.step()
	}
	table, _ := w.load(w.allNeeds())
	names := map[string]bool{}
	for _, s := range table.Sizes() {
		require.False(t, names[s.Name], s.Name)
		names[s.Name] = true
		require.GreaterOrEqual(t, s.Bytes, 0)
		require.NotContains(t, s.Name, "@")
	}
	for _, name := range []string{"contacts", "texts", "email", "created_at", "field city", "items of field likes", "tags", "sets of tags", "events visit", "list gold", "ledger", "suppressed"} {
		require.True(t, names[name], name)
	}
}

func TestSets(t *testing.T) {
	for _, items := range [][]string{nil, {""}, {"", "a"}, {"a", "b\x80", strings.Repeat("long", 1000)}} {
		require.Equal(t, items, decodeSet(encodeSet(items), nil))
	}
	var d dictionary
	require.Empty(t, d.text(0))
	require.Empty(t, d.text(5))
	a, b := d.hold("a"), d.hold("b")
	require.Equal(t, a, d.hold("a"))
	d.release(0)
	d.release(a)
	d.release(a)
	_, ok := d.find("a")
	require.False(t, ok)
	require.Equal(t, a, d.hold("c"), "the number is given again")
	require.Equal(t, "b", d.text(b))
	require.Equal(t, 2, d.bytes)
}

// TestEqualRows: of two events that look the same the one goes that was meant,
// or taking contacts apart again would give it to the other.
func TestEqualRows(t *testing.T) {
	w, ann, bea := couple(t)
	bare := Needs{Events: []EventNeeds{{Type: "visit"}}}
	table, at := w.load(bare)
	when := w.now
	for name, id := range map[string]audience.ContactID{"of ann": ann, "of bea": bea} {
		w.must(func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(), audience.EventWrite{Contact: audience.ID(id), ID: name, Type: "visit", Time: when})
			return err
		})
	}
	w.must(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(ann), audience.ID(bea), audience.Source{})
	})
	w.must(func(tx *store.Tx) error {
		_, err := tx.Append(t.Context(), audience.EventWrite{Contact: audience.ID(ann), ID: "of bea", Type: "visit", Time: when, Revision: 1, Retract: true})
		return err
	})
	at = w.follow(table, at, nil)
	w.requireEqualsView(table)
	w.must(func(tx *store.Tx) error { return tx.Unmerge(t.Context(), bea, audience.Source{}) })
	w.follow(table, at, nil)
	w.requireEqualsView(table)
}
