package columns

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
)

// TestEffects: what a change says nothing of does not change, and what it
// says something of does.
func TestEffects(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			w := newWorld(t, seed+400)
			for range 10 {
				w.step()
			}
			needs := w.allNeeds()
			if seed%2 == 1 {
				needs = w.someNeeds()
			}
			table, at := w.load(needs)
			e := &effectChecker{w: w, table: table}
			for range 60 {
				w.step()
				at = w.follow(table, at, e.check)
			}
		})
	}
}

type effectChecker struct {
	w     *world
	table *Table
}

func (e *effectChecker) state() map[uint32]aspects {
	probe := []time.Time{e.w.now, e.w.now.Add(90 * time.Hour)}
	out := map[uint32]aspects{}
	for id := range e.table.Presence().All {
		out[id] = tableAspects(e.table, id, probe)
	}
	return out
}

func (e *effectChecker) check(ch *store.Change) {
	t := e.w.t
	effects := e.table.Effects(ch, nil)
	before := e.state()
	require.NoError(t, e.table.Apply(ch))
	after := e.state()

	told := map[uint32]map[Effect]int{}
	for _, f := range effects {
		id := f.Contact
		if told[id] == nil {
			told[id] = map[Effect]int{}
		}
		if f.Kind == EffectItem || f.Kind == EffectTag || f.Kind == EffectList {
			e.requireOn(f, after[id])
		}
		f.Contact, f.On = 0, false
		told[id][f]++
		require.Equal(t, 1, told[id][f], "told once: %+v", f)
	}
	for id, has := range told {
		_, was := before[id]
		_, is := after[id]
		switch {
		case has[Effect{Kind: EffectMerged}] > 0:
			require.Len(t, has, 1)
		case has[Effect{Kind: EffectCreated}] > 0:
			require.True(t, !was && is)
			require.Len(t, has, 1)
		case has[Effect{Kind: EffectRemoved}] > 0:
			require.True(t, was && !is)
			require.Len(t, has, 1)
		default:
			require.True(t, was && is)
			require.Equal(t, e.differing(before[id], after[id], has), has, "%s of contact %d", ch.Kind, id)
		}
	}
	for id := range before {
		if told[id] == nil {
			requireAspects(t, before[id], after[id], fmt.Sprintf("%s of contact %d has no effect on %d", ch.Kind, ch.Contact, id))
		}
	}
	for id := range after {
		if before[id] == nil {
			require.NotNil(t, told[id])
		}
	}
}

// differing gives the aspects that differ, as effects; of sets read whole it
// takes those told.
func (e *effectChecker) differing(before, after aspects, told map[Effect]int) map[Effect]int {
	out := map[Effect]int{}
	for f := range after {
		if before[f] != after[f] {
			out[f] = 1
		}
	}
	for f := range told {
		whole := Effect{Kind: EffectTag}
		if f.Kind == EffectItem {
			whole = Effect{Kind: EffectField, Field: f.Field}
		}
		if f.Kind != EffectTag && f.Kind != EffectItem || before[whole] == after[whole] {
			continue
		}
		out[f] = 1
	}
	for f := range out {
		if isWhole := f == (Effect{Kind: EffectTag}) || f.Kind == EffectField && e.table.sets.isSet(e.table, f); isWhole {
			delete(out, f)
		}
	}
	return out
}

func (d *dictionary) isSet(t *Table, f Effect) bool {
	c := t.field(f.Field)
	return c != nil && c.codes != nil && c.typ.String() == "list"
}

// requireOn holds that On is what is true afterwards.
func (e *effectChecker) requireOn(f Effect, after aspects) {
	on := f.On
	f.Contact, f.On = 0, false
	if text, ok := after[f]; ok {
		require.Equal(e.w.t, strconv.FormatBool(on), text)
		return
	}
	whole := Effect{Kind: EffectTag}
	if f.Kind == EffectItem {
		whole = Effect{Kind: EffectField, Field: f.Field}
	}
	if on {
		require.Contains(e.w.t, after[whole], fmt.Sprintf("%q", f.Text))
	} else {
		require.NotContains(e.w.t, after[whole], fmt.Sprintf("%q", f.Text))
	}
}
