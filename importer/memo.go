package importer

import (
	"hash/maphash"
	"strings"
)

// The bounds of what is remembered of a column.
const (
	memoSlots = 256  // cells at once
	memoBytes = 64   // of a cell; longer ones hardly come twice
	memoTrial = 1024 // cells after which a column whose cells differ is given up
)

// remember makes a reader of cells that remembers what some of the last ones
// became. Countries, first names, years and tags come again and again: reading
// one takes longer than finding it, and a value in memory once serves all rows.
// What parse gives must depend on its arguments alone and is shared: nobody may
// change it. It is for one pass and one goroutine.
func remember[T any](parse func(cell string, kind CellKind) (T, error)) func(cell string, kind CellKind) (T, error) {
	m := memo[T]{seed: maphash.MakeSeed()}
	return func(cell string, kind CellKind) (T, error) {
		slot := m.slot(cell)
		if slot == nil {
			return parse(cell, kind)
		}
		if slot.cell == cell && slot.kind == kind {
			m.found++
			return slot.value, nil
		}
		cell = strings.Clone(cell) // not the row it was cut from, which would stay with it
		value, err := parse(cell, kind)
		if err == nil {
			*slot = memoSlot[T]{cell: cell, kind: kind, value: value}
		}
		return value, err
	}
}

// memo is a table with one place for each hash: the last cell that has it.
// Whoever knows that cells are remembered can make them miss, and no more.
type memo[T any] struct {
	seed  maphash.Seed
	slots []memoSlot[T]
	tried int // of the trial that runs
	found int
	over  bool // it is not worth it
}

type memoSlot[T any] struct {
	cell  string
	kind  CellKind
	value T
}

// slot gives the place of a cell, nil where it is not to be remembered. A column
// half of whose cells are not found is given up: looking is not for nothing.
func (m *memo[T]) slot(cell string) *memoSlot[T] {
	if m.over || len(cell) == 0 || len(cell) > memoBytes {
		return nil
	}
	if m.tried == memoTrial {
		m.over = 2*m.found < m.tried
		m.tried, m.found = 0, 0
		if m.over {
			m.slots = nil
			return nil
		}
	}
	m.tried++
	if m.slots == nil {
		m.slots = make([]memoSlot[T], memoSlots)
	}
	return &m.slots[maphash.String(m.seed, cell)%memoSlots]
}
