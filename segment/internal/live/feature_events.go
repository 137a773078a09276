package live

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/decimal"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// stream is the events of some types up to now.
type stream []*columns.Stream

// upTo gives how many of ordered instants are not later than now. Events ahead
// are few and at the end.
func upTo(times []int64, now int64) int {
	n := len(times)
	if n == 0 || times[n-1] <= now {
		return n
	}
	return sort.Search(n, func(i int) bool { return times[i] > now })
}

func (s stream) count(id uint32, now int64) int {
	n := 0
	for _, t := range s {
		n += upTo(t.Times(id), now)
	}
	return n
}

// latest gives the instant of the k-th latest event, from 1.
func (s stream) latest(id uint32, k int, now int64) (int64, bool) {
	if len(s) == 1 {
		times := s[0].Times(id)
		n := upTo(times, now)
		if n < k {
			return 0, false
		}
		return times[n-k], true
	}
	if s.count(id, now) < k {
		return 0, false
	}
	ends := make([]int, len(s))
	for i, t := range s {
		ends[i] = upTo(t.Times(id), now)
	}
	for {
		best, at := -1, int64(0)
		for i, t := range s {
			if ends[i] > 0 {
				if last := t.Times(id)[ends[i]-1]; best < 0 || last > at {
					best, at = i, last
				}
			}
		}
		if k--; k == 0 {
			return at, true
		}
		ends[best]--
	}
}

// countOf is count().
type countOf struct{ stream }

func (f countOf) value(_ *Core, id uint32, now int64) (int64, bool) {
	return int64(f.count(id, now)), true
}
func (f countOf) price() int { return 10 * len(f.stream) }

// firstOf is first().
type firstOf struct{ stream }

func (f firstOf) value(_ *Core, id uint32, now int64) (int64, bool) {
	best, found := int64(0), false
	for _, s := range f.stream {
		if times := s.Times(id); len(times) > 0 && times[0] <= now && (!found || times[0] < best) {
			best, found = times[0], true
		}
	}
	return best, found
}
func (f firstOf) price() int { return 10 * len(f.stream) }

// lastOf is the instant of the k-th latest event; of k 1 it is last().
type lastOf struct {
	stream
	k int
}

func (f lastOf) value(_ *Core, id uint32, now int64) (int64, bool) { return f.latest(id, f.k, now) }

// price is low of the second latest and so on: most contacts do not have so
// many events, which is seen without looking at them.
func (f lastOf) price() int {
	if f.k > 1 && len(f.stream) == 1 {
		return 2
	}
	return 10 * len(f.stream)
}

func (f lastOf) between(c *Core, page int, in *words, lo, hi int64) {
	if len(f.stream) != 1 {
		filterOneByOne(page, in, func(id uint32) bool {
			v, ok := f.value(c, id, c.now)
			return ok && lo <= v && v <= hi
		})
		return
	}
	p := pageOf(f.stream[0], page)
	k, now := f.k, c.now
	for i, w := range in {
		var kept uint64
		for rest := w; rest != 0; rest &= rest - 1 {
			bit := lowest(rest)
			low := i<<6 + bit
			if low >= len(p.lens) || int(p.lens[low]) < k {
				continue
			}
			if n := p.count(low, now); n >= k {
				if v := p.times[int(p.starts[low])+n-k]; lo <= v && v <= hi {
					kept |= 1 << bit
				}
			}
		}
		in[i] = kept
	}
}

// streamPage is a page of the events of a type.
type streamPage struct {
	starts, lens []uint32
	times        []int64
}

func pageOf(s *columns.Stream, page int) streamPage {
	starts, lens, times := s.Page(page)
	return streamPage{starts, lens, times}
}

// count gives how many events up to now the contact with the low bits has.
func (p *streamPage) count(low int, now int64) int {
	if low >= len(p.lens) || p.lens[low] == 0 {
		return 0
	}
	start, n := p.starts[low], p.lens[low]
	if p.times[start+n-1] <= now {
		return int(n)
	}
	return upTo(p.times[start:start+n], now)
}

// rateOf is rate(a, b).
type rateOf struct{ over, under stream }

func (f rateOf) value(_ *Core, id uint32, now int64) (int64, bool) {
	under := f.under.count(id, now)
	if under == 0 {
		return 0, false
	}
	return fromFloat(float64(f.over.count(id, now)) / float64(under)), true
}
func (f rateOf) price() int { return 10 * (len(f.over) + len(f.under)) }

func (f rateOf) between(c *Core, page int, in *words, lo, hi int64) {
	if len(f.over) != 1 || len(f.under) != 1 {
		filterOneByOne(page, in, func(id uint32) bool {
			v, ok := f.value(c, id, c.now)
			return ok && lo <= v && v <= hi
		})
		return
	}
	over, under := pageOf(f.over[0], page), pageOf(f.under[0], page)
	first := uint32(page) << 16
	filterOneByOne(page, in, func(id uint32) bool {
		low := int(id - first)
		n := under.count(low, c.now)
		if n == 0 {
			return false
		}
		v := fromFloat(float64(over.count(low, c.now)) / float64(n))
		return lo <= v && v <= hi
	})
}

// aggregateOf is an aggregate over a property.
type aggregateOf struct {
	stream
	kind  celenv.FeatureKind
	of    audience.Type
	props []audience.PropID // of each type, 0 where it has none
}

func (f *aggregateOf) price() int { return 60 * len(f.stream) }

func (f *aggregateOf) value(c *Core, id uint32, now int64) (int64, bool) {
	switch f.kind {
	case celenv.FeatureSum:
		return known(f.total(c, id, now).Float())
	case celenv.FeatureAvg:
		sum := f.total(c, id, now)
		if sum.Len() == 0 {
			return 0, false
		}
		return known(sum.Mean())
	case celenv.FeatureDistinct:
		return f.distinct(c, id, now), true
	default: // the least and the greatest
	}
	v, ok := f.extreme(id, now)
	if ok && f.of == audience.TypeDate { // compared as its first instant
		var t time.Time
		t, ok = c.calendar.StartOfDate(audience.Date(v))
		v = audience.Micros(t)
	}
	return v, ok
}

// known gives a double as a value: one that is not finite is unknown.
func known(f float64) (int64, bool) {
	return fromFloat(f), !math.IsInf(f, 0) && !math.IsNaN(f)
}

func (f *aggregateOf) total(c *Core, id uint32, now int64) *decimal.Sum {
	sum := &c.sum
	sum.Reset()
	for i, s := range f.stream {
		n := upTo(s.Times(id), now)
		if n == 0 || f.props[i] == 0 {
			continue
		}
		if f.of == audience.TypeDouble {
			for _, v := range s.Floats(f.props[i], id)[:n] {
				if v == v { // NaN is absent
					sum.Add(v)
				}
			}
			continue
		}
		values, known := s.Ints(f.props[i], id)
		for j, v := range values[:n] {
			if known[j] {
				sum.AddInt(v)
			}
		}
	}
	return sum
}

// visit visits the values of the property.
func (f *aggregateOf) visit(id uint32, now int64, visit func(v int64)) {
	for i, s := range f.stream {
		n := upTo(s.Times(id), now)
		if n == 0 || f.props[i] == 0 {
			continue
		}
		switch f.of {
		case audience.TypeDouble:
			for _, v := range s.Floats(f.props[i], id)[:n] {
				if v == v { // NaN is absent
					visit(fromFloat(v))
				}
			}
		case audience.TypeString, audience.TypeStringList:
			for _, code := range s.Codes(f.props[i], id)[:n] {
				if code != 0 {
					visit(int64(code))
				}
			}
		default:
			values, known := s.Ints(f.props[i], id)
			for j, v := range values[:n] {
				if known[j] {
					visit(v)
				}
			}
		}
	}
}

func (f *aggregateOf) extreme(id uint32, now int64) (int64, bool) {
	best, found := int64(0), false
	f.visit(id, now, func(v int64) {
		if !found || (f.kind == celenv.FeatureMin) == (v < best) && v != best {
			best, found = v, true
		}
	})
	return best, found
}

func (f *aggregateOf) distinct(c *Core, id uint32, now int64) int64 {
	c.values = c.values[:0]
	f.visit(id, now, func(v int64) { c.values = append(c.values, v) })
	slices.Sort(c.values)
	return int64(len(slices.Compact(c.values)))
}
