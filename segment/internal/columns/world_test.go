package columns

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// world is an audience in which random things happen, few of everything, so
// that they meet.
type world struct {
	*store.Audience
	t      *testing.T
	r      *rand.Rand
	now    time.Time
	ids    []audience.ContactID // ever given
	losers []audience.ContactID // ever merged
	gentle bool                 // nobody who was ever merged is erased
}

func testKeys(t testing.TB) audience.Keys {
	t.Helper()
	keys, err := audience.NewKeys("a", map[string][]byte{"a": bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	return keys
}

func testSchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "city", Type: audience.TypeString},
			{Name: "points", Type: audience.TypeInt},
			{Name: "score", Type: audience.TypeDouble},
			{Name: "vip", Type: audience.TypeBool},
			{Name: "seen", Type: audience.TypeTimestamp},
			{Name: "birthday", Type: audience.TypeDate},
			{Name: "likes", Type: audience.TypeStringList},
			{Name: "other", Type: audience.TypeStringList},
		},
		Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{
			{Name: "page", Type: audience.TypeString},
			{Name: "depth", Type: audience.TypeInt},
			{Name: "share", Type: audience.TypeDouble},
			{Name: "bot", Type: audience.TypeBool},
			{Name: "until", Type: audience.TypeTimestamp},
			{Name: "day", Type: audience.TypeDate},
			{Name: "labels", Type: audience.TypeStringList},
		}}},
		Purposes: []audience.Purpose{{Name: "research"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic},
			{Name: "panel", Kind: audience.ListTopic, Purpose: "research"},
			{Name: "gold", Kind: audience.ListStatic},
			{Name: "qa", Kind: audience.ListTest},
		},
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	zone, err := time.LoadLocation([]string{"Asia/Tokyo", "Pacific/Apia", "America/Havana", "UTC"}[seed%4])
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Schema: testSchema(), Zone: zone, Keys: testKeys(t), Clock: func() time.Time { return w.now },
	})
	require.NoError(t, err)
	w.Audience = aud
	return w
}

func one[T any](w *world, from []T) T { return from[w.r.IntN(len(from))] }

func (w *world) chance(n int) bool { return w.r.IntN(n) == 0 }

// step is one transaction of a few writes. Those that are refused are.
func (w *world) step() {
	w.t.Helper()
	w.now = w.now.Add(time.Duration(w.r.IntN(48)) * time.Hour)
	var made, merged []audience.ContactID
	_, err := w.Update(w.t.Context(), func(tx *store.Tx) error {
		made, merged = nil, nil
		for range 1 + w.r.IntN(4) {
			w.write(tx, &made, &merged)
		}
		return nil
	})
	require.NoError(w.t, err)
	w.ids = append(w.ids, made...)
	w.losers = append(w.losers, merged...)
}

func (w *world) write(tx *store.Tx, made, merged *[]audience.ContactID) {
	ctx := w.t.Context()
	if len(w.ids) < 3 || w.chance(12) {
		res, err := tx.Put(ctx, w.contact(audience.Key(fmt.Sprint("u", w.r.IntN(40)))))
		if err == nil && res[0].Created {
			*made = append(*made, res[0].ID)
		}
		return
	}
	ref, other := audience.ID(one(w, w.ids)), audience.ID(one(w, w.ids))
	switch w.r.IntN(24) {
	case 0, 1, 2, 3:
		c := w.contact(ref)
		c.Mode = audience.UpdateOnly
		_, _ = tx.Put(ctx, c)
	case 4, 5, 6, 7, 8, 9, 10, 11:
		var events []audience.EventWrite
		for range 1 + w.r.IntN(4) {
			events = append(events, w.event(ref))
		}
		_, _ = tx.Append(ctx, events...)
	case 12:
		_ = tx.AddToList(ctx, one(w, []string{"gold", "qa"}), audience.Source{}, ref, other)
	case 13:
		_ = tx.RemoveFromList(ctx, one(w, []string{"gold", "qa"}), audience.Source{}, ref, other)
	case 14, 15, 16:
		_, _ = tx.Record(ctx, w.consent(ref))
	case 17:
		_ = tx.Suppress(ctx, store.SuppressionWrite{
			Address: w.address(), Reason: audience.SuppressionReason(1 + w.r.IntN(4)), Lift: w.chance(3), At: w.instant(),
		})
	case 18, 19:
		if tx.Merge(ctx, ref, other, audience.Source{}) == nil {
			loser, _ := other.ContactID()
			*merged = append(*merged, loser)
		}
	case 20, 21:
		if len(w.losers) > 0 {
			_ = tx.Unmerge(ctx, one(w, w.losers), audience.Source{})
		}
	case 22:
		w.moveAddress(tx, ref, other)
	case 23:
		switch {
		case w.chance(2):
		case w.chance(2):
			_ = tx.Delete(ctx, audience.Source{}, ref)
		case !w.gentle || len(w.losers)+len(*merged) == 0:
			_ = tx.Erase(ctx, audience.Source{}, ref)
		}
	}
}

func (w *world) moveAddress(tx *store.Tx, from, to audience.Ref) {
	c, err := tx.Contact(w.t.Context(), from)
	if err != nil || len(c.Addresses) == 0 {
		return
	}
	a := one(w, c.Addresses)
	_, err = tx.Put(w.t.Context(), audience.ContactWrite{Match: audience.ID(c.ID), Detach: []audience.Identity{audience.AddressIdentity(a)}})
	if err == nil {
		_, _ = tx.Put(w.t.Context(), audience.ContactWrite{Match: to, Addresses: []audience.Address{a}})
	}
}

func (w *world) address() audience.Address {
	return audience.MustAddress(fmt.Sprintf("P%d.ü@example.com", w.r.IntN(30)))
}

func (w *world) text() string { return one(w, []string{"", "a", "b", "Köln", "a much longer text"}) }

// instant is one of few, around now.
func (w *world) instant() time.Time {
	return w.now.Truncate(24 * time.Hour).Add(time.Duration(w.r.IntN(9)-6) * 12 * time.Hour)
}

func (w *world) date() audience.Date {
	first, _ := audience.ParseDate("0001-01-01")
	gone, _ := audience.ParseDate("2011-12-30")
	return one(w, []audience.Date{first, gone, gone + 1, 0, audience.Date(20_500 + w.r.IntN(5))})
}

func (w *world) items() audience.Value {
	var out []string
	for _, s := range []string{"", "x", "y", "z", "long item"} {
		if w.chance(3) {
			out = append(out, s)
		}
	}
	return audience.StringListValue(out...)
}

func (w *world) value(typ audience.Type) audience.Value {
	switch typ {
	case audience.TypeString:
		return audience.StringValue(w.text())
	case audience.TypeInt:
		return audience.IntValue(int64(w.r.IntN(4) - 1))
	case audience.TypeDouble:
		return audience.DoubleValue(float64(w.r.IntN(4)-1) / 2)
	case audience.TypeBool:
		return audience.BoolValue(w.chance(2))
	case audience.TypeTimestamp:
		return audience.TimestampValue(w.instant())
	case audience.TypeDate:
		return audience.DateValue(w.date())
	default:
		return w.items()
	}
}

func (w *world) contact(ref audience.Ref) audience.ContactWrite {
	c := audience.ContactWrite{Match: ref, Set: map[string]audience.Value{}}
	for _, f := range testSchema().Fields {
		switch w.r.IntN(4) {
		case 0:
			c.Set[f.Name] = w.value(f.Type)
		case 1:
			c.Clear = append(c.Clear, f.Name)
		}
	}
	for _, tag := range []string{"new", "old", "odd"} {
		switch w.r.IntN(4) {
		case 0:
			c.AddTags = append(c.AddTags, tag)
		case 1:
			c.RemoveTags = append(c.RemoveTags, tag)
		}
	}
	for _, name := range []*audience.Private{&c.FirstName, &c.LastName, &c.Phone} {
		if text := w.text(); w.chance(3) && text != "" {
			*name = audience.NewPrivate(text)
		}
	}
	if w.chance(4) && c.FirstName.IsZero() {
		c.Clear = append(c.Clear, "first_name")
	}
	if w.chance(3) {
		text := w.text()
		c.Frequency = &text
	}
	if w.chance(2) {
		c.Email = w.address()
	}
	if w.chance(3) {
		c.CreatedAt = w.instant()
	}
	return c
}

func (w *world) event(ref audience.Ref) audience.EventWrite {
	e := audience.EventWrite{Contact: ref, Type: one(w, []string{"visit", "visit", "purchase", "email.opened"}), Time: w.instant(), Props: map[string]audience.Value{}}
	if !w.chance(3) {
		e.ID = fmt.Sprint("e", w.r.IntN(8))
		e.Revision = uint64(w.r.IntN(6))
		e.Retract = w.chance(5)
	}
	schema := testSchema()
	schema = schema.Complete()
	typ, _ := schema.EventNamed(e.Type)
	for _, p := range typ.Props {
		if w.chance(2) {
			e.Props[p.Name] = w.value(p.Type)
		}
	}
	return e
}

func (w *world) consent(ref audience.Ref) audience.ConsentWrite {
	c := audience.ConsentWrite{
		Contact:   ref,
		Kind:      audience.ConsentKind(1 + w.r.IntN(5)),
		Mechanism: one(w, []audience.Mechanism{audience.MechanismDoubleOptIn, audience.MechanismPaper, audience.MechanismSilence}),
		Scope:     one(w, []audience.Scope{{}, audience.MarketingScope(), {Channel: "sms"}, {List: "news"}, {List: "panel"}, {Purpose: "research"}}),
		Acted:     w.instant(),
	}
	if w.chance(3) {
		c.Expires = w.now.Add(time.Duration(w.r.IntN(200)) * time.Hour)
	}
	if !w.chance(5) {
		c.Evidence = []byte("it was said")
	}
	if w.chance(4) {
		c.Kind, c.Scope, c.Retracts = audience.ConsentRetracted, audience.Scope{}, uint64(1+w.r.IntN(5))
	}
	return c
}

// follow applies the commits after a position and gives the last one's.
func (w *world) follow(t *Table, after store.Position, each func(*store.Change)) store.Position {
	w.t.Helper()
	for {
		commits, err := w.Commits(w.t.Context(), after, 7)
		require.NoError(w.t, err)
		if len(commits) == 0 {
			return after
		}
		for _, c := range commits {
			for i := range c.Changes {
				if each != nil {
					each(&c.Changes[i])
					continue
				}
				require.NoError(w.t, t.Apply(&c.Changes[i]))
			}
			after = c.Position
		}
	}
}

// load makes a table of now.
func (w *world) load(needs Needs) (t *Table, at store.Position) {
	w.t.Helper()
	require.NoError(w.t, w.View(w.t.Context(), func(r *store.Reader) (err error) {
		t = New(r.Schema(), r.Zone(), needs)
		if at, err = r.Position(w.t.Context()); err != nil {
			return err
		}
		return t.Load(w.t.Context(), r, nil)
	}))
	return t, at
}

// allNeeds asks for everything.
func (w *world) allNeeds() Needs {
	schema := w.Schema()
	n := Needs{
		Email: true, FirstName: true, LastName: true, Phone: true, Frequency: true, CreatedAt: true, UpdatedAt: true,
		TagSets: true, Tags: []string{"new", "none", "old"}, Lists: []string{"gold", "qa"}, Ledger: true, Suppressed: true,
	}
	for _, f := range schema.Fields {
		n.Fields = append(n.Fields, f.ID)
		if f.Type == audience.TypeStringList {
			n.Items = append(n.Items, ItemNeeds{Field: f.ID, Items: []string{"", "nothing", "x", "y"}})
		}
	}
	for _, e := range schema.Events {
		if !slices.Contains([]string{"visit", "purchase", "email.opened"}, e.Name) {
			continue
		}
		need := EventNeeds{Type: e.Name, Ordered: e.Name != "purchase"}
		for _, p := range e.Props {
			need.Props = append(need.Props, p.ID)
		}
		n.Events = append(n.Events, need)
	}
	return n.Union(Needs{})
}

// someNeeds asks for a random part of everything.
func (w *world) someNeeds() Needs {
	all := w.allNeeds()
	n := all.flags(all, func(bool, bool) bool { return w.chance(2) })
	n.Fields, n.Tags, n.Lists = part(w, all.Fields), part(w, all.Tags), part(w, all.Lists)
	for _, i := range part(w, all.Items) {
		if items := part(w, i.Items); len(items) > 0 {
			n.Items = append(n.Items, ItemNeeds{i.Field, items})
		}
	}
	for _, e := range part(w, all.Events) {
		n.Events = append(n.Events, EventNeeds{e.Type, part(w, e.Props), w.chance(2)})
	}
	return n.Union(Needs{})
}

func part[T any](w *world, from []T) (out []T) {
	for _, x := range from {
		if w.chance(2) {
			out = append(out, x)
		}
	}
	return out
}
