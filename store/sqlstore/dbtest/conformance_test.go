package dbtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/storetest"
)

// TestConformance holds the store against the contract of package store, on
// every database, and shows a table of what was checked where.
func TestConformance(t *testing.T) {
	var table tally
	defer func() { t.Logf("checks passed, of which skipped:\n%s", &table) }()
	Run(t, func(t *testing.T, d Database) {
		h := harness(d)
		for _, c := range storetest.Checks() {
			t.Run(c.String(), func(t *testing.T) {
				noted := &noting{TB: t}
				t.Cleanup(func() { table.add(d.Name, c.Topic, t, noted.reason) })
				c.Run(noted, h)
			})
		}
	})
}

// harness opens stores on fresh databases, and again on the same.
func harness(d Database) storetest.Harness {
	var (
		mu   sync.Mutex
		over = make(map[store.Adapter]Source)
	)
	open := func(t testing.TB, s Source) store.Adapter {
		a := s.Store(t, d.Engine)
		mu.Lock()
		defer mu.Unlock()
		over[a] = s
		return a
	}
	h := storetest.Harness{
		New: func(t testing.TB) store.Adapter { return open(t, d.Fresh(t)) },
		Reopen: func(t testing.TB, a store.Adapter) store.Adapter {
			require.NoError(t, a.Close())
			mu.Lock()
			source := over[a]
			mu.Unlock()
			return open(t, source)
		},
	}
	if d.Engine == SQLite {
		h.Lacks = []storetest.Lack{{Feature: storetest.FeatureOverlap, Reason: "SQLite has one writer at a time"}}
	}
	return h
}

// noting notes why a test is skipped, which package testing does not tell.
type noting struct {
	testing.TB
	reason string
}

func (n *noting) Skip(args ...any) {
	n.Helper()
	n.Skipf("%s", fmt.Sprint(args...))
}

func (n *noting) Skipf(format string, args ...any) {
	n.Helper()
	n.reason = fmt.Sprintf(format, args...)
	n.TB.Skipf(format, args...)
}

// tally counts what became of checks.
type tally struct {
	mu        sync.Mutex
	databases []string
	topics    []string
	counts    map[[2]string]count
	skipped   []string
}

type count struct{ passed, skipped, failed int }

func (y *tally) add(database, topic string, t testing.TB, reason string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = make(map[[2]string]count)
	}
	if !slices.Contains(y.databases, database) {
		y.databases = append(y.databases, database)
	}
	if !slices.Contains(y.topics, topic) {
		y.topics = append(y.topics, topic)
	}
	n := y.counts[[2]string{database, topic}]
	switch {
	case t.Failed():
		n.failed++
	case t.Skipped():
		n.skipped++
		y.skipped = append(y.skipped, fmt.Sprintf("%s: %s", strings.TrimPrefix(t.Name(), "TestConformance/"), reason))
	default:
		n.passed++
	}
	y.counts[[2]string{database, topic}] = n
}

// String gives the table, topics down and databases across, and what was
// skipped.
func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	lines := [][]string{append([]string{"topic"}, y.databases...)}
	for _, topic := range append(slices.Clone(y.topics), "all") {
		cells := []string{topic}
		for _, database := range y.databases {
			cells = append(cells, y.sum(database, topic).String())
		}
		lines = append(lines, cells)
	}
	for _, cells := range lines {
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // into memory
	}
	_ = w.Flush() // into memory
	for _, line := range y.skipped {
		fmt.Fprintf(&b, "skipped %s\n", line)
	}
	return b.String()
}

func (y *tally) sum(database, topic string) (sum count) {
	for key, n := range y.counts {
		if key[0] == database && (topic == "all" || key[1] == topic) {
			sum.passed, sum.skipped, sum.failed = sum.passed+n.passed, sum.skipped+n.skipped, sum.failed+n.failed
		}
	}
	return sum
}

func (n count) String() string {
	text := strconv.Itoa(n.passed)
	if n.skipped > 0 {
		text += fmt.Sprintf(" (%d skipped)", n.skipped)
	}
	if n.failed > 0 {
		text += fmt.Sprintf(" %d FAILED", n.failed)
	}
	return text
}
