package live_test

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// shop is a core over a shop, fed with changes as the feed gives them and
// without a store.
type shop struct {
	audiencetest.Shop
	schema   audience.Schema
	env      *celenv.Env
	core     *live.Core
	table    *columns.Table
	contacts []audience.Contact // by index
	seqs     []uint64           // of their ledgers
	heap     uint64             // after loading, before segments
}

func shopEnd() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// shopSizes are 1,000 and 100,000 contacts, or what
// AUDIENCEKIT_BENCH_CONTACTS says.
func shopSizes() []int {
	if n, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_BENCH_CONTACTS")); err == nil {
		return []int{n}
	}
	return []int{1_000, 100_000}
}

// numbered gives a schema its stable numbers.
func numbered(s audience.Schema) audience.Schema {
	s = s.Complete()
	for i := range s.Fields {
		s.Fields[i].ID = audience.FieldID(i + 1)
	}
	for i := range s.Events {
		s.Events[i].ID = audience.EventTypeID(i + 1)
		for j := range s.Events[i].Props {
			s.Events[i].Props[j].ID = audience.PropID(j + 1)
		}
	}
	return s
}

// newShop loads a shop with the columns that sources read. Contacts are kept
// only when keep says so: for changes of fields.
func newShop(tb testing.TB, n int, keep bool, sources ...string) *shop {
	tb.Helper()
	s := &shop{Shop: audiencetest.Shop{Contacts: n, Seed: 1, End: shopEnd()}}
	s.schema = numbered(s.Schema())
	var err error
	s.env, err = celenv.New(s.schema, celenv.Options{Limits: celenv.Limits{
		SourceBytes: 65_536, Depth: 64, Nodes: 5_000, ListItems: 1_000, Streams: 100, RegexBytes: 1_000, Steps: 10_000_000, TextBytes: 1 << 20,
	}})
	require.NoError(tb, err)
	var needs columns.Needs
	for _, source := range sources {
		needs = needs.Union(live.NeedsOf(s.compile(tb, source)))
	}
	s.table = columns.New(s.schema, time.UTC, needs)
	var events []audiencetest.ShopEvent
	writer := audiencetest.EventWriter{}
	for p := range s.People() {
		c := s.contact(&p)
		s.put(tb, &c)
		if keep {
			s.contacts = append(s.contacts, c)
		}
		s.seqs = append(s.seqs, 0)
		for _, r := range s.ConsentsOf(p.Index) {
			s.apply(tb, s.consent(p.Index, r.Write()))
		}
		events = s.AppendEvents(events[:0], p.Index)
		for i := range events {
			if !slices.ContainsFunc(needs.Events, func(e columns.EventNeeds) bool { return e.Type == events[i].Kind.String() }) {
				continue
			}
			w := writer.Write(p.Index, &events[i])
			s.apply(tb, s.event(p.Index, &w))
		}
	}
	s.core = live.New(s.table, audience.NewCalendar(time.UTC), audience.Micros(shopEnd()))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap = m.HeapAlloc
	return s
}

func (s *shop) compile(tb testing.TB, source string) *celenv.Program {
	tb.Helper()
	p, errs := s.env.Compile(source, nil)
	require.Empty(tb, errs)
	return p
}

func (s *shop) apply(tb testing.TB, c store.Change) {
	tb.Helper()
	if err := s.table.Apply(&c); err != nil {
		tb.Fatal(err)
	}
}

func (s *shop) put(tb testing.TB, c *audience.Contact) {
	tb.Helper()
	s.apply(tb, store.Change{Kind: store.ChangeContact, Contact: c.ID, After: c})
}

// contact gives the row of a person.
func (s *shop) contact(p *audiencetest.Person) audience.Contact {
	w := p.Write()
	c := audience.Contact{ID: audience.ContactID(p.Index + 1), Version: 1, CreatedAt: audience.FromMicros(p.Created), UpdatedAt: audience.FromMicros(p.Created)}
	s.write(&c, &w)
	return c
}

// write changes a row as far as segments of the benchmarks read it.
func (s *shop) write(c *audience.Contact, w *audience.ContactWrite) {
	c.Fields = slices.Clone(c.Fields)
	for name, v := range w.Set {
		f, _ := s.schema.FieldNamed(name)
		i, ok := slices.BinarySearchFunc(c.Fields, f.ID, func(x audience.FieldValue, id audience.FieldID) int { return cmp.Compare(x.ID, id) })
		if !ok {
			c.Fields = slices.Insert(c.Fields, i, audience.FieldValue{ID: f.ID})
		}
		c.Fields[i].Value = v
	}
	for _, tag := range w.AddTags {
		i, ok := slices.BinarySearchFunc(c.Tags, tag, func(t audience.Tag, name string) int { return cmp.Compare(t.Name, name) })
		if !ok {
			c.Tags = slices.Insert(slices.Clone(c.Tags), i, audience.Tag{Name: tag})
		}
	}
	for _, tag := range w.RemoveTags {
		c.Tags = slices.DeleteFunc(slices.Clone(c.Tags), func(t audience.Tag) bool { return t.Name == tag })
	}
}

func (s *shop) consent(index int, w audience.ConsentWrite) store.Change {
	s.seqs[index]++
	r := audience.ConsentRecord{
		Contact: audience.ContactID(index + 1), Seq: s.seqs[index], Kind: w.Kind, Scope: w.Scope, Acted: w.Acted, Recorded: w.Acted, Expires: w.Expires,
		Mechanism: w.Mechanism, Evidence: [32]byte{1},
	}
	return store.Change{Kind: store.ChangeLedger, Contact: r.Contact, Record: &r}
}

func (s *shop) event(index int, w *audience.EventWrite) store.Change {
	t, _ := s.schema.EventNamed(w.Type)
	e, err := w.Event(audience.ContactID(index+1), t)
	if err != nil {
		panic(err)
	}
	return store.Change{Kind: store.ChangeEvent, Contact: e.Contact, Event: &e}
}

// commits gives what happens next, as commits of one change each, 10
// microseconds apart: what time alone does is measured elsewhere.
func (s *shop) commits(tb testing.TB, n int) []store.Commit {
	tb.Helper()
	out := make([]store.Commit, 0, n)
	now := s.core.Now()
	for l := range s.Live(n) {
		var c store.Change
		now += 10
		l.Time = now
		switch {
		case l.Event != nil:
			l.Event.Time = audience.FromMicros(l.Time)
			c = s.event(l.Index, l.Event)
		case l.Consent != nil:
			w := *l.Consent
			w.Acted = audience.FromMicros(l.Time)
			c = s.consent(l.Index, w)
		default:
			row := s.contacts[l.Index]
			s.write(&row, l.Contact)
			row.Version++
			s.contacts[l.Index] = row
			c = store.Change{Kind: store.ChangeContact, Contact: row.ID, After: &row}
		}
		out = append(out, store.Commit{At: audience.FromMicros(l.Time), Changes: []store.Change{c}})
	}
	return out
}

// define makes segments live.
func (s *shop) define(tb testing.TB, sources ...string) {
	tb.Helper()
	defs := make([]live.Definition, len(sources))
	for i, source := range sources {
		defs[i] = live.Definition{Name: "s" + strconv.Itoa(i), Program: s.compile(tb, source)}
	}
	var gone []string
	for _, old := range s.core.Segments() {
		gone = append(gone, old.Name())
	}
	d, err := s.core.Draft(defs, gone)
	require.NoError(tb, err)
	d.Publish()
}

// cpu is the time that the process has used: on a busy machine it says more
// than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
