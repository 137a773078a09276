package live_test

import (
	"math/bits"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// queries are those of the documentation: fields alone, two windows, and
// aggregates.
func queries() map[string]string {
	return map[string]string{
		"1-fields":  `contact.country == "DE" && contact.age >= 30 && "vip" in contact.tags`,
		"2-engaged": engaged(30, 60),
		"3-high-value": `events("purchase").sum("value") > 100 && events("purchase").within("1y").count() > 3
			&& rate(events("email.opened"), events("email.sent")) > 0.5 && contact.created_at < ago("6mo")`,
	}
}

// BenchmarkDefine measures, over the same columns: making a segment live, the
// members alone, a loop written by hand for just that query, and the
// evaluation row by row with cel-go.
func BenchmarkDefine(b *testing.B) {
	for _, n := range shopSizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var sources []string
			for _, q := range queries() {
				sources = append(sources, q)
			}
			s := newShop(b, n, false, sources...)
			f := newFloor(s)
			for _, name := range []string{"1-fields", "2-engaged", "3-high-value"} {
				b.Run(name, func(b *testing.B) { benchDefine(b, s, queries()[name], f.loops()[name]) })
			}
		})
	}
}

func benchDefine(b *testing.B, s *shop, source string, byHand func() int) {
	program := s.compile(b, source)
	def := []live.Definition{{Name: "q", Program: program}}
	s.define(b, source)
	want := s.core.Segments()[0].Len()
	require.Equal(b, want, byHand())
	b.Run("live", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := s.core.Draft(def, nil)
			require.NoError(b, err)
			d.Publish()
		}
		b.ReportMetric(float64(want), "members")
	})
	b.Run("members", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := s.core.Draft(def, nil)
			require.NoError(b, err)
			d.Drop()
		}
	})
	b.Run("by-hand", func(b *testing.B) {
		for b.Loop() {
			if byHand() != want {
				b.Fatal("other members")
			}
		}
	})
	b.Run("rows", func(b *testing.B) {
		moment := program.At(shopEnd())
		row := s.table.Row()
		for b.Loop() {
			members := 0
			for id := range s.table.Presence().All {
				row.Seek(id)
				t, err := moment.Truth(row, nil)
				if err != nil {
					b.Fatal(err)
				}
				if t == celenv.True {
					members++
				}
			}
			if members != want {
				b.Fatal("other members")
			}
		}
	})
}

// floor is what loops by hand go over: the columns of the table, and the
// status as a byte.
type floor struct {
	*shop
	subscribed []bool // by id
}

func newFloor(s *shop) *floor {
	f := &floor{shop: s, subscribed: make([]bool, s.Len()+1)}
	for id := range s.table.Presence().All {
		h := s.table.History(id)
		f.subscribed[id] = h.Fold(audience.MarketingScope(), shopEnd()).Status == audience.StatusSubscribed
	}
	return f
}

func (f *floor) loops() map[string]func() int {
	return map[string]func() int{"1-fields": f.fields, "2-engaged": f.engaged, "3-high-value": f.highValue}
}

func (f *floor) fields() int {
	country, _ := f.schema.FieldNamed("country")
	age, _ := f.schema.FieldNamed("age")
	code, _ := f.table.Code("DE")
	tag := f.table.Tag("vip")
	n := 0
	for page := range f.table.Presence().Pages() {
		in := tag.Page(page)
		if in == nil {
			continue
		}
		codes, hasCode := f.table.Codes(country.ID).Page(page)
		ages, hasAge := f.table.Ints(age.ID).Page(page)
		for i, w := range in {
			for w &= hasCode[i] & hasAge[i]; w != 0; w &= w - 1 {
				k := i<<6 + bits.TrailingZeros64(w)
				if codes[k] == code && ages[k] >= 30 {
					n++
				}
			}
		}
	}
	return n
}

func daysAgo(n int) int64 { return audience.Micros(shopEnd().Add(-time.Duration(n) * 24 * time.Hour)) }

func (f *floor) engaged() int {
	opened, clicked := f.table.Stream("email.opened"), f.table.Stream("email.clicked")
	edge, edge2 := daysAgo(30), daysAgo(60)
	n := 0
	for page := range f.table.Presence().Pages() {
		starts, lens, times := opened.Page(page)
		starts2, lens2, times2 := clicked.Page(page)
		for low := range min(len(lens), len(lens2)) {
			id := page<<16 + low
			if id >= len(f.subscribed) || !f.subscribed[id] || lens[low] == 0 || lens2[low] == 0 {
				continue
			}
			if times[starts[low]+lens[low]-1] > edge && times2[starts2[low]+lens2[low]-1] > edge2 {
				n++
			}
		}
	}
	return n
}

func (f *floor) highValue() int {
	purchase, opened, sent := f.table.Stream("purchase"), f.table.Stream("email.opened"), f.table.Stream("email.sent")
	cal := audience.NewCalendar(time.UTC)
	year, _ := audience.ParsePeriod("1y")
	half, _ := audience.ParsePeriod("6mo")
	since, _ := cal.Ago(shopEnd(), year)
	before, _ := cal.Ago(shopEnd(), half)
	edge, created := audience.Micros(since), audience.Micros(before)
	t, _ := f.schema.EventNamed("purchase")
	value, _ := t.PropNamed("value")
	n := 0
	for page := range f.table.Presence().Pages() {
		starts, lens, times := purchase.Page(page)
		values := purchase.FloatsPage(value.ID, page)
		_, opens, _ := opened.Page(page)
		_, sends, _ := sent.Page(page)
		createds, known := f.table.BuiltinInts(columns.BuiltinCreatedAt).Page(page)
		for low, count := range lens {
			if count < 4 || low >= len(sends) || sends[low] == 0 || low >= len(opens) || known[low>>6]>>(low&63)&1 == 0 {
				continue
			}
			end := starts[low] + count
			if times[end-4] <= edge || float64(opens[low])/float64(sends[low]) <= 0.5 || createds[low] >= created {
				continue
			}
			cents := 0.0
			for _, v := range values[starts[low]:end] {
				cents += v * 100
			}
			if cents > 10_000.5 {
				n++
			}
		}
	}
	return n
}
