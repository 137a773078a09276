package columns

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestFollow drives random histories through the store: after every commit a
// table that follows the feed knows what the store knows, which is what a
// table knows that is loaded then (G1).
func TestFollow(t *testing.T) {
	doubtful := 0
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			w := newWorld(t, seed)
			for range w.r.IntN(30) {
				w.step()
			}
			needs := w.allNeeds()
			switch seed % 3 {
			case 1:
				needs = w.someNeeds()
			case 2: // of events only the instants, so that many are equal
				for i := range needs.Events {
					needs.Events[i] = EventNeeds{Type: needs.Events[i].Type}
				}
			}
			table, at := w.load(needs)
			w.requireEqualsView(table)
			for i := range 100 {
				w.step()
				at = w.follow(table, at, nil)
				if table.Doubtful() > 0 { // merged, taken out again and erased in one commit
					doubtful++
					table, at = w.load(needs)
				}
				w.requireEqualsView(table)
				if i%10 == 0 {
					fresh, _ := w.load(needs)
					w.requireEqualsView(fresh)
					requireSame(t, fresh, table)
				}
			}
		})
	}
	require.Less(t, doubtful, 5)
}

// TestReplay follows the feed from its beginning, long after it happened, as
// erasures left it.
func TestReplay(t *testing.T) {
	doubtful := 0
	for seed := range uint64(40) {
		w := newWorld(t, seed+100)
		w.gentle = seed%2 == 0
		needs := w.allNeeds()
		for range 80 {
			w.step()
		}
		table := New(w.Schema(), w.Zone(), needs)
		w.follow(table, store.Position{}, nil)
		if table.Doubtful() > 0 {
			require.False(t, w.gentle, "nothing was emptied that others had a part in")
			doubtful++
			continue
		}
		w.requireEqualsView(table)
		fresh, _ := w.load(needs)
		require.Equal(t, fresh.texts.held(), table.texts.held(), "texts of the erased are gone")
	}
	require.Less(t, doubtful, 20)
}

// TestAdopt loads a part of the needs later, lets it catch up, and joins.
func TestAdopt(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed+200)
		w.gentle = true
		for range 30 {
			w.step()
		}
		first, second := w.someNeeds(), w.someNeeds()
		table, at := w.load(first)
		for range 10 {
			w.step()
		}
		more := first.Union(second).Minus(first)
		later, laterAt := w.load(more)
		for range 10 {
			w.step()
		}
		at = w.follow(table, at, nil)
		w.follow(later, laterAt, nil)
		require.Zero(t, table.Doubtful()+later.Doubtful())
		w.requireEqualsView(table)
		w.requireEqualsView(later)
		table.Adopt(later)
		require.Equal(t, first.Union(second), table.Needs())
		w.requireEqualsView(table)
		for range 15 {
			w.step()
			at = w.follow(table, at, nil)
			require.Zero(t, table.Doubtful(), "seed %d", seed)
			w.requireEqualsView(table)
		}
		fresh, _ := w.load(first.Union(second))
		requireSame(t, fresh, table)

		keep := w.someNeeds()
		table.Drop(keep)
		require.Equal(t, first.Union(second).Intersect(keep), table.Needs())
		w.requireEqualsView(table)
		fresh, _ = w.load(table.Needs())
		requireSame(t, fresh, table)
		for range 5 {
			w.step()
			at = w.follow(table, at, nil)
			w.requireEqualsView(table)
		}
	}
}

// TestRow reads contacts as expressions do.
func TestRow(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, seed+300)
		for range 120 {
			w.step()
		}
		needs := w.allNeeds()
		table, _ := w.load(needs)
		row := table.Row()
		require.NoError(t, w.View(t.Context(), func(r *store.Reader) error {
			for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{Parts: needs.Parts()}) {
				require.NoError(t, err)
				row.Seek(uint32(p.Contact.ID))
				w.requireRow(r, row, &p)
			}
			return nil
		}))
	}
}

func (w *world) requireRow(r *store.Reader, row *Row, p *audience.Profile) {
	t, schema, zone := w.t, r.Schema(), r.Zone()
	want, got := &p.Contact, row.Contact()
	require.Equal(t, want.ID, got.ID)
	require.Equal(t, want.Email().Canonical(), got.Email().Canonical())
	require.Equal(t, want.FirstName.Reveal(), got.FirstName.Reveal())
	require.Equal(t, want.LastName.Reveal(), got.LastName.Reveal())
	require.Equal(t, want.Phone.Reveal(), got.Phone.Reveal())
	require.Equal(t, want.Frequency, got.Frequency)
	require.True(t, want.CreatedAt.Equal(got.CreatedAt))
	require.True(t, want.UpdatedAt.Equal(got.UpdatedAt))
	require.Equal(t, want.TagNames(), got.TagNames())
	for _, f := range schema.Fields {
		require.Equal(t, valueText(want.Value(f.ID), f.Type, zone), valueText(got.Value(f.ID), f.Type, zone), f.Name)
	}
	for _, e := range row.t.needs.Events {
		typ, _ := schema.EventNamed(e.Type)
		a, b := p.Events(e.Type), row.Events(e.Type)
		require.Len(t, b, len(a))
		if !e.Ordered {
			continue // the same rows, as TestFollow holds; in which order within an instant is open
		}
		for k := range a {
			require.Equal(t, a[k].Time, b[k].Time)
			require.Equal(t, a[k].ID, b[k].ID)
			require.Equal(t, a[k].Origin, b[k].Origin)
			for _, prop := range typ.Props {
				require.Equal(t, propText(a[k].Prop(prop.ID), prop.Type, zone), propText(b[k].Prop(prop.ID), prop.Type, zone))
			}
		}
	}
	for _, at := range []time.Time{w.now.Add(-50 * time.Hour), w.now, w.now.Add(100 * time.Hour)} {
		require.Equal(t, p.Status(at), row.Status(at))
		require.Equal(t, p.Consent("research", at), row.Consent("research", at))
		from := row.SuppressedFrom()
		require.Equal(t, p.IsSuppressed(at), !from.IsZero() && !from.After(at))
		for _, l := range schema.Lists {
			require.Equal(t, p.OnList(l, at), row.OnList(l, at).Status == audience.StatusSubscribed, l.Name)
		}
	}
}
