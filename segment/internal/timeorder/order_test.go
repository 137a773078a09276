package timeorder_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// column is the owner's: the present instant of each contact. An order of it
// is compared with what it says.
type column map[uint32]int64

func (c column) value(id uint32) (int64, bool) {
	at, ok := c[id]
	return at, ok
}

func (c column) next(after int64) (least int64, found bool) {
	for _, at := range c {
		if at > after && (!found || at < least) {
			least, found = at, true
		}
	}
	return least, found
}

func (c column) at(at int64) []uint32 {
	var ids []uint32
	for id, now := range c {
		if now == at {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func visited(o *timeorder.Order, at int64) []uint32 {
	var ids []uint32
	o.At(at, func(id uint32) { ids = append(ids, id) })
	return ids
}

// requireOrder walks through the whole order.
func requireOrder(t *testing.T, c column, o *timeorder.Order) {
	t.Helper()
	byInstant := map[int64][]uint32{}
	for id, at := range c {
		byInstant[at] = append(byInstant[at], id)
	}
	after := int64(math.MinInt64)
	for _, want := range slices.Sorted(maps.Keys(byInstant)) {
		at, found := o.Next(after)
		ids := byInstant[want]
		slices.Sort(ids)
		if !found || at != want || !slices.Equal(ids, visited(o, at)) {
			require.Fail(t, "wrong", "after %d: %d (%t) instead of %d, %v instead of %v", after, at, found, want, visited(o, at), ids)
		}
		after = at
	}
	_, found := o.Next(after)
	require.False(t, found)
}

const (
	year1    = -62_135_596_800_000_000
	year9999 = 253_402_300_799_999_999
)

// instants are the ways in which instants of contacts lie.
func instants(r *rand.Rand) func() int64 {
	clock := int64(1_700_000_000_000_000)
	common := clock + 7
	return []func() int64{
		func() int64 { clock += r.Int64N(3); return clock },                    // mostly the newest end
		func() int64 { clock += r.Int64N(1_000_000_000); return clock },        // the same, far apart
		func() int64 { return year1 + r.Int64N(year9999-year1+1) },             // anywhere
		func() int64 { return []int64{year1, year9999, common}[r.IntN(3)] },    // few instants
		func() int64 { return common + r.Int64N(50) },                          // many at each
		func() int64 { return common + max(0, r.Int64N(2_000)-1_800) },         // most at one
		func() int64 { return common - 5 + max(0, min(10, r.Int64N(400)-20)) }, // most at one, some around it
	}[r.IntN(7)]
}

func TestOrderIsASortedMap(t *testing.T) {
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 7))
		draw := instants(r)
		ids := []uint32{30, 2_000, 20_000, math.MaxUint32}[r.IntN(4)]
		c := column{}
		o := timeorder.New(c.value)
		cursors := make([]int64, r.IntN(5))
		for i := range cursors {
			cursors[i] = draw()
		}
		for range 40 {
			switch r.IntN(8) {
			case 0:
				requireOrder(t, c, o)
			case 1: // instants go without a word
				for id := range c {
					if r.IntN(4) == 0 {
						delete(c, id)
					}
				}
			case 2:
				if r.IntN(4) == 0 {
					o.Build(maps.All(c))
				}
			default:
				for range r.IntN(2_500) {
					id, at := r.Uint32N(ids), draw()
					before, had := c[id]
					c[id] = at
					o.Add(id, at)
					if had && r.IntN(8) == 0 { // back to what was
						c[id] = before
						o.Add(id, before)
					}
					if r.IntN(20) == 0 {
						o.Add(id, c[id])
					}
				}
			}
			for i, after := range cursors {
				want, wantFound := c.next(after)
				got, found := o.Next(after)
				require.Equal(t, wantFound, found)
				require.Equal(t, want, got)
				if found {
					require.Equal(t, c.at(got), visited(o, got))
					cursors[i] = got
				}
				require.Equal(t, c.at(after+1), visited(o, after+1))
			}
			require.GreaterOrEqual(t, o.Len(), len(c))
		}
		requireOrder(t, c, o)
		_, found := o.Next(math.MaxInt64)
		require.False(t, found)
	}
}

// dense is a column of ids below its length; zero is none.
type dense []int64

func (d dense) value(id uint32) (int64, bool) { return d[id], d[id] != 0 }

func (d dense) all(yield func(uint32, int64) bool) {
	for id, at := range d {
		if at != 0 && !yield(uint32(id), at) {
			return
		}
	}
}

const (
	second = int64(1_000_000)
	day    = 24 * 3_600 * second
	start  = int64(1_700_000_000) * second
)

// TestManyAtOneInstant would take minutes if what one instant holds were looked
// through for each contact.
func TestManyAtOneInstant(t *testing.T) {
	const n = 300_000
	r := rand.New(rand.NewPCG(1, 7))
	d := make(dense, n)
	o := timeorder.New(d.value)
	for _, id := range r.Perm(n) {
		d[id] = start
		o.Add(uint32(id), start)
		at, found := o.Next(start - 1)
		require.True(t, found && at == start)
		_, found = o.Next(start)
		require.False(t, found)
	}
	next := uint32(0)
	for range 2 {
		next = 0
		o.At(start, func(id uint32) {
			if id == next {
				next++
			}
		})
		require.Equal(t, uint32(n), next)
	}
	for id := range uint32(n) { // they leave it one by one
		d[id] = start + int64(id) + 1
		o.Add(id, d[id])
		at, found := o.Next(start - 1)
		require.True(t, found && (at == start) == (id+1 < n))
	}
	require.Less(t, o.Bytes(), 8*n)
}

func TestBytesPerContact(t *testing.T) {
	const n = 200_000
	r := rand.New(rand.NewPCG(2, 7))
	d := make(dense, n)
	for id := range d {
		d[id] = start + r.Int64N(730*day)
	}
	o := timeorder.New(d.value)
	o.Build(d.all)
	require.Equal(t, n, o.Len())
	require.Less(t, o.Bytes(), 5*n)
	t.Logf("%.2f B per contact after Build", float64(o.Bytes())/n)

	now := start + 730*day
	for range 5 * n { // everybody moves on, some often, some never
		id := int(math.Pow(r.Float64(), 3) * n)
		now += second
		d[id] = now
		o.Add(uint32(id), now)
	}
	t.Logf("%.2f B per contact after %d changes", float64(o.Bytes())/n, 5*n)
	require.Less(t, o.Bytes(), 8*n)
	require.Equal(t, n, o.Len())

	most := 0
	for cursor := now - 365*day; cursor < now; cursor += day {
		o.Next(cursor)
		most = max(most, o.Bytes())
	}
	t.Logf("%.2f B per contact with 365 cursors", float64(most)/n)
	for range 100_000 { // one cursor alone lets the rest go cold
		o.Next(now - 30*day)
	}
	require.Less(t, o.Bytes(), 8*n)

	c := map[int64]bool{}
	for _, at := range d {
		c[at] = true
	}
	instants, after := 0, int64(math.MinInt64)
	for at, found := o.Next(after); found; at, found = o.Next(after) {
		require.True(t, at > after && c[at])
		after = at
		instants++
	}
	require.Len(t, c, instants)
}

func TestGoneContactsAreForgotten(t *testing.T) {
	d := make(dense, 10_000)
	o := timeorder.New(d.value)
	for id := range d {
		d[id] = start + int64(id)*day
		o.Add(uint32(id), d[id])
	}
	require.Equal(t, len(d), o.Len())
	clear(d)
	_, found := o.Next(math.MinInt64)
	require.False(t, found)
	require.Zero(t, o.Len())
	require.Less(t, o.Bytes(), 20_000)
}
