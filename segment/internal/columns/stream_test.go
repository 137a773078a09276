package columns

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestStreamOfMany holds long streams against a sorted slice: blocks that
// grow, shrink and move, several pages, late events, equal ones.
func TestStreamOfMany(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(strconv.FormatBool(ordered), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			table := New(benchSchema(), nil, Needs{Events: []EventNeeds{{Type: "purchase", Props: []audience.PropID{1, 2, 4}, Ordered: ordered}}})
			stream := table.Stream("purchase")
			ids := []uint32{1, 2, 3, 65_535, 65_536, 200_000}
			model := map[uint32][]audience.Event{}
			grow := true
			for step := range 12_000 {
				if step%3000 == 2999 {
					grow = !grow
				}
				id := ids[r.IntN(len(ids))]
				events := model[id]
				ch := store.Change{Kind: store.ChangeEvent, Contact: audience.ContactID(id)}
				if n := len(events); n > 0 && (r.IntN(10) < 3 == grow) {
					k := r.IntN(n)
					before := events[k]
					ch.Before, ch.Event = &before, &audience.Event{Retracted: true}
					model[id] = slices.Delete(events, k, k+1)
				} else {
					e := audience.Event{
						Contact: audience.ContactID(id), Origin: audience.ContactID(id), ID: strconv.Itoa(r.IntN(1e9)), Type: "purchase",
						Time: time.Unix(int64(r.IntN(300)), 0).UTC(),
						Props: []audience.EventProp{
							{ID: 1, Value: audience.DoubleValue(float64(r.IntN(3)))},
							{ID: 2, Value: audience.StringValue(fmt.Sprint("cur ", r.IntN(50)))},
						},
					}
					ch.Event = &e
					at, _ := slices.BinarySearchFunc(events, e, audience.CompareEvents)
					model[id] = slices.Insert(events, at, e)
				}
				require.NoError(t, table.Apply(&ch))
				if step%500 == 0 {
					requireSound(t, table)
					for _, id := range ids {
						requireStream(t, table, stream, id, model[id])
					}
				}
			}
			require.Zero(t, table.Doubtful())
			table.trim()
			requireSound(t, table)
			for _, id := range ids {
				requireStream(t, table, stream, id, model[id])
				require.NoError(t, table.Apply(&store.Change{Kind: store.ChangeDelete, Contact: audience.ContactID(id)}))
			}
			require.Empty(t, table.texts.held())
		})
	}
}

func requireStream(t *testing.T, table *Table, s *Stream, id uint32, want []audience.Event) {
	t.Helper()
	require.Equal(t, len(want), s.Len(id))
	row := table.Row()
	row.Seek(id)
	got := slices.Clone(row.Events("purchase"))
	if !s.needs.Ordered {
		byContent := func(a, b audience.Event) int {
			return cmp.Or(a.Time.Compare(b.Time), a.Prop(1).Compare(b.Prop(1)), a.Prop(2).Compare(b.Prop(2)))
		}
		require.True(t, slices.IsSorted(s.Times(id)))
		want = slices.Clone(want)
		slices.SortFunc(got, byContent)
		slices.SortFunc(want, byContent)
	}
	for k := range want {
		require.True(t, want[k].Time.Equal(got[k].Time))
		require.True(t, want[k].Prop(1).Equal(got[k].Prop(1)))
		require.True(t, want[k].Prop(2).Equal(got[k].Prop(2)))
		require.True(t, got[k].Prop(4).IsZero())
		if s.needs.Ordered {
			require.Equal(t, want[k].ID, got[k].ID)
		}
	}
	i, low := int(id>>pageBits), id&(pageSize-1)
	starts, lens, times := s.Page(i)
	if len(want) == 0 {
		require.Nil(t, s.Times(id))
		return
	}
	n := uint32(len(want))
	require.Equal(t, n, lens[low])
	at := starts[low]
	require.Equal(t, s.Times(id), times[at:at+n])
	require.Equal(t, s.Floats(1, id), s.FloatsPage(1, i)[at:at+n])
	require.Equal(t, s.Codes(2, id), s.CodesPage(2, i)[at:at+n])
	values, known := s.Ints(4, id)
	pageValues, pageKnown := s.IntsPage(4, i)
	require.Equal(t, values, pageValues[at:at+n])
	require.Equal(t, known, pageKnown[at:at+n])
	require.Nil(t, s.Floats(2, id), "of another type")
	require.Nil(t, s.Codes(9, id), "not kept")
}

func TestRoomFor(t *testing.T) {
	lastClass, lastRoom := 0, uint32(0)
	for n := uint32(1); n < 100_000; n++ {
		class, room := roomFor(n)
		require.GreaterOrEqual(t, room, n)
		require.LessOrEqual(t, room-n, n/4)
		if room != lastRoom {
			require.Equal(t, lastClass+1, class)
		} else {
			require.Equal(t, lastClass, class)
		}
		lastClass, lastRoom = class, room
	}
	b := blocks{taken: 1 << 31}
	require.ErrorIs(t, b.grow(nil, 1<<31), audience.ErrFull)
}

// TestMemory holds what an event and a contact cost, in the worst case of
// events that come one by one.
func TestMemory(t *testing.T) {
	const contacts = 16_384
	table := New(benchSchema(), nil, benchNeeds())
	changes := benchEvents(contacts, 10*contacts)
	worst := 0.0
	for i := range changes {
		require.NoError(t, table.Apply(&changes[i]))
		if i < 2*contacts || i%(contacts/8) > 0 {
			continue
		}
		for _, s := range table.streams[3:] { // purchase: an instant and a double each
			p := s.pages[0]
			n, index := 0, 4*(cap(p.starts)+cap(p.lens))
			for _, k := range p.lens {
				n += int(k)
			}
			require.LessOrEqual(t, index, 8*(contacts+64)*2) // ids begin with 1
			worst = max(worst, float64(s.bytes()-index)/float64(n))
		}
	}
	require.Less(t, worst, 24.0)
	t.Logf("at most %.1f bytes for an event with a double", worst)
}
