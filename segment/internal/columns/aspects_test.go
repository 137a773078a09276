package columns

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// aspects is what is known of one contact, by what effects call it.
type aspects map[Effect]string

func pair(known bool, v any) string { return fmt.Sprintf("%t %v", known, v) }

// requireAspects tells of those that differ only.
func requireAspects(t testing.TB, want, got aspects, about string) {
	t.Helper()
	for e := range want {
		require.Equal(t, want[e], got[e], "%s: %+v", about, e)
	}
	require.Len(t, got, len(want), about)
}

// tableAspects reads them by the typed access.
func tableAspects(t *Table, id uint32, probe []time.Time) aspects {
	out := aspects{}
	n := t.Needs()
	for b := range builtins {
		e := Effect{Kind: EffectBuiltin, Builtin: b}
		if c := t.BuiltinCodes(b); c != nil {
			code, ok := c.Get(id)
			out[e] = pair(ok, t.Text(code))
		}
		if c := t.BuiltinInts(b); c != nil {
			us, ok := c.Get(id)
			out[e] = pair(ok, us)
		}
	}
	for _, id2 := range n.Fields {
		e := Effect{Kind: EffectField, Field: id2}
		f, _ := t.schema.FieldByID(id2)
		switch {
		case t.Ints(id2) != nil:
			x, ok := t.Ints(id2).Get(id)
			out[e] = pair(ok, x)
		case t.Floats(id2) != nil:
			x, ok := t.Floats(id2).Get(id)
			out[e] = pair(ok, x)
		case f.Type == audience.TypeString:
			code, ok := t.Codes(id2).Get(id)
			out[e] = pair(ok, t.Text(code))
		default:
			code, _ := t.Codes(id2).Get(id)
			out[e] = fmt.Sprintf("%q", t.Set(code, nil))
		}
	}
	for _, i := range n.Items {
		for _, item := range i.Items {
			out[Effect{Kind: EffectItem, Field: i.Field, Text: item}] = strconv.FormatBool(t.Item(i.Field, item).Contains(id))
		}
	}
	for _, tag := range n.Tags {
		out[Effect{Kind: EffectTag, Text: tag}] = strconv.FormatBool(t.Tag(tag).Contains(id))
	}
	if c := t.TagSets(); c != nil {
		code, _ := c.Get(id)
		out[Effect{Kind: EffectTag}] = fmt.Sprintf("%q", t.Set(code, nil))
	}
	for _, e := range n.Events {
		out[Effect{Kind: EffectEvents, Text: e.Type}] = streamText(t, t.Stream(e.Type), id)
	}
	for _, l := range n.Lists {
		out[Effect{Kind: EffectList, Text: l}] = strconv.FormatBool(t.List(l).Contains(id))
	}
	if n.Ledger {
		h := t.History(id)
		out[Effect{Kind: EffectLedger}] = historyText(&h, probe)
	}
	if n.Suppressed {
		us, ok := t.SuppressedFrom(id)
		out[Effect{Kind: EffectSuppressed}] = pair(ok, us)
	}
	return out
}

func streamText(t *Table, s *Stream, id uint32) string {
	var rows []string
	times := s.Times(id)
	for k := range times {
		var b strings.Builder
		fmt.Fprint(&b, times[k])
		for i := range s.props {
			p := s.props[i].id
			switch {
			case s.Floats(p, id) != nil:
				f := s.Floats(p, id)[k]
				fmt.Fprintf(&b, " %d:%v,%v", p, !math.IsNaN(f), f)
			case s.Codes(p, id) != nil && s.props[i].typ == audience.TypeString:
				code := s.Codes(p, id)[k]
				fmt.Fprintf(&b, " %d:%v,%s", p, code != 0, t.Text(code))
			case s.Codes(p, id) != nil:
				code := s.Codes(p, id)[k]
				fmt.Fprintf(&b, " %d:%v,%q", p, code != 0, t.Set(code, nil))
			default:
				values, known := s.Ints(p, id)
				fmt.Fprintf(&b, " %d:%v,%d", p, known[k], values[k])
			}
		}
		rows = append(rows, b.String())
	}
	return streamRows(rows, s.needs.Ordered)
}

// streamRows joins rows; those of one instant are in no order unless it
// matters.
func streamRows(rows []string, ordered bool) string {
	if !ordered {
		slices.SortStableFunc(rows, func(a, b string) int {
			x, _, _ := strings.Cut(a, " ")
			y, _, _ := strings.Cut(b, " ")
			if x == y {
				return strings.Compare(a, b)
			}
			return 0
		})
	}
	return strings.Join(rows, "\n")
}

func probeScopes() []audience.Scope {
	return []audience.Scope{
		audience.MarketingScope(),
		{Channel: "email", Purpose: "research"},
		{Channel: "sms", Purpose: "marketing"},
		{Channel: "email", Purpose: "marketing", List: "news"},
	}
}

// historyText says what a history folds to, and how many records it has.
func historyText(h *audience.History, probe []time.Time) string {
	var b strings.Builder
	var count func(h *audience.History)
	count = func(h *audience.History) {
		fmt.Fprintf(&b, "[%d", len(h.Records))
		for i := range h.Merged {
			fmt.Fprintf(&b, " %d after %d", audience.Micros(h.Merged[i].At), h.Merged[i].Seq)
			count(&h.Merged[i].History)
		}
		b.WriteString("]")
	}
	count(h)
	schema := testSchema()
	for _, at := range probe {
		for _, s := range probeScopes() {
			fmt.Fprintf(&b, " %v", h.Fold(s, at))
		}
		for _, l := range schema.Lists[:2] {
			fmt.Fprintf(&b, " %v", h.OnList(l, at))
		}
	}
	return b.String()
}

// profileAspects says what a table has to know of a contact.
func profileAspects(n Needs, schema *audience.Schema, zone *time.Location, p *audience.Profile, probe []time.Time) aspects {
	out := aspects{}
	c := &p.Contact
	for b := range builtins {
		if !n.builtin(b) {
			continue
		}
		text := pair(b.text(c) != "", b.text(c))
		if !b.isText() {
			text = pair(false, 0)
			if at := b.instant(c); !at.IsZero() {
				text = pair(true, at.UnixMicro())
			}
		}
		out[Effect{Kind: EffectBuiltin, Builtin: b}] = text
	}
	for _, id := range n.Fields {
		f, _ := schema.FieldByID(id)
		out[Effect{Kind: EffectField, Field: id}] = valueText(c.Value(id), f.Type, zone)
	}
	for _, i := range n.Items {
		items, _ := c.Value(i.Field).StringList()
		for _, item := range i.Items {
			out[Effect{Kind: EffectItem, Field: i.Field, Text: item}] = strconv.FormatBool(slices.Contains(items, item))
		}
	}
	for _, tag := range n.Tags {
		out[Effect{Kind: EffectTag, Text: tag}] = strconv.FormatBool(c.HasTag(tag))
	}
	if n.TagSets {
		out[Effect{Kind: EffectTag}] = fmt.Sprintf("%q", append([]string(nil), c.TagNames()...))
		if len(c.Tags) == 0 {
			out[Effect{Kind: EffectTag}] = "[]"
		}
	}
	for _, need := range n.Events {
		typ, _ := schema.EventNamed(need.Type)
		var rows []string
		for _, e := range p.Events(need.Type) {
			var row strings.Builder
			fmt.Fprint(&row, e.Time.UnixMicro())
			for _, id := range need.Props {
				i := slices.IndexFunc(typ.Props, func(p audience.Prop) bool { return p.ID == id })
				fmt.Fprintf(&row, " %d:%s", id, propText(e.Prop(id), typ.Props[i].Type, zone))
			}
			rows = append(rows, row.String())
		}
		out[Effect{Kind: EffectEvents, Text: need.Type}] = streamRows(rows, need.Ordered)
	}
	for _, l := range n.Lists {
		out[Effect{Kind: EffectList, Text: l}] = strconv.FormatBool(slices.Contains(p.Lists, l))
	}
	if n.Ledger {
		out[Effect{Kind: EffectLedger}] = historyText(&p.History, probe)
	}
	if n.Suppressed {
		out[Effect{Kind: EffectSuppressed}] = pair(false, 0)
		if !p.SuppressedFrom.IsZero() {
			out[Effect{Kind: EffectSuppressed}] = pair(true, p.SuppressedFrom.UnixMicro())
		}
	}
	return out
}

func instantOf(v audience.Value, zone *time.Location) (int64, bool) {
	at, ok := v.Timestamp()
	if d, isDate := v.Date(); isDate {
		at = d.In(zone)
		ok = !at.Before(audience.MinInstant())
	}
	if !ok {
		return 0, false
	}
	return at.UnixMicro(), true
}

func valueText(v audience.Value, typ audience.Type, zone *time.Location) string {
	switch typ {
	case audience.TypeInt:
		x, ok := v.Int()
		return pair(ok, x)
	case audience.TypeBool:
		x, ok := v.Bool()
		if x {
			return pair(ok, 1)
		}
		return pair(ok, 0)
	case audience.TypeDouble:
		x, ok := v.Double()
		return pair(ok, x)
	case audience.TypeString:
		x, ok := v.Str()
		return pair(ok, x)
	case audience.TypeStringList:
		items, _ := v.StringList()
		if len(items) == 0 {
			return "[]"
		}
		return fmt.Sprintf("%q", items)
	default:
		us, ok := instantOf(v, zone)
		return pair(ok, us)
	}
}

func propText(v audience.Value, typ audience.Type, zone *time.Location) string {
	switch typ {
	case audience.TypeDouble:
		if x, ok := v.Double(); ok {
			return fmt.Sprintf("true,%v", x)
		}
		return "false,NaN"
	case audience.TypeString:
		x, ok := v.Str()
		return fmt.Sprintf("%v,%s", ok, x)
	case audience.TypeStringList:
		items, ok := v.StringList()
		return fmt.Sprintf("%v,%q", ok, items)
	case audience.TypeInt:
		x, ok := v.Int()
		return fmt.Sprintf("%v,%d", ok, x)
	case audience.TypeBool:
		x, ok := v.Bool()
		n := 0
		if x {
			n = 1
		}
		return fmt.Sprintf("%v,%d", ok, n)
	case audience.TypeDate:
		d, ok := v.Date()
		return fmt.Sprintf("%v,%d", ok, d)
	default:
		us, ok := instantOf(v, zone)
		return fmt.Sprintf("%v,%d", ok, us)
	}
}

// requireEqualsView compares the table with the store as it is now.
func (w *world) requireEqualsView(t *Table) {
	w.t.Helper()
	probe := []time.Time{w.now.Add(-100 * time.Hour), w.now, w.now.Add(90 * time.Hour), audience.MaxInstant()}
	require.NoError(w.t, w.View(w.t.Context(), func(r *store.Reader) error {
		schema := r.Schema()
		here := map[uint32]bool{}
		for p, err := range r.AllProfiles(w.t.Context(), store.ProfileQuery{Parts: t.Needs().Parts()}) {
			require.NoError(w.t, err)
			id := uint32(p.Contact.ID)
			here[id] = true
			require.True(w.t, t.Exists(id))
			want := profileAspects(t.Needs(), &schema, r.Zone(), &p, probe)
			requireAspects(w.t, want, tableAspects(t, id, probe), fmt.Sprintf("contact %d", id))
		}
		require.Equal(w.t, len(here), t.Len())
		for _, id := range w.ids {
			require.Equal(w.t, here[uint32(id)], t.Exists(uint32(id)))
			roots, err := r.Resolve(w.t.Context(), audience.ID(id))
			require.NoError(w.t, err)
			require.Equal(w.t, uint32(roots[0]), t.Root(uint32(id)))
			if !here[uint32(id)] {
				requireNobody(w.t, t, uint32(id))
			}
		}
		return nil
	}))
	requireSound(w.t, t)
}

// requireNobody holds that of who is gone nothing is left.
func requireNobody(t testing.TB, table *Table, id uint32) {
	t.Helper()
	for _, s := range table.streams {
		require.Zero(t, s.Len(id))
	}
	for _, l := range table.lists {
		require.False(t, l.on.Contains(id))
	}
	_, suppressed := table.SuppressedFrom(id)
	require.False(t, suppressed)
}

// requireSound holds the memory of a table against itself.
func requireSound(t testing.TB, table *Table) {
	t.Helper()
	check := func(b *blocks) {
		var taken uint32
		type span struct{ from, to uint32 }
		var spans []span
		for low, n := range b.lens {
			if n == 0 {
				continue
			}
			_, room := roomFor(n)
			taken += room
			spans = append(spans, span{b.starts[low], b.starts[low] + room})
		}
		for class, free := range b.free {
			for _, at := range free {
				room := uint32(class)
				if class > 8 {
					e := (class-9)/4 + 1
					room = uint32((class-8-(e-1)*4)+4) << e
				}
				spans = append(spans, span{at, at + room})
			}
		}
		require.Equal(t, taken, b.taken)
		slices.SortFunc(spans, func(a, b span) int { return int(a.from) - int(b.from) })
		end := uint32(0)
		for _, s := range spans {
			require.Equal(t, end, s.from, "blocks lie side by side")
			end = s.to
		}
		require.Equal(t, end, b.used)
		require.LessOrEqual(t, b.used, b.size)
	}
	for _, s := range table.streams {
		for _, p := range s.pages {
			if p != nil {
				check(&p.blocks)
				require.Len(t, p.times, int(p.size))
			}
		}
		for id, origins := range s.origins {
			require.Len(t, origins, s.Len(id))
			require.True(t, table.lineages.isMerged(id))
		}
	}
	if table.ledger != nil {
		for _, p := range table.ledger.pages {
			if p != nil {
				check(&p.blocks)
			}
		}
	}
}

// held says which texts a table holds, and how often.
func (d *dictionary) held() map[string]uint32 {
	out := map[string]uint32{}
	for _, e := range d.entries {
		if e.refs > 0 {
			out[e.text] = e.refs
		}
	}
	return out
}

func requireSame(t testing.TB, want, got *Table) {
	t.Helper()
	require.Equal(t, want.texts.held(), got.texts.held())
	require.Equal(t, want.sets.held(), got.sets.held())
	require.Len(t, got.texts.codes, len(got.texts.held()))
	require.True(t, maps.Equal(want.lineages.winner, got.lineages.winner))
	for i, s := range want.streams {
		if s.ids != nil {
			require.Equal(t, len(s.ids.texts)-len(s.ids.free), len(got.streams[i].ids.texts)-len(got.streams[i].ids.free))
		}
		require.Len(t, got.streams[i].origins, len(s.origins))
	}
}
