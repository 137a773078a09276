package store_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestAppendRandomly appends random batches, with merges and their undoing
// between them, and holds the store against a model that keeps every row
// under the contact it was written for.
func TestAppendRandomly(t *testing.T) {
	seen := map[string]int{}
	visits := audience.Schema{Events: []audience.EventType{{Name: "visit", Props: []audience.Prop{{Name: "value", Type: audience.TypeInt}}}}}
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			d := &eventDriver{
				t: t, f: newFixture(t, declare(visits)), r: rand.New(rand.NewPCG(seed, 2)), seen: seen,
				rows: map[eventKey]modelEvent{}, origins: map[audience.ContactID][]audience.ContactID{},
			}
			for i := range 5 {
				id := d.f.put(strconv.Itoa(i))
				d.origins[id] = []audience.ContactID{id}
			}
			for range 200 {
				d.step()
				d.compare()
			}
		})
	}
	for _, what := range []string{"1", "2", "3", "4", "conflict", "merged", "unmerged"} { // the outcomes by number
		require.Greater(t, seen[what], 20, "%s happens", what)
	}
}

type eventKey struct {
	origin audience.ContactID
	id     string
}

// modelEvent is the content of one event.
type modelEvent struct {
	revision  uint64
	kind      string
	at        time.Time
	value     int64 // 0: no property
	retracted bool
}

func (e modelEvent) content() modelEvent {
	e.revision = 0
	return e
}

type eventDriver struct {
	t       *testing.T
	f       *fixture
	r       *rand.Rand
	seen    map[string]int
	rows    map[eventKey]modelEvent
	origins map[audience.ContactID][]audience.ContactID // of each contact, in order of precedence
	merges  []modelMerge
}

type modelMerge struct {
	winner, loser audience.ContactID
	origins       []audience.ContactID // that the loser brought
}

// roots gives the contacts that are there.
func (d *eventDriver) roots() []audience.ContactID {
	var out []audience.ContactID
	for id := range d.origins {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (d *eventDriver) root(id audience.ContactID) audience.ContactID {
	for root, origins := range d.origins {
		if slices.Contains(origins, id) {
			return root
		}
	}
	return 0
}

// counting gives the row of an event id that counts for a contact: the
// highest revision, of equal ones the first origin's.
func (d *eventDriver) counting(rows map[eventKey]modelEvent, root audience.ContactID, id string) (key eventKey, found bool) {
	for _, origin := range d.origins[root] {
		row, ok := rows[eventKey{origin, id}]
		if ok && (!found || row.revision > rows[key].revision) {
			key, found = eventKey{origin, id}, true
		}
	}
	return key, found
}

func (d *eventDriver) step() {
	switch n := d.r.IntN(12); {
	case n == 0 && len(d.origins) > 2:
		d.merge()
	case n == 1 && len(d.merges) > 0:
		d.unmerge()
	default:
		d.append()
	}
}

func (d *eventDriver) merge() {
	roots := d.roots()
	d.r.Shuffle(len(roots), func(i, j int) { roots[i], roots[j] = roots[j], roots[i] })
	m := modelMerge{winner: roots[0], loser: roots[1], origins: d.origins[roots[1]]}
	d.f.merge(audience.ID(m.winner), audience.ID(m.loser))
	d.origins[m.winner] = slices.Concat(d.origins[m.winner], m.origins)
	delete(d.origins, m.loser)
	d.merges = append(d.merges, m)
	d.seen["merged"]++
}

// unmerge undoes some merge whose winner is there.
func (d *eventDriver) unmerge() {
	i := d.r.IntN(len(d.merges))
	m := d.merges[i]
	if d.origins[m.winner] == nil {
		return
	}
	d.f.unmerge(m.loser)
	d.origins[m.winner] = slices.DeleteFunc(slices.Clone(d.origins[m.winner]), func(id audience.ContactID) bool { return slices.Contains(m.origins, id) })
	d.origins[m.loser] = m.origins
	d.merges = slices.Delete(d.merges, i, i+1)
	d.seen["unmerged"]++
}

func (d *eventDriver) append() {
	writes := make([]audience.EventWrite, 1+d.r.IntN(5))
	rows := maps.Clone(d.rows)
	var want []store.AppendResult
	refused := map[int]error{}
	for i := range writes {
		var e modelEvent
		writes[i], e = d.write()
		named, _ := writes[i].Contact.ContactID()
		root := d.root(named)
		outcome := d.apply(rows, root, writes[i].ID, e)
		if outcome == 0 {
			refused[i] = audience.ErrConflict
			d.seen["conflict"]++
			continue
		}
		want = append(want, store.AppendResult{Contact: root, ID: writes[i].ID, Outcome: outcome})
	}
	before := len(d.f.changes())
	var got []store.AppendResult
	_, err := d.f.Update(d.t.Context(), func(tx *store.Tx) (err error) {
		got, err = tx.Append(d.t.Context(), writes...)
		return err
	})
	told := d.f.changes()[before:]
	if len(refused) > 0 {
		requireBatch(d.t, err, refused)
		require.Empty(d.t, told)
		return
	}
	require.NoError(d.t, err)
	require.Equal(d.t, want, got)
	changed := 0
	for _, res := range want {
		d.seen[strconv.Itoa(int(res.Outcome))]++
		if res.Outcome == store.EventAdded || res.Outcome == store.EventRevised {
			require.Equal(d.t, res.ID, told[changed].Event.ID)
			require.Equal(d.t, res.Contact, told[changed].Contact)
			require.Equal(d.t, res.Outcome == store.EventRevised, told[changed].Before != nil)
			changed++
		}
	}
	require.Len(d.t, told, changed)
	d.rows = rows
}

func (d *eventDriver) write() (audience.EventWrite, modelEvent) {
	e := modelEvent{
		revision: d.r.Uint64N(4), kind: []string{"purchase", "visit"}[d.r.IntN(2)], at: d.f.now.Add(time.Duration(d.r.IntN(2)) * time.Hour),
		value: d.r.Int64N(3), retracted: d.r.IntN(6) == 0,
	}
	w := audience.EventWrite{
		Contact: audience.ID(audience.ContactID(1 + d.r.IntN(5))), ID: "e" + strconv.Itoa(d.r.IntN(4)), Type: e.kind, Time: e.at,
		Revision: e.revision, Retract: e.retracted,
	}
	if e.value != 0 {
		w.Props = map[string]audience.Value{"value": audience.IntValue(e.value)}
	}
	return w, e
}

// apply changes the rows; 0 is a conflict.
func (d *eventDriver) apply(rows map[eventKey]modelEvent, root audience.ContactID, id string, e modelEvent) store.AppendOutcome {
	key, found := d.counting(rows, root, id)
	old := rows[key]
	switch {
	case !found:
		rows[eventKey{root, id}] = e
		return store.EventAdded
	case e.revision < old.revision:
		return store.EventIgnored
	case e.revision > old.revision:
		rows[key] = e
		return store.EventRevised
	case e.content() == old.content():
		return store.EventRepeated
	default:
		return 0
	}
}

// compare reads every contact's events.
func (d *eventDriver) compare() {
	d.t.Helper()
	type seen struct {
		eventKey
		modelEvent
	}
	for _, root := range d.roots() {
		var want []seen
		for n := range 4 {
			key, found := d.counting(d.rows, root, "e"+strconv.Itoa(n))
			if found && !d.rows[key].retracted {
				want = append(want, seen{key, d.rows[key]})
			}
		}
		slices.SortFunc(want, func(a, b seen) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
		for _, kind := range []string{"", "purchase", "visit"} {
			var got []audience.Event
			if kind == "" {
				got = d.f.events(audience.ID(root))
			} else {
				got = d.f.events(audience.ID(root), kind)
			}
			schema := d.f.Schema()
			var model []seen
			for _, e := range got {
				require.Equal(d.t, root, e.Contact)
				m := modelEvent{revision: e.Revision, kind: e.Type, at: e.Time, retracted: e.Retracted}
				if v := e.PropNamed(&schema, "value"); e.Type == "visit" {
					m.value, _ = v.Int()
				} else {
					value, _ := v.Double()
					m.value = int64(value)
				}
				model = append(model, seen{eventKey{e.Origin, e.ID}, m})
			}
			others := func(s seen) bool { return kind != "" && s.kind != kind }
			require.Equal(d.t, append([]seen{}, slices.DeleteFunc(slices.Clone(want), others)...), append([]seen{}, model...))
		}
	}
}
