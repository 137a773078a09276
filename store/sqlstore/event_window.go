package sqlstore

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// eventWindow is a filter in the terms of the table.
type eventWindow struct {
	types       textList // sorted, each once, all storable
	from, until *int64   // nil: open
}

func windowOf(f *store.EventFilter) eventWindow {
	w := eventWindow{from: edgeOf(f.From), until: edgeOf(f.Until)}
	for _, t := range f.Types {
		if isStorable(t) {
			w.types = append(w.types, t)
		}
	}
	slices.Sort(w.types)
	w.types = slices.Compact(w.types)
	return w
}

// edgeOf gives an edge of a window in microseconds, nil when it is open.
func edgeOf(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := audience.Micros(t)
	return &us
}

// isEmpty reports whether nothing can be chosen.
func (w *eventWindow) isEmpty() bool {
	return len(w.types) == 0 || w.from != nil && w.until != nil && *w.from >= *w.until
}

func (w *eventWindow) key() string {
	edge := func(us *int64) string {
		if us == nil {
			return "-"
		}
		return strconv.FormatInt(*us, 10)
	}
	return "events\x00" + edge(w.from) + "\x00" + edge(w.until) + "\x00" + strings.Join(w.types, "\x00")
}

// times chooses by time among events of a wider window; nil: among all.
func (w *eventWindow) times(among *eventWindow) fragment {
	out := always()
	if w.from != nil {
		out = condition("e.at_us >= ?", *w.from)
	}
	if w.until != nil && (among == nil || among.until == nil || *w.until < *among.until) {
		out = allOf(out, condition("e.at_us < ?", *w.until))
	}
	return out
}

// inside reports whether the window lies in one without a beginning.
func (w *eventWindow) inside(wide *eventWindow) bool {
	return w.types.within(wide.types) && (wide.until == nil || w.until != nil && *w.until <= *wide.until)
}

// within reports whether all texts are among others, which are sorted.
func (l textList) within(others textList) bool {
	for _, s := range l {
		if _, ok := slices.BinarySearch(others, s); !ok {
			return false
		}
	}
	return true
}
